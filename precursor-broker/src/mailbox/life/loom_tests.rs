//! Models of what comes too late for a life.

use loom::sync::Arc;
use loom::thread;

use crate::mailbox::boxed::{BoxedMailbox, OWNER, write_value};
use crate::mailbox::claim::ClaimOutcome;
use crate::mailbox::word::{EVICTED_BITS, Tail, Take};
use crate::sync::{AtomicU64, Ordering};

const OTHER: u16 = 2;

/// A publisher of the first life counts while the mailbox is closed and opened again.
fn counts_beside_the_next_life(count: fn(&BoxedMailbox)) {
    loom::model(move || {
        let boxed = Arc::new(BoxedMailbox::opened(4, 1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || count(&other));
        let view = boxed.view();
        assert!(view.begin_close(OWNER));
        view.leave(&view.readers[0]);
        let is_next_open = view.finish_close(|_| (), || ());
        if is_next_open {
            assert_eq!(boxed.open(4), 1);
        }
        publisher.join().unwrap();
        if !is_next_open {
            assert!(view.finish_close(|_| (), || ()), "nobody is inside any more");
            assert_eq!(boxed.open(4), 1);
        }
        let publishers = &view.header.publishers;
        assert_eq!(publishers.dropped.load(Ordering::Acquire), 0, "nothing was refused yet");
        assert_eq!(publishers.timed_out.load(Ordering::Acquire), 0, "nobody gave up yet");
    });
}

#[test]
fn loom_a_late_drop_is_not_counted_in_the_next_life() {
    counts_beside_the_next_life(|boxed| boxed.view().count_dropped(2, 0));
}

#[test]
fn loom_a_late_timeout_is_not_counted_in_the_next_life() {
    counts_beside_the_next_life(|boxed| boxed.view().count_timed_out(2, 0));
}

#[test]
fn loom_a_late_eviction_is_not_counted_in_the_next_life() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(1, 1));
        let view = boxed.view();
        let full = publish(&boxed);
        // As many evictions as one word can tell: the next one is counted in the other.
        let take = &view.header.readers.take;
        let evicted = Take(take.load(Ordering::Relaxed)).losing((1 << EVICTED_BITS) - 1);
        take.store(evicted.0, Ordering::Relaxed);
        let other = boxed.clone();
        let publisher =
            thread::spawn(move || other.view().evict(full, (OTHER, 0), |_| ()).is_some());
        assert!(view.begin_close(OWNER));
        view.leave(&view.readers[0]);
        let is_next_open = view.finish_close(|_| (), || ());
        if is_next_open {
            assert_eq!(boxed.open(1), 1);
        }
        publisher.join().unwrap();
        if !is_next_open {
            assert!(view.finish_close(|_| (), || ()), "nobody is inside any more");
            assert_eq!(boxed.open(1), 1);
        }
        let high = &view.header.publishers.evicted_high;
        assert_eq!(high.load(Ordering::Acquire), 0, "nothing was evicted yet");
    });
}

/// Publishes one message. Where the next one would lie.
fn publish(boxed: &BoxedMailbox) -> u64 {
    let view = boxed.view();
    let ClaimOutcome::Claimed(mut claimed) = view.claim(OWNER, 1, 0, &AtomicU64::new(0)) else {
        panic!("there is room");
    };
    claimed.commit_inline(|cell| write_value(cell, 1));
    claimed.finish();
    Tail(view.header.publishers.tail.load(Ordering::Relaxed)).position()
}

#[test]
fn loom_drops_of_one_life_are_all_counted() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::opened(4, 1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || other.view().count_dropped(2, 0));
        boxed.view().count_dropped(3, 0);
        publisher.join().unwrap();
        assert_eq!(boxed.view().header.publishers.dropped.load(Ordering::Acquire), 2);
        assert!(!boxed.view().has_unfinished_claims(), "nobody stayed inside");
    });
}
