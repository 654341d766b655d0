//! Models of the races at the table of newest messages. Run by `cargo xtask loom`.

use loom::sync::Arc;
use loom::thread;

use super::boxed::{BoxedMailbox, OWNER};
use super::claim::ClaimOutcome;
use super::table::{Put, Value};
use super::word::Kind;
use crate::region::blocks::{BlockId, BlockRef};
use crate::sync::{AtomicU64, Ordering, full_fence};

const OTHER: u16 = 2;
const DEAD: u16 = 9;

/// A topic's hash in the models, and so its place in the table.
const HASH: u64 = 5;
/// Another hash that leads to the same place.
const SAME_PLACE: u64 = HASH + 16;

fn block(id: u32) -> BlockRef {
    BlockRef { id: BlockId(id), generation: 3 }
}

/// The key of a topic, which is left again.
fn key_of(boxed: &BoxedMailbox, topic: &str, hash: u64, owner: u16) -> Option<usize> {
    let view = boxed.view();
    let visit = view.visit(owner, 0, hash)?;
    view.key_of(&visit, topic, hash)
}

fn queue(boxed: &BoxedMailbox, key: usize, owner: u16) {
    let view = boxed.view();
    let ClaimOutcome::Claimed(mut claimed) = view.claim(owner, 1, 0, &AtomicU64::new(0)) else {
        panic!("the ring has room for twice as many keys as there are");
    };
    claimed.commit_key(key);
    claimed.finish();
}

/// What came of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Queued,
    Replaced(u32),
    Dropped,
}

/// What a publisher does.
fn publish(boxed: &BoxedMailbox, (topic, hash): (&str, u64), id: u32, owner: u16) -> Sent {
    let view = boxed.view();
    let visit = view.visit(owner, 0, hash).expect("it is open");
    let Some(key) = view.key_of(&visit, topic, hash) else { return Sent::Dropped };
    match view.put(key, block(id)) {
        Put::Replaced(old) => Sent::Replaced(old.id.0),
        Put::First => {
            queue(boxed, key, owner);
            Sent::Queued
        }
    }
}

/// What a reader does until nothing is ready: the blocks, and how many they had replaced.
fn take_all(boxed: &BoxedMailbox, blocks: &mut Vec<u32>) -> u64 {
    let view = boxed.view();
    let (mut cursor, mut conflated) = (boxed.cursor(), 0);
    while let Some(mut taken) = view.take(&view.readers[0], &mut cursor, 1) {
        let key = taken.entry(0).0.block() as usize;
        taken.release(false);
        full_fence();
        while let Some(newest) = view.newest(key) {
            if view.remove(key, newest) {
                blocks.extend(newest.block().map(|block| block.id.0));
                conflated += newest.conflated();
                break;
            }
        }
    }
    conflated
}

fn keys_used(boxed: &BoxedMailbox) -> u64 {
    boxed.view().header.publishers.keys.load(Ordering::Relaxed) >> 16 & 0xFF_FFFF
}

#[test]
fn two_publishers_of_a_topic_share_one_key() {
    loom::model(|| {
        // There is room for one topic: neither publisher finds the table full.
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || key_of(&other, "a", HASH, OTHER).unwrap());
        let mine = key_of(&boxed, "a", HASH, OWNER).unwrap();
        assert_eq!(publisher.join().unwrap(), mine);
        assert_eq!(keys_used(&boxed), 1);
    });
}

#[test]
fn two_publishers_for_the_last_place_get_one_each_while_there_is_room() {
    for (keys_max, hash) in [(1, HASH), (1, SAME_PLACE), (2, HASH), (2, HASH + 1)] {
        loom::model(move || {
            let boxed = Arc::new(BoxedMailbox::latest(keys_max));
            let other = boxed.clone();
            let publisher = thread::spawn(move || publish(&other, ("a", hash), 10, OTHER));
            let mine = publish(&boxed, ("b", HASH), 20, OWNER);
            let theirs = publisher.join().unwrap();
            let sent = [mine, theirs].into_iter().filter(|sent| *sent == Sent::Queued).count();
            let dropped = [mine, theirs].into_iter().filter(|sent| *sent == Sent::Dropped).count();
            assert_eq!((sent as u64, dropped as u64), (keys_max, 2 - keys_max));
            assert_eq!(keys_used(&boxed), keys_max);
            let mut taken = Vec::new();
            assert_eq!(take_all(&boxed, &mut taken), 0, "topics do not replace each other");
            assert_eq!(taken.len(), sent);
        });
    }
}

/// A mailbox for one topic, whose "a" was published and read.
fn read_once() -> Arc<BoxedMailbox> {
    let boxed = Arc::new(BoxedMailbox::latest(1));
    assert_eq!(publish(&boxed, ("a", HASH), 10, OWNER), Sent::Queued);
    assert_eq!(take_all(&boxed, &mut Vec::new()), 0);
    boxed
}

#[test]
fn a_key_is_given_away_or_used_again_by_its_topic_and_never_both() {
    for hash in [SAME_PLACE, HASH + 1] {
        loom::model(move || {
            let boxed = read_once();
            let other = boxed.clone();
            let publisher = thread::spawn(move || publish(&other, ("a", HASH), 11, OTHER));
            let mine = publish(&boxed, ("b", hash), 20, OWNER);
            let theirs = publisher.join().unwrap();
            let mut taken = Vec::new();
            assert_eq!(take_all(&boxed, &mut taken), 0, "neither replaced the other's");
            let sent = [(mine, 20), (theirs, 11)];
            let sent = sent.into_iter().filter(|(sent, _)| *sent == Sent::Queued);
            taken.sort_unstable_by(|one, two| two.cmp(one));
            assert_eq!(taken, sent.map(|(_, id)| id).collect::<Vec<_>>(), "{mine:?} {theirs:?}");
            assert!(!taken.is_empty(), "somebody has the place");
            assert_eq!(keys_used(&boxed), 1);
        });
    }
}

#[test]
fn a_key_is_given_away_when_its_message_is_taken_and_not_before() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        assert_eq!(publish(&boxed, ("a", HASH), 10, OWNER), Sent::Queued);
        let other = boxed.clone();
        let publisher = thread::spawn(move || publish(&other, ("b", HASH + 1), 20, OTHER));
        let mut taken = Vec::new();
        assert_eq!(take_all(&boxed, &mut taken), 0);
        let sent = publisher.join().unwrap();
        take_all(&boxed, &mut taken);
        let expected: &[u32] = if sent == Sent::Queued { &[10, 20] } else { &[10] };
        assert_eq!(taken, expected, "{sent:?}");
        assert_eq!(publish(&boxed, ("c", HASH + 2), 30, OWNER), Sent::Queued, "all is read");
    });
}

#[test]
fn a_replaced_message_is_released_once_and_the_newest_arrives() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        assert_eq!(publish(&boxed, ("a", HASH), 10, OWNER), Sent::Queued);
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            [11, 12].map(|id| publish(&other, ("a", HASH), id, OTHER)).to_vec()
        });
        let mut taken = Vec::new();
        let mut conflated = take_all(&boxed, &mut taken);
        let sent = publisher.join().unwrap();
        conflated += take_all(&boxed, &mut taken);
        assert_eq!(taken.last(), Some(&12), "the newest arrives, and last");
        assert!(taken.is_sorted(), "none comes back: {taken:?}");
        let replaced = sent.into_iter().filter_map(|sent| match sent {
            Sent::Replaced(old) => Some(old),
            Sent::Queued | Sent::Dropped => None,
        });
        let replaced: Vec<u32> = replaced.collect();
        assert_eq!(conflated, replaced.len() as u64, "what was replaced is told");
        assert_eq!(boxed.view().conflation(), conflated, "and counted");
        let mut all = [taken, replaced].concat();
        all.sort_unstable();
        assert_eq!(all, [10, 11, 12], "each block is somebody's to release, once");
    });
}

#[test]
fn a_full_count_of_replaced_messages_goes_on_in_the_mailbox() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        assert_eq!(publish(&boxed, ("a", HASH), 10, OWNER), Sent::Queued);
        let full = Value::new(block(10), Value::CONFLATED_MAX);
        let value = boxed.view().table.values.iter().find(|v| v.load(Ordering::Relaxed) != 0);
        value.unwrap().store(full.raw(), Ordering::Release);
        assert_eq!(publish(&boxed, ("a", HASH), 11, OWNER), Sent::Replaced(10));
        assert_eq!(publish(&boxed, ("a", HASH), 12, OWNER), Sent::Replaced(11));
        let mut taken = Vec::new();
        assert_eq!(take_all(&boxed, &mut taken), Value::CONFLATED_MAX);
        assert_eq!(taken, [12]);
        assert_eq!(boxed.view().header.publishers.dropped.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_message_that_its_dead_publisher_did_not_queue_is_queued_by_a_survivor() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let key = key_of(&boxed, "a", HASH, DEAD).unwrap();
        assert_eq!(boxed.view().put(key, block(10)), Put::First);
        let other = boxed.clone();
        let publisher = thread::spawn(move || publish(&other, ("a", HASH), 11, OTHER));
        boxed.view().reclaim_table(DEAD, |key| queue(&boxed, key, OWNER));
        let mut taken = Vec::new();
        take_all(&boxed, &mut taken);
        let sent = publisher.join().unwrap();
        take_all(&boxed, &mut taken);
        assert_eq!(taken.last(), Some(&11));
        let replaced = usize::from(matches!(sent, Sent::Replaced(10)));
        assert_eq!(taken.len() + replaced, 2, "{taken:?} {sent:?}");
        assert_eq!(boxed.view().newest(key), None, "nothing stays behind");
    });
}

#[test]
fn a_message_beside_a_reader_that_has_just_found_none_is_queued_by_a_survivor() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let key = key_of(&boxed, "a", HASH, DEAD).unwrap();
        // Once too often, as after an earlier death.
        queue(&boxed, key, OWNER);
        let other = boxed.clone();
        let survivor = thread::spawn(move || {
            // The dead came so far before it was found dead.
            assert_eq!(other.view().put(key, block(10)), Put::First);
            other.view().reclaim_table(DEAD, |key| queue(&other, key, OTHER));
        });
        let mut taken = Vec::new();
        take_all(&boxed, &mut taken);
        survivor.join().unwrap();
        take_all(&boxed, &mut taken);
        assert_eq!(taken, [10]);
    });
}

#[test]
fn keys_that_a_dead_publisher_was_changing_serve_again_after_the_reclaim() {
    // It died with the right, with a key that it had added, and with one about to be given up.
    for is_leaving in [false, true] {
        loom::model(move || {
            let boxed = read_once();
            let view = boxed.view();
            let left = view.visit(DEAD, 0, HASH + 2).expect("it is open");
            core::mem::forget(left);
            let keys = &view.header.publishers.keys;
            keys.store(u64::from(!is_leaving) << 16 | u64::from(DEAD), Ordering::Release);
            if is_leaving {
                let key = &view.table.keys[HASH as usize];
                key.store(key.load(Ordering::Relaxed) | 1 << 62, Ordering::Release);
            }
            let other = boxed.clone();
            let publisher = thread::spawn(move || publish(&other, ("a", HASH), 11, OTHER));
            view.reclaim_table(DEAD, |key| queue(&boxed, key, OWNER));
            view.reclaim_readers(DEAD);
            assert_eq!(publisher.join().unwrap(), Sent::Queued);
            assert_eq!(keys_used(&boxed), 1);
            assert_eq!(publish(&boxed, ("b", HASH + 1), 20, OWNER), Sent::Dropped, "a is unread");
            let mut taken = Vec::new();
            assert_eq!(take_all(&boxed, &mut taken), 0);
            assert_eq!(taken, [11]);
            assert_eq!(publish(&boxed, ("b", HASH + 1), 21, OWNER), Sent::Queued);
        });
    }
}

#[test]
fn a_key_that_the_dead_was_about_to_give_away_stays_with_who_works_on_it() {
    loom::model(|| {
        let boxed = read_once();
        let view = boxed.view();
        // One publisher has found its key, another one looks whether to give that away, and dies.
        let key = key_of(&boxed, "a", HASH, OTHER).unwrap();
        for (owner, hash) in [(OTHER, HASH), (DEAD, HASH + 1)] {
            core::mem::forget(view.visit(owner, 0, hash).expect("it is open"));
        }
        let word = &view.table.keys[key];
        word.store(word.load(Ordering::Relaxed) | 1 << 62, Ordering::Release);
        view.header.publishers.keys.store(1 << 16 | u64::from(DEAD), Ordering::Release);
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            assert_eq!(other.view().put(key, block(11)), Put::First);
            queue(&other, key, OTHER);
            // It leaves.
            other.view().reclaim_readers(OTHER);
        });
        view.reclaim_table(DEAD, |key| queue(&boxed, key, OWNER));
        view.reclaim_readers(DEAD);
        assert_eq!(publish(&boxed, ("b", SAME_PLACE), 20, OWNER), Sent::Dropped);
        publisher.join().unwrap();
        let mut taken = Vec::new();
        assert_eq!(take_all(&boxed, &mut taken), 0);
        assert_eq!(taken, [11]);
    });
}

#[test]
fn a_table_is_not_emptied_while_a_publisher_is_inside() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            let view = other.view();
            let visit = view.visit(OTHER, 0, HASH)?;
            let key = view.key_of(&visit, "a", HASH).expect("there is room");
            let put = view.put(key, block(10));
            drop(visit);
            Some(put)
        });
        let view = boxed.view();
        assert!(view.begin_close(OWNER));
        let mut released = 0;
        let mut finish = || {
            let is_quiet = !view.has_unfinished_claims();
            if is_quiet {
                view.clear_table(|_| released += 1);
            }
            is_quiet
        };
        let finished = finish();
        let put = publisher.join().unwrap();
        assert!(finished || finish(), "nobody is inside any more");
        assert_eq!(released, u64::from(put.is_some()), "its block is released");
        view.for_each_newest(|_| panic!("nothing stays behind"));
    });
}
