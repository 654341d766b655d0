//! Opening, closing and recycling a mailbox (region.md R3.1.7), its readers, and what a survivor
//! does for the dead (R4).

use crate::steps::step;
use crate::sync::{AtomicU64, Ordering, full_fence, spin_loop};
use crate::sys::monotonic_ns;

use super::cells::{Mailbox, RUN_MAX, ReaderEntry, UNPINNED, VISITORS_MAX};
use super::word::{CLOSED, ClaimWord, CommitWord, DETACHED, Kind, State, Status, Tail, Take};

#[cfg(all(test, precursor_loom))]
mod loom_tests;

/// The policy word under which publishers wait for room.
pub(crate) const BLOCK_POLICY: u64 = 3;
/// The policy word under which publishers remove the oldest message.
pub(crate) const EVICTING_POLICY: u64 = 0;
/// Beside the policy: the mailbox holds requests, which are answered when it closes.
pub(crate) const REQUESTS: u64 = 1 << 8;

/// How a mailbox is to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) depth: u64,
    pub(crate) block_bytes_max: u64,
    pub(crate) policy: u64,
    /// `Latest`: topics that it keeps. 0 = not a `Latest` mailbox.
    pub(crate) keys_max: u64,
}

/// A publisher inside a mailbox, which is not recycled meanwhile. Its word names it and the topic
/// that it comes for: `topic hash:48 · owner:16`.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    word: &'a AtomicU64,
    named: u64,
}

impl Visit<'_> {
    fn name(owner: u16, topic_hash: u64) -> u64 {
        topic_hash << 16 | u64::from(owner)
    }

    pub(super) fn owner(&self) -> u16 {
        self.named as u16
    }

    pub(super) fn is_at(&self, topic_hash: u64) -> bool {
        self.named == Self::name(self.owner(), topic_hash)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.word.store(0, Ordering::Release);
    }
}

impl Mailbox<'_> {
    /// Makes a free chunk this owner's. `None`: it is not free.
    pub(crate) fn reserve(&self, owner: u16) -> Option<u32> {
        let state = &self.header.config.state;
        let seen = State(state.load(Ordering::Acquire));
        let mine = State::new(seen.generation(), Status::Opening, owner);
        (seen.status() == Status::Free
            && state.compare_exchange(seen.0, mine.0, Ordering::AcqRel, Ordering::Relaxed).is_ok())
        .then_some(seen.generation())
    }

    /// Starts the life of a reserved chunk, above every lap used before.
    pub(crate) fn open(&self, owner: u16, generation: u32, opening: &Opening) {
        let config = &self.header.config;
        let base = config.base.load(Ordering::Relaxed).max(self.geometry().capacity());
        let depth = if opening.keys_max > 0 { self.geometry().capacity() } else { opening.depth };
        config.depth.store(depth, Ordering::Relaxed);
        config.block_bytes_max.store(opening.block_bytes_max, Ordering::Relaxed);
        config.policy.store(opening.policy, Ordering::Relaxed);
        config.keys_max.store(opening.keys_max, Ordering::Relaxed);
        config.first_loss_ns.store(0, Ordering::Relaxed);
        let publishers = &self.header.publishers;
        for counter in [
            &publishers.dropped,
            &publishers.timed_out,
            &publishers.evicted_high,
            &publishers.block_bytes_in,
            &publishers.conflated,
            &publishers.empty_keys,
            &publishers.keys,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.header.readers.reported.store(0, Ordering::Relaxed);
        self.header.readers.block_bytes_out.store(0, Ordering::Relaxed);
        self.header.space.waiters.store(0, Ordering::Relaxed);
        for entry in self.readers {
            entry.pin.store(UNPINNED, Ordering::Relaxed);
        }
        self.header.readers.take.store(Take::new(base, 0).0, Ordering::Release);
        publishers.tail.store(Tail::new(base).0, Ordering::Release);
        config.state.store(State::new(generation, Status::Open, owner).0, Ordering::Release);
        step!("subscribe.mailbox_open");
    }

    /// The present state, as one word.
    pub(crate) fn state(&self) -> State {
        State(self.header.config.state.load(Ordering::Acquire))
    }

    /// Takes over what `dead` was closing. True for one of several survivors.
    pub(crate) fn take_over_close(&self, dead: u16, by: u16) -> bool {
        let seen = self.state();
        let mine = State::new(seen.generation(), Status::Closing, by);
        seen.status() == Status::Closing
            && seen.owner() == dead
            && self
                .header
                .config
                .state
                .compare_exchange(seen.0, mine.0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Gives a reserved chunk back unopened.
    pub(crate) fn abandon_reservation(&self) {
        let state = &self.header.config.state;
        let seen = State(state.load(Ordering::Acquire));
        if seen.status() == Status::Opening {
            let free = State::new(seen.generation(), Status::Free, 0);
            state.store(free.0, Ordering::Release);
        }
    }

    /// Takes a free reader entry.
    pub(crate) fn join(&self, owner: u16) -> Option<usize> {
        let joined = self.readers.iter().position(|entry| {
            let mine = 1 << 16 | u64::from(owner);
            entry.state.compare_exchange(0, mine, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        });
        step!("reader.joined");
        joined
    }

    /// Gives a reader entry back.
    pub(crate) fn leave(&self, entry: &ReaderEntry) {
        entry.pin.store(UNPINNED, Ordering::Release);
        entry.armed.store(0, Ordering::Release);
        entry.state.store(0, Ordering::Release);
        step!("reader.left");
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.readers.iter().any(|entry| entry.state.load(Ordering::Acquire) != 0)
    }

    /// No publisher gets in any more; readers still take what is there.
    pub(crate) fn flag_closed(&self) {
        self.header.publishers.tail.fetch_or(CLOSED, Ordering::AcqRel);
        step!("close.flagged");
    }

    /// Closes the mailbox because it was full under `Detach`.
    pub(crate) fn detach(&self) {
        self.header.publishers.tail.fetch_or(CLOSED | DETACHED, Ordering::AcqRel);
    }

    /// Whether the mailbox still lives the life that a route was made for.
    pub(crate) fn is_life(&self, generation: u32) -> bool {
        let state = State(self.header.config.state.load(Ordering::Acquire));
        state.generation() == generation && state.status() == Status::Open
    }

    /// Whether publishers may wait for room.
    #[inline(always)]
    pub(crate) fn may_block(&self) -> bool {
        self.header.config.policy.load(Ordering::Relaxed) & !REQUESTS == BLOCK_POLICY
    }

    /// Whether publishers move `take` to make room.
    pub(crate) fn may_evict(&self) -> bool {
        self.header.config.policy.load(Ordering::Relaxed) & !REQUESTS == EVICTING_POLICY
    }

    /// Whether the messages are requests.
    pub(crate) fn holds_requests(&self) -> bool {
        self.header.config.policy.load(Ordering::Relaxed) & REQUESTS != 0
    }

    /// Enters the key table for a topic. `None`: the life is over, or too many are inside.
    pub(crate) fn visit(&self, owner: u16, generation: u32, topic_hash: u64) -> Option<Visit<'_>> {
        let visit = self.enter(owner, topic_hash)?;
        (self.is_life(generation) && !self.is_closed()).then_some(visit)
    }

    /// Signs in: a life that is not over yet is not followed by another one meanwhile. `None`: too
    /// many are inside.
    ///
    /// The closer ends the life before it looks for visitors, a visitor signs in before it looks at
    /// the life, with a fence on both sides: one of them sees the other.
    pub(super) fn enter(&self, owner: u16, topic_hash: u64) -> Option<Visit<'_>> {
        const TURNS_MAX: u32 = 100_000;
        let named = Visit::name(owner, topic_hash);
        for turn in 0..TURNS_MAX {
            let word = &self.header.space.visitors[turn as usize % VISITORS_MAX];
            if word.compare_exchange(0, named, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                full_fence();
                return Some(Visit { word, named });
            }
            if turn as usize % VISITORS_MAX == VISITORS_MAX - 1 {
                spin_loop();
            }
        }
        None
    }

    /// Counts a message that was refused, in the life that the caller's route was made for and in
    /// no later one.
    #[cold]
    pub(crate) fn count_dropped(&self, owner: u16, generation: u32) {
        self.count(&self.header.publishers.dropped, owner, generation);
    }

    /// The same for a message whose publisher gave up waiting.
    #[cold]
    pub(crate) fn count_timed_out(&self, owner: u16, generation: u32) {
        self.count(&self.header.publishers.timed_out, owner, generation);
    }

    fn count(&self, counter: &AtomicU64, owner: u16, generation: u32) {
        // Without a place, which fourteen others hold who stopped inside, the message is counted all
        // the same: they, too, keep the life from being followed by another.
        let _visit = self.enter(owner, 0);
        if self.is_life(generation) {
            counter.fetch_add(1, Ordering::AcqRel);
            self.note_loss();
        }
    }

    /// Notes when the first message of this life was lost, for whoever asks since when. A hint, and
    /// no part of any protocol: the models leave it out.
    pub(crate) fn note_loss(&self) {
        let first = &self.header.config.first_loss_ns;
        if !cfg!(precursor_loom) && first.load(Ordering::Relaxed) == 0 {
            first.store(monotonic_ns(), Ordering::Relaxed);
        }
    }

    pub(super) fn has_visitors(&self) -> bool {
        full_fence();
        self.header.space.visitors.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// Whether somebody is inside for the topic of this hash, or for one like it.
    pub(super) fn has_visitor_at(&self, topic_hash: u64) -> bool {
        self.header.space.visitors.iter().any(|word| {
            let named = word.load(Ordering::Acquire);
            named != 0 && named >> 16 == topic_hash << 16 >> 16
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        Tail(self.header.publishers.tail.load(Ordering::Acquire)).is_closed()
    }

    /// Ends this life: routes made for it find another generation. False: it is over already.
    pub(crate) fn begin_close(&self, owner: u16) -> bool {
        let state = &self.header.config.state;
        let seen = State(state.load(Ordering::Acquire));
        let next = State::new(seen.generation().wrapping_add(1), Status::Closing, owner);
        let begun = seen.status() == Status::Open
            && state.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if begun {
            self.flag_closed();
        }
        begun
    }

    /// Drains a closing mailbox and makes the chunk free. False: a claim is unfinished; whoever
    /// looks for a chunk tries again. `discard` gets every undelivered slot.
    ///
    /// `before_free` runs when nobody can reach the chunk any more and nobody else can have it yet.
    pub(crate) fn finish_close(
        &self,
        discard: impl FnMut(CommitWord),
        before_free: impl FnOnce(),
    ) -> bool {
        if self.has_unfinished_claims() {
            return false;
        }
        self.drain(discard);
        step!("close.drained");
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
        // One publisher may still claim a run at a `tail` it read before the flag was set, and give
        // it back: the stamp lies above those laps too.
        let last = tail.position() + RUN_MAX as u64 + self.geometry().capacity();
        let stamp = self.geometry().lap(last);
        for position in last - (self.geometry().capacity() - 1)..=last {
            if !self.stamp(position, stamp) {
                return false;
            }
        }
        let config = &self.header.config;
        let base = (last / self.geometry().capacity() + 1) * self.geometry().capacity();
        config.base.store(base, Ordering::Relaxed);
        before_free();
        let state = State(config.state.load(Ordering::Acquire));
        let free = State::new(state.generation(), Status::Free, 0);
        config.state.store(free.0, Ordering::Release);
        true
    }

    fn stamp(&self, position: u64, lap: u64) -> bool {
        let word = self.claim_word(position);
        let commit = self.commit_word(position);
        let seen = ClaimWord(word.load(Ordering::Acquire));
        if !CommitWord(commit.load(Ordering::Acquire)).is_of(seen.lap()) {
            return false;
        }
        let stamped = ClaimWord::new(lap, 0, 0);
        if word.compare_exchange(seen.0, stamped.0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return false;
        }
        commit.store(CommitWord::new(lap, Kind::Empty, 0).0, Ordering::Release);
        true
    }

    /// Whether a publisher is between claim and commit.
    pub(crate) fn has_unfinished_claims(&self) -> bool {
        if self.has_visitors() {
            return true;
        }
        let capacity = self.geometry().capacity();
        (0..capacity).any(|slot| {
            let claim = ClaimWord(self.claim_word(slot).load(Ordering::Acquire));
            !CommitWord(self.commit_word(slot).load(Ordering::Acquire)).is_of(claim.lap())
        })
    }

    /// Takes everything that is left, as the last one to hold the mailbox.
    fn drain(&self, mut discard: impl FnMut(CommitWord)) {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire)).position();
        let take = Take(self.header.readers.take.load(Ordering::Acquire));
        let start = take.position_near(tail);
        for position in start..tail.min(start + self.geometry().capacity()) {
            let word = CommitWord(self.commit_word(position).load(Ordering::Acquire));
            if word.is_of(self.geometry().lap(position)) {
                discard(word);
            }
        }
        self.header.readers.take.store(Take::new(tail, take.evicted()).0, Ordering::Release);
    }

    /// Every slot that may refer to something: from the oldest pinned or untaken one to `tail`.
    pub(crate) fn for_each_reference(&self, mut visit: impl FnMut(CommitWord)) {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire)).position();
        let start = self.free_position(tail);
        for position in start..tail.saturating_add(1).min(start + self.geometry().capacity() + 1) {
            let word = CommitWord(self.commit_word(position).load(Ordering::Acquire));
            if word.is_of(self.geometry().lap(position)) {
                visit(word);
            }
        }
    }

    /// Commits what `dead` left claimed, as lost with its publisher. Returns how many slots.
    pub(crate) fn reclaim_claims(&self, dead: u16) -> u64 {
        self.help_tail_to_end();
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire)).position();
        let start = self.free_position(tail);
        let (mut reclaimed, mut run_end, mut run_owner) = (0, start, 0);
        for position in start..tail.min(start + self.geometry().capacity()) {
            let lap = self.geometry().lap(position);
            let claim = ClaimWord(self.claim_word(position).load(Ordering::Acquire));
            let owner = if claim.lap() == lap {
                (run_end, run_owner) = (position + claim.span(), claim.owner());
                claim.owner()
            } else if position < run_end {
                run_owner
            } else {
                continue;
            };
            if owner == dead && self.commit_for_the_dead(position, lap) {
                reclaimed += 1;
            }
        }
        reclaimed
    }

    fn commit_for_the_dead(&self, position: u64, lap: u64) -> bool {
        let word = self.commit_word(position);
        let seen = CommitWord(word.load(Ordering::Acquire));
        let dead = CommitWord::new(lap, Kind::Dead, 0);
        // A follower of a run whose owner died before naming it gets its claim word too, so that
        // claim and commit agree again.
        let claim = self.claim_word(position);
        let named = ClaimWord(claim.load(Ordering::Acquire));
        if named.lap() != lap {
            let _ = claim.compare_exchange(
                named.0,
                ClaimWord::new(lap, 1, 0).0,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
        !seen.is_of(lap)
            && word.compare_exchange(seen.0, dead.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Moves `tail` over claims whose owners did not come to it.
    fn help_tail_to_end(&self) {
        for _ in 0..self.geometry().capacity() {
            let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
            let claim = ClaimWord(self.claim_word(tail.position()).load(Ordering::Acquire));
            if claim.lap() != self.geometry().lap(tail.position()) || claim.span() == 0 {
                return;
            }
            let next = tail.advanced(claim.span());
            let _ = self.header.publishers.tail.compare_exchange(
                tail.0,
                next.0,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
    }

    /// The readers of `dead` that pin a slot: its position, and the mailbox as that reader's alone.
    pub(crate) fn readers_of(&self, dead: u16) -> impl Iterator<Item = (u64, Self)> {
        self.readers.iter().filter(move |entry| is_reader_of(entry, dead)).filter_map(|entry| {
            let position = entry.pin.load(Ordering::Acquire);
            let mut alone = *self;
            alone.readers = core::slice::from_ref(entry);
            (position != UNPINNED).then_some((position, alone))
        })
    }

    /// Whether the slot of a position holds what was published there, and is claimed for no later lap.
    pub(crate) fn is_claimed_for(&self, position: u64) -> bool {
        let claim = ClaimWord(self.claim_word(position).load(Ordering::Acquire));
        claim.lap() == self.geometry().lap(position)
    }

    /// Waits until only readers of `dead` pin a position. False: another one has not moved within
    /// the bound.
    #[cfg(not(precursor_loom))]
    pub(crate) fn wait_for_other_pins(&self, position: u64, dead: u16) -> bool {
        const TURNS_MAX: u32 = 10_000;
        (0..TURNS_MAX).any(|turn| {
            if turn > 0 {
                std::thread::yield_now();
            }
            !self.readers.iter().any(|entry| {
                entry.pin.load(Ordering::Acquire) == position && !is_reader_of(entry, dead)
            })
        })
    }

    /// Frees the reader entries of `dead`, and its places in the key table. Returns how many.
    pub(crate) fn reclaim_readers(&self, dead: u16) -> usize {
        for word in &self.header.space.visitors {
            let named = word.load(Ordering::Acquire);
            if named as u16 == dead {
                let _ = word.compare_exchange(named, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
        let theirs = self.readers.iter().filter(|entry| is_reader_of(entry, dead));
        theirs.map(|entry| self.leave(entry)).count()
    }
}

fn is_reader_of(entry: &ReaderEntry, owner: u16) -> bool {
    let state = entry.state.load(Ordering::Acquire);
    state != 0 && (state & 0xFFFF) as u16 == owner
}
