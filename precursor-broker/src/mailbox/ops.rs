//! Operations on a mailbox, an oracle for any sequence of them, and the accounts that hold whoever
//! does them and in whatever order. Property tests and the fuzz target run sequences against the
//! oracle, the loom models run short lists on several threads against the accounts.

use std::collections::VecDeque;

use super::boxed::{BoxedMailbox, OWNER, read_value, write_value};
use super::cells::UNPINNED;
use super::claim::ClaimOutcome;
use super::take::{ReaderCursor, Taken};
use super::word::{Kind, Tail};
use crate::sync::{AtomicU64, Ordering};

/// A participant that dies in the middle of a claim.
const DEAD: u16 = 99;

/// What a publisher, a reader or a survivor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Publishes a run of messages, if there is room.
    Publish(u8),
    /// Publishes one message; removes the oldest if there is no room.
    Evict,
    /// Claims a run and gives it back.
    Abort(u8),
    /// Claims a run and dies.
    Die(u8),
    /// Commits what the dead had claimed.
    Reclaim,
    /// Takes a run of up to so many messages and holds it; releases what was held before.
    Take(u8),
    /// Releases what is held.
    Release,
    /// Asks for the losses that no message told.
    TakeLost,
}

impl Op {
    /// Longest run that is published, and that is taken.
    pub const RUN_MAX: u8 = 5;

    /// The operation that two bytes stand for.
    #[must_use]
    pub const fn from_bytes([what, run]: [u8; 2]) -> Self {
        let run = run % Self::RUN_MAX + 1;
        match what % 8 {
            0 => Self::Publish(run),
            1 => Self::Evict,
            2 => Self::Abort(run),
            3 => Self::Die(run),
            4 => Self::Reclaim,
            5 => Self::Take(run),
            6 => Self::Release,
            _ => Self::TakeLost,
        }
    }
}

/// What became of the messages.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accepted: Vec<u64>,
    delivered: Vec<u64>,
    evicted: u64,
    refused: u64,
    dead: u64,
    told: u64,
}

impl Accounts {
    pub(crate) fn add(&mut self, mut other: Self) {
        self.accepted.append(&mut other.accepted);
        self.delivered.append(&mut other.delivered);
        self.evicted += other.evicted;
        self.refused += other.refused;
        self.dead += other.dead;
        self.told += other.told;
    }

    fn lost(&self) -> u64 {
        self.evicted + self.refused + self.dead
    }

    /// Checks the accounts of a mailbox that was drained: every accepted message was delivered once,
    /// in its publisher's order, or evicted; every loss was told once.
    pub(crate) fn check(&self) {
        for publisher in self.accepted.iter().map(|value| value >> 32) {
            let theirs = |value: &&u64| **value >> 32 == publisher;
            let accepted: Vec<u64> = self.accepted.iter().filter(theirs).copied().collect();
            let delivered: Vec<u64> = self.delivered.iter().filter(theirs).copied().collect();
            assert!(delivered.is_sorted_by(|a, b| a < b), "out of order: {delivered:?}");
            assert!(delivered.iter().all(|value| accepted.contains(value)), "never accepted");
        }
        let delivered = self.delivered.len() as u64;
        assert_eq!(self.accepted.len() as u64, delivered + self.evicted, "{self:?}");
        assert_eq!(self.told, self.lost(), "{self:?}");
    }
}

/// One who publishes, under a number.
#[derive(Debug)]
pub(crate) struct Publisher {
    owner: u16,
    next: u64,
    hint: AtomicU64,
    pub(crate) accounts: Accounts,
}

impl Publisher {
    pub(crate) fn new(owner: u16) -> Self {
        let next = u64::from(owner) << 32;
        Self { owner, next, hint: AtomicU64::new(0), accounts: Accounts::default() }
    }

    fn publish(&mut self, boxed: &BoxedMailbox, run: u8) -> bool {
        let view = boxed.view();
        let outcome = view.claim(self.owner, run.into(), 0, &self.hint);
        let ClaimOutcome::Claimed(mut claimed) = outcome else { return false };
        for _ in 0..run {
            claimed.commit_inline(|cell| write_value(cell, self.next));
            self.accounts.accepted.push(self.next);
            self.next += 1;
        }
        claimed.finish();
        true
    }

    /// As a broker publishes under `DropOldest`.
    fn evict(&mut self, boxed: &BoxedMailbox) -> bool {
        loop {
            if self.publish(boxed, 1) {
                return true;
            }
            let view = boxed.view();
            let tail = Tail(view.header.publishers.tail.load(Ordering::Acquire));
            match view.evict(tail.position(), (self.owner, 0), |_| ()) {
                Some((word, ())) => {
                    self.accounts.evicted += u64::from(word.kind() == Kind::Inline);
                }
                None => {
                    view.header.publishers.dropped.fetch_add(1, Ordering::AcqRel);
                    self.accounts.refused += 1;
                    return false;
                }
            }
        }
    }

    fn abort(&self, boxed: &BoxedMailbox, run: u8, owner: u16) -> bool {
        let view = boxed.view();
        let ClaimOutcome::Claimed(claimed) = view.claim(owner, run.into(), 0, &self.hint) else {
            return false;
        };
        if owner == DEAD {
            core::mem::forget(claimed);
        }
        true
    }

    fn reclaim(&mut self, boxed: &BoxedMailbox) -> u64 {
        let reclaimed = boxed.view().reclaim_claims(DEAD);
        self.accounts.dead += reclaimed;
        reclaimed
    }

    /// Whether there was room, for what needs some.
    pub(crate) fn apply(&mut self, boxed: &BoxedMailbox, op: Op) -> bool {
        match op {
            Op::Publish(run) => self.publish(boxed, run),
            Op::Evict => self.evict(boxed),
            Op::Abort(run) => self.abort(boxed, run, self.owner),
            Op::Die(run) => self.abort(boxed, run, DEAD),
            Op::Reclaim => self.reclaim(boxed) > 0,
            Op::Take(_) | Op::Release | Op::TakeLost => panic!("{op:?} is a reader's"),
        }
    }
}

/// One who reads.
#[derive(Debug)]
pub(crate) struct Reader {
    entry: usize,
    cursor: ReaderCursor,
    pub(crate) accounts: Accounts,
}

impl Reader {
    pub(crate) fn new(boxed: &BoxedMailbox, entry: usize) -> Self {
        Self { entry, cursor: boxed.cursor(), accounts: Accounts::default() }
    }

    /// Takes up to `max` messages; the slots stay pinned.
    fn take(&mut self, boxed: &BoxedMailbox, max: u8) -> &[u64] {
        self.release(boxed);
        let view = boxed.view();
        let delivered = &mut self.accounts.delivered;
        let before = delivered.len();
        if let Some(mut taken) = view.take(&view.readers[self.entry], &mut self.cursor, max.into())
        {
            for index in 0..taken.count() {
                let (word, lost) = taken.entry(index);
                assert_eq!(word.kind(), Kind::Inline);
                self.accounts.told += lost;
                delivered.push(read(&taken, index));
            }
            // A run that is not released stays held.
        }
        &delivered[before..]
    }

    fn release(&self, boxed: &BoxedMailbox) {
        boxed.view().readers[self.entry].pin.store(UNPINNED, Ordering::Release);
    }

    fn take_lost(&mut self, boxed: &BoxedMailbox) {
        self.accounts.told += boxed.view().report_remaining_losses(&mut self.cursor);
    }

    #[cfg(precursor_loom)]
    pub(crate) fn apply(&mut self, boxed: &BoxedMailbox, op: Op) {
        match op {
            Op::Take(max) => drop(self.take(boxed, max).len()),
            Op::Release => self.release(boxed),
            Op::TakeLost => self.take_lost(boxed),
            _ => panic!("{op:?} is a publisher's"),
        }
    }

    /// Takes everything that is left, and the losses that no message told.
    pub(crate) fn drain(&mut self, boxed: &BoxedMailbox) {
        while !self.take(boxed, Op::RUN_MAX).is_empty() {}
        self.take_lost(boxed);
    }
}

#[cfg(not(precursor_loom))]
fn read(taken: &Taken<'_, '_>, index: u32) -> u64 {
    read_value(taken.cell(index))
}

#[cfg(precursor_loom)]
fn read(taken: &Taken<'_, '_>, index: u32) -> u64 {
    taken.read(index, read_value)
}

/// A slot of the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Message(u64),
    Aborted,
    Dying,
    Dead,
}

impl Slot {
    fn is_message(self) -> bool {
        matches!(self, Self::Message(_))
    }

    fn is_gap(self) -> bool {
        matches!(self, Self::Aborted | Self::Dead)
    }
}

/// A plain queue that does what a mailbox of one reader is to do.
#[derive(Debug)]
struct Oracle {
    depth: usize,
    queue: VecDeque<Slot>,
    held: usize,
    next: u64,
    /// Losses that the next message tells.
    passed: u64,
}

impl Oracle {
    fn claim(&mut self, run: u8, mut slot: impl FnMut(&mut u64) -> Slot) -> bool {
        let has_room = self.queue.len() + self.held + usize::from(run) <= self.depth;
        for _ in 0..if has_room { run } else { 0 } {
            self.queue.push_back(slot(&mut self.next));
        }
        has_room
    }

    fn publish(&mut self, run: u8) -> bool {
        self.claim(run, |next| {
            *next += 1;
            Slot::Message(*next - 1)
        })
    }

    fn evict(&mut self) -> bool {
        while !self.publish(1) {
            if self.held > 0 || self.queue.front().is_none_or(|slot| *slot == Slot::Dying) {
                return false;
            }
            let oldest = self.queue.pop_front();
            self.passed += u64::from(oldest != Some(Slot::Aborted));
        }
        true
    }

    fn reclaim(&mut self) -> bool {
        let dying = self.queue.iter_mut().filter(|slot| **slot == Slot::Dying);
        dying.map(|slot| *slot = Slot::Dead).count() > 0
    }

    fn take(&mut self, max: u8) -> Vec<u64> {
        self.held = 0;
        while self.queue.front().is_some_and(|slot| slot.is_gap()) {
            let gap = self.queue.pop_front();
            self.passed += u64::from(gap == Some(Slot::Dead));
        }
        let run = self.queue.iter().take(max.into()).take_while(|slot| slot.is_message()).count();
        self.held = run;
        let run = self.queue.drain(..run);
        run.filter_map(|slot| if let Slot::Message(value) = slot { Some(value) } else { None })
            .collect()
    }
}

/// Runs operations on a mailbox of `depth` 1 to 16 and on the oracle, and compares them after each.
///
/// # Panics
///
/// If they differ, or the accounts of the drained mailbox do not add up.
pub fn run(depth: u8, ops: impl IntoIterator<Item = Op>) {
    let boxed = BoxedMailbox::opened(depth.into(), 1);
    let (mut publisher, mut reader) = (Publisher::new(OWNER), Reader::new(&boxed, 0));
    let next = publisher.next;
    let mut oracle =
        Oracle { depth: depth.into(), queue: VecDeque::new(), held: 0, next, passed: 0 };
    for op in ops {
        match op {
            Op::Take(max) => {
                let taken = oracle.take(max);
                assert_eq!(reader.take(&boxed, max), taken, "{op:?}");
                assert!(taken.is_empty() || reader.accounts.told >= oracle.passed, "untold losses");
            }
            Op::TakeLost => reader.take_lost(&boxed),
            Op::Release => {
                reader.release(&boxed);
                oracle.held = 0;
            }
            _ => {
                let expected = match op {
                    Op::Publish(run) => oracle.publish(run),
                    Op::Evict => oracle.evict(),
                    Op::Abort(run) => oracle.claim(run, |_| Slot::Aborted),
                    Op::Die(run) => oracle.claim(run, |_| Slot::Dying),
                    _ => oracle.reclaim(),
                };
                assert_eq!(publisher.apply(&boxed, op), expected, "{op:?} at {oracle:?}");
            }
        }
        assert!(reader.accounts.told <= publisher.accounts.lost(), "a loss that was none");
        // `tail` may stand before the claims of the dead: the next who comes moves it.
        if !oracle.queue.contains(&Slot::Dying) {
            assert_eq!(boxed.view().queued(), oracle.queue.len() as u64, "{op:?} at {oracle:?}");
        }
    }
    publisher.apply(&boxed, Op::Reclaim);
    reader.drain(&boxed);
    publisher.accounts.add(reader.accounts);
    publisher.accounts.check();
}
