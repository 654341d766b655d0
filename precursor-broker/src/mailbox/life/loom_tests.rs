//! Models of what comes too late for a life.

use loom::sync::Arc;
use loom::thread;

use crate::mailbox::boxed::{BoxedMailbox, OWNER};
use crate::sync::Ordering;

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
