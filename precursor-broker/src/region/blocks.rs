//! Blocks: refcounted payload memory, found by scanning words (R3.2).
//!
//! Everything works on borrowed slices, so that loom drives the code that ships.

use super::classes::{Class, Geometry};
use super::error::AllocError;
use super::hint::{AllocHint, Window};
use super::segments::{From, Run, SegmentTable};
use super::words::{BlockState, BlockWord, REFS_MAX, SegmentState, SegmentWord};
use crate::sync::{AtomicU64, Ordering};
use std::io;

/// Classes with fewer blocks in a slab than this go round several slabs.
const ROTATING_SLOTS: usize = 16;
/// Slabs that such a class goes round: 4 MiB, more than a core's own caches hold.
const ROTATING_SLABS: usize = 16;
/// Rounds of claiming a segment and giving unused ones back before an allocation is refused.
const ROUNDS_MAX: usize = 4;

/// A block of the data area: its offset divided by the granule. 21 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

impl BlockId {
    #[inline]
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// One life of a shared block. A release through it does nothing in another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockRef {
    pub(crate) id: BlockId,
    /// 20 bits.
    pub(crate) generation: u32,
}

/// Backs segments, and the words of their blocks, with memory.
pub(crate) trait SegmentMemory: Sync {
    /// Commits `count` segments from `first` on, before they are used. Idempotent.
    fn commit(&self, first: usize, count: usize) -> io::Result<()>;
    /// Gives the memory of a free segment back.
    fn decommit(&self, segment: usize) -> io::Result<()>;
}

/// The words of all segments and blocks, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct BlockTable<'a> {
    pub(super) segments: SegmentTable<'a>,
    pub(super) words: &'a [AtomicU64],
    pub(super) geometry: &'a Geometry,
    /// One past the last segment that was ever a slab: bounds the search for blocks.
    slab_end: &'a AtomicU64,
    pub(super) memory: &'a dyn SegmentMemory,
}

impl core::fmt::Debug for BlockTable<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BlockTable").field("geometry", self.geometry).finish_non_exhaustive()
    }
}

impl<'a> BlockTable<'a> {
    pub(crate) fn new(
        segments: &'a [AtomicU64],
        words: &'a [AtomicU64],
        geometry: &'a Geometry,
        slab_end: &'a AtomicU64,
        memory: &'a dyn SegmentMemory,
    ) -> Self {
        Self { segments: SegmentTable::new(segments), words, geometry, slab_end, memory }
    }

    /// Takes a block of at least `bytes` bytes for `owner`, state `Owned`.
    #[inline]
    pub(crate) fn alloc(
        &self,
        owner: u16,
        bytes: usize,
        hint: &AllocHint,
    ) -> Result<BlockId, AllocError> {
        let Some(index) = self.geometry.class_for(bytes) else {
            return self.alloc_large(owner, bytes);
        };
        if let Some(class) = self.geometry.class(index)
            && let Some(window) = hint.load(index, class)
            && !(class.slots < ROTATING_SLOTS && window.is_at_its_start())
            && let Some(block) = self.take_in(window, index, class, owner, hint)
        {
            return Ok(block);
        }
        self.alloc_slow(owner, bytes, index, hint)
    }

    /// Looks for a free block in one segment, from the window on.
    #[inline]
    fn take_in(
        &self,
        window: Window,
        index: u32,
        class: Class,
        owner: u16,
        hint: &AllocHint,
    ) -> Option<BlockId> {
        let segment = self.segments.load(window.segment);
        if !segment.is(SegmentState::Slab) || segment.value() != index {
            return None;
        }
        let first = window.segment * self.geometry.granules_per_segment;
        let mut attempt = 0;
        while let Some((slot, next)) = window.candidate(attempt, class.slots) {
            let block = BlockId((first + slot * class.granules) as u32);
            if let Some(word) = self.take(block, owner) {
                // From here on the segment cannot be retired. If it was retired and claimed again
                // before, the take read a word written after that, so this load shows it too.
                if self.segments.load(window.segment) != segment {
                    self.store(block, word.with(BlockState::Free, 0, 0));
                    return None;
                }
                hint.store(index, next);
                return Some(block);
            }
            attempt += 1;
        }
        None
    }

    /// One attempt at one word: `Free` → `Owned`. The word of the new life if it succeeded.
    #[inline]
    fn take(&self, block: BlockId, owner: u16) -> Option<BlockWord> {
        let seen = self.load(block);
        let taken = seen.taken(owner);
        let is_taken = seen.state() == BlockState::Free && self.change(block, seen, taken);
        is_taken.then_some(taken)
    }

    #[cold]
    fn alloc_slow(
        &self,
        owner: u16,
        bytes: usize,
        index: u32,
        hint: &AllocHint,
    ) -> Result<BlockId, AllocError> {
        let Some(class) = self.geometry.class(index) else { return Err(self.full(bytes)) };
        let mut may_grow = class.slots < ROTATING_SLOTS;
        for _ in 0..ROUNDS_MAX {
            // Large blocks go round: the one freed last still lies in its reader's cache.
            if may_grow
                && self.slabs_of(index).take(ROTATING_SLABS).count() < ROTATING_SLABS
                && let Ok(Some(block)) = self.claim_slab(owner, index, class)
            {
                let segment = self.geometry.segment_of(block.index());
                hint.store(index, hint.window_in(segment, class));
                return Ok(block);
            }
            may_grow = false;
            if let Some(block) = self.take_anywhere(index, class, owner, hint) {
                return Ok(block);
            }
            match self.claim_slab(owner, index, class)? {
                Some(block) => {
                    let segment = self.geometry.segment_of(block.index());
                    hint.store(index, hint.window_in(segment, class));
                    return Ok(block);
                }
                None if self.collect(owner) == 0 => break,
                None => {}
            }
        }
        Err(self.full(bytes))
    }

    /// Looks through every slab of the class.
    fn take_anywhere(
        &self,
        index: u32,
        class: Class,
        owner: u16,
        hint: &AllocHint,
    ) -> Option<BlockId> {
        let last = hint.load(index, class).map_or(0, |window| window.segment);
        let take =
            |segment| self.take_in(hint.window_in(segment, class), index, class, owner, hint);
        let after = self.slabs_of(index).filter(|segment| *segment > last).find_map(take);
        after.or_else(|| self.slabs_of(index).filter(|segment| *segment <= last).find_map(take))
    }

    /// The slabs of a class.
    fn slabs_of(&self, index: u32) -> impl Iterator<Item = usize> + '_ {
        let end = (self.slab_end.load(Ordering::Acquire) as usize).min(self.segments.len());
        (0..end).filter(move |segment| {
            let word = self.segments.load(*segment);
            word.is(SegmentState::Slab) && word.value() == index
        })
    }

    /// Makes a free segment a slab; its first block is the owner's. `None` if none is free.
    fn claim_slab(
        &self,
        owner: u16,
        index: u32,
        class: Class,
    ) -> Result<Option<BlockId>, AllocError> {
        let Some((segment, claimed)) = self.segments.claim_one(index, owner) else {
            return Ok(None);
        };
        if let Err(error) = self.memory.commit(segment, 1) {
            self.segments.publish(segment, claimed.freed());
            return Err(AllocError::commit(class.bytes, &error));
        }
        let claimed = claimed.with_resident(true);
        self.segments.publish(segment, claimed);
        let first = BlockId((segment * self.geometry.granules_per_segment) as u32);
        self.store(first, self.load(first).taken(owner));
        for block in self.slots(segment, class).skip(1) {
            self.store(block, self.load(block).with(BlockState::Free, 0, 0));
        }
        self.slab_end.fetch_max(segment as u64 + 1, Ordering::AcqRel);
        self.segments.publish(segment, claimed.with(SegmentState::Slab, index, 0));
        Ok(Some(first))
    }

    /// The blocks of a slab.
    pub(super) fn slots(
        &self,
        segment: usize,
        class: Class,
    ) -> impl Iterator<Item = BlockId> + use<> {
        let first = segment * self.geometry.granules_per_segment;
        (0..class.slots).map(move |slot| BlockId((first + slot * class.granules) as u32))
    }

    #[cold]
    fn alloc_large(&self, owner: u16, bytes: usize) -> Result<BlockId, AllocError> {
        let max = self.geometry.block_bytes_max;
        if bytes > max {
            return Err(AllocError::TooLarge { requested: bytes, max });
        }
        let length = bytes.div_ceil(self.geometry.segment_bytes);
        let Some(run) = self.claim_run(length, owner) else { return Err(self.full(bytes)) };
        if !run.resident
            && let Err(error) = self.memory.commit(run.head, length)
        {
            self.segments.release_run(run.head, self.segments.load(run.head));
            return Err(AllocError::commit(bytes, &error));
        }
        let block = BlockId((run.head * self.geometry.granules_per_segment) as u32);
        self.store(block, self.load(block).taken(owner));
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

    pub(super) fn full(&self, requested: usize) -> AllocError {
        AllocError::Full { requested, cap: self.geometry.bytes(), in_use: self.bytes_in_use() }
    }

    /// Bytes of the segments that hold blocks.
    pub(crate) fn bytes_in_use(&self) -> usize {
        self.segments.census().0 * self.geometry.segment_bytes
    }

    /// Bytes of the segments that memory backs; [`trim`](Self::trim) gives unused ones back.
    pub(crate) fn committed_bytes(&self) -> usize {
        self.segments.census().1 * self.geometry.segment_bytes
    }

    /// `Owned` → `Shared` with `refs` references: the frame is immutable from here on (R3.2.3).
    ///
    /// `None`, and nothing changes, unless `owner` owns the block and `refs` is 1 to 2^24 − 1.
    #[inline]
    pub(crate) fn share(&self, block: BlockId, owner: u16, refs: u32) -> Option<BlockRef> {
        let seen = self.load(block);
        if !seen.is_owned_by(owner) || refs == 0 || refs > REFS_MAX {
            return None;
        }
        // An owned word is its owner's alone: a store is enough.
        self.store(block, seen.with(BlockState::Shared, 0, refs));
        Some(BlockRef { id: block, generation: seen.generation() })
    }

    /// The life of a block that the caller owns.
    pub(crate) fn owned_reference(&self, block: BlockId) -> BlockRef {
        BlockRef { id: block, generation: self.load(block).generation() }
    }

    /// The present life of a shared block; the caller knows a place that refers to it.
    #[inline]
    pub(crate) fn reference(&self, block: BlockId) -> Option<BlockRef> {
        let seen = self.load(block);
        (seen.state() == BlockState::Shared)
            .then_some(BlockRef { id: block, generation: seen.generation() })
    }

    /// Adds references, before the places that will hold them; `false` if that life is over.
    #[allow(dead_code, reason = "for sending a received block on; publishers share with the count")]
    pub(crate) fn add_refs(&self, block: BlockRef, count: u32) -> bool {
        loop {
            let seen = self.load(block.id);
            let refs = seen.refs().saturating_add(count);
            if !is_life(seen, block) || refs > REFS_MAX {
                return false;
            }
            // The owner bits count births, so that a recount does not take the word for unchanged.
            let births = seen.owner().wrapping_add(1);
            if self.change(block.id, seen, seen.with(BlockState::Shared, births, refs)) {
                return true;
            }
        }
    }

    /// Lowers the count by one; `true` if that freed the block. `by` frees a large block.
    #[inline]
    pub(crate) fn release_ref(&self, block: BlockRef, by: u16) -> bool {
        self.release_refs(block, 1, by)
    }

    /// Lowers the count by `count`; `true` if that freed the block.
    #[inline]
    pub(crate) fn release_refs(&self, block: BlockRef, count: u32, by: u16) -> bool {
        loop {
            let seen = self.load(block.id);
            if !is_life(seen, block) || count == 0 {
                return false;
            }
            if seen.refs() > count {
                let left = seen.with(BlockState::Shared, seen.owner(), seen.refs() - count);
                if self.change(block.id, seen, left) {
                    return false;
                }
            } else if self.free(block.id, seen, by) {
                return true;
            }
        }
    }

    /// Gives a block back that was never shared; `false` if `owner` does not own it.
    #[inline]
    pub(crate) fn free_owned(&self, block: BlockId, owner: u16) -> bool {
        let seen = self.load(block);
        seen.is_owned_by(owner) && self.free(block, seen, owner)
    }

    /// `Owned` → `Ring`: the block holds a mailbox's cells.
    ///
    /// The caller has written the block to the mailbox's header before: from here on that is the
    /// only place which tells whose it is.
    pub(crate) fn ring(&self, block: BlockId, owner: u16) -> bool {
        let seen = self.load(block);
        let is_owned = seen.is_owned_by(owner);
        if is_owned {
            self.store(block, seen.with(BlockState::Ring, 0, 0));
        }
        is_owned
    }

    /// Frees the cells of a mailbox; `false` if that life of the block holds none.
    pub(crate) fn free_ring(&self, block: BlockRef, by: u16) -> bool {
        let seen = self.load(block.id);
        seen.state() == BlockState::Ring
            && seen.generation() == block.generation
            && self.free(block.id, seen, by)
    }

    /// Frees a block if its word is still `seen`. One of several callers succeeds.
    ///
    /// A slab's block is free with one step. A large one passes into the hands of `by` first, so
    /// that a death in the middle leaves an owner behind, and its segments are given back then.
    #[inline]
    pub(super) fn free(&self, block: BlockId, seen: BlockWord, by: u16) -> bool {
        let segment = self.segments.load(self.geometry.segment_of(block.index()));
        if !segment.is(SegmentState::Large) {
            return self.change(block, seen, seen.with(BlockState::Free, 0, 0));
        }
        let held = seen.with(BlockState::Owned, by, 0);
        let is_mine = self.change(block, seen, held);
        if is_mine {
            self.free_large(block, held, segment, by);
        }
        is_mine
    }

    #[cold]
    fn free_large(&self, block: BlockId, held: BlockWord, segment: SegmentWord, by: u16) {
        let head = self.geometry.segment_of(block.index());
        let moving = segment.with(SegmentState::RunMoving, segment.value(), by);
        if self.segments.change(head, segment, moving) {
            self.store(block, held.with(BlockState::Retired, 0, 0));
            self.segments.release_run(head, moving);
        }
    }

    /// Bytes that a block holds; `None` if no block begins there.
    #[inline]
    pub(crate) fn capacity(&self, block: BlockId) -> Option<usize> {
        let segment = self.geometry.segment_of(block.index());
        let offset = block.index() & (self.geometry.granules_per_segment - 1);
        let word = self.segments.load(segment);
        match word.state() {
            // A trimmer may be looking through a slab in use.
            SegmentState::Slab | SegmentState::Moving => {
                let class = self.geometry.class(word.value())?;
                // 32 bits divide several times faster than 64.
                let (slot, rest) =
                    (offset as u32 / class.granules as u32, offset as u32 % class.granules as u32);
                (rest == 0 && slot < class.slots as u32).then_some(class.bytes)
            }
            SegmentState::Large if offset == 0 => {
                let length = (word.value() as usize).min(self.geometry.segments - segment);
                Some(length * self.geometry.segment_bytes)
            }
            _ => None,
        }
    }

    /// Present state of a block; `Retired` if none begins there.
    #[cfg(test)]
    pub(crate) fn state(&self, block: BlockId) -> BlockState {
        self.load(block).state()
    }

    #[inline]
    pub(super) fn load(&self, block: BlockId) -> BlockWord {
        BlockWord(self.words.get(block.index()).map_or(0, |word| word.load(Ordering::Acquire)))
    }

    /// A right to the block that one caller gets. Release: what the loser of the right did with
    /// the bytes is over; acquire: the winner sees it.
    #[inline]
    pub(super) fn change(&self, block: BlockId, from: BlockWord, to: BlockWord) -> bool {
        self.words.get(block.index()).is_some_and(|word| {
            word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }

    /// Publishes a word that the caller holds exclusively.
    #[inline]
    pub(super) fn store(&self, block: BlockId, to: BlockWord) {
        if let Some(word) = self.words.get(block.index()) {
            word.store(to.0, Ordering::Release);
        }
    }
}

#[inline]
fn is_life(seen: BlockWord, block: BlockRef) -> bool {
    seen.state() == BlockState::Shared && seen.generation() == block.generation
}
