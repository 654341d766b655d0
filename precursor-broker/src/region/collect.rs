//! Giving segments back, and putting blocks right after a death (R3.2.2, R4).

use super::blocks::{BlockId, BlockRef, BlockTable};
use super::classes::Class;
use super::words::{BlockState, BlockWord, SegmentState, SegmentWord};
use crate::steps::step;

/// Passes of a recount over blocks whose words changed meanwhile.
const RECOUNTS_MAX: usize = 3;

/// Receives every place that a scan meets.
pub(crate) type Visit<'v> = dyn FnMut(Place) + 'v;

/// Names every place to the visitor that it is given.
pub(crate) type Places<'p> = dyn FnMut(&mut Visit<'_>) + 'p;

/// A place that refers to a shared block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// A mailbox slot: it knows the block only.
    Slot(BlockId),
    /// A holder entry: it knows which life of the block.
    Holder(BlockRef),
}

impl BlockTable<'_> {
    /// Makes wholly free slabs and waiting runs free segments; returns how many there were of
    /// both. Their memory stays.
    pub(crate) fn collect(&self, by: u16) -> usize {
        let runs = self.collect_runs(by);
        let slabs = self
            .segments
            .heads()
            .filter(|(segment, word)| self.is_unused_slab(*segment, *word))
            .filter(|(segment, word)| {
                let moving = word.with(SegmentState::Moving, word.value(), by);
                let is_mine = self.segments.change(*segment, *word, moving);
                is_mine && self.retire(*segment, moving)
            });
        runs + slabs.count()
    }

    /// Gives the memory of every segment that holds nothing back to the system; returns bytes.
    ///
    /// Blocks that are free but lie in a slab with others in use keep their memory.
    pub(crate) fn trim(&self, by: u16) -> usize {
        self.collect(by);
        let free = (0..self.segments.len()).filter(|&segment| {
            let word = self.segments.load(segment);
            if !word.is(SegmentState::Free) || !word.is_resident() {
                return false;
            }
            // In the hands of a trimmer nobody uses the segment while its memory goes. It stops
            // counting as resident before, so that a death in between never claims too much.
            let moving = word.with(SegmentState::RunMoving, 1, by).with_resident(false);
            if !self.segments.change(segment, word, moving) {
                return false;
            }
            step!("segment.trimming");
            let is_gone = self.memory.decommit(segment).is_ok();
            step!("segment.decommitted");
            self.segments.publish(segment, moving.freed().with_resident(!is_gone));
            is_gone
        });
        free.count() * self.geometry.segment_bytes
    }

    /// Whether some block holds a message, queued or kept.
    pub(crate) fn has_messages(&self) -> bool {
        let is_message =
            |block| matches!(self.load(block).state(), BlockState::Owned | BlockState::Shared);
        self.segments.heads().any(|(segment, word)| match word.state() {
            SegmentState::Slab => {
                let class = self.geometry.class(word.value());
                class.is_some_and(|class| self.slots(segment, *class).any(is_message))
            }
            SegmentState::Large => is_message(self.first_block(segment)),
            _ => false,
        })
    }

    fn is_unused_slab(&self, segment: usize, word: SegmentWord) -> bool {
        word.is(SegmentState::Slab)
            && self.geometry.class(word.value()).is_some_and(|class| {
                self.slots(segment, *class)
                    .all(|block| self.load(block).state() == BlockState::Free)
            })
    }

    /// Ends a segment's motion: free if no block of it is in use, else a slab again.
    ///
    /// The caller holds the segment as `Moving`. A block that somebody takes meanwhile makes the
    /// change of its word fail, so that either the taker or this scan gives way.
    fn retire(&self, segment: usize, moving: SegmentWord) -> bool {
        let Some(&class) = self.geometry.class(moving.value()) else { return false };
        step!("segment.moving");
        let is_unused = self.slots(segment, class).all(|block| {
            let seen = self.load(block);
            match seen.state() {
                BlockState::Retired => true,
                BlockState::Free => self.change(block, seen, seen.with(BlockState::Retired, 0, 0)),
                _ => false,
            }
        });
        step!("segment.retired");
        if is_unused {
            self.segments.change(segment, moving, moving.freed());
        } else {
            self.restore(segment, class);
            self.segments.change(
                segment,
                moving,
                moving.with(SegmentState::Slab, moving.value(), 0),
            );
        }
        is_unused
    }

    fn restore(&self, segment: usize, class: Class) {
        for block in self.slots(segment, class) {
            let seen = self.load(block);
            if seen.state() == BlockState::Retired {
                self.change(block, seen, seen.with(BlockState::Free, 0, 0));
            }
        }
    }

    /// Frees what a dead participant owned alone and ends what it had begun; returns blocks freed.
    ///
    /// Idempotent, and safe beside other survivors that do the same (R4).
    pub(crate) fn reclaim(&self, dead: u16, by: u16) -> usize {
        for (segment, word) in self.segments.heads().filter(|(_, word)| word.owner() == dead) {
            if !matches!(word.state(), SegmentState::Moving | SegmentState::RunMoving) {
                continue;
            }
            let Some(held) = self.segments.take_over(segment, word, by) else { continue };
            if held.is(SegmentState::Moving) {
                self.retire(segment, held);
            } else {
                self.abandon_run(segment, held);
            }
        }
        self.blocks()
            .map(|block| (block, self.load(block)))
            .filter(|(block, word)| word.is_owned_by(dead) && self.free(*block, *word))
            .count()
    }

    /// Frees a run that was being claimed, or given back, by somebody who died.
    fn abandon_run(&self, head: usize, held: SegmentWord) {
        let block = self.first_block(head);
        let seen = self.load(block);
        if seen.state() != BlockState::Retired {
            self.store(block, seen.with(BlockState::Retired, 0, 0));
        }
        self.segments.release_run(head, held);
    }

    /// Frees every shared block to which no place refers (R3.2.2); returns how many.
    ///
    /// `visit_places` must name all places *in the direction in which references move*:
    /// publishers' holder entries, mailbox slots, holder entries. A reference that moves meanwhile
    /// is met at least once, and one that is added changes the block's word.
    pub(crate) fn recount(&self, visit_places: &mut Places<'_>) -> usize {
        let mut freed = 0;
        for _ in 0..RECOUNTS_MAX {
            let lost = self.unreferred(visit_places);
            let now = lost.iter().filter(|(block, word)| self.free(*block, *word)).count();
            freed += now;
            if now == lost.len() {
                break;
            }
        }
        freed
    }

    /// Shared blocks, as they were before the visit, that no place named.
    fn unreferred(&self, visit_places: &mut Places<'_>) -> Vec<(BlockId, BlockWord)> {
        let mut shared: Vec<_> = self
            .blocks()
            .map(|block| (block, self.load(block), false))
            .filter(|(_, word, _)| word.state() == BlockState::Shared)
            .collect();
        // Ids of a region ascend with its segments, but a segment may change while we walk.
        shared.sort_unstable_by_key(|(block, ..)| *block);
        visit_places(&mut |place| {
            let (id, generation) = match place {
                Place::Slot(id) => (id, None),
                Place::Holder(block) => (block.id, Some(block.generation)),
            };
            if let Ok(index) = shared.binary_search_by_key(&id, |(block, ..)| *block) {
                let (_, word, is_referred) = &mut shared[index];
                *is_referred |= generation.is_none_or(|known| known == word.generation());
            }
        });
        shared.retain(|(.., is_referred)| !is_referred);
        shared.into_iter().map(|(block, word, _)| (block, word)).collect()
    }

    /// Every word at which a block begins.
    fn blocks(&self) -> impl Iterator<Item = BlockId> {
        self.segments.heads().flat_map(|(segment, word)| {
            let class = match word.state() {
                SegmentState::Slab | SegmentState::Moving => {
                    self.geometry.class(word.value()).copied()
                }
                SegmentState::Large => Some(Class::new(1, self.geometry.granule_bytes, 1)),
                _ => None,
            };
            self.slots(segment, class.unwrap_or_default())
        })
    }
}
