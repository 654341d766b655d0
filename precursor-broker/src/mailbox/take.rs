//! The reader's side: take, read, release (region.md R3.1.4), and eviction (R3.1.5).
#![allow(unsafe_code, reason = "reads the cells it has taken")]

use crate::steps::step;
use crate::sync::{Ordering, full_fence};

use super::cells::{INLINE_BYTES, Mailbox, ReaderEntry, UNPINNED};
use super::word::{CommitWord, EVICTED_BITS, Kind, Tail, Take};

/// What a reader keeps for itself: where it has been and what it has been told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderCursor {
    /// A full position that `take` has reached.
    position: u64,
    /// `dropped` as far as this reader's messages have shown it.
    dropped: u64,
    evicted_high: u64,
    evicted_low: u64,
    /// Losses when this reader last reported.
    told: u64,
    /// Nobody else moves `take`: there is one reader, and publishers do not evict.
    is_alone: bool,
}

/// A run of messages that a reader has taken. The slots are its own until it releases them;
/// forgotten, they stay pinned.
#[derive(Debug)]
#[must_use = "taken slots stay pinned until they are released"]
pub(crate) struct Taken<'c, 'm> {
    mailbox: &'m Mailbox<'m>,
    entry: &'m ReaderEntry,
    /// Borrowed for as long as the pin stands: one reader holds one run.
    cursor: &'c mut ReaderCursor,
    start: u64,
    count: u32,
    is_plain: bool,
}

/// Committed slots in front of a reader: first those without a message, then messages.
struct Run {
    skipped: u64,
    dead: u64,
    count: u32,
    /// Every message lies in its slot and nothing was lost before any of them.
    is_plain: bool,
}

impl ReaderCursor {
    pub(crate) fn new(mailbox: &Mailbox<'_>) -> Self {
        let take = Take(mailbox.header.readers.take.load(Ordering::Acquire));
        let tail = Tail(mailbox.header.publishers.tail.load(Ordering::Acquire));
        let position = take.position_near(tail.position());
        let is_alone = mailbox.readers.len() == 1 && !mailbox.may_evict();
        Self { position, dropped: 0, evicted_high: 0, evicted_low: 0, told: 0, is_alone }
    }

    fn lost(&self) -> u64 {
        (self.evicted_high << EVICTED_BITS)
            .wrapping_add(self.evicted_low)
            .wrapping_add(self.dropped)
    }
}

impl<'m> Mailbox<'m> {
    /// Whether a slot is ready for the reader at `cursor`.
    #[inline(always)]
    pub(crate) fn is_ready(&self, cursor: &ReaderCursor) -> bool {
        let take = Take(self.header.readers.take.load(Ordering::Relaxed));
        self.committed_at(take.position_after(cursor.position)).is_some()
    }

    #[inline(always)]
    fn committed_at(&self, position: u64) -> Option<CommitWord> {
        let word = CommitWord(self.commit_word(position).load(Ordering::Acquire));
        (word.is_of(self.geometry().lap(position)) && word.kind() != Kind::Empty).then_some(word)
    }

    #[inline(always)]
    fn run_at(&self, start: u64, max: u32) -> Run {
        let count = self.plain_at(start, max);
        if count == max || self.committed_at(start + u64::from(count)).is_none() {
            return Run { skipped: 0, dead: 0, count, is_plain: true };
        }
        self.mixed_at(start, max)
    }

    /// Messages in a row that are all frames in their slots. Within a lap their words are equal.
    #[inline(always)]
    fn plain_at(&self, start: u64, max: u32) -> u32 {
        let end = start + u64::from(max);
        let mut position = start;
        while position < end {
            let word = CommitWord::new(self.geometry().lap(position), Kind::Inline, 0);
            let lap_end = end.min(position + self.geometry().left_in_lap(position));
            while position < lap_end {
                if self.commit_word(position).load(Ordering::Acquire) != word.0 {
                    return (position - start) as u32;
                }
                position += 1;
            }
        }
        max
    }

    #[inline(never)]
    fn mixed_at(&self, start: u64, max: u32) -> Run {
        let mut run = Run { skipped: 0, dead: 0, count: 0, is_plain: false };
        while run.count < max {
            let position = start + run.skipped + u64::from(run.count);
            match self.committed_at(position).map(CommitWord::kind) {
                None => break,
                Some(Kind::Aborted | Kind::Dead) if run.count > 0 => break,
                Some(kind @ (Kind::Aborted | Kind::Dead)) => {
                    run.skipped += 1;
                    run.dead += u64::from(kind == Kind::Dead);
                    if run.skipped >= self.geometry().capacity() {
                        break;
                    }
                }
                Some(_) => run.count += 1,
            }
        }
        run
    }

    /// Takes up to `max` committed messages in a row.
    #[inline(always)]
    pub(crate) fn take<'c>(
        &'m self,
        entry: &'m ReaderEntry,
        cursor: &'c mut ReaderCursor,
        max: u32,
    ) -> Option<Taken<'c, 'm>> {
        loop {
            let take = Take(self.header.readers.take.load(Ordering::Acquire));
            let position = take.position_after(cursor.position);
            let run = self.run_at(position, max);
            let start = position + run.skipped;
            if run.count == 0 && run.skipped == 0 {
                return None;
            }
            // The first message's lines come while the rest of this is done.
            #[cfg(not(precursor_loom))]
            if run.is_plain {
                self.prefetch_cell(start);
            }
            // The pin comes before the take (Release): see `free_position`.
            entry.pin.store(start, Ordering::Relaxed);
            step!("take.pinned");
            let next = take.taken(run.skipped + u64::from(run.count)).losing(run.dead);
            // Read before the exchange: if that succeeds, no eviction came in between.
            let evicted = self.evicted_seen(cursor, take);
            let is_mine = cursor.is_alone && run.skipped == 0;
            if is_mine {
                // Release, after the pin: as the exchange in `move_take`.
                self.header.readers.take.store(next.0, Ordering::Release);
            }
            if is_mine || self.move_take(take, next, run.dead) {
                step!("take.taken");
                cursor.position = start;
                (cursor.evicted_high, cursor.evicted_low) = evicted;
                self.note_dead(cursor, run.dead);
                if run.count > 0 {
                    let Run { count, is_plain, .. } = run;
                    return Some(Taken { mailbox: self, entry, cursor, start, count, is_plain });
                }
            }
            entry.pin.store(UNPINNED, Ordering::Release);
        }
    }

    #[inline(always)]
    fn move_take(&self, from: Take, to: Take, lost: u64) -> bool {
        let take = &self.header.readers.take;
        let moved =
            take.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if moved && lost > 0 && from.wraps_when_losing(lost) {
            self.header.publishers.evicted_high.fetch_add(1, Ordering::AcqRel);
        }
        moved
    }

    /// High and low part of the evictions that `take` shows.
    #[inline(always)]
    fn evicted_seen(&self, cursor: &ReaderCursor, take: Take) -> (u64, u64) {
        let low = take.evicted();
        if low == cursor.evicted_low {
            return (cursor.evicted_high, low);
        }
        // If the low part wrapped, the evictor that did it may not have counted it yet.
        let wrapped = u64::from(low < cursor.evicted_low);
        let high = self.header.publishers.evicted_high.load(Ordering::Acquire);
        (high.max(cursor.evicted_high.wrapping_add(wrapped)), low)
    }

    fn note_dead(&self, cursor: &mut ReaderCursor, dead: u64) {
        let low = cursor.evicted_low.wrapping_add(dead);
        cursor.evicted_high += low >> EVICTED_BITS;
        cursor.evicted_low = low & ((1 << EVICTED_BITS) - 1);
    }

    /// Losses not told to any reader yet, up to the message at the cursor.
    #[inline(always)]
    pub(crate) fn report_losses(&self, cursor: &mut ReaderCursor) -> u64 {
        let lost = cursor.lost();
        if lost <= cursor.told {
            return 0;
        }
        cursor.told = lost;
        let reported = self.header.readers.reported.fetch_max(lost, Ordering::AcqRel);
        lost.saturating_sub(reported)
    }

    /// Losses up to now, for a reader that finds nothing more to take.
    pub(crate) fn report_remaining_losses(&self, cursor: &mut ReaderCursor) -> u64 {
        let take = &self.header.readers.take;
        let seen = Take(take.load(Ordering::Acquire));
        let evicted = self.evicted_seen(cursor, seen);
        if take.load(Ordering::Acquire) == seen.0 {
            (cursor.evicted_high, cursor.evicted_low) = evicted;
        }
        cursor.dropped = cursor.dropped.max(self.header.publishers.dropped.load(Ordering::Acquire));
        self.report_losses(cursor)
    }

    /// Removes the oldest untaken message if that makes room for position `wanted`. The caller then
    /// owns what the slot referred to; `peek` looks at that while the slot still names it.
    pub(crate) fn evict<T>(
        &self,
        wanted: u64,
        (owner, generation): (u16, u32),
        peek: impl FnOnce(CommitWord) -> T,
    ) -> Option<(CommitWord, T)> {
        let take = Take(self.header.readers.take.load(Ordering::Acquire));
        // A later life has another `take`, so a life that ends behind this look fails the exchange.
        if !self.is_life(generation) {
            return None;
        }
        let position = take.position_near(wanted);
        if self.free_position(wanted) != position {
            return None;
        }
        let word = self.committed_at(position)?;
        let lost = u64::from(word.kind() != Kind::Aborted);
        let seen = peek(word);
        // What wraps is counted in another word, in this life and in no later one.
        let visit = take.wraps_when_losing(lost).then(|| self.enter(owner, 0));
        if visit.is_some() && !self.is_life(generation) {
            return None;
        }
        if !self.move_take(take, take.taken(1).losing(lost), lost) {
            return None;
        }
        drop(visit);
        step!("evict.taken");
        Some((word, seen))
    }

    /// Visits what the readers of `dead` had taken and not released. It is the survivor's to read:
    /// the pins still stand.
    #[cfg(not(precursor_loom))]
    pub(crate) fn for_each_pinned_by(
        &self,
        dead: u16,
        mut visit: impl FnMut(CommitWord, &[u8; INLINE_BYTES]),
    ) {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
        let take = Take(self.header.readers.take.load(Ordering::Acquire));
        let end = take.position_near(tail.position());
        for entry in self.readers {
            let state = entry.state.load(Ordering::Acquire);
            let pin = entry.pin.load(Ordering::Acquire);
            let is_theirs = state != 0 && (state & 0xFFFF) as u16 == dead && pin != UNPINNED;
            // Another member may have taken what lies between; one request was all that this one had.
            for position in (pin..end).take(usize::from(is_theirs)) {
                if let Some(word) = self.committed_at(position) {
                    // SAFETY: the dead reader's pin covers the position and was not cleared.
                    visit(word, unsafe { self.cell(position) });
                }
            }
        }
    }

    /// Messages not taken yet, claimed ones included.
    pub(crate) fn queued(&self) -> u64 {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
        let take = Take(self.header.readers.take.load(Ordering::Acquire));
        tail.position().saturating_sub(take.position_near(tail.position()))
    }
}

/// By value: a reference to a field, even in a panic's text, would keep the run in memory.
#[cold]
#[inline(never)]
#[allow(clippy::panic, reason = "an index that the run does not have")]
fn beyond(index: u32, count: u32) -> ! {
    panic!("message {index} of a run of {count}")
}

impl<'m> Taken<'_, 'm> {
    /// Messages in the run.
    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether all messages are frames in their slots and nothing was lost between them.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// What the slot of message `index` holds, and the losses before it that no reader was told.
    #[inline(always)]
    pub(crate) fn entry(&mut self, index: u32) -> (CommitWord, u64) {
        let position = self.position(index);
        let word = CommitWord(self.mailbox.commit_word(position).load(Ordering::Relaxed));
        if word.is_marked_lost() {
            let dropped = self.mailbox.lost_word(position).load(Ordering::Relaxed);
            self.cursor.dropped = self.cursor.dropped.max(dropped);
        }
        (word, self.mailbox.report_losses(self.cursor))
    }

    /// Losses before the first message that no reader was told, and what `dropped` stood at for
    /// this reader then. Counts the whole run's losses as told: [`Self::lost_since`] tells them.
    #[inline(always)]
    pub(crate) fn report_losses(&mut self) -> (u64, u64) {
        if self.is_plain {
            return (self.mailbox.report_losses(self.cursor), self.cursor.dropped);
        }
        let (_, lost) = self.entry(0);
        let dropped = self.cursor.dropped;
        if self.count > 1 && self.word(self.count - 1).is_marked_lost() {
            self.report_run();
        }
        (lost, dropped)
    }

    #[cold]
    fn report_run(&mut self) {
        for index in 1..self.count {
            let _ = self.entry(index);
        }
    }

    /// Losses between message `index - 1` and message `index`, given the `dropped` that was shown
    /// before; updates it. Snapshots of different publishers may cross: what goes back is no loss.
    #[inline(always)]
    pub(crate) fn lost_since(&self, index: u32, dropped: &mut u64) -> u64 {
        if !self.word(index).is_marked_lost() {
            return 0;
        }
        let refused = self.mailbox.lost_word(self.position(index)).load(Ordering::Relaxed);
        let lost = refused.saturating_sub(*dropped);
        *dropped += lost;
        lost
    }

    pub(crate) fn mailbox(&self) -> &'m Mailbox<'m> {
        self.mailbox
    }

    /// What the slot of message `index` holds.
    #[inline(always)]
    pub(crate) fn word(&self, index: u32) -> CommitWord {
        CommitWord(self.mailbox.commit_word(self.position(index)).load(Ordering::Relaxed))
    }

    /// The cell of message `index`.
    #[cfg(precursor_loom)]
    pub(crate) fn read<R>(&self, index: u32, f: impl FnOnce(&[u8; INLINE_BYTES]) -> R) -> R {
        let position = self.position(index);
        // SAFETY: the position lies in a run that this reader took and has not released.
        unsafe { self.mailbox.read_cell(position, f) }
    }

    /// The cell of message `index`, for as long as the run is held.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) fn cell(&self, index: u32) -> &[u8; INLINE_BYTES] {
        let position = self.position(index);
        // SAFETY: the position lies in a run that this reader took, and the borrow of `self` keeps
        // the run from being released.
        unsafe { self.mailbox.cell(position) }
    }

    /// Asks for the lines of message `index`, which the reader comes to soon: they lie in the
    /// publisher's cache.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) fn prefetch(&self, index: u32) {
        if index < self.count {
            self.mailbox.prefetch_cell(self.position(index));
        }
    }

    #[inline(always)]
    fn position(&self, index: u32) -> u64 {
        let count = self.count;
        if index >= count {
            beyond(index, count);
        }
        self.start + u64::from(index)
    }

    /// Ends the hold. True: publishers wait for room and want waking.
    ///
    /// `may_block` says that publishers may wait at this mailbox. The fence orders the pin before
    /// the look at their flag; its partner stands in `wait_for_room`.
    #[inline(always)]
    pub(crate) fn release(self, may_block: bool) -> bool {
        self.entry.pin.store(UNPINNED, Ordering::Release);
        if !may_block {
            return false;
        }
        full_fence();
        self.mailbox.header.space.waiters.load(Ordering::Relaxed) != 0
    }
}
