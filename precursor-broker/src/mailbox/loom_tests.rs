//! Models of every race at a mailbox. Run by `cargo xtask loom`.

use loom::sync::Arc;
use loom::thread;

use super::boxed::{BoxedMailbox, OWNER, read_value, write_value};
use super::claim::ClaimOutcome;
use super::ops::{Op, Publisher, Reader};
use super::take::ReaderCursor;
use super::word::{CommitWord, Kind, Tail};
use crate::sync::{AtomicU64, Ordering, WaitWord};
use crate::sys::Scope;

fn publish(boxed: &BoxedMailbox, owner: u16, values: &[u64]) -> Outcome {
    let view = boxed.view();
    match view.claim(owner, values.len() as u32, 0, &AtomicU64::new(0)) {
        ClaimOutcome::Claimed(mut claimed) => {
            for value in values {
                claimed.commit_inline(|cell| write_value(cell, *value));
            }
            Outcome::Accepted(claimed.finish())
        }
        ClaimOutcome::Full => Outcome::Full,
        ClaimOutcome::Closed => Outcome::Closed,
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Accepted(Option<Tail>),
    Full,
    Closed,
}

fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

fn take(boxed: &BoxedMailbox, reader: usize, cursor: &mut ReaderCursor, max: u32) -> Vec<u64> {
    let view = boxed.view();
    let entry = &view.readers[reader];
    let Some(taken) = view.take(entry, cursor, max) else { return Vec::new() };
    let values = (0..taken.count()).map(|i| taken.read(i, read_value)).collect();
    taken.release(false);
    values
}

/// Does `first`, then runs the list of a publisher and a list of this thread's, who publishes and
/// reads, against each other on a mailbox of `depth`; drains it and checks the accounts.
fn race(depth: u64, first: &'static [Op], publisher: &'static [Op], main: &'static [Op]) {
    loom::model(move || {
        let boxed = Arc::new(BoxedMailbox::opened(depth, 1));
        let (mut mine, mut reader) = (Publisher::new(OWNER), Reader::new(&boxed, 0));
        let mut apply = |op: &Op| match op {
            Op::Take(_) | Op::Release | Op::TakeLost => reader.apply(&boxed, *op),
            _ => drop(mine.apply(&boxed, *op)),
        };
        first.iter().for_each(&mut apply);
        let other = boxed.clone();
        let thread = thread::spawn(move || {
            let mut theirs = Publisher::new(2);
            publisher.iter().for_each(|op| drop(theirs.apply(&other, *op)));
            theirs.accounts
        });
        main.iter().for_each(&mut apply);
        let mut accounts = thread.join().unwrap();
        mine.apply(&boxed, Op::Reclaim);
        reader.drain(&boxed);
        accounts.add(mine.accounts);
        accounts.add(reader.accounts);
        accounts.check();
    });
}

#[test]
fn loom_two_publishers_and_a_reader_lose_nothing() {
    race(4, &[], &[Op::Publish(2)], &[Op::Publish(1), Op::Take(2), Op::Take(4)]);
}

#[test]
fn loom_full_ring_never_overwrites_what_a_reader_holds() {
    // As deep as it has slots: the next message goes where the reader reads.
    const FULL: &[Op] = &[Op::Publish(5), Op::Publish(5), Op::Publish(5), Op::Publish(1)];
    race(16, FULL, &[Op::Publish(1)], &[Op::Take(1), Op::Release]);
}

#[test]
fn loom_eviction_and_take_share_nothing() {
    race(1, &[Op::Publish(1)], &[Op::Evict], &[Op::Take(1), Op::Release, Op::Take(1)]);
}

/// Short lists of everything, in pairs.
#[test]
fn loom_the_accounts_hold_whoever_does_what_at_the_same_time() {
    const FIRST: [&[Op]; 2] = [&[Op::Publish(1)], &[Op::Publish(1), Op::Die(2)]];
    const PUBLISHERS: [&[Op]; 4] =
        [&[Op::Publish(2)], &[Op::Evict, Op::Publish(1)], &[Op::Abort(2)], &[Op::Evict, Op::Evict]];
    const MAIN: [&[Op]; 4] = [
        &[Op::Take(1), Op::Release, Op::TakeLost],
        &[Op::Publish(1), Op::Take(2), Op::Publish(1)],
        &[Op::Evict, Op::Take(1)],
        &[Op::Reclaim, Op::Take(2), Op::Take(2)],
    ];
    for first in FIRST {
        for publisher in PUBLISHERS {
            for main in MAIN {
                race(3, first, publisher, main);
            }
        }
    }
}

#[test]
fn loom_wake_is_never_lost() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(4, 1));
        let bell = Arc::new(WaitWord::default());
        let (other, their_bell) = (boxed.clone(), bell.clone());
        let publisher = thread::spawn(move || {
            if let Outcome::Accepted(Some(cleared)) = publish(&other, 2, &[5]) {
                other.view().wake_one(cleared, |_| {
                    their_bell.value().store(1, Ordering::Release);
                    their_bell.wake(1, Scope::Private);
                });
            }
        });
        let mut cursor = boxed.cursor();
        let got = loop {
            let got = take(&boxed, 0, &mut cursor, 1);
            if !got.is_empty() {
                break got;
            }
            let view = boxed.view();
            if view.arm(&view.readers[0], &cursor) {
                bell.wait(0, None, Scope::Private);
            }
        };
        assert_eq!(got, [5]);
        publisher.join().unwrap();
    });
}

#[test]
fn loom_waiting_publisher_is_woken_by_the_release() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(1, 1));
        assert!(accepted(&publish(&boxed, OWNER, &[1])));
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            while !accepted(&publish(&other, 2, &[2])) {
                let view = other.view();
                view.wait_for_room(None, Scope::Private, || view.is_full());
            }
        });
        let mut cursor = boxed.cursor();
        let view = boxed.view();
        let entry = &view.readers[0];
        let taken = view.take(entry, &mut cursor, 1).unwrap();
        if taken.release(true) {
            view.wake_publishers(Scope::Private);
        }
        publisher.join().unwrap();
        assert_eq!(take(&boxed, 0, &mut cursor, 1), [2]);
    });
}

#[test]
fn loom_members_of_a_group_share_and_never_repeat() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(4, 2));
        assert!(accepted(&publish(&boxed, OWNER, &[1])));
        assert!(accepted(&publish(&boxed, OWNER, &[2])));
        let other = boxed.clone();
        let member = thread::spawn(move || {
            let mut cursor = other.cursor();
            take(&other, 1, &mut cursor, 1)
        });
        let mut cursor = boxed.cursor();
        let mut got = take(&boxed, 0, &mut cursor, 1);
        got.extend(member.join().unwrap());
        got.extend(take(&boxed, 0, &mut cursor, 2));
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn loom_close_races_with_a_publisher() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(4, 1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || accepted(&publish(&other, 2, &[1])));
        let view = boxed.view();
        assert!(view.begin_close(OWNER));
        view.leave(&view.readers[0]);
        let mut discarded = 0;
        let count = |word: CommitWord| u32::from(word.kind() == Kind::Inline);
        let mut finished = view.finish_close(|word| discarded += count(word), || ());
        let was_accepted = publisher.join().unwrap();
        if !finished {
            finished = view.finish_close(|word| discarded += count(word), || ());
        }
        assert!(finished, "nothing is unfinished any more");
        assert!(was_accepted || discarded == 0);
        assert_eq!(boxed.open(4), 1);
        boxed.view().join(OWNER).unwrap();
        assert!(!boxed.view().is_ready(&boxed.cursor()), "the next life starts empty");
    });
}

#[test]
fn loom_reclaim_of_the_dead_beside_a_live_publisher() {
    loom::model(|| {
        let dead = 9;
        let boxed = Arc::new(BoxedMailbox::opened(4, 1));
        let hint = AtomicU64::new(0);
        match boxed.view().claim(dead, 2, 0, &hint) {
            ClaimOutcome::Claimed(claimed) => core::mem::forget(claimed),
            outcome => panic!("{outcome:?}"),
        }
        let other = boxed.clone();
        let publisher = thread::spawn(move || assert!(accepted(&publish(&other, 2, &[3]))));
        let reclaimed = boxed.view().reclaim_claims(dead);
        assert_eq!(reclaimed, 2);
        publisher.join().unwrap();
        let mut cursor = boxed.cursor();
        assert_eq!(take(&boxed, 0, &mut cursor, 4), [3]);
        assert_eq!(boxed.view().report_remaining_losses(&mut cursor), 2);
    });
}
