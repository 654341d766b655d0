//! The arena: control memory for mailboxes, in chunks that keep their class for ever.

use super::error::AllocError;
use super::layout::ARENA_SEGMENT_BYTES;
use super::map::Region;
use super::segments::From;
use super::words::SegmentState;

/// Offsets of the chunks of one segment or run, for [`Region::control_slice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunks {
    next: usize,
    count: usize,
    chunk_bytes: usize,
}

impl Iterator for Chunks {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.count = self.count.checked_sub(1)?;
        let offset = self.next;
        self.next += self.chunk_bytes;
        Some(offset)
    }
}

impl Region {
    /// All chunks of a class that exist, in ascending order.
    ///
    /// `chunk_bytes` is a function of the class that every participant computes alike.
    pub(crate) fn arena_chunks(
        &self,
        class: u16,
        chunk_bytes: usize,
    ) -> impl Iterator<Item = usize> + '_ {
        self.arena_table()
            .heads()
            .filter(move |(_, word)| {
                word.is(SegmentState::Slab) && word.value() == u32::from(class)
            })
            .flat_map(move |(segment, _)| self.chunks_from(segment, chunk_bytes))
    }

    /// Makes one more segment, or as many as one chunk takes, chunks of `class` for ever.
    ///
    /// `chunk_bytes` is a multiple of the alignment that the chunk needs, at most 128.
    pub(crate) fn arena_grow(
        &self,
        class: u16,
        chunk_bytes: usize,
        owner: u16,
    ) -> Result<Chunks, AllocError> {
        let table = self.arena_table();
        let length = chunk_bytes.div_ceil(ARENA_SEGMENT_BYTES).max(1);
        let Some(run) = table.claim_run(length, owner, From::Bottom) else {
            let cap = table.len() * ARENA_SEGMENT_BYTES;
            let in_use = table.census().0 * ARENA_SEGMENT_BYTES;
            return Err(AllocError::Full { requested: chunk_bytes, cap, in_use });
        };
        if let Err(error) = self.commit_arena(run.head, length) {
            table.release_run(run.head, table.load(run.head));
            return Err(AllocError::commit(chunk_bytes, &error));
        }
        table.publish_run(run, SegmentState::Slab, u32::from(class));
        Ok(self.chunks_from(run.head, chunk_bytes))
    }

    /// Ends what a dead participant had begun in the arena.
    pub(crate) fn arena_reclaim(&self, dead: u16, by: u16) {
        let table = self.arena_table();
        let begun = table
            .heads()
            .filter(|(_, word)| word.is(SegmentState::RunMoving) && word.owner() == dead);
        for (head, word) in begun {
            if let Some(held) = table.take_over(head, word, by) {
                table.release_run(head, held);
            }
        }
    }

    fn chunks_from(&self, segment: usize, chunk_bytes: usize) -> Chunks {
        let next = self.layout().arena_offset + segment * ARENA_SEGMENT_BYTES;
        let count = (ARENA_SEGMENT_BYTES / chunk_bytes.max(1)).max(1);
        Chunks { next, count, chunk_bytes }
    }
}
