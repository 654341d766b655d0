//! Blocks of whole segments (R3.2): each has a run of neighbouring segments to itself.
//!
//! A freed one keeps its run, so that the next block of its length is one probe of its word. What
//! waits so is given back before anything else is claimed in its place.

use super::alloc::{Allocated, ROUNDS_MAX, Try};
use super::blocks::{BlockId, BlockTable};
use super::error::AllocError;
use super::hint::AllocHint;
use super::segments::{From, Run};
use super::words::{BlockState, BlockWord, SegmentState, SegmentWord};
use crate::steps::step;

/// A waiting run serves a block if at most this part of it stays unused.
const UNUSED_SHARE: usize = 4;

impl BlockTable<'_> {
    /// Takes a block of at least `bytes` bytes, which no slab holds.
    #[cold]
    pub(super) fn take_large(
        &self,
        owner: u16,
        bytes: usize,
        hint: &AllocHint,
    ) -> Result<Allocated, AllocError> {
        let max = self.geometry.block_bytes_max;
        if bytes > max {
            return Err(AllocError::TooLarge { requested: bytes, max });
        }
        let length = bytes.div_ceil(self.geometry.segment_bytes);
        let taken = match self.take_waiting(length, owner, hint.run_end()) {
            Some(taken) => taken,
            None => self.begin_run(length, owner, bytes)?,
        };
        let head = self.geometry.segment_of(taken.block.id.index());
        hint.set_run_end(head + taken.bytes / self.geometry.segment_bytes);
        Ok(taken)
    }

    /// Takes the block of a run that waits: the one taken last if it is free again, else the first
    /// of those below it, else the first from the top.
    fn take_waiting(&self, length: usize, owner: u16, last_end: usize) -> Option<Allocated> {
        self.runs_below(last_end)
            .chain(self.runs_below(self.segments.len()))
            .filter(|(_, word)| {
                let unused = (word.value() as usize).checked_sub(length);
                word.is(SegmentState::Large)
                    && unused.is_some_and(|unused| unused <= length / UNUSED_SHARE)
            })
            .find_map(|(head, word)| {
                let bytes = word.value() as usize * self.geometry.segment_bytes;
                match self.take_block(self.first_block(head), bytes, head, word, owner) {
                    Try::Taken(taken) => Some(taken),
                    Try::InUse | Try::Gone => None,
                }
            })
    }

    /// The runs that lie below segment `end` without a gap: their heads, from the top.
    fn runs_below(&self, mut end: usize) -> impl Iterator<Item = (usize, SegmentWord)> {
        core::iter::from_fn(move || {
            let last = end.checked_sub(1)?;
            let word = self.segments.load(last);
            end = match word.state() {
                SegmentState::Large => last,
                SegmentState::Tail => last.checked_sub(word.value() as usize)?,
                _ => return None,
            };
            Some((end, self.segments.load(end)))
        })
    }

    /// Claims a run and makes it a block.
    fn begin_run(&self, length: usize, owner: u16, bytes: usize) -> Result<Allocated, AllocError> {
        self.collect_runs(owner);
        let Some(run) = self.claim_run(length, owner) else { return Err(self.full(bytes)) };
        if !run.resident
            && let Err(error) = self.memory.commit(run.head, length)
        {
            self.segments.release_run(run.head, self.segments.load(run.head));
            return Err(AllocError::commit(bytes, &error));
        }
        let block = self.own_first(run.head, owner, length * self.geometry.segment_bytes);
        self.segments.publish_run(run, SegmentState::Large, length as u32);
        Ok(block)
    }

    /// A run from the top, if need be after unused slabs are given back.
    fn claim_run(&self, length: usize, owner: u16) -> Option<Run> {
        for _ in 0..ROUNDS_MAX {
            let run = self.segments.claim_run(length, owner, From::Top);
            if run.is_some() || self.collect(owner) == 0 {
                return run;
            }
        }
        None
    }

    /// Makes the runs that wait free segments; returns how many runs. Their memory stays.
    pub(super) fn collect_runs(&self, by: u16) -> usize {
        self.segments
            .heads()
            .filter(|(_, word)| word.is(SegmentState::Large))
            .filter(|(head, word)| {
                let block = self.first_block(*head);
                let seen = self.load(block);
                // In the hands of the collector nobody takes the block, and a death in the middle
                // leaves an owner behind.
                let held = seen.with(BlockState::Owned, by, 0);
                let is_mine = seen.state() == BlockState::Free && self.change(block, seen, held);
                is_mine && self.give_back_run(block, held, *head, *word, by)
            })
            .count()
    }

    /// Frees the segments of a block that the caller owns; `false` if they were others' by then.
    fn give_back_run(
        &self,
        block: BlockId,
        held: BlockWord,
        head: usize,
        seen: SegmentWord,
        by: u16,
    ) -> bool {
        step!("run.held");
        let moving = seen.with(SegmentState::RunMoving, seen.value(), by);
        if !self.segments.change(head, seen, moving) {
            self.store(block, held.with(BlockState::Free, 0, 0));
            return false;
        }
        step!("run.moving");
        self.store(block, held.with(BlockState::Retired, 0, 0));
        self.segments.release_run(head, moving);
        true
    }
}
