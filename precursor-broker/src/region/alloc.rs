//! Taking blocks of slabs: the one whose turn it is, else a search, else a new slab (R3.2).

use super::blocks::{BlockId, BlockRef, BlockTable};
use super::classes::Class;
use super::error::AllocError;
use super::hint::{AllocHint, Window};
use super::words::{BlockState, SegmentState, SegmentWord};
use crate::sync::Ordering;

/// Classes with fewer blocks in a slab than this go round several slabs.
const ROTATING_SLOTS: usize = 16;
/// Slabs that such a class goes round: 4 MiB, more than a core's own caches hold.
const ROTATING_SLABS: usize = 16;
/// Rounds of claiming a segment and giving unused ones back before an allocation is refused.
pub(super) const ROUNDS_MAX: usize = 4;

/// A block that was taken out of the free ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocated {
    pub(crate) block: BlockRef,
    /// How many it holds.
    pub(crate) bytes: usize,
}

/// What came of one try at one block.
pub(super) enum Try {
    Taken(Allocated),
    /// Somebody uses it.
    InUse,
    /// Its segment is not what it was.
    Gone,
}

impl BlockTable<'_> {
    /// Takes a block of at least `bytes` bytes for `owner`, state `Owned`.
    #[inline(always)]
    pub(crate) fn take(
        &self,
        owner: u16,
        bytes: usize,
        hint: &AllocHint,
    ) -> Result<Allocated, AllocError> {
        let Some(index) = self.geometry.class_for(bytes) else {
            return self.take_large(owner, bytes, hint);
        };
        match self.take_next(index, owner, hint) {
            Some(taken) => Ok(taken),
            None => self.take_in_window(owner, bytes, index, hint),
        }
    }

    /// As [`Self::take`], for those who need no more than the block's name.
    #[cfg(test)]
    pub(crate) fn alloc(
        &self,
        owner: u16,
        bytes: usize,
        hint: &AllocHint,
    ) -> Result<BlockId, AllocError> {
        self.take(owner, bytes, hint).map(|taken| taken.block.id)
    }

    /// Takes the block whose turn it is, if that is free.
    #[inline(always)]
    fn take_next(&self, index: u32, owner: u16, hint: &AllocHint) -> Option<Allocated> {
        let class = self.geometry.class(index)?;
        let next = hint.next(index, class)?;
        if class.slots < ROTATING_SLOTS && next.begins_turn {
            return None;
        }
        let segment = self.segments.load(next.segment);
        if !segment.is_slab_of(index) {
            return None;
        }
        match self.take_slot(next.segment, segment, next.slot, class, owner) {
            Try::Taken(taken) => {
                hint.advance(index, next.behind);
                Some(taken)
            }
            Try::InUse | Try::Gone => None,
        }
    }

    /// Looks through the hint's segment, then through all others.
    #[inline(never)]
    fn take_in_window(
        &self,
        owner: u16,
        bytes: usize,
        index: u32,
        hint: &AllocHint,
    ) -> Result<Allocated, AllocError> {
        if let Some(class) = self.geometry.class(index)
            && let Some(window) = hint.load(index, class)
            && !(class.slots < ROTATING_SLOTS && window.is_at_its_start())
            && let Some(taken) = self.take_in(window, index, class, owner, hint)
        {
            return Ok(taken);
        }
        self.alloc_slow(owner, bytes, index, hint)
    }

    /// Looks for a free block in one segment, from the window on.
    #[inline]
    fn take_in(
        &self,
        window: Window,
        index: u32,
        class: &Class,
        owner: u16,
        hint: &AllocHint,
    ) -> Option<Allocated> {
        let segment = self.segments.load(window.segment);
        if !segment.is_slab_of(index) {
            return None;
        }
        let mut attempt = 0;
        while let Some((slot, next)) = window.candidate(attempt, class.slots) {
            match self.take_slot(window.segment, segment, slot, class, owner) {
                Try::Taken(taken) => {
                    hint.store(index, next);
                    return Some(taken);
                }
                Try::Gone => return None,
                Try::InUse => attempt += 1,
            }
        }
        None
    }

    /// One try at one block of a slab, whose word was `seen`.
    #[inline(always)]
    fn take_slot(
        &self,
        segment: usize,
        seen: SegmentWord,
        slot: usize,
        class: &Class,
        owner: u16,
    ) -> Try {
        let first = segment * self.geometry.granules_per_segment;
        let id = BlockId((first + slot * class.granules) as u32);
        self.take_block(id, class.bytes, segment, seen, owner)
    }

    /// One try at one block of a segment whose word was `seen`: `Free` → `Owned`.
    #[inline(always)]
    pub(super) fn take_block(
        &self,
        id: BlockId,
        bytes: usize,
        segment: usize,
        seen: SegmentWord,
        owner: u16,
    ) -> Try {
        let free = self.load(id);
        let taken = free.taken(owner);
        if free.state() != BlockState::Free || !self.change(id, free, taken) {
            return Try::InUse;
        }
        // From here on the segment cannot be retired. If it was retired and claimed again before,
        // the take read a word written after that, so this load shows it too.
        if self.segments.load(segment) != seen {
            self.store(id, taken.with(BlockState::Free, 0, 0));
            return Try::Gone;
        }
        let block = BlockRef { id, generation: taken.generation() };
        Try::Taken(Allocated { block, bytes })
    }

    #[cold]
    fn alloc_slow(
        &self,
        owner: u16,
        bytes: usize,
        index: u32,
        hint: &AllocHint,
    ) -> Result<Allocated, AllocError> {
        let Some(class) = self.geometry.class(index) else { return Err(self.full(bytes)) };
        let behind = hint.load(index, class).map_or(0, |window| window.segment + 1);
        let take =
            |segment| self.take_in(hint.window_in(segment, class), index, class, owner, hint);
        let mut may_grow = class.slots < ROTATING_SLOTS;
        for _ in 0..ROUNDS_MAX {
            if let Some(taken) = self.slabs_from(behind, index).find_map(take) {
                return Ok(taken);
            }
            // Large blocks go round: the one freed last still lies in its reader's cache.
            if may_grow
                && self.slabs_from(0, index).take(ROTATING_SLABS).count() < ROTATING_SLABS
                && let Ok(Some(first)) = self.begin_slab(owner, index, class, hint)
            {
                return Ok(first);
            }
            may_grow = false;
            if let Some(taken) = self.slabs_from(0, index).find_map(take) {
                return Ok(taken);
            }
            match self.begin_slab(owner, index, class, hint)? {
                Some(first) => return Ok(first),
                None if self.collect(owner) == 0 => break,
                None => {}
            }
        }
        Err(self.full(bytes))
    }

    /// The slabs of a class, from segment `first` on.
    fn slabs_from(&self, first: usize, index: u32) -> impl Iterator<Item = usize> + '_ {
        let end = (self.slab_end.load(Ordering::Acquire) as usize).min(self.segments.len());
        (first..end).filter(move |segment| {
            let word = self.segments.load(*segment);
            word.is(SegmentState::Slab) && word.value() == index
        })
    }

    /// Makes a free segment a slab, in which the hint goes on.
    fn begin_slab(
        &self,
        owner: u16,
        index: u32,
        class: &Class,
        hint: &AllocHint,
    ) -> Result<Option<Allocated>, AllocError> {
        let first = self.claim_slab(owner, index, class)?;
        if let Some(first) = first {
            let segment = self.geometry.segment_of(first.block.id.index());
            hint.store(index, hint.window_in(segment, class));
        }
        Ok(first)
    }

    /// Makes a free segment a slab; its first block is the owner's. `None` if none is free.
    fn claim_slab(
        &self,
        owner: u16,
        index: u32,
        class: &Class,
    ) -> Result<Option<Allocated>, AllocError> {
        let Some((segment, claimed)) = self.segments.claim_one(index, owner) else {
            return Ok(None);
        };
        if let Err(error) = self.memory.commit(segment, 1) {
            self.segments.publish(segment, claimed.freed());
            return Err(AllocError::commit(class.bytes, &error));
        }
        let claimed = claimed.with_resident(true);
        self.segments.publish(segment, claimed);
        let first = self.own_first(segment, owner, class.bytes);
        for block in self.slots(segment, *class).skip(1) {
            self.store(block, self.load(block).with(BlockState::Free, 0, 0));
        }
        self.slab_end.fetch_max(segment as u64 + 1, Ordering::AcqRel);
        self.segments.publish(segment, claimed.with(SegmentState::Slab, index, 0));
        Ok(Some(first))
    }

    /// Makes the block at the beginning of a segment, which is the caller's, the caller's too.
    pub(super) fn own_first(&self, segment: usize, owner: u16, bytes: usize) -> Allocated {
        let id = self.first_block(segment);
        let taken = self.load(id).taken(owner);
        self.store(id, taken);
        Allocated { block: BlockRef { id, generation: taken.generation() }, bytes }
    }
}
