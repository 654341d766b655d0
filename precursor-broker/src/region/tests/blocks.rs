//! Blocks: what an owner, a reader and a survivor rely on.

use super::region;
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::classes::SEGMENT_BYTES;
use crate::region::error::AllocError;
use crate::region::hint::AllocHint;
use crate::region::map::Region;
use crate::region::words::{BlockState, SegmentState};

fn fill(region: &Region, owner: u16, bytes: usize) -> Vec<BlockId> {
    let hint = AllocHint::new(0);
    core::iter::from_fn(|| region.blocks().alloc(owner, bytes, &hint).ok()).collect()
}

#[test]
fn a_block_lives_from_its_owner_through_its_readers_to_the_next_owner() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(1);
    let block = blocks.alloc(1, 1_000, &hint).unwrap();
    assert_eq!(blocks.state(block), BlockState::Owned);
    assert!(blocks.capacity(block).unwrap() >= 1_000);
    assert_eq!(blocks.share(block, 2, 1), None, "not the owner");
    assert_eq!(blocks.share(block, 1, 0), None, "nobody would release it");
    let shared = blocks.share(block, 1, 2).unwrap();
    assert_eq!(blocks.reference(block), Some(shared));
    assert!(!blocks.free_owned(blocks.owned_reference(block), 1), "shared: no owner any more");
    assert!(blocks.add_refs(shared, 1));
    assert!(!blocks.release_refs(shared, 2));
    assert!(blocks.release_ref(shared));
    assert!(!blocks.release_ref(shared), "that life is over");
    assert_eq!(blocks.state(block), BlockState::Free);
}

#[test]
fn a_release_in_a_later_life_does_nothing() {
    let region = region();
    let blocks = region.blocks();
    let all = fill(&region, 1, SEGMENT_BYTES);
    let stale = blocks.share(all[0], 1, 1).unwrap();
    assert!(blocks.release_ref(stale));
    let again = blocks.alloc(1, SEGMENT_BYTES, &AllocHint::new(0)).unwrap();
    assert_eq!(again, all[0], "the only free one");
    let shared = blocks.share(again, 1, 1).unwrap();
    assert!(!blocks.release_ref(stale));
    assert!(!blocks.add_refs(stale, 1));
    assert_eq!(blocks.reference(again), Some(shared));
}

#[test]
fn a_full_region_names_request_cap_and_use_and_serves_again_after_a_release() {
    let region = region();
    let blocks = region.blocks();
    let smallest = if cfg!(miri) { 40_000 } else { 300 };
    for bytes in [smallest, 60_000, 90_000, SEGMENT_BYTES, 2 * SEGMENT_BYTES] {
        let all = fill(&region, 1, bytes);
        let error = blocks.alloc(1, bytes, &AllocHint::new(0)).unwrap_err();
        let cap = 4 * SEGMENT_BYTES;
        assert_eq!(error, AllocError::Full { requested: bytes, cap, in_use: cap });
        assert!(blocks.free_owned(blocks.owned_reference(all[0]), 1));
        assert_eq!(blocks.alloc(1, bytes, &AllocHint::new(0)), Ok(all[0]));
        // The next size finds slabs of this one, wholly free, and turns them over.
        assert!(all.iter().all(|block| blocks.free_owned(blocks.owned_reference(*block), 1)));
    }
}

#[test]
fn a_block_beyond_half_the_memory_is_too_large() {
    let region = region();
    let requested = 2 * SEGMENT_BYTES + 1;
    let error = region.blocks().alloc(1, requested, &AllocHint::new(0)).unwrap_err();
    assert_eq!(error, AllocError::TooLarge { requested, max: 2 * SEGMENT_BYTES });
    assert!(error.to_string().contains("raise memory_bytes_max"));
}

#[test]
fn memory_goes_back_when_its_segment_is_wholly_free() {
    let region = region();
    let blocks = region.blocks();
    let small = fill(&region, 1, 60_000);
    assert_eq!(blocks.committed_bytes(), 4 * SEGMENT_BYTES);
    for block in &small[1..] {
        assert!(blocks.free_owned(blocks.owned_reference(*block), 1));
    }
    let segment = |block: BlockId| blocks.geometry.segment_of(block.0 as usize);
    let neighbour = *small[1..].iter().find(|b| segment(**b) == segment(small[0])).unwrap();
    assert_eq!(blocks.trim(1), 3 * SEGMENT_BYTES, "one block keeps its segment");
    assert_eq!(blocks.committed_bytes(), SEGMENT_BYTES);
    assert_eq!(blocks.state(neighbour), BlockState::Free);
    assert!(blocks.free_owned(blocks.owned_reference(small[0]), 1));
    assert_eq!(blocks.trim(1), SEGMENT_BYTES);
    assert_eq!((blocks.committed_bytes(), blocks.bytes_in_use()), (0, 0));
    assert_eq!(blocks.state(small[0]), BlockState::Retired);
}

#[test]
fn a_steady_publisher_stays_in_a_few_blocks() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(7);
    let mut used = std::collections::BTreeSet::new();
    let mut queue = std::collections::VecDeque::new();
    // Under Miri few blocks make a slab.
    let (turns, bytes) = if cfg!(miri) { (50, 10_000) } else { (500, 600) };
    for _ in 0..turns {
        let block = blocks.alloc(1, bytes, &hint).unwrap();
        used.insert(block);
        queue.push_back(block);
        if queue.len() > 3 {
            assert!(blocks.free_owned(blocks.owned_reference(queue.pop_front().unwrap()), 1));
        }
    }
    assert!(used.len() <= 9, "{} blocks for a lag of 3", used.len());
}

#[test]
fn large_blocks_go_round_all_slabs_that_there_are() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(7);
    let mut used = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let block = blocks.alloc(1, 60_000, &hint).unwrap();
        used.insert(block);
        assert!(blocks.free_owned(blocks.owned_reference(block), 1));
    }
    let slabs: std::collections::BTreeSet<_> =
        used.iter().map(|block| blocks.geometry.segment_of(block.0 as usize)).collect();
    assert_eq!(slabs.len(), 4, "the one freed last is not the next one: {used:?}");
}

#[test]
fn a_ring_keeps_its_block_until_its_mailbox_frees_it() {
    let region = region();
    let blocks = region.blocks();
    for bytes in [4_096, SEGMENT_BYTES] {
        let block = blocks.alloc(1, bytes, &AllocHint::new(0)).unwrap();
        let life = blocks.owned_reference(block);
        assert!(!blocks.ring(block, 2));
        assert!(blocks.ring(block, 1));
        assert_eq!(blocks.reclaim(1, 2), 0, "a ring has no owner");
        assert!(blocks.free_ring(life));
        assert!(!blocks.free_ring(life));
        let again = blocks.alloc(1, bytes, &AllocHint::new(0)).unwrap();
        assert!(again == block && blocks.ring(again, 1));
        assert!(!blocks.free_ring(life), "the cells of another mailbox");
        assert!(blocks.free_ring(blocks.owned_reference(again)));
    }
    assert_eq!(blocks.trim(2), 2 * SEGMENT_BYTES);
}

#[test]
fn pointers_are_lent_inside_the_capacity_of_real_blocks_only() {
    let region = region();
    let blocks = region.blocks();
    let block = blocks.alloc(1, 1_000, &AllocHint::new(0)).unwrap();
    let capacity = blocks.capacity(block).unwrap();
    assert!(region.block_ptr(block, capacity).is_some());
    assert!(region.block_ptr(block, capacity + 1).is_none());
    for id in [block.0 + 1, u32::MAX, 1 << 21, 8_191] {
        assert!(region.block_ptr(BlockId(id), 1).is_none());
        assert_eq!(blocks.state(BlockId(id)), BlockState::Retired);
    }
    let large = blocks.alloc(1, 2 * SEGMENT_BYTES, &AllocHint::new(0)).unwrap();
    assert!(region.block_ptr(large, 2 * SEGMENT_BYTES).is_some());
    assert!(region.block_ptr(BlockId(large.0 + 2_048), 1).is_none(), "a tail begins no block");
}

#[test]
fn what_a_dead_participant_owned_is_free_again() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let owned = blocks.alloc(1, 500, &hint).unwrap();
    let large = blocks.alloc(1, SEGMENT_BYTES, &hint).unwrap();
    let other = blocks.alloc(2, 500, &hint).unwrap();
    let shared = blocks.alloc(1, 500, &hint).unwrap();
    blocks.share(shared, 1, 1).unwrap();
    assert_eq!(blocks.reclaim(1, 2), 2);
    assert_eq!(blocks.reclaim(1, 2), 0, "idempotent");
    assert_eq!(blocks.state(owned), BlockState::Free);
    assert_eq!(blocks.state(large), BlockState::Free);
    assert_eq!(blocks.state(other), BlockState::Owned);
    assert_eq!(blocks.state(shared), BlockState::Shared);
}

#[test]
fn a_death_while_a_slab_moves_leaves_a_slab_or_nothing() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let kept = blocks.alloc(2, 30_000, &hint).unwrap();
    let segment = blocks.segments.load(0);
    blocks.segments.publish(0, segment.with(SegmentState::Moving, segment.value(), 1));
    assert!(region.block_ptr(kept, 30_000).is_some(), "a block in use stays readable meanwhile");
    blocks.reclaim(1, 3);
    assert_eq!(blocks.segments.load(0).state(), SegmentState::Slab);
    assert!(blocks.free_owned(blocks.owned_reference(kept), 2));
    let segment = blocks.segments.load(0);
    blocks.segments.publish(0, segment.with(SegmentState::Moving, segment.value(), 1));
    blocks.reclaim(1, 3);
    assert_eq!(blocks.bytes_in_use(), 0);
    assert_eq!(fill(&region, 1, 30_000).len(), 28, "four segments of seven");
}

#[test]
#[cfg_attr(miri, ignore = "looks at every block several times; has no unsafe code")]
fn a_recount_frees_what_no_place_refers_to_and_nothing_else() {
    use crate::region::holders::HolderTable;
    let region = region();
    let (dead, reader) = (region.join().unwrap(), region.join().unwrap());
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let mut share = |bytes| {
        let block = blocks.alloc(dead.id, bytes, &hint).unwrap();
        blocks.share(block, dead.id, 1).unwrap()
    };
    let [queued, held, leaked, large] = [700, 700, 700, SEGMENT_BYTES].map(&mut share);
    let table = HolderTable::new(region.clone(), reader.id);
    let entry = table.hold(held).unwrap();
    let lost = HolderTable::new(region.clone(), dead.id);
    lost.hold(leaked).unwrap();
    let recount = || region.recount(&mut |visit: &mut dyn FnMut(BlockId)| visit(queued.id));
    assert_eq!(recount(), 1, "the large one; the dead one's entry still refers to the other");
    region.clear_holders(dead.id);
    assert_eq!(recount(), 1);
    assert_eq!(recount(), 0);
    let is_shared = |block: BlockRef| blocks.reference(block.id) == Some(block);
    assert!(is_shared(queued) && is_shared(held));
    assert!(!is_shared(leaked) && !is_shared(large));
    assert!(blocks.release_ref(held));
    table.release(entry);
}

#[test]
#[cfg_attr(miri, ignore = "looks at every block several times; has no unsafe code")]
fn a_recount_leaves_a_block_alone_whose_references_were_added_meanwhile() {
    let region = region();
    let blocks = region.blocks();
    let block = blocks.alloc(1, 700, &AllocHint::new(0)).unwrap();
    let shared = blocks.share(block, 1, 1).unwrap();
    let mut passes = 0;
    let freed = blocks.recount(&mut |_| {
        // A reader forwards it and lets its own reference go: the count is the same again.
        passes += 1;
        assert!(blocks.add_refs(shared, 1));
        assert!(!blocks.release_ref(shared));
    });
    assert_eq!(freed, 0);
    assert!(passes > 1, "it looks again");
}

#[test]
fn threads_share_the_memory_without_meeting_in_a_block() {
    let region = region();
    let turns: u32 = if cfg!(miri) { 12 } else { 5_000 };
    std::thread::scope(|scope| {
        for owner in 1..=3_u16 {
            let region = &region;
            scope.spawn(move || worker(region, owner, turns));
        }
    });
    region.blocks().trim(1);
    assert_eq!(region.blocks().bytes_in_use(), 0);
}

/// Stamps every block it takes and finds the stamps unchanged when it gives it back.
fn worker(region: &Region, owner: u16, turns: u32) {
    let blocks = region.blocks();
    let hint = AllocHint::new(owner.into());
    let mut queue = std::collections::VecDeque::new();
    let stamp =
        |block: BlockId| -> *mut u64 { region.block_ptr(block, 8).unwrap().cast::<u64>().as_ptr() };
    for turn in 0..turns {
        let bytes = if cfg!(miri) { [20_000, 30_000, 60_000] } else { [300, 2_000, 60_000] };
        let bytes = [bytes[0], bytes[1], bytes[2], SEGMENT_BYTES][turn as usize % 4];
        if let Ok(block) = blocks.alloc(owner, bytes, &hint) {
            write(stamp(block), u64::from(owner) << 32 | u64::from(turn));
            queue.push_back((block, turn));
        } else {
            blocks.trim(owner);
        }
        if queue.len() > 4 || turn == turns - 1 {
            for (block, turn) in queue.drain(..) {
                assert_eq!(read(stamp(block)), u64::from(owner) << 32 | u64::from(turn));
                let shared = blocks.share(block, owner, 1).unwrap();
                assert!(blocks.release_ref(shared));
            }
        }
    }
}

#[expect(unsafe_code, reason = "the test writes to a block it owns")]
fn write(to: *mut u64, value: u64) {
    // SAFETY: the pointer is to the first bytes of a block that this thread owns.
    unsafe { to.write(value) }
}

#[expect(unsafe_code, reason = "the test reads a block it owns")]
fn read(from: *mut u64) -> u64 {
    // SAFETY: as for `write`.
    unsafe { from.read() }
}

#[test]
fn a_block_that_was_taken_again_is_not_given_back_by_its_last_life() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(1);
    let block = blocks.alloc(1, 1_000, &hint).unwrap();
    let first = blocks.owned_reference(block);
    assert!(blocks.free_owned(first, 1));
    let again = (0..1_000).find_map(|_| {
        let taken = blocks.alloc(1, 1_000, &hint).unwrap();
        (taken == block).then_some(taken)
    });
    assert_eq!(again, Some(block), "the block comes round again");
    assert!(!blocks.free_owned(first, 1), "that life is over");
    assert_eq!(blocks.state(block), BlockState::Owned);
}
