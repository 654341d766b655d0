//! The publisher's side: claim, commit, abort (region.md R3.1.1 to R3.1.3).
#![allow(unsafe_code, reason = "writes the cells of its claims")]

use core::mem::ManuallyDrop;

use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

use super::cells::{INLINE_BYTES, Mailbox, UNPINNED};
use super::extent::Extent;
use super::word::{ClaimWord, CommitWord, Geometry, Kind, NOTIFY, State, Tail, Take};

/// What came of asking for room.
#[derive(Debug)]
pub(crate) enum ClaimOutcome<'a> {
    Claimed(Claimed<'a>),
    /// The ring has no room behind this position.
    Full,
    /// This life of the mailbox is over.
    Closed,
}

/// A run of claimed slots. What is not committed when it is dropped is given back as aborted, so
/// that a panic cannot leave readers waiting.
#[derive(Debug)]
pub(crate) struct Claimed<'a>(Claim<'a>);

/// The parts of a claim, which slow paths get by value: what nobody points to stays in registers.
#[derive(Clone, Copy, Debug)]
struct Claim<'a> {
    mailbox: &'a Mailbox<'a>,
    tail: Tail,
    span: u32,
    committed: u32,
    refused_before: u64,
}

impl<'a> Mailbox<'a> {
    /// The first position that is not free: everything before it may be written again.
    ///
    /// `take` is read before the pins: a reader stores its pin before it moves `take` (Release), so
    /// whoever sees the moved `take` (Acquire) sees the pin as well.
    pub(crate) fn free_position(&self, tail_position: u64) -> u64 {
        let take = Take(self.header.readers.take.load(Ordering::Acquire));
        let mut free = take.position_near(tail_position);
        for reader in self.readers {
            let pin = reader.pin.load(Ordering::Acquire);
            if pin != UNPINNED && pin < free {
                free = pin;
            }
        }
        free
    }

    /// Claims `span` slots in a row for `owner`. `free_hint` is a position known to be free up to,
    /// kept by the caller, so that the readers' lines are looked at once a lap and not per message.
    #[inline(always)]
    pub(crate) fn claim(
        &'a self,
        owner: u16,
        span: u32,
        generation: u32,
        free_hint: &AtomicU64,
    ) -> ClaimOutcome<'a> {
        loop {
            let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
            if tail.is_closed() {
                return ClaimOutcome::Closed;
            }
            let position = tail.position();
            if !self.has_room(position, span, free_hint) {
                if self.header.publishers.tail.load(Ordering::Acquire) != tail.0 {
                    continue;
                }
                return ClaimOutcome::Full;
            }
            let lap = self.geometry().lap(position);
            let word = self.claim_word(position);
            let seen = ClaimWord(word.load(Ordering::Acquire));
            if !Geometry::lap_is_before(seen.lap(), lap) {
                if self.help_tail(tail, seen, lap) {
                    continue;
                }
                return ClaimOutcome::Full;
            }
            let mine = ClaimWord::new(lap, span, owner);
            if word.compare_exchange(seen.0, mine.0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            step!("claim.claimed");
            let claimed = Claimed::new(self, tail, span, owner);
            // R3.1.2: the chunk may have been recycled since the route was made.
            if State(self.header.config.state.load(Ordering::Acquire)).generation() != generation {
                drop(claimed);
                return ClaimOutcome::Closed;
            }
            return ClaimOutcome::Claimed(claimed);
        }
    }

    #[inline(always)]
    fn has_room(&self, position: u64, span: u32, free_hint: &AtomicU64) -> bool {
        let depth = self.header.config.depth.load(Ordering::Relaxed);
        let end = position.wrapping_add(u64::from(span));
        if end.saturating_sub(free_hint.load(Ordering::Relaxed)) <= depth {
            return true;
        }
        self.find_room(position, end, depth, free_hint)
    }

    #[inline(never)]
    fn find_room(&self, position: u64, end: u64, depth: u64, free_hint: &AtomicU64) -> bool {
        let free = self.free_position(position);
        free_hint.store(free, Ordering::Relaxed);
        end.saturating_sub(free) <= depth
    }

    /// Someone claimed this position and has not moved `tail` yet: do it for them. False: the slot
    /// is claimed for a lap that `tail` has not come to, which nobody does who keeps to the rules.
    #[cold]
    fn help_tail(&self, tail: Tail, seen: ClaimWord, lap: u64) -> bool {
        if seen.lap() == lap {
            let next = tail.advanced(seen.span().max(1));
            let _ = self.header.publishers.tail.compare_exchange(
                tail.0,
                next.0,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
        // Whoever claimed the slot for a later lap read a later `tail`, and so does this load.
        self.header.publishers.tail.load(Ordering::Acquire) != tail.0
    }
}

impl<'a> Claimed<'a> {
    #[inline(always)]
    fn new(mailbox: &'a Mailbox<'a>, tail: Tail, span: u32, owner: u16) -> Self {
        // Each further slot of a run names its owner too, before the first commit: the head's word
        // may be claimed for the next lap while the end of the run is still unwritten.
        for offset in 1..u64::from(span) {
            let position = tail.position() + offset;
            let word = ClaimWord::new(mailbox.geometry().lap(position), 1, owner);
            mailbox.claim_word(position).store(word.0, Ordering::Relaxed);
        }
        if span > 1 {
            step!("claim.run_named");
        }
        let refused_before = mailbox.header.publishers.dropped.load(Ordering::Relaxed);
        Self(Claim { mailbox, tail, span, committed: 0, refused_before })
    }

    /// Writes into the next slot and commits it: the form that the models look into.
    #[cfg(any(test, fuzzing, precursor_loom))]
    pub(crate) fn commit_inline(&mut self, write: impl FnOnce(&mut [u8; INLINE_BYTES])) {
        assert!(self.0.committed < self.0.span, "every claimed slot is committed already");
        #[cfg(not(precursor_loom))]
        write(self.cell());
        #[cfg(precursor_loom)]
        // SAFETY: the position lies in this claim and is not committed.
        unsafe {
            self.0.mailbox.write_cell(self.0.next_position(), write);
        }
        self.commit_written();
    }

    /// The next slot's bytes, for a frame that [`commit_written`](Self::commit_written) commits.
    ///
    /// Lent, and not passed to a closure: only so is what is written here sure to be inlined.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) fn cell(&mut self) -> &mut [u8; INLINE_BYTES] {
        assert!(self.0.committed < self.0.span, "every claimed slot is committed already");
        // SAFETY: the position lies in this claim and is not committed, and the borrow of `self`
        // keeps it so.
        unsafe { self.0.mailbox.cell_mut(self.0.next_position()) }
    }

    /// Commits the next slot as a frame in its own bytes, which were written before.
    #[inline(always)]
    pub(crate) fn commit_written(&mut self) {
        step!("claim.copied");
        self.0.commit(Kind::Inline, 0, Extent::default());
    }

    /// Commits the next slot as a reference to a block, in whose frame the payload lies there.
    #[inline(always)]
    pub(crate) fn commit_block(&mut self, block: u32, payload: Extent) {
        assert!(self.0.committed < self.0.span, "every claimed slot is committed already");
        self.0.commit(Kind::Block, block, payload);
    }

    /// Commits the next slot as a key of a `Latest` mailbox.
    #[inline(always)]
    pub(crate) fn commit_key(&mut self, key: usize) {
        assert!(self.0.committed < self.0.span, "every claimed slot is committed already");
        self.0.commit(Kind::Key, key as u32, Extent::default());
    }

    /// Moves `tail` on. `Some`: a reader is armed and it is the caller who wakes it
    /// (`Mailbox::wake_one`).
    #[inline(always)]
    pub(crate) fn finish(self) -> Option<Tail> {
        let claim = ManuallyDrop::new(self).0;
        debug_assert_eq!(claim.committed, claim.span, "a run is finished when all is written");
        let tail = &claim.mailbox.header.publishers.tail;
        let next = claim.tail.advanced(u64::from(claim.span)).without_notice();
        match tail.compare_exchange(claim.tail.0, next.0, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => claim.tail.wants_notice().then_some(next),
            Err(_) => claim.finish_slowly(),
        }
    }
}

impl Claim<'_> {
    #[inline(always)]
    fn next_position(&self) -> u64 {
        self.tail.position() + u64::from(self.committed)
    }

    #[inline(always)]
    fn commit(&mut self, kind: Kind, index: u32, payload: Extent) {
        let position = self.next_position();
        let refused = self.refused_before != 0;
        if refused {
            self.mailbox.lost_word(position).store(self.refused_before, Ordering::Relaxed);
        }
        let lap = self.mailbox.geometry().lap(position);
        let word = CommitWord::new(lap, kind, index).with_extent(payload);
        self.committed += 1;
        self.mailbox.commit_word(position).store(word.marked_lost(refused).0, Ordering::Release);
        step!("claim.committed");
    }

    /// A helper moved `tail`, or a flag changed. The flag must be read by a read-modify-write: only
    /// that orders the commit before an arming reader's last look.
    #[cold]
    fn finish_slowly(self) -> Option<Tail> {
        self.advance_tail();
        let seen = Tail(self.mailbox.header.publishers.tail.fetch_and(!NOTIFY, Ordering::AcqRel));
        seen.wants_notice().then_some(seen)
    }

    /// Moves `tail` past this run, flags untouched, unless a helper did.
    #[cold]
    fn advance_tail(self) {
        let tail = &self.mailbox.header.publishers.tail;
        let mut seen = Tail(tail.load(Ordering::Relaxed));
        while seen.position() == self.tail.position() {
            let next = seen.advanced(u64::from(self.span));
            match tail.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = Tail(now),
            }
        }
    }

    /// Gives back what was not committed. Nothing came that a reader could be woken for: its flag
    /// stays for the next message.
    #[cold]
    fn abort(mut self) {
        while self.committed < self.span {
            self.commit(Kind::Aborted, 0, Extent::default());
        }
        self.advance_tail();
    }
}

impl Drop for Claimed<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.committed < self.0.span {
            self.0.abort();
        }
    }
}
