//! The key table of a `Latest` mailbox: one newest message per topic.
//!
//! A key's word names its claimer until the topic is written, then carries the topic's hash. A
//! value's word names the block of the newest message, how many it replaced since the last take,
//! and the publisher that is putting the key into the ready ring. One compare-and-swap replaces a
//! message, so what was conflated is exact whoever dies.
#![allow(unsafe_code, reason = "writes and reads the topics of its keys")]

use crate::steps::step;
use crate::sync::{AtomicU64, Ordering, spin_loop};

use super::cells::Mailbox;

/// `tag:2 · hash:62` or `tag:2 · owner:16`.
const CLAIMED: u64 = 1 << 62;
const READY: u64 = 2 << 62;
const HASH_MASK: u64 = (1 << 62) - 1;

/// `queueing:1 · owner:16 · conflated:24 · block+1:22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(pub u64);

/// The count of keys: `changes:32 · keys:32`. Whoever finds it unchanged knows that no key came
/// or went.
const KEY_CHANGE: u64 = 1 << 32;

fn keys_in(used: u64) -> u64 {
    used & (KEY_CHANGE - 1)
}

const BLOCK_BITS: u32 = 22;
const CONFLATED_BITS: u32 = 24;
const CONFLATED_MAX: u64 = (1 << CONFLATED_BITS) - 1;
const OWNER_SHIFT: u32 = BLOCK_BITS + CONFLATED_BITS;
const QUEUEING: u64 = 1 << (OWNER_SHIFT + 16);

impl Value {
    pub(crate) fn block(self) -> Option<u32> {
        ((self.0 & ((1 << BLOCK_BITS) - 1)) as u32).checked_sub(1)
    }

    pub(crate) fn conflated(self) -> u64 {
        self.0 >> BLOCK_BITS & CONFLATED_MAX
    }

    fn queueing_by(self) -> Option<u16> {
        (self.0 & QUEUEING != 0).then_some((self.0 >> OWNER_SHIFT & 0xFFFF) as u16)
    }

    fn queueing(block: u32, owner: u16) -> Self {
        Self(QUEUEING | u64::from(owner) << OWNER_SHIFT | (u64::from(block) + 1))
    }

    /// Replaced by `block`. `None`: the count is full and must be told apart first.
    fn replaced(self, block: u32) -> Option<Self> {
        let conflated = self.conflated() + 1;
        let keep = self.0 & !(CONFLATED_MAX << BLOCK_BITS | ((1 << BLOCK_BITS) - 1));
        let value = Self(keep | conflated << BLOCK_BITS | (u64::from(block) + 1));
        (conflated <= CONFLATED_MAX).then_some(value)
    }

    fn queued(self) -> Self {
        Self(self.0 & !(QUEUEING | 0xFFFF << OWNER_SHIFT))
    }
}

/// What became of a message put into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put<T> {
    /// The key must be queued by the caller, who then calls [`Mailbox::key_queued`].
    First,
    /// It replaced a message, whose block is now the caller's to release.
    Replaced(T),
}

impl Mailbox<'_> {
    /// The key of `topic`, claimed and written if it is new. `None`: the table has no room.
    pub(crate) fn key_of(&self, topic: &str, topic_hash: u64, owner: u16) -> Option<usize> {
        /// Longest wait for another publisher's copy of a topic, in turns of the loop.
        const TURNS_MAX: u32 = 100_000;
        let keys = self.table.keys;
        let mut turns = 0;
        let wanted = READY | topic_hash & HASH_MASK;
        for probe in 0..keys.len() {
            let key = (topic_hash as usize).wrapping_add(probe) % keys.len();
            loop {
                let seen = keys[key].load(Ordering::Acquire);
                if seen == wanted && self.is_key_of(key, topic) {
                    return Some(key);
                }
                if seen & READY != 0 {
                    break;
                }
                if seen & CLAIMED != 0 {
                    // Its claimer is writing the topic: a bounded copy, or a death that a survivor
                    // puts right. Another topic beside it would be a second key for this one.
                    turns += 1;
                    if turns > TURNS_MAX {
                        return None;
                    }
                    spin_loop();
                    continue;
                }
                return self.claim_key(key, topic, wanted, owner);
            }
        }
        None
    }

    fn is_key_of(&self, key: usize, topic: &str) -> bool {
        // SAFETY: the key's word says that it is published.
        unsafe { self.is_topic(key, topic) }
    }

    fn claim_key(&self, key: usize, topic: &str, wanted: u64, owner: u16) -> Option<usize> {
        let word = &self.table.keys[key];
        let claimed = CLAIMED | u64::from(owner);
        if word.compare_exchange(0, claimed, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return self.key_of(topic, wanted & HASH_MASK, owner);
        }
        step!("latest.key_claimed");
        // Counted once it is claimed: another publisher of the topic waits for this one instead of
        // finding the table full.
        let keys_max = self.header.config.keys_max.load(Ordering::Relaxed);
        let used = &self.header.publishers.keys;
        if keys_in(used.fetch_add(KEY_CHANGE + 1, Ordering::AcqRel)) >= keys_max {
            used.fetch_add(KEY_CHANGE - 1, Ordering::AcqRel);
            word.store(0, Ordering::Release);
            return None;
        }
        step!("latest.key_counted");
        // SAFETY: the exchange made the key this claimer's until it publishes it.
        unsafe { self.write_topic(key, topic) };
        word.store(wanted, Ordering::Release);
        Some(key)
    }

    /// Makes `block` the newest message of `key`. `peek` looks at the one before while the table
    /// still names it.
    pub(crate) fn put<T>(
        &self,
        key: usize,
        block: u32,
        owner: u16,
        peek: impl Fn(u32) -> T,
    ) -> Put<T> {
        let word = &self.table.values[key];
        loop {
            let seen = Value(word.load(Ordering::Acquire));
            let (next, put) = match seen.block() {
                None => (Value::queueing(block, owner), Put::First),
                Some(old) => match seen.replaced(block) {
                    Some(next) => (next, Put::Replaced(peek(old))),
                    None => {
                        self.spill_conflated(key, seen);
                        continue;
                    }
                },
            };
            if word.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                step!("latest.stored");
                return put;
            }
        }
    }

    /// Moves a full count of one key into the mailbox's, once in 16 million replacements.
    #[cold]
    fn spill_conflated(&self, key: usize, seen: Value) {
        let next = seen.0 & !(CONFLATED_MAX << BLOCK_BITS);
        let word = &self.table.values[key];
        if word.compare_exchange(seen.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.header.publishers.dropped.fetch_add(seen.conflated(), Ordering::AcqRel);
        }
    }

    /// The key is in the ready ring.
    pub(crate) fn key_queued(&self, key: usize) {
        let word = &self.table.values[key];
        let mut seen = Value(word.load(Ordering::Acquire));
        while seen.queueing_by().is_some() {
            let next = seen.queued();
            match word.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => seen = Value(now),
            }
        }
    }

    /// The newest message of `key`, still in its place.
    pub(crate) fn newest(&self, key: usize) -> Option<Value> {
        let value = Value(self.table.values.get(key)?.load(Ordering::Acquire));
        value.block().map(|_| value)
    }

    /// Takes the message that [`Self::newest`] showed. False: it was replaced meanwhile.
    pub(crate) fn remove(&self, key: usize, seen: Value) -> bool {
        let removed = self.table.values[key]
            .compare_exchange(seen.0, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if removed {
            let told = &self.header.publishers.conflated;
            told.fetch_add(seen.conflated(), Ordering::Relaxed);
        }
        step!("latest.removed");
        removed
    }

    /// A reader met a key in the ring whose message it has taken already.
    pub(crate) fn note_empty_key(&self) {
        self.header.publishers.empty_keys.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that were replaced, told or not, and messages that wait.
    pub(crate) fn conflation(&self) -> u64 {
        let pending: u64 = self
            .table
            .values
            .iter()
            .map(|word| Value(word.load(Ordering::Acquire)).conflated())
            .sum();
        pending + self.header.publishers.conflated.load(Ordering::Relaxed)
    }

    /// Empties the table at the end of a life. `discard` gets every block.
    pub(crate) fn clear_table(&self, mut discard: impl FnMut(u32)) {
        for (key, value) in self.table.keys.iter().zip(self.table.values) {
            if let Some(block) = Value(value.swap(0, Ordering::AcqRel)).block() {
                discard(block);
            }
            key.store(0, Ordering::Release);
        }
    }

    /// Every block that the table refers to.
    pub(crate) fn for_each_newest(&self, mut visit: impl FnMut(u32)) {
        for value in self.table.values {
            if let Some(block) = Value(value.load(Ordering::Acquire)).block() {
                visit(block);
            }
        }
    }

    /// What a dead publisher left: keys without a topic are freed, keys that may not be in the ring
    /// are queued (twice does no harm: a reader passes over a key without a message).
    pub(crate) fn reclaim_table(&self, dead: u16, mut queue: impl FnMut(usize)) {
        for (index, key) in self.table.keys.iter().enumerate() {
            let claimed = CLAIMED | u64::from(dead);
            let _ = key.compare_exchange(claimed, 0, Ordering::AcqRel, Ordering::Relaxed);
            let value = Value(self.table.values[index].load(Ordering::Acquire));
            if value.queueing_by() == Some(dead) {
                queue(index);
                self.key_queued(index);
            }
        }
        self.recount_keys();
    }

    /// Counts the keys anew: the dead may have claimed one and not counted it, or counted and not
    /// published. It has left the table; who comes in after the look changes the count before it
    /// publishes a key.
    fn recount_keys(&self) {
        /// Looks at a table that live publishers are inside of. Beyond it the count stays as it is
        /// until the next reclaim.
        const TURNS_MAX: u32 = 100_000;
        let used = &self.header.publishers.keys;
        for _ in 0..TURNS_MAX {
            let before = used.load(Ordering::Acquire);
            if !self.has_visitors() {
                let is_ready = |key: &&AtomicU64| key.load(Ordering::Acquire) & READY != 0;
                let count = self.table.keys.iter().filter(is_ready).count() as u64;
                let after = (before - keys_in(before)).wrapping_add(KEY_CHANGE + count);
                if used.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed).is_ok()
                {
                    return;
                }
            }
            spin_loop();
        }
    }
}
