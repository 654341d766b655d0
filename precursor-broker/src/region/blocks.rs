//! Blocks: refcounted payload memory, found by scanning words (R3.2).
//!
//! Everything works on borrowed slices, so that loom drives the code that ships.

use super::classes::{Class, Geometry};
use super::error::AllocError;
use super::segments::SegmentTable;
use super::words::{BlockState, BlockWord, REFS_MAX, SegmentState};
use crate::sync::{AtomicU64, Ordering};
use std::io;

/// A block of the data area: its offset divided by the granule. 21 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

impl BlockId {
    #[inline]
    pub(super) fn index(self) -> usize {
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
    pub(super) slab_end: &'a AtomicU64,
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

    /// The block at the beginning of a segment.
    pub(super) fn first_block(&self, segment: usize) -> BlockId {
        BlockId((segment * self.geometry.granules_per_segment) as u32)
    }

    /// The blocks of a slab.
    pub(super) fn slots(
        &self,
        segment: usize,
        class: Class,
    ) -> impl Iterator<Item = BlockId> + use<> {
        let first = self.first_block(segment).0;
        (0..class.slots).map(move |slot| BlockId(first + (slot * class.granules) as u32))
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
    #[cfg(test)]
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

    /// Whether that life of a block has one reference. Whoever holds it is alone with the block for as
    /// long as it passes the reference to nobody.
    pub(crate) fn has_one_ref(&self, block: BlockRef) -> bool {
        let seen = self.load(block.id);
        is_life(seen, block) && seen.refs() == 1
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

    /// Lowers the count by one; `true` if that freed the block.
    #[inline]
    pub(crate) fn release_ref(&self, block: BlockRef) -> bool {
        self.release_refs(block, 1)
    }

    /// Lowers the count by `count`; `true` if that freed the block.
    #[inline]
    pub(crate) fn release_refs(&self, block: BlockRef, count: u32) -> bool {
        self.release_seen(self.load(block.id), block, count)
    }

    /// Gives up the reference of a place that is the caller's; `true` if that freed the block.
    #[inline(always)]
    pub(crate) fn release_place(&self, block: BlockId) -> bool {
        let seen = self.load(block);
        let block = BlockRef { id: block, generation: seen.generation() };
        self.release_seen(seen, block, 1)
    }

    #[inline(always)]
    fn release_seen(&self, mut seen: BlockWord, block: BlockRef, count: u32) -> bool {
        loop {
            if !is_life(seen, block) || count == 0 {
                return false;
            }
            if seen.refs() > count {
                let left = seen.with(BlockState::Shared, seen.owner(), seen.refs() - count);
                if self.change(block.id, seen, left) {
                    return false;
                }
            } else if self.free(block.id, seen) {
                return true;
            }
            seen = self.load(block.id);
        }
    }

    /// Gives a block back that was never shared; `false` if `owner` does not own that life of it.
    #[inline]
    pub(crate) fn free_owned(&self, block: BlockRef, owner: u16) -> bool {
        let seen = self.load(block.id);
        seen.is_owned_by(owner)
            && seen.generation() == block.generation
            && self.free(block.id, seen)
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
    pub(crate) fn free_ring(&self, block: BlockRef) -> bool {
        let seen = self.load(block.id);
        seen.state() == BlockState::Ring
            && seen.generation() == block.generation
            && self.free(block.id, seen)
    }

    /// Frees a block if its word is still `seen`. One of several callers succeeds.
    #[inline(always)]
    pub(super) fn free(&self, block: BlockId, seen: BlockWord) -> bool {
        self.change(block, seen, seen.with(BlockState::Free, 0, 0))
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
                self.geometry.bytes_at(word.value(), offset)
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

    /// Asks for the line of a block's word, which the caller is going to change.
    #[inline(always)]
    pub(crate) fn expect_change(&self, block: BlockId) {
        if let Some(word) = self.words.get(block.index()) {
            crate::sys::prefetch_write(word);
        }
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
