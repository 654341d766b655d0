//! Models of the races at the table of newest messages. Run by `cargo xtask loom`.

use loom::sync::Arc;
use loom::thread;

use super::boxed::{BoxedMailbox, OWNER};
use super::claim::ClaimOutcome;
use super::table::Put;
use super::word::Kind;
use crate::sync::{AtomicU64, Ordering};

const OTHER: u16 = 2;
const DEAD: u16 = 9;

fn key_of(boxed: &BoxedMailbox, topic: &str, owner: u16) -> Option<usize> {
    boxed.view().key_of(topic, 5, owner)
}

fn queue(boxed: &BoxedMailbox, key: usize, owner: u16) {
    let view = boxed.view();
    let ClaimOutcome::Claimed(mut claimed) = view.claim(owner, 1, 0, &AtomicU64::new(0)) else {
        panic!("the ring has room for twice as many keys as there are");
    };
    claimed.commit_reference(Kind::Key, key as u32);
    claimed.finish();
}

/// What a publisher does. The block that it replaced.
fn put(boxed: &BoxedMailbox, key: usize, block: u32, owner: u16) -> Option<u32> {
    match boxed.view().put(key, block, owner, |old| old) {
        Put::Replaced(old) => Some(old),
        Put::First => {
            queue(boxed, key, owner);
            boxed.view().key_queued(key);
            None
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
        while let Some(newest) = view.newest(key) {
            if view.remove(key, newest) {
                blocks.extend(newest.block());
                conflated += newest.conflated();
                break;
            }
        }
    }
    conflated
}

fn keys_used(boxed: &BoxedMailbox) -> u64 {
    boxed.view().header.publishers.keys.load(Ordering::Relaxed) & 0xFFFF_FFFF
}

#[test]
fn two_publishers_of_a_topic_share_one_key() {
    loom::model(|| {
        // There is room for one topic: neither publisher finds the table full.
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || key_of(&other, "a", OTHER).unwrap());
        let mine = key_of(&boxed, "a", OWNER).unwrap();
        assert_eq!(publisher.join().unwrap(), mine);
        assert_eq!(keys_used(&boxed), 1);
    });
}

#[test]
fn topics_of_one_hash_get_keys_of_their_own_while_there_is_room() {
    for (keys_max, fitting) in [(1, 1), (2, 2)] {
        loom::model(move || {
            let boxed = Arc::new(BoxedMailbox::latest(keys_max));
            let other = boxed.clone();
            let publisher = thread::spawn(move || key_of(&other, "a", OTHER));
            let mine = key_of(&boxed, "b", OWNER);
            let theirs = publisher.join().unwrap();
            assert!(mine.is_none() || mine != theirs);
            assert_eq!(mine.iter().chain(&theirs).count(), fitting);
            assert_eq!(keys_used(&boxed), fitting as u64);
        });
    }
}

#[test]
fn a_replaced_message_is_released_once_and_the_newest_arrives() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let key = key_of(&boxed, "a", OWNER).unwrap();
        assert_eq!(put(&boxed, key, 10, OWNER), None);
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            [11, 12].into_iter().filter_map(|block| put(&other, key, block, OTHER)).collect()
        });
        let mut taken = Vec::new();
        let mut conflated = take_all(&boxed, &mut taken);
        let replaced: Vec<u32> = publisher.join().unwrap();
        conflated += take_all(&boxed, &mut taken);
        assert_eq!(taken.last(), Some(&12), "the newest arrives, and last");
        assert!(taken.is_sorted(), "none comes back: {taken:?}");
        assert_eq!(conflated, replaced.len() as u64, "what was replaced is told");
        assert_eq!(boxed.view().conflation(), conflated, "and counted");
        let mut all = [taken, replaced].concat();
        all.sort_unstable();
        assert_eq!(all, [10, 11, 12], "each block is somebody's to release, once");
    });
}

#[test]
fn a_message_that_its_dead_publisher_did_not_queue_is_queued_by_a_survivor() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let key = key_of(&boxed, "a", DEAD).unwrap();
        assert_eq!(boxed.view().put(key, 10, DEAD, |_| ()), Put::First);
        let other = boxed.clone();
        let publisher = thread::spawn(move || put(&other, key, 11, OTHER));
        boxed.view().reclaim_table(DEAD, |key| queue(&boxed, key, OWNER));
        let mut taken = Vec::new();
        take_all(&boxed, &mut taken);
        let replaced = publisher.join().unwrap();
        take_all(&boxed, &mut taken);
        assert_eq!(taken.last(), Some(&11));
        assert_eq!(taken.len() + replaced.iter().count(), 2, "{taken:?} {replaced:?}");
        assert_eq!(boxed.view().newest(key), None, "nothing stays behind");
    });
}

#[test]
fn a_key_that_a_dead_publisher_claimed_is_another_ones_after_the_reclaim() {
    for counted in [0, 1] {
        reclaimed_key(counted);
    }
}

fn reclaimed_key(counted: u64) {
    loom::model(move || {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        // Tag and owner of a claim, as the dead left it.
        boxed.view().table.keys[5].store(1 << 62 | u64::from(DEAD), Ordering::Release);
        boxed.view().header.publishers.keys.store(counted, Ordering::Release);
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            let view = other.view();
            let visit = view.visit(OTHER, 0).expect("it is open");
            let key = key_of(&other, "a", OTHER);
            drop(visit);
            key
        });
        boxed.view().reclaim_table(DEAD, |_| panic!("nothing is to be queued"));
        // It may come before the dead's claim is uncounted: what it drops then is counted.
        let key = publisher.join().unwrap().or_else(|| key_of(&boxed, "a", OWNER));
        assert_eq!(key, Some(5));
        assert_eq!(keys_used(&boxed), 1);
        assert_eq!(key_of(&boxed, "b", OWNER), None, "there is room for one topic");
    });
}

#[test]
fn a_table_is_not_emptied_while_a_publisher_is_inside() {
    loom::model(|| {
        let boxed = Arc::new(BoxedMailbox::latest(1));
        let other = boxed.clone();
        let publisher = thread::spawn(move || {
            let view = other.view();
            let visit = view.visit(OTHER, 0)?;
            let key = key_of(&other, "a", OTHER).expect("there is room");
            let put = view.put(key, 10, OTHER, |_| ());
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
