//! Fixed slots: a claim names its owner in the slot, the tail is helped along.
//!
//! Per slot `claim {lap:40 | span:8 | owner:16}` and `commit {lap:40 | kind:3 | block:21}`; a slot
//! whose claim carries this lap and whose commit does not is one dead or running producer's.

use std::sync::atomic::{AtomicU64, Ordering::*};

use crate::mailbox::{FRAME_LINES, Mailbox, PAYLOAD, Producer, read_frame, write_frame};
use crate::memory::{Cells, LINE, Lone, Words, prefetch_write};

/// Where the two control words of a slot lie.
pub(crate) mod control {
    /// Claims and commits in two arrays, eight to a line.
    pub(crate) const PACKED: u8 = 0;
    /// Claims eight to a line, each commit on a line of its own.
    pub(crate) const STRIDED: u8 = 1;
    /// Claim and commit of a slot together on a line of their own.
    pub(crate) const PAIRED: u8 = 2;
    /// Claim and commit in the first 16 bytes of the slot, before the frame.
    pub(crate) const INLINE: u8 = 3;
    /// Claims eight to a line; commits eight to a line, neighbours on different lines.
    pub(crate) const SPREAD: u8 = 4;
}

const NOTIFY: u64 = 1;
const POSITION: u32 = 8;
const NOTHING_PINNED: u64 = u64::MAX;
const COMMITTED_INLINE: u64 = 1 << 21;

/// `AHEAD`: slots that a publish asks for in advance, 0 for none; `AHEAD_CONTROL`: control words
/// too; `CACHED`: whether a producer remembers the last free position it read.
pub(crate) struct Fixed<
    const SLOT: usize,
    const CONTROL: u8,
    const AHEAD: u64,
    const AHEAD_CONTROL: bool,
    const CACHED: bool,
> {
    tail: Lone,
    take: Lone,
    pin: Lone,
    shift: u32,
    claim: Words,
    commit: Words,
    cells: Cells,
}

impl<const SLOT: usize, const CONTROL: u8, const AHEAD: u64, const PC: bool, const CACHED: bool>
    Fixed<SLOT, CONTROL, AHEAD, PC, CACHED>
{
    #[inline]
    fn slot(&self, position: u64) -> usize {
        (position & ((1 << self.shift) - 1)) as usize
    }

    #[inline]
    fn lap(&self, position: u64) -> u64 {
        // The first lap is 1, so that zeroed memory belongs to none.
        (position >> self.shift) + 1
    }

    #[inline]
    fn claim(&self, position: u64) -> &AtomicU64 {
        let slot = self.slot(position);
        match CONTROL {
            control::PAIRED => self.claim.at(slot * 8),
            // SAFETY: the first word of the slot is only ever used as this atomic; aligned to 64.
            control::INLINE => unsafe { AtomicU64::from_ptr(self.cells.at(slot * SLOT).cast()) },
            _ => self.claim.at(slot),
        }
    }

    #[inline]
    fn commit(&self, position: u64) -> &AtomicU64 {
        let slot = self.slot(position);
        match CONTROL {
            control::STRIDED => self.commit.at(slot * 8),
            control::PAIRED => self.claim.at(slot * 8 + 1),
            // SAFETY: the second word of the slot is only ever used as this atomic.
            control::INLINE => unsafe {
                AtomicU64::from_ptr(self.cells.at(slot * SLOT + 8).cast())
            },
            control::SPREAD => {
                let line_count = 1 << (self.shift - 3);
                self.commit.at((slot & (line_count - 1)) * 8 + (slot >> (self.shift - 3)))
            }
            _ => self.commit.at(slot),
        }
    }

    #[inline]
    fn frame(&self, position: u64) -> *mut u8 {
        let skip = if CONTROL == control::INLINE { 16 } else { 0 };
        self.cells.at(self.slot(position) * SLOT + skip)
    }

    #[inline]
    fn has_room(&self, producer: &mut Producer, position: u64, count: u64) -> bool {
        let depth = 1 << self.shift;
        if CACHED && (position + count).saturating_sub(producer.free) <= depth {
            return true;
        }
        // `take` first: the reader pins before it takes, so whoever sees the taken position also
        // sees the pin (or a later one).
        let take = self.take.0.load(Acquire) >> 24;
        producer.free = self.pin.0.load(Acquire).min(take);
        (position + count).saturating_sub(producer.free) <= depth
    }

    /// Claims `span` slots and returns the first position.
    #[inline]
    fn claim_run(&self, producer: &mut Producer, span: u64) -> Option<u64> {
        loop {
            let tail = self.tail.0.load(Acquire);
            let position = tail >> POSITION;
            if !self.has_room(producer, position, span) {
                return None;
            }
            let lap = self.lap(position);
            let word = self.claim(position);
            let seen = word.load(Acquire);
            if seen >> 24 < lap {
                let mine = lap << 24 | span << 16 | producer.owner;
                if word.compare_exchange(seen, mine, AcqRel, Acquire).is_ok() {
                    return Some(position);
                }
            } else if seen >> 24 == lap {
                let helped = (position + (seen >> 16 & 0xff)) << POSITION | tail & 0xff;
                let _ = self.tail.0.compare_exchange(tail, helped, AcqRel, Relaxed);
            }
        }
    }

    #[inline]
    fn fill(&self, position: u64, payload: &[u8]) {
        // SAFETY: the claim names this producer, and the slot was free.
        unsafe { write_frame(self.frame(position), position, payload) };
        self.commit(position).store(self.lap(position) << 24 | COMMITTED_INLINE, Release);
    }

    /// Moves the tail past a committed run; returns whether a wake is due.
    #[inline]
    fn advance(&self, position: u64, span: u64) -> bool {
        let mut tail = position << POSITION;
        loop {
            let moved = (position + span) << POSITION;
            match self.tail.0.compare_exchange(tail, moved, AcqRel, Acquire) {
                Ok(before) => return before & NOTIFY != 0,
                Err(now) if now >> POSITION == position => tail = now,
                Err(_) => return self.tail.0.fetch_and(!NOTIFY, AcqRel) & NOTIFY != 0,
            }
        }
    }

    #[inline]
    fn prefetch(&self, position: u64) {
        if AHEAD == 0 {
            return;
        }
        let frame = self.frame(position + AHEAD);
        for line in 0..FRAME_LINES {
            prefetch_write(frame.wrapping_add(line * LINE));
        }
        if PC {
            prefetch_write((&raw const *self.commit(position + AHEAD)).cast());
            prefetch_write((&raw const *self.claim(position + AHEAD)).cast());
        }
    }
}

impl<const SLOT: usize, const CONTROL: u8, const AHEAD: u64, const PC: bool, const CACHED: bool>
    Mailbox for Fixed<SLOT, CONTROL, AHEAD, PC, CACHED>
{
    fn with_depth(messages: usize) -> Self {
        assert!(messages.is_power_of_two() && messages >= 64);
        Self {
            tail: Lone::default(),
            take: Lone::default(),
            pin: Lone(AtomicU64::new(NOTHING_PINNED)),
            shift: messages.trailing_zeros(),
            claim: Words::new(if CONTROL == control::PAIRED { messages * 8 } else { messages }),
            commit: Words::new(if CONTROL == control::STRIDED { messages * 8 } else { messages }),
            cells: Cells::new(messages * SLOT),
        }
    }

    #[inline]
    fn publish(&self, producer: &mut Producer, payload: &[u8]) -> Option<bool> {
        let position = self.claim_run(producer, 1)?;
        self.fill(position, payload);
        let wake = self.advance(position, 1);
        self.prefetch(position);
        Some(wake)
    }

    #[inline]
    fn publish_many(&self, producer: &mut Producer, payloads: &[[u8; PAYLOAD]]) -> Option<bool> {
        let span = payloads.len() as u64;
        let first = self.claim_run(producer, span)?;
        for (position, payload) in (first..).zip(payloads) {
            self.fill(position, payload);
            self.prefetch(position);
        }
        Some(self.advance(first, span))
    }

    #[inline]
    fn poll(&self, next: &mut u64, max: u64, read: &mut impl FnMut(&[u8])) -> u64 {
        let first = *next;
        let is_committed = |at: u64| self.commit(at).load(Acquire) >> 24 == self.lap(at);
        let run = (first..first + max).take_while(|&at| is_committed(at)).count() as u64;
        if run == 0 {
            return 0;
        }
        self.pin.0.store(first, Relaxed);
        // Release on success orders the pin before the take, for `has_room`.
        let taken = self.take.0.compare_exchange(first << 24, (first + run) << 24, AcqRel, Acquire);
        assert!(taken.is_ok(), "nobody evicts here");
        for at in first..first + run {
            // SAFETY: committed in this lap and pinned, so no producer reuses the slot.
            read(unsafe { read_frame(self.frame(at), at) });
        }
        self.pin.0.store(NOTHING_PINNED, Release);
        *next = first + run;
        run
    }
}
