//! The key table of a `Latest` mailbox: one newest message per topic (region.md R3.1.9).
//!
//! A key's word carries the hash of its topic. Finding a key takes loads only; adding one and
//! giving one to another topic is the right of one publisher at a time, whose name stands in the
//! word that counts the keys. A value's word names the newest message and how many it replaced
//! since the last take. One compare-and-swap replaces a message, so what was conflated is exact
//! whoever dies.
#![allow(unsafe_code, reason = "writes and reads the topics of its keys")]

use crate::region::blocks::{BlockId, BlockRef};
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering, full_fence, spin_loop};

use super::cells::Mailbox;
use super::life::Visit;
use super::word::Kind;

/// A key's word: never used, which ends a search; given up, which does not; a topic's; or a topic's
/// that may be about to give it up, which is both bits.
const FREE: u64 = 0;
const FREED: u64 = 1 << 62;
const READY: u64 = 2 << 62;
const HASH_MASK: u64 = (1 << 62) - 1;

/// `next:24 · keys:24 · owner:16`: where the next search for a key to give away begins, the keys
/// in use, and who may change them.
#[derive(Clone, Copy, Debug)]
struct Keys(u64);

impl Keys {
    const BITS: u32 = 24;
    const MASK: u64 = (1 << Self::BITS) - 1;

    fn new(next: usize, keys: u64, owner: u16) -> Self {
        let next = next as u64 & Self::MASK;
        Self(next << (Self::BITS + 16) | (keys & Self::MASK) << 16 | u64::from(owner))
    }

    fn next(self) -> usize {
        (self.0 >> (Self::BITS + 16)) as usize
    }

    fn keys(self) -> u64 {
        self.0 >> 16 & Self::MASK
    }

    fn owner(self) -> u16 {
        self.0 as u16
    }
}

/// `conflated:22 · generation:20 · block+1:22`. The generation tells this life of the block from
/// the next: an exchange that comes late fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(u64);

impl Value {
    const BLOCK_BITS: u32 = 22;
    const GENERATION_BITS: u32 = 20;
    const CONFLATED_SHIFT: u32 = Self::BLOCK_BITS + Self::GENERATION_BITS;
    pub(crate) const CONFLATED_MAX: u64 = (1 << (64 - Self::CONFLATED_SHIFT)) - 1;

    pub(crate) fn new(block: BlockRef, conflated: u64) -> Self {
        let generation = u64::from(block.generation) & ((1 << Self::GENERATION_BITS) - 1);
        let block = u64::from(block.id.0) + 1;
        Self(conflated << Self::CONFLATED_SHIFT | generation << Self::BLOCK_BITS | block)
    }

    #[cfg(precursor_loom)]
    pub(super) fn raw(self) -> u64 {
        self.0
    }

    fn load(word: &AtomicU64) -> Self {
        Self(word.load(Ordering::Acquire))
    }

    pub(crate) fn block(self) -> Option<BlockRef> {
        let id = (self.0 & ((1 << Self::BLOCK_BITS) - 1)) as u32;
        let generation = self.0 >> Self::BLOCK_BITS & ((1 << Self::GENERATION_BITS) - 1);
        Some(BlockRef { id: BlockId(id.checked_sub(1)?), generation: generation as u32 })
    }

    pub(crate) fn conflated(self) -> u64 {
        self.0 >> Self::CONFLATED_SHIFT
    }
}

/// What became of a message put into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The key must be queued by the caller.
    First,
    /// It replaced a message, whose block is now the caller's to release.
    Replaced(BlockRef),
}

/// The right to add keys and to give them to other topics. Dropped, it is free again, and what it
/// counted is known.
#[derive(Debug)]
struct Changing<'m> {
    mailbox: Mailbox<'m>,
    next: usize,
    keys: u64,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let free = Keys::new(self.next, self.keys, 0);
        self.mailbox.header.publishers.keys.store(free.0, Ordering::Release);
    }
}

impl Mailbox<'_> {
    /// The key of `topic`, for as long as the visit lasts. `None`: every key has a message that was
    /// not read or a publisher at work, or another publisher has had the right to add one for long.
    pub(crate) fn key_of(&self, visit: &Visit<'_>, topic: &str, topic_hash: u64) -> Option<usize> {
        debug_assert!(visit.is_at(topic_hash), "the visitor says which topic it comes for");
        self.find_key(topic, topic_hash).or_else(|| {
            let mut changing = self.change_keys(visit.owner())?;
            // Another publisher may have added it meanwhile.
            self.find_key(topic, topic_hash).or_else(|| changing.add(topic, topic_hash))
        })
    }

    /// A key that is found stays its topic's: this publisher's visitor word names the topic, and
    /// whoever gives a key away looks at those words.
    fn find_key(&self, topic: &str, topic_hash: u64) -> Option<usize> {
        let wanted = READY | topic_hash & HASH_MASK;
        for key in self.probe(topic_hash) {
            let seen = self.table.keys[key].load(Ordering::Acquire);
            if seen == wanted && self.is_key_of(key, topic) {
                return Some(key);
            }
            if seen == FREE {
                break;
            }
        }
        None
    }

    fn probe(&self, topic_hash: u64) -> impl Iterator<Item = usize> + use<> {
        let keys = self.table.keys.len();
        (0..keys).map(move |probe| (topic_hash as usize).wrapping_add(probe) % keys)
    }

    fn is_key_of(&self, key: usize, topic: &str) -> bool {
        // SAFETY: the key's word says that it is published, with the hash of a topic that the
        // caller's visitor word names: it is not given away meanwhile.
        unsafe { self.is_topic(key, topic) }
    }

    fn change_keys(&self, owner: u16) -> Option<Changing<'_>> {
        /// Longest wait for another publisher's copy of a topic, in turns of the loop; it may have
        /// lost its processor in the middle.
        const TURNS_MAX: u32 = 20_000;
        const SPINS: u32 = 1_000;
        let word = &self.header.publishers.keys;
        for turn in 0..TURNS_MAX {
            let seen = Keys(word.load(Ordering::Relaxed));
            let mine = Keys::new(seen.next(), seen.keys(), owner);
            if seen.owner() == 0
                && word
                    .compare_exchange(seen.0, mine.0, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                step!("latest.keys_held");
                return Some(Changing { mailbox: *self, next: seen.next(), keys: seen.keys() });
            }
            if turn < SPINS {
                spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        None
    }

    /// Makes `block` the newest message of `key`.
    pub(crate) fn put(&self, key: usize, block: BlockRef) -> Put {
        let word = &self.table.values[key];
        let mut seen = Value::load(word);
        loop {
            let (conflated, put) = match seen.block() {
                None => (0, Put::First),
                Some(old) => (seen.conflated() + 1, Put::Replaced(old)),
            };
            let next = Value::new(block, conflated.min(Value::CONFLATED_MAX));
            match word.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Err(now) => seen = Value(now),
                Ok(_) => {
                    if conflated > Value::CONFLATED_MAX {
                        self.header.publishers.dropped.fetch_add(1, Ordering::AcqRel);
                    }
                    if matches!(put, Put::Replaced(_)) {
                        self.note_loss();
                    }
                    step!("latest.stored");
                    return put;
                }
            }
        }
    }

    /// The newest message of `key`, still in its place.
    pub(crate) fn newest(&self, key: usize) -> Option<Value> {
        let value = Value::load(self.table.values.get(key)?);
        value.block().map(|_| value)
    }

    /// Takes the message that [`Self::newest`] showed. False: it was replaced meanwhile.
    pub(crate) fn remove(&self, key: usize, seen: Value) -> bool {
        let removed = self.clear_value(key, seen);
        if removed {
            let told = &self.header.publishers.conflated;
            told.fetch_add(seen.conflated(), Ordering::Relaxed);
        }
        step!("latest.removed");
        removed
    }

    /// Takes a message back that no place in the ring could be found for. It is lost, and so is
    /// what it had replaced. The block is the caller's to release.
    #[cold]
    pub(crate) fn take_back(&self, key: usize) -> Option<BlockRef> {
        loop {
            let seen = self.newest(key)?;
            if self.clear_value(key, seen) {
                let lost = seen.conflated() + 1;
                self.header.publishers.dropped.fetch_add(lost, Ordering::AcqRel);
                self.note_loss();
                return seen.block();
            }
        }
    }

    fn clear_value(&self, key: usize, seen: Value) -> bool {
        let word = &self.table.values[key];
        word.compare_exchange(seen.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// A reader met a key in the ring whose message it has taken already.
    pub(crate) fn note_empty_key(&self) {
        self.header.publishers.empty_keys.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that were replaced, told or not, and messages that wait.
    pub(crate) fn conflation(&self) -> u64 {
        let values = self.table.values.iter().map(|word| Value::load(word).conflated());
        let pending = values.fold(0_u64, u64::saturating_add);
        pending.saturating_add(self.header.publishers.conflated.load(Ordering::Relaxed))
    }

    /// Empties the table at the end of a life. `discard` gets every block.
    pub(crate) fn clear_table(&self, mut discard: impl FnMut(BlockRef)) {
        for (key, value) in self.table.keys.iter().zip(self.table.values) {
            if let Some(block) = Value(value.swap(0, Ordering::AcqRel)).block() {
                discard(block);
            }
            key.store(FREE, Ordering::Release);
        }
    }

    /// Every block that the table refers to.
    pub(crate) fn for_each_newest(&self, mut visit: impl FnMut(BlockRef)) {
        self.table
            .values
            .iter()
            .filter_map(|value| Value::load(value).block())
            .for_each(&mut visit);
    }

    /// Puts right what a dead publisher left in the table: the right to change keys, and messages
    /// whose keys are not in the ring, which `queue` puts there. To be done by one survivor, while
    /// the dead's visitor word still keeps the life from being followed by another.
    ///
    /// A key may come to be in the ring twice; the reader passes over one without a message.
    pub(crate) fn reclaim_table(&self, dead: u16, queue: impl FnMut(usize)) {
        if self.table.keys.is_empty() {
            return;
        }
        let word = &self.header.publishers.keys;
        let seen = Keys(word.load(Ordering::Acquire));
        if seen.owner() == dead {
            let mut keys = 0;
            for key in self.table.keys {
                let topic = key.load(Ordering::Acquire);
                if topic & READY != 0 {
                    // A publisher may be at work on a key that was about to be given up.
                    key.store(topic & !FREED, Ordering::Release);
                    keys += 1;
                }
            }
            word.store(Keys::new(seen.next(), keys, 0).0, Ordering::Release);
        }
        self.unqueued_keys().into_iter().for_each(queue);
    }

    /// Keys that have a message and are not in the ring.
    fn unqueued_keys(&self) -> Vec<usize> {
        let values = self.table.values.iter();
        let mut waiting: Vec<bool> =
            values.map(|value| Value::load(value).block().is_some()).collect();
        // The messages come before the ring: what a live publisher had queued by then is there, or
        // its reader took the key. Partner of the fence between that and its look at the message.
        full_fence();
        self.for_each_reference(|word| {
            if word.kind() == Kind::Key
                && let Some(is_unqueued) = waiting.get_mut(word.block() as usize)
            {
                *is_unqueued = false;
            }
        });
        let keys = waiting.into_iter().enumerate();
        keys.filter_map(|(key, is_unqueued)| is_unqueued.then_some(key)).collect()
    }
}

impl Changing<'_> {
    /// Adds a key; if there are as many as there may be, another topic gives its own up.
    fn add(&mut self, topic: &str, topic_hash: u64) -> Option<usize> {
        let Mailbox { header, table, .. } = self.mailbox;
        if self.keys >= header.config.keys_max.load(Ordering::Relaxed) {
            self.give_one_up()?;
        }
        let mut probe = self.mailbox.probe(topic_hash);
        let key = probe.find(|key| table.keys[*key].load(Ordering::Relaxed) & READY == 0)?;
        // SAFETY: the key is nobody's, and only the holder of this right makes it somebody's.
        unsafe { self.mailbox.write_topic(key, topic) };
        table.keys[key].store(READY | topic_hash & HASH_MASK, Ordering::Release);
        self.keys += 1;
        step!("latest.key_ready");
        Some(key)
    }

    /// Frees a key whose message was taken and that nobody is at work on.
    fn give_one_up(&mut self) -> Option<()> {
        let Mailbox { table, .. } = self.mailbox;
        let keys = table.keys.len();
        for offset in 0..keys {
            let key = (self.next + offset) % keys;
            let seen = table.keys[key].load(Ordering::Relaxed);
            if seen & READY == 0 || self.mailbox.newest(key).is_some() {
                continue;
            }
            table.keys[key].store(seen | FREED, Ordering::Relaxed);
            step!("latest.key_leaving");
            // A publisher signs in, fences, then looks at the key: it finds the key gone, or is
            // found at work. The message is looked at last: it comes before its publisher leaves.
            full_fence();
            if self.mailbox.has_visitor_at(seen) || self.mailbox.newest(key).is_some() {
                table.keys[key].store(seen, Ordering::Release);
                continue;
            }
            table.keys[key].store(FREED, Ordering::Relaxed);
            self.keys = self.keys.saturating_sub(1);
            self.next = (key + 1) % keys;
            self.shorten_searches(key);
            step!("latest.key_freed");
            return Some(());
        }
        None
    }

    /// Lets a search end at a key that was given up, and at those before it, if it would end at the
    /// next one anyhow.
    fn shorten_searches(&self, freed: usize) {
        let keys = self.mailbox.table.keys;
        let at = |key: usize| &keys[key % keys.len()];
        if at(freed + 1).load(Ordering::Relaxed) != FREE {
            return;
        }
        for back in 0..keys.len() {
            let key = at(freed + keys.len() - back);
            if key.load(Ordering::Relaxed) != FREED {
                break;
            }
            key.store(FREE, Ordering::Relaxed);
        }
    }
}
