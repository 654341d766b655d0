//! Models of the races at blocks and segments. Run by `cargo xtask loom`.
//!
//! Two segments of two blocks each, and two threads: enough for every pair of transitions.

use super::blocks::{BlockId, BlockTable, SegmentMemory};
use super::classes::Geometry;
use super::collect::Place;
use super::hint::AllocHint;
use super::words::{BlockState, SegmentState};
use crate::sync::{AtomicU64, Ordering, UnsafeCell};
use loom::sync::Arc;
use loom::thread;
use std::io;

const BYTES: usize = 200;
const SEGMENT: usize = 512;

struct NoMemory;

impl SegmentMemory for NoMemory {
    fn commit(&self, _first: usize, _count: usize) -> io::Result<()> {
        Ok(())
    }

    fn decommit(&self, _segment: usize) -> io::Result<()> {
        Ok(())
    }
}

struct Boxed {
    segments: Vec<AtomicU64>,
    words: Vec<AtomicU64>,
    slab_end: AtomicU64,
    geometry: Geometry,
    /// The payload of each granule: who uses it now. loom fails a model in which two uses are not
    /// ordered by the words.
    payload: Vec<UnsafeCell<u16>>,
}

// SAFETY: loom checks that accesses to the cells do not race.
#[expect(unsafe_code, reason = "the payload is guarded by the words under test")]
unsafe impl Sync for Boxed {}

impl Boxed {
    fn new(segments: usize) -> Arc<Self> {
        Self::of(SEGMENT, segments)
    }

    fn of(segment_bytes: usize, segments: usize) -> Arc<Self> {
        let zeroed = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        let geometry = Geometry::divided(segment_bytes, segments, 128);
        let blocks = geometry.blocks();
        Arc::new(Self {
            segments: zeroed(segments),
            words: zeroed(blocks),
            slab_end: AtomicU64::new(0),
            geometry,
            payload: (0..blocks).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn table(&self) -> BlockTable<'_> {
        BlockTable::new(&self.segments, &self.words, &self.geometry, &self.slab_end, &NoMemory)
    }

    /// Writes `user` to every granule of a block and returns who used the first before.
    fn write(&self, block: BlockId, bytes: usize, user: u16) -> u16 {
        let mut before = 0;
        for granule in self.payload[block.0 as usize..][..bytes / 128].iter().rev() {
            before = granule.with_mut(exchange(user));
        }
        before
    }

    fn enter(&self, block: BlockId, bytes: usize, owner: u16) {
        assert_eq!(self.write(block, bytes, owner), 0, "two users of one block");
    }

    fn exit(&self, block: BlockId, bytes: usize) {
        self.write(block, bytes, 0);
    }

    /// Takes a block, uses it, and gives it back.
    fn turn(&self, owner: u16, bytes: usize, hint: &AllocHint) -> bool {
        let table = self.table();
        let Ok(block) = table.alloc(owner, bytes, hint) else { return false };
        let capacity = table.capacity(block).unwrap();
        self.enter(block, capacity, owner);
        self.exit(block, capacity);
        assert!(table.free_owned(table.owned_reference(block), owner));
        true
    }
}

#[expect(unsafe_code, reason = "the model of payload bytes")]
fn exchange(user: u16) -> impl FnOnce(*mut u16) -> u16 {
    // SAFETY: loom lends the cell's value and checks that the access is exclusive.
    move |cell| unsafe { cell.replace(user) }
}

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // `cargo xtask` says how far to search.
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(test);
}

#[test]
fn two_allocators_never_get_the_same_block() {
    model(|| {
        let boxed = Boxed::new(1);
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || other.turn(1, BYTES, &AllocHint::new(0)));
        let mine = boxed.turn(2, BYTES, &AllocHint::new(0));
        assert!(thread.join().unwrap() | mine);
        boxed.table().trim(1);
        assert_eq!(boxed.table().bytes_in_use(), 0);
    });
}

#[test]
fn a_stale_hint_never_takes_a_block_of_a_smaller_class() {
    const LARGER: usize = 500;
    model(|| {
        let boxed = Boxed::of(1024, 1);
        // A hint to a slab of two blocks, which is wholly free now.
        let hint = AllocHint::new(0);
        assert!(boxed.turn(1, LARGER, &hint));
        // Meanwhile the segment becomes a slab of four blocks, three of which are used.
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || {
            let hint = AllocHint::new(0);
            let blocks = [0; 3].map(|_| other.table().alloc(2, BYTES, &hint).ok());
            for block in blocks.into_iter().flatten() {
                other.enter(block, 256, 2);
            }
        });
        let table = boxed.table();
        if let Ok(block) = table.alloc(1, LARGER, &hint) {
            boxed.enter(block, 512, 1);
            boxed.exit(block, 512);
            assert!(table.free_owned(table.owned_reference(block), 1));
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_stale_hint_and_a_large_block_never_share_memory() {
    model(|| {
        let boxed = Boxed::new(1);
        // A hint to a slab of the small class, which is wholly free now.
        let hint = AllocHint::new(0);
        assert!(boxed.turn(1, BYTES, &hint));
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || {
            other.turn(1, BYTES, &hint);
        });
        // Meanwhile the segment is retired and becomes one large block.
        boxed.turn(2, SEGMENT, &AllocHint::new(0));
        thread.join().unwrap();
        boxed.table().trim(1);
        assert_eq!(boxed.table().bytes_in_use(), 0, "nothing is stuck in motion");
    });
}

#[test]
fn the_last_of_two_readers_frees_the_block_once() {
    model(|| {
        let boxed = Boxed::new(1);
        let table = boxed.table();
        let block = table.alloc(1, BYTES, &AllocHint::new(0)).unwrap();
        let shared = table.share(block, 1, 2).unwrap();
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || other.table().release_ref(shared));
        let mine = table.release_ref(shared);
        assert!(thread.join().unwrap() ^ mine);
        assert_eq!(table.state(block), BlockState::Free);
    });
}

#[test]
fn what_a_reader_did_happens_before_the_next_owner() {
    model(|| {
        let boxed = Boxed::new(1);
        let table = boxed.table();
        let hint = AllocHint::new(0);
        let block = table.alloc(1, SEGMENT, &hint).unwrap();
        boxed.enter(block, SEGMENT, 1);
        let shared = table.share(block, 1, 1).unwrap();
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || {
            other.exit(block, SEGMENT);
            assert!(other.table().release_ref(shared));
        });
        if let Ok(again) = table.alloc(3, SEGMENT, &hint) {
            boxed.enter(again, SEGMENT, 3);
        }
        thread.join().unwrap();
    });
}

#[test]
fn two_survivors_reclaim_a_large_block_once() {
    model(|| {
        let boxed = Boxed::new(2);
        let table = boxed.table();
        table.alloc(1, 2 * SEGMENT, &AllocHint::new(0)).unwrap();
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || other.table().reclaim(1, 2));
        let mine = table.reclaim(1, 3);
        assert_eq!(thread.join().unwrap() + mine, 1);
        table.trim(2);
        assert_eq!(table.bytes_in_use(), 0);
    });
}

#[test]
fn a_survivor_ends_a_motion_while_others_allocate() {
    model(|| {
        let boxed = Boxed::new(1);
        let table = boxed.table();
        let hint = AllocHint::new(0);
        assert!(boxed.turn(2, BYTES, &hint));
        // Participant 1 died while it looked whether the slab could be given back.
        let slab = table.segments.load(0);
        table.segments.publish(0, slab.with(SegmentState::Moving, slab.value(), 1));
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || other.table().reclaim(1, 3));
        boxed.turn(2, BYTES, &hint);
        thread.join().unwrap();
        assert!(boxed.turn(2, BYTES, &hint), "the segment serves again");
    });
}

#[test]
fn a_reference_that_moves_during_a_recount_is_not_lost() {
    model(|| {
        let boxed = Boxed::new(1);
        let table = boxed.table();
        let block = table.alloc(1, BYTES, &AllocHint::new(0)).unwrap();
        let shared = table.share(block, 1, 1).unwrap();
        // A mailbox slot and a holder entry; the reader moves the reference from one to the other.
        let places = Arc::new((AtomicU64::new(1), AtomicU64::new(0)));
        let (other, moving) = (Arc::clone(&boxed), Arc::clone(&places));
        let thread = thread::spawn(move || {
            moving.1.store(1, Ordering::Release);
            moving.0.store(0, Ordering::Release);
            assert_eq!(other.table().reference(block), Some(shared), "still held");
        });
        let freed = table.recount(&mut |visit| {
            for place in [&places.1, &places.0, &places.1] {
                if place.load(Ordering::Acquire) == 1 {
                    visit(Place::Holder(shared));
                }
            }
        });
        thread.join().unwrap();
        assert_eq!(freed, 0);
    });
}

#[test]
fn a_recount_and_a_late_release_free_the_block_once() {
    model(|| {
        let boxed = Boxed::new(1);
        let table = boxed.table();
        let block = table.alloc(1, BYTES, &AllocHint::new(0)).unwrap();
        let shared = table.share(block, 1, 1).unwrap();
        let other = Arc::clone(&boxed);
        // An evictor took the slot's reference and is about to let it go: no place names it.
        let thread = thread::spawn(move || other.table().release_ref(shared));
        let freed = table.recount(&mut |_| {});
        assert_eq!(usize::from(thread.join().unwrap()) + freed, 1);
        assert_eq!(table.state(block), BlockState::Free);
    });
}

#[test]
fn overlapping_runs_are_claimed_by_one_and_leave_no_tails() {
    model(|| {
        let boxed = Boxed::new(2);
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || other.turn(1, 2 * SEGMENT, &AllocHint::new(0)));
        boxed.turn(2, SEGMENT, &AllocHint::new(0));
        thread.join().unwrap();
        boxed.table().trim(1);
        assert_eq!(boxed.table().bytes_in_use(), 0);
    });
}

#[test]
fn a_run_that_waits_is_taken_or_given_back() {
    model(|| {
        let boxed = Boxed::new(2);
        let hint = AllocHint::new(0);
        assert!(boxed.turn(1, 2 * SEGMENT, &hint));
        let other = Arc::clone(&boxed);
        // Giving it back makes room for a run of another length at the same segment.
        let thread = thread::spawn(move || other.turn(2, SEGMENT, &AllocHint::new(0)));
        let mine = boxed.turn(1, 2 * SEGMENT, &hint);
        assert!(thread.join().unwrap() | mine);
        boxed.table().trim(1);
        assert_eq!(boxed.table().bytes_in_use(), 0, "nothing is stuck in motion");
    });
}

#[test]
fn two_collectors_and_a_survivor_give_a_run_back_once() {
    model(|| {
        let boxed = Boxed::new(2);
        let table = boxed.table();
        // Participant 1 died with the block of a run in its hands.
        table.alloc(1, 2 * SEGMENT, &AllocHint::new(0)).unwrap();
        let other = Arc::clone(&boxed);
        let thread = thread::spawn(move || {
            other.table().reclaim(1, 2);
            other.table().collect(2)
        });
        let mine = table.collect(3);
        let theirs = thread.join().unwrap();
        assert_eq!(mine + theirs, 1);
        assert_eq!(table.bytes_in_use(), 0);
    });
}
