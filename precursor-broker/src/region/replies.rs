//! Reply slots: a call ends once, whoever ends it (region.md R3.3).
//!
//! Only the caller starts and frees its slots, whichever of its threads finds one free. Everybody else changes a slot's state by
//! compare-and-swap of a word that names the call's generation, so what comes too late does
//! nothing. The parked flag lies in the same word: whoever ends the call sees in that very step
//! whether someone must be woken. The reply's block is named with its call's generation, so that it
//! is taken out by one of those who may, and never by a later call.

use core::time::Duration;

use super::blocks::BlockId;
use super::records::ReplyRecord;
use crate::sync::Ordering;
use crate::sys::Scope;

const FREE: u64 = 0;
pub(crate) const WAITING: u64 = 1;
pub(crate) const REPLYING: u64 = 2;
pub(crate) const DONE: u64 = 3;
/// Ended without a reply; the status says why.
pub(crate) const NO_REPLY: u64 = 4;
pub(crate) const PEER_DIED: u64 = 5;
pub(crate) const CLOSED: u64 = 6;

/// Beside WAITING and REPLYING: the caller sleeps.
const PARKED: u64 = 1 << 24;
/// Beside REPLYING: the caller died or waits no longer. The replier frees the slot when it has
/// finished.
const ABANDONED: u64 = 1 << 25;
const FLAGS: u64 = PARKED | ABANDONED;

/// `generation:32 · flags:8 · status:8 · owner:16`. The owner is the participant at work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotState(u64);

impl SlotState {
    fn new(generation: u32, status: u64, owner: u16) -> Self {
        Self(u64::from(generation) << 32 | status << 16 | u64::from(owner))
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn status(self) -> u64 {
        self.0 >> 16 & 0xFF
    }

    pub(crate) fn owner(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }

    pub(crate) fn is_parked(self) -> bool {
        self.0 & PARKED != 0
    }

    fn is_abandoned(self) -> bool {
        self.0 & ABANDONED != 0
    }

    /// Whether the call waits for its answer or for the end of one.
    pub(crate) fn is_pending(self) -> bool {
        matches!(self.status(), WAITING | REPLYING)
    }

    pub(crate) fn has_ended(self) -> bool {
        self.status() != FREE && !self.is_pending()
    }

    /// The same call with another status and owner, flags kept.
    fn with(self, status: u64, owner: u16) -> Self {
        Self(Self::new(self.generation(), status, owner).0 | self.0 & FLAGS)
    }

    fn freed(self) -> Self {
        Self::new(self.generation().wrapping_add(1), FREE, 0)
    }
}

/// How a replier's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The call has ended; the caller sleeps or not.
    Told { is_parked: bool },
    /// Nobody waits any more. What the reply referred to is the replier's again.
    Unheard(Option<BlockId>),
}

/// What a caller that gives up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// The slot is free.
    Free,
    /// A replier is in the middle of its bounded copy: look again, or leave the slot to it.
    Replying,
    /// The call has ended.
    Ended,
}

impl ReplyRecord {
    #[inline(always)]
    pub(crate) fn slot(&self) -> SlotState {
        SlotState(self.state.load(Ordering::Acquire))
    }

    #[inline]
    fn change(&self, from: SlotState, to: SlotState) -> Result<(), SlotState> {
        let changed =
            self.state.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire);
        changed.map(drop).map_err(SlotState)
    }

    /// Says how long the caller of the call that has just begun will wait, before its request is
    /// sent.
    ///
    /// Release, as every store of these words: who reads one of this call's sees the state that ended
    /// the call before.
    #[inline]
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) {
        let ns = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        // Callers mostly wait as long as the time before.
        for (word, value) in [(&self.timeout_ns, ns), (&self.deadline_ns, 0)] {
            if word.load(Ordering::Relaxed) != value {
                word.store(value, Ordering::Release);
            }
        }
    }

    /// Says when the time of the call is over. Callers look at the clock only if the answer is not
    /// there at once; until then all of the timeout is left.
    pub(crate) fn set_deadline(&self, at_ns: u64) {
        self.deadline_ns.store(at_ns, Ordering::Release);
    }

    /// What is left of the time of call `generation`: zero if nobody waits for its answer any more,
    /// `None` if its caller waits for ever. `now_ns` is asked only if the caller's clock has started.
    pub(crate) fn remaining(
        &self,
        generation: u32,
        now_ns: impl FnOnce() -> u64,
    ) -> Option<Duration> {
        let timeout = self.timeout_ns.load(Ordering::Acquire);
        let deadline = self.deadline_ns.load(Ordering::Acquire);
        // Last: the words are this call's if the slot still is.
        let slot = self.slot();
        if slot.generation() != generation || slot.status() != WAITING {
            return Some(Duration::ZERO);
        }
        let left = if deadline == 0 { timeout } else { deadline.saturating_sub(now_ns()) };
        (timeout != 0).then_some(Duration::from_nanos(left))
    }

    /// Starts a call; its generation. `None`: another call has the slot, or a replier is still at
    /// work for a caller that died.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Option<u32> {
        let seen = self.slot();
        let generation = seen.generation();
        let waiting = SlotState::new(generation, WAITING, 0);
        if seen.status() != FREE || self.change(seen, waiting).is_err() {
            return None;
        }
        // A participant that died here left it.
        if self.poller.load(Ordering::Relaxed) != 0 {
            self.poller.store(0, Ordering::Relaxed);
        }
        Some(generation)
    }

    /// Ends the caller's use of a call that has ended. Another thread's call may begin here at once.
    #[inline(always)]
    pub(crate) fn free(&self, generation: u32) {
        let freed = SlotState::new(generation, FREE, 0).freed();
        self.state.store(freed.0, Ordering::Release);
    }

    /// The caller waits no longer.
    pub(crate) fn give_up(&self) -> GivenUp {
        let mut seen = self.slot();
        while seen.status() == WAITING {
            match self.change(seen, seen.freed()) {
                Ok(()) => return GivenUp::Free,
                Err(now) => seen = now,
            }
        }
        if seen.status() == REPLYING { GivenUp::Replying } else { GivenUp::Ended }
    }

    /// As [`Self::give_up`], but a replier that is found at work is not waited for: it frees the slot
    /// when it has finished, and a survivor does if it dies before.
    pub(crate) fn leave_to_replier(&self) -> GivenUp {
        loop {
            let given_up = self.give_up();
            let seen = self.slot();
            if given_up != GivenUp::Replying
                || (seen.status() == REPLYING
                    && self.change(seen, SlotState(seen.0 | ABANDONED)).is_ok())
            {
                return given_up;
            }
        }
    }

    /// Sleeps until the call has ended, at most `timeout`. May return early.
    pub(crate) fn park(&self, timeout: Option<Duration>, scope: Scope) {
        // Before the flag: whoever sees that sets the word afterwards.
        self.wait.value().store(0, Ordering::Relaxed);
        if self.set_parked() {
            self.wait.wait(0, timeout, scope);
        }
    }

    /// Says that the caller sleeps. False: the call has ended.
    pub(crate) fn set_parked(&self) -> bool {
        let mut seen = self.slot();
        while seen.is_pending() {
            match self.change(seen, SlotState(seen.0 | PARKED)) {
                Ok(()) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Wakes a caller that sleeps on the slot.
    pub(crate) fn wake(&self, scope: Scope) {
        self.wait.value().store(1, Ordering::Release);
        self.wait.wake(1, scope);
    }

    /// Names `server` as the one at work on a call that waits.
    pub(crate) fn sign(&self, generation: u32, server: u16) {
        let _ = self.change_waiting(generation, |seen| seen.with(WAITING, server));
    }

    /// Makes the slot and its cell the replier's. False: the caller waits no longer.
    #[inline]
    pub(crate) fn begin_answer(&self, generation: u32, server: u16) -> bool {
        self.change_waiting(generation, |seen| seen.with(REPLYING, server))
    }

    #[inline]
    fn change_waiting(&self, generation: u32, to: impl Fn(SlotState) -> SlotState) -> bool {
        let mut seen = self.slot();
        while seen.generation() == generation && seen.status() == WAITING {
            match self.change(seen, to(seen)) {
                Ok(()) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Ends a call whose slot is the replier's, with `status`.
    pub(crate) fn end_answer(&self, generation: u32, server: u16, status: u64) -> Answered {
        let mut seen = self.slot();
        // Another state: this replier was taken for dead, and a survivor ended its call.
        while seen.with(REPLYING, server) == seen && seen.generation() == generation {
            if seen.is_abandoned() {
                let block = self.take_block(generation);
                let _ = self.change(seen, seen.freed());
                return Answered::Unheard(block);
            }
            match self.change(seen, SlotState::new(generation, status, 0)) {
                Ok(()) => return Answered::Told { is_parked: seen.is_parked() },
                Err(now) => seen = now,
            }
        }
        Answered::Unheard(self.take_block(generation))
    }

    /// Ends a pending call without a reply, if it `applies` to it. What the slot was before: whether
    /// the caller sleeps and is to be woken. Only a death ends a call that is being answered.
    pub(crate) fn end(
        &self,
        status: u64,
        applies: impl Fn(SlotState) -> bool,
    ) -> Option<SlotState> {
        let mut seen = self.slot();
        while seen.is_pending()
            && !seen.is_abandoned()
            && (status == PEER_DIED || seen.status() == WAITING)
            && applies(seen)
        {
            match self.change(seen, SlotState::new(seen.generation(), status, 0)) {
                Ok(()) => return Some(seen),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Frees the slot of a caller that died. A replier that `is_at_work` writes its cell: it keeps
    /// the slot until it has finished. The block that is the caller's to release.
    pub(crate) fn abandon(&self, is_at_work: impl Fn(u16) -> bool) -> Option<BlockId> {
        let mut block = None;
        let mut seen = self.slot();
        while seen.status() != FREE {
            let next = if seen.status() == REPLYING && is_at_work(seen.owner()) {
                SlotState(seen.0 | ABANDONED)
            } else {
                block = block.or(self.take_block(seen.generation()));
                seen.freed()
            };
            match self.change(seen, next) {
                Ok(()) => break,
                Err(now) => seen = now,
            }
        }
        block
    }

    /// Frees a slot that was left to a replier, if that is not at work any more either.
    pub(crate) fn free_abandoned(&self, is_at_work: impl Fn(u16) -> bool) -> Option<BlockId> {
        let seen = self.slot();
        if !seen.is_abandoned() || is_at_work(seen.owner()) {
            return None;
        }
        let block = self.take_block(seen.generation());
        let _ = self.change(seen, seen.freed());
        block
    }

    /// Names the block that holds the reply, before the call ends.
    pub(crate) fn store_block(&self, generation: u32, block: BlockId) {
        let word = u64::from(generation) << 32 | (u64::from(block.0) + 1);
        self.block.store(word, Ordering::Release);
    }

    /// Takes the block of a call out of the slot: its reference is the caller's of this now.
    #[inline]
    pub(crate) fn take_block(&self, generation: u32) -> Option<BlockId> {
        let word = self.block.load(Ordering::Acquire);
        let block = block_of(word).filter(|_| (word >> 32) as u32 == generation)?;
        let taken = self.block.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed);
        taken.is_ok().then_some(block)
    }

    /// The block that the slot refers to.
    pub(crate) fn block(&self) -> Option<BlockId> {
        block_of(self.block.load(Ordering::Acquire))
    }
}

fn block_of(word: u64) -> Option<BlockId> {
    (word as u32).checked_sub(1).map(BlockId)
}
