//! Models of the races at a reply slot. Run by `cargo xtask loom`.

use loom::sync::Arc;
use loom::thread;

use super::blocks::BlockId;
use super::records::ReplyRecord;
use super::replies::{Answered, CLOSED, DONE, GivenUp, NO_REPLY, PEER_DIED};
use crate::sync::{AtomicU64, Ordering, UnsafeCell};
use crate::sys::Scope;

const SERVER: u16 = 2;
const SUCCESSOR: u16 = 3;
const BLOCK: BlockId = BlockId(7);

/// A slot and its cell, whose accesses loom checks, and what became of replies and blocks.
struct Slot {
    record: ReplyRecord,
    cell: UnsafeCell<u64>,
    late: AtomicU64,
    released: AtomicU64,
}

// SAFETY: loom checks that accesses to the cell do not race.
#[expect(unsafe_code, reason = "the cell is guarded by the state under test")]
unsafe impl Sync for Slot {}

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            record: ReplyRecord::default(),
            cell: UnsafeCell::new(0),
            late: AtomicU64::new(0),
            released: AtomicU64::new(0),
        })
    }

    /// What a replier does. True: the caller was told.
    fn answer(&self, generation: u32, server: u16, value: u64, block: Option<BlockId>) -> bool {
        if !self.record.begin_answer(generation, server) {
            self.late.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.write(value);
        if let Some(block) = block {
            self.record.store_block(generation, block);
        }
        match self.record.end_answer(generation, server, DONE) {
            Answered::Told { is_parked } => {
                if is_parked {
                    self.record.wake(Scope::Private);
                }
                true
            }
            Answered::Unheard(block) => {
                self.late.fetch_add(1, Ordering::Relaxed);
                self.release(block);
                false
            }
        }
    }

    fn release(&self, block: Option<BlockId>) {
        if block.is_some() {
            assert_eq!(block, Some(BLOCK));
            self.released.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for the end of the call, asleep. Its status.
    fn wait(&self) -> u64 {
        loop {
            if self.record.slot().has_ended() {
                return self.record.slot().status();
            }
            self.record.park(None, Scope::Private);
        }
    }

    /// Gives the call up. False: it ended before.
    fn give_up(&self) -> bool {
        loop {
            match self.record.give_up() {
                GivenUp::Free => return true,
                GivenUp::Ended => return false,
                GivenUp::Replying => thread::yield_now(),
            }
        }
    }

    fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    #[expect(unsafe_code, reason = "the model of the reply cell")]
    fn write(&self, value: u64) {
        // SAFETY: loom lends the value and checks that the access is exclusive.
        self.cell.with_mut(|cell| unsafe { cell.write(value) });
    }

    #[expect(unsafe_code, reason = "the model of the reply cell")]
    fn read(&self) -> u64 {
        // SAFETY: loom lends the value and checks that nobody writes it.
        self.cell.with(|cell| unsafe { cell.read() })
    }
}

#[test]
fn of_two_threads_that_look_for_a_slot_one_gets_it() {
    loom::model(|| {
        let slot = Slot::new();
        let other = slot.clone();
        let thread = thread::spawn(move || {
            let generation = other.record.begin()?;
            other.write(1);
            let gave_up = other.record.give_up();
            Some((generation, gave_up))
        });
        let mine = slot.record.begin();
        if mine.is_some() {
            // The thread may have had the slot before, never at the same time.
            slot.write(2);
            assert_eq!(slot.record.give_up(), GivenUp::Free);
        }
        let theirs = thread.join().unwrap();
        assert!(mine.is_some() || theirs.is_some());
        if let (Some(mine), Some((theirs, gave_up))) = (mine, theirs) {
            assert_eq!((mine.abs_diff(theirs), gave_up), (1, GivenUp::Free), "one after the other");
        }
    });
}

#[test]
fn a_sleeping_caller_is_woken_by_its_answer_and_reads_it() {
    loom::model(|| {
        let slot = Slot::new();
        let generation = slot.record.begin().unwrap();
        let other = slot.clone();
        let server = thread::spawn(move || other.answer(generation, SERVER, 5, Some(BLOCK)));
        assert_eq!(slot.wait(), DONE);
        assert_eq!(slot.read(), 5);
        assert_eq!(slot.record.take_block(generation), Some(BLOCK));
        slot.record.free(generation);
        assert!(server.join().unwrap());
        assert_eq!(slot.late(), 0);
    });
}

#[test]
fn a_caller_that_gives_up_never_hears_the_late_reply_in_its_next_call() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        let other = slot.clone();
        let server = thread::spawn(move || other.answer(first, SERVER, 5, None));
        let has_given_up = slot.give_up();
        if !has_given_up {
            assert_eq!(slot.read(), 5);
            slot.record.free(first);
        }
        let second = slot.record.begin().expect("nobody is at work on the slot");
        assert!(slot.answer(second, SUCCESSOR, 6, None), "it waits for its own answer");
        assert_eq!((slot.wait(), slot.read()), (DONE, 6));
        assert_eq!(server.join().unwrap(), !has_given_up);
        assert_eq!(slot.late(), u64::from(has_given_up), "a late reply is counted");
    });
}

#[test]
fn a_slot_that_is_left_to_a_replier_serves_again_when_that_has_finished() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        let other = slot.clone();
        let server = thread::spawn(move || other.answer(first, SERVER, 5, Some(BLOCK)));
        let left = slot.record.leave_to_replier();
        if left == GivenUp::Ended {
            assert_eq!((slot.read(), slot.record.take_block(first)), (5, Some(BLOCK)));
            slot.record.free(first);
        }
        if let Some(second) = slot.record.begin() {
            assert!(slot.answer(second, SUCCESSOR, 6, None), "nobody else ends it");
            assert_eq!((slot.wait(), slot.read()), (DONE, 6));
            slot.record.free(second);
        } else {
            assert_eq!(left, GivenUp::Replying);
        }
        assert_eq!(server.join().unwrap(), left == GivenUp::Ended);
        assert_eq!(slot.released(), u64::from(left == GivenUp::Replying), "its block is released");
        assert!(slot.record.begin().is_some(), "the slot serves again");
        assert_eq!(slot.record.block(), None, "and refers to nothing");
    });
}

#[test]
fn an_answer_a_close_and_a_refusal_end_a_call_once() {
    loom::model(|| {
        let slot = Slot::new();
        let generation = slot.record.begin().unwrap();
        let (one, two) = (slot.clone(), slot.clone());
        let server = thread::spawn(move || one.answer(generation, SERVER, 5, None));
        let closer = thread::spawn(move || two.record.end(CLOSED, |_| true).is_some());
        let refused = slot.record.end(NO_REPLY, |seen| seen.generation() == generation).is_some();
        let status = if slot.give_up() { 0 } else { slot.record.slot().status() };
        let (told, closed) = (server.join().unwrap(), closer.join().unwrap());
        let ends = [(told, DONE), (closed, CLOSED), (refused, NO_REPLY)];
        let by = ends.iter().filter(|(ended, _)| *ended).map(|(_, status)| *status);
        assert_eq!(by.collect::<Vec<_>>(), if status == 0 { vec![] } else { vec![status] });
        assert_eq!(slot.late(), u64::from(!told));
    });
}

#[test]
fn the_slot_of_a_dead_caller_stays_the_repliers_until_it_has_finished() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        let other = slot.clone();
        let server = thread::spawn(move || other.answer(first, SERVER, 5, Some(BLOCK)));
        // A survivor frees the slots of the caller; its number's next participant calls.
        let block = slot.record.abandon(|owner| owner == SERVER);
        slot.release(block);
        let second = slot.record.begin();
        if let Some(second) = second {
            assert!(slot.answer(second, SUCCESSOR, 6, None), "nobody else ends it");
            assert_eq!((slot.wait(), slot.read()), (DONE, 6));
            assert_eq!(slot.record.take_block(second), None, "no block of an earlier call");
            slot.record.free(second);
        }
        let told = server.join().unwrap();
        assert_eq!(slot.late(), u64::from(!told), "an answer that nobody hears is counted");
        assert!(slot.released() == 1 || (slot.released() == 0 && !told), "its block is released");
        assert!(slot.record.begin().is_some(), "the slot serves again");
        assert_eq!(slot.record.block(), None, "and refers to nothing");
    });
}

#[test]
fn a_reply_that_its_dead_server_did_not_announce_is_released_once() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        assert!(slot.record.begin_answer(first, SERVER));
        slot.record.store_block(first, BLOCK);
        // It died here. Two survivors find it; the caller sleeps.
        let survivors = [slot.clone(), slot.clone()].map(|slot| {
            thread::spawn(move || {
                let ended = slot.record.end(PEER_DIED, |seen| seen.owner() == SERVER);
                if ended.is_some_and(|ended| ended.is_parked()) {
                    slot.record.wake(Scope::Private);
                }
                ended.is_some()
            })
        });
        assert_eq!(slot.wait(), PEER_DIED);
        slot.release(slot.record.take_block(first));
        slot.record.free(first);
        let second = slot.record.begin().unwrap();
        let ended = survivors.map(|survivor| survivor.join().unwrap());
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        assert_eq!(slot.released(), 1);
        assert!(slot.record.slot().is_pending(), "the next call is nobody's to end");
        assert_eq!(slot.record.take_block(second), None);
    });
}

#[test]
fn what_a_late_survivor_releases_is_never_the_reply_of_a_later_call() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        assert!(slot.record.begin_answer(first, SERVER));
        slot.record.store_block(first, BlockId(6));
        let other = slot.clone();
        let survivor = thread::spawn(move || other.record.take_block(first));
        // Another survivor was faster, and the number's next participant calls.
        let before = slot.record.abandon(|_| false);
        let second = slot.record.begin().unwrap();
        assert!(slot.answer(second, SUCCESSOR, 6, Some(BLOCK)));
        assert_eq!(slot.record.take_block(second), Some(BLOCK));
        let late = survivor.join().unwrap();
        assert_eq!(before.or(late), Some(BlockId(6)));
        assert!(before.is_none() || late.is_none(), "released once");
    });
}

#[test]
fn a_slot_whose_caller_and_replier_died_is_freed_once_and_serves_again() {
    loom::model(|| {
        let slot = Slot::new();
        let first = slot.record.begin().unwrap();
        assert!(slot.record.begin_answer(first, SERVER));
        slot.record.store_block(first, BLOCK);
        // Both died. One survivor puts the caller right, another the replier.
        let other = slot.clone();
        let survivor = thread::spawn(move || {
            let _ = other.record.end(PEER_DIED, |seen| seen.owner() == SERVER);
            let block = other.record.free_abandoned(|owner| owner != SERVER);
            other.release(block);
        });
        slot.release(slot.record.abandon(|owner| owner == SERVER));
        survivor.join().unwrap();
        slot.release(slot.record.free_abandoned(|_| false));
        assert_eq!(slot.released(), 1);
        assert!(slot.record.begin().is_some());
    });
}
