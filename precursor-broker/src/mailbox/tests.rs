//! The mailbox against a plain queue, and the rules that a user relies on.

use proptest::prelude::*;

use super::boxed::{BoxedMailbox, OWNER, read_value, write_value};
use super::cells::UNPINNED;
use super::claim::ClaimOutcome;
use super::ops::{self, Op};
use super::take::ReaderCursor;
use super::word::{Kind, Tail};
use crate::sync::{AtomicU64, Ordering};

struct Rig {
    boxed: BoxedMailbox,
    hint: AtomicU64,
    cursor: ReaderCursor,
    pinned: bool,
}

impl Rig {
    fn new(depth: u64) -> Self {
        let boxed = BoxedMailbox::opened(depth, 1);
        let cursor = boxed.cursor();
        Self { boxed, hint: AtomicU64::new(0), cursor, pinned: false }
    }

    fn publish(&self, values: &[u64]) -> bool {
        let view = self.boxed.view();
        match view.claim(OWNER, values.len() as u32, 0, &self.hint) {
            ClaimOutcome::Claimed(mut claimed) => {
                for value in values {
                    claimed.commit_inline(|cell| write_value(cell, *value));
                }
                claimed.finish();
                true
            }
            ClaimOutcome::Full | ClaimOutcome::Closed => false,
        }
    }

    fn publish_evicting(&self, value: u64) -> bool {
        loop {
            if self.publish(&[value]) {
                return true;
            }
            let view = self.boxed.view();
            let wanted = Tail(view.header.publishers.tail.load(Ordering::Acquire));
            if view.evict(wanted.position(), (OWNER, 0), |_| ()).is_none() {
                view.header.publishers.dropped.fetch_add(1, Ordering::AcqRel);
                return false;
            }
        }
    }

    /// Takes up to `max`: (losses before, values). Releases at once.
    fn take(&mut self, max: u32) -> (u64, Vec<u64>) {
        let taken = self.take_pinned(max);
        self.release();
        taken
    }

    /// The same, and the slots stay pinned.
    fn take_pinned(&mut self, max: u32) -> (u64, Vec<u64>) {
        let view = self.boxed.view();
        let entry = &view.readers[0];
        let Some(mut taken) = view.take(entry, &mut self.cursor, max) else {
            return (0, Vec::new());
        };
        let mut lost = 0;
        let values = (0..taken.count())
            .map(|i| {
                let (word, lost_before) = taken.entry(i);
                assert_eq!(word.kind(), Kind::Inline);
                lost += lost_before;
                read_value(taken.cell(i))
            })
            .collect();
        // A run that is not released stays held.
        self.pinned = true;
        (lost, values)
    }

    fn release(&mut self) {
        let view = self.boxed.view();
        view.readers[0].pin.store(UNPINNED, Ordering::Release);
        self.pinned = false;
    }
}

fn op() -> impl Strategy<Value = Op> {
    let run = 1..=Op::RUN_MAX;
    prop_oneof![
        4 => run.clone().prop_map(Op::Publish),
        2 => Just(Op::Evict),
        1 => run.clone().prop_map(Op::Abort),
        1 => run.clone().prop_map(Op::Die),
        1 => Just(Op::Reclaim),
        4 => run.prop_map(Op::Take),
        2 => Just(Op::Release),
        1 => Just(Op::TakeLost),
    ]
}

proptest! {
    /// Whatever the sequence: what is accepted is delivered once and in order, a full mailbox
    /// refuses, and accepted = delivered + lost + queued at every moment.
    #[test]
    fn mailbox_behaves_like_a_bounded_queue(
        depth in 1..12_u8,
        ops in proptest::collection::vec(op(), 1..if cfg!(miri) { 16 } else { 200 }),
    ) {
        ops::run(depth, ops);
    }
}

/// A commit word has 14 bits of the lap.
#[test]
#[cfg_attr(miri, ignore = "a quarter of a million messages")]
fn messages_arrive_once_when_the_lap_in_commit_words_wraps() {
    let mut rig = Rig::new(16);
    let end = 16 * ((1 << 14) + 2);
    for first in (0..end).step_by(8) {
        let values: Vec<u64> = (first..first + 7).collect();
        // One that was given back: who takes the others looks at each word's lap.
        drop(rig.boxed.view().claim(OWNER, 1, 0, &rig.hint));
        assert!(rig.publish(&values));
        assert_eq!(rig.take(8), (0, values));
        assert_eq!(rig.take(8), (0, vec![]), "nothing of the lap before at {first}");
    }
}

#[test]
fn losses_are_told_in_order() {
    let mut rig = Rig::new(2);
    for value in 0..5 {
        rig.publish_evicting(value);
    }
    assert_eq!(rig.take_pinned(1), (3, vec![3]), "three older ones were evicted");
    assert!(!rig.publish_evicting(5), "the slot it needs is pinned: refused and counted");
    rig.release();
    assert_eq!(rig.take(1), (0, vec![4]), "4 came before the refusal");
    assert!(rig.publish_evicting(6));
    assert_eq!(rig.take(1), (1, vec![6]), "5 was refused just before");
}

#[test]
fn closed_mailbox_refuses_and_its_next_life_is_clean() {
    let mut rig = Rig::new(4);
    assert!(rig.publish(&[1, 2]));
    let view = rig.boxed.view();
    assert!(view.begin_close(OWNER));
    assert!(!view.begin_close(OWNER), "closing twice does nothing");
    assert!(!rig.publish(&[3]));
    view.leave(&view.readers[0]);
    let mut discarded = 0;
    assert!(view.finish_close(|_| discarded += 1, || ()));
    assert_eq!(discarded, 2);
    assert_eq!(rig.boxed.open(4), 1, "the generation moved on");
    assert!(!rig.publish(&[9]), "a route of the old life finds another generation");
    rig.boxed.view().join(OWNER).unwrap();
    rig.cursor = rig.boxed.cursor();
    let view = rig.boxed.view();
    let ClaimOutcome::Claimed(mut claimed) = view.claim(OWNER, 1, 1, &AtomicU64::new(0)) else {
        panic!("there is room");
    };
    claimed.commit_inline(|cell| write_value(cell, 7));
    claimed.finish();
    assert_eq!(rig.take(4), (0, vec![7]));
}

#[test]
fn close_waits_for_an_unfinished_claim() {
    let rig = Rig::new(4);
    let view = rig.boxed.view();
    let ClaimOutcome::Claimed(mut claimed) = view.claim(OWNER, 1, 0, &rig.hint) else {
        panic!("there is room");
    };
    assert!(view.begin_close(OWNER));
    assert!(!view.finish_close(|_| (), || ()), "a publisher is still writing");
    claimed.commit_inline(|cell| write_value(cell, 1));
    claimed.finish();
    let mut discarded = 0;
    assert!(view.finish_close(|_| discarded += 1, || ()));
    assert_eq!(discarded, 1);
}

#[test]
fn dead_claim_is_lost_and_the_rest_goes_on() {
    let dead = 7;
    for span in [1, 3] {
        let mut rig = Rig::new(8);
        assert!(rig.publish(&[1]));
        let view = rig.boxed.view();
        let ClaimOutcome::Claimed(claimed) = view.claim(dead, span, 0, &rig.hint) else {
            panic!("there is room");
        };
        core::mem::forget(claimed);
        assert!(rig.publish(&[2]), "a helper passes the stuck claim");
        assert_eq!(rig.take(8), (0, vec![1]), "the reader waits behind it");
        let view = rig.boxed.view();
        assert_eq!(view.reclaim_claims(dead), u64::from(span));
        assert_eq!(view.reclaim_claims(dead), 0, "reclaiming again finds nothing");
        assert_eq!(rig.take(8), (u64::from(span), vec![2]));
    }
}

#[test]
fn survivor_reads_what_a_dead_reader_had_taken() {
    let mut rig = Rig::new(4);
    assert!(rig.publish(&[7, 8]));
    assert_eq!(rig.take_pinned(1), (0, vec![7]));
    let mut found = Vec::new();
    let view = rig.boxed.view();
    view.for_each_pinned_by(OWNER + 1, |_, _| panic!("it holds nothing"));
    view.for_each_pinned_by(OWNER, |word, cell| found.push((word.kind(), read_value(cell))));
    assert_eq!(found, [(Kind::Inline, 7)]);
}

#[test]
fn panic_while_writing_gives_the_slot_back() {
    let mut rig = Rig::new(4);
    let view = rig.boxed.view();
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let ClaimOutcome::Claimed(mut claimed) = view.claim(OWNER, 1, 0, &rig.hint) else {
            panic!("there is room");
        };
        claimed.commit_inline(|_| panic!("in the copy"));
    }));
    assert!(result.is_err());
    assert!(rig.publish(&[5]));
    assert_eq!(rig.take(4), (0, vec![5]));
}
