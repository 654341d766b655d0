//! Mailboxes of this participant: opening them in chunks of the arena, closing them, and finishing
//! what was in the middle when they were closed.

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells::Mailbox;
use crate::mailbox::cells_mapped::{self, ChunkClass, ChunkKind, MailboxRef};
use crate::mailbox::life::Opening;
use crate::mailbox::take::ReaderCursor;
use crate::mailbox::word::{Kind, Status};
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::hint::AllocHint;
use crate::steps::step;
use crate::sync::Ordering;

use super::core::{Core, FreeLists};
use super::message::view as view_of;
use super::router::MailboxAddress;

/// A mailbox that was just opened, and the reader entry that came with it.
#[derive(Debug)]
pub(crate) struct OpenedMailbox {
    pub(crate) mailbox: MailboxRef,
    pub(crate) address: MailboxAddress,
}

/// The block that a chunk's header names for its cells: `generation:32 · id+1:32`.
pub(crate) fn cells_of(chunk: &Mailbox<'_>) -> Option<BlockRef> {
    let word = chunk.header.config.cells_block.load(Ordering::Acquire);
    let id = BlockId((word as u32).checked_sub(1)?);
    Some(BlockRef { id, generation: (word >> 32) as u32 })
}

impl Core {
    /// Opens a mailbox: a chunk of the control arena and a block for its cells.
    pub(crate) fn open_mailbox(&self, kind: ChunkKind, opening: &Opening) -> Result<OpenedMailbox> {
        let class = ChunkClass::new(opening.depth, kind);
        let (offset, generation) = self.reserve_chunk(class)?;
        step!("subscribe.reserved");
        let opened = self.open_chunk(class, offset, generation, opening);
        if opened.is_err() {
            self.release_reserved(class, offset);
        }
        opened
    }

    fn open_chunk(
        &self,
        class: ChunkClass,
        offset: usize,
        generation: u32,
        opening: &Opening,
    ) -> Result<OpenedMailbox> {
        let damaged = || Error::new(ErrorKind::Os, "the region's arena is damaged");
        let cells = self.region.alloc(self.owner_id(), class.cells_bytes(), &AllocHint::new(0))?;
        let chunk = cells_mapped::map(&self.region, class, offset, None).ok_or_else(damaged)?;
        // The header names the block before its own word stops naming the owner.
        let named = cells.reference();
        let word = u64::from(named.generation) << 32 | (u64::from(named.id.0) + 1);
        chunk.header.config.cells_block.store(word, Ordering::Release);
        step!("subscribe.cells_named");
        let cells = cells.into_ring();
        let mailbox =
            MailboxRef::new(&self.region, class, offset, cells, generation).ok_or_else(damaged)?;
        mailbox.get(&self.region).open(self.owner_id(), generation, opening);
        let address = MailboxAddress { offset, class, cells, generation };
        Ok(OpenedMailbox { mailbox, address })
    }

    fn reserve_chunk(&self, class: ChunkClass) -> Result<(usize, u32)> {
        let mut free = self.free.lock();
        self.finish_closing(&mut free);
        let owner = self.owner_id();
        let reserve = |offset: usize| {
            let chunk = cells_mapped::map(&self.region, class, offset, None)?;
            Some((offset, chunk.reserve(owner)?))
        };
        let list = free.chunks.entry(class).or_default();
        while let Some(offset) = list.pop() {
            if let Some(reserved) = reserve(offset) {
                return Ok(reserved);
            }
        }
        match self.region.arena_grow(class.number(), class.chunk_bytes(), owner) {
            Ok(chunks) => {
                list.extend(chunks);
                list.reverse();
                let fresh = list.pop().and_then(reserve);
                fresh.ok_or_else(|| Error::new(ErrorKind::Os, "the region's arena is damaged"))
            }
            // No new segment to be had: look through all chunks, other participants' included.
            Err(error) => self
                .region
                .arena_chunks(class.number(), class.chunk_bytes())
                .find_map(reserve)
                .ok_or_else(|| error.into()),
        }
    }

    fn release_reserved(&self, class: ChunkClass, offset: usize) {
        if let Some(chunk) = cells_mapped::map(&self.region, class, offset, None) {
            chunk.abandon_reservation();
            self.free.lock().chunks.entry(class).or_default().push(offset);
        }
    }

    /// Ends a mailbox's life. Its chunk is free at once, or when its last claim is finished.
    pub(crate) fn close_mailbox(&self, mailbox: &MailboxRef) {
        let view = mailbox.get(&self.region);
        if !view.begin_close(self.owner_id()) {
            return;
        }
        view.wake_all(|poller| self.notify(poller));
        self.wake_publishers(view);
        let mut free = self.free.lock();
        let generation = mailbox.generation().wrapping_add(1);
        free.closing.push((mailbox.class(), mailbox.offset(), generation));
        self.finish_closing(&mut free);
    }

    pub(super) fn finish_closing(&self, free: &mut FreeLists) {
        let FreeLists { closing, chunks, .. } = free;
        closing.retain(|(class, offset, generation)| {
            let finished = self.finish_close(*class, *offset, *generation);
            if finished {
                chunks.entry(*class).or_default().push(*offset);
            }
            !finished
        });
    }

    /// Has a mailbox that this participant is closing finished by whoever looks next.
    pub(crate) fn close_later(&self, class: ChunkClass, offset: usize, generation: u32) {
        self.free.lock().closing.push((class, offset, generation));
    }

    /// Whether nothing is left to close; waits a moment for publishers in the middle of a claim.
    /// What one that was stopped there keeps is left to survivors.
    pub(super) fn end_closings(&self) -> bool {
        const TURNS_MAX: u32 = 200;
        for _ in 0..TURNS_MAX {
            let mut free = self.free.lock();
            self.finish_closing(&mut free);
            if free.closing.is_empty() {
                return true;
            }
            drop(free);
            std::thread::yield_now();
        }
        false
    }

    /// Borrows a chunk with the cells that its header names, if it has any.
    pub(crate) fn chunk(&self, class: ChunkClass, offset: usize) -> Option<Mailbox<'_>> {
        let words = cells_mapped::map(&self.region, class, offset, None)?;
        match cells_of(&words) {
            None => Some(words),
            Some(cells) => cells_mapped::map(&self.region, class, offset, Some(cells.id)),
        }
    }

    /// Ends the life of a chunk that this participant is closing, if no claim in it is unfinished.
    /// True also if it is over already.
    pub(crate) fn finish_close(&self, class: ChunkClass, offset: usize, generation: u32) -> bool {
        let Some(view) = self.chunk(class, offset) else { return false };
        let state = view.state();
        if state.status() != Status::Closing || state.generation() != generation {
            return true;
        }
        if view.has_unfinished_claims() {
            return false;
        }
        let cells = cells_of(&view);
        if view.holds_requests() && cells.is_some() {
            self.refuse_requests(&view);
        }
        super::latest::drain(self, &view);
        // The header names the cells, and which life of the block, until they are free: a survivor
        // that frees them again finds another life.
        view.finish_close(
            |word| self.discard(word),
            || {
                if let Some(cells) = cells {
                    self.region.blocks().free_ring(cells);
                }
                view.header.config.cells_block.store(0, Ordering::Release);
            },
        )
    }

    /// Answers the requests that nobody is left to take.
    fn refuse_requests(&self, view: &Mailbox<'_>) {
        let Some(entry) = view.join(self.owner_id()) else { return };
        let entry = &view.readers[entry];
        let mut cursor = ReaderCursor::new(view);
        while let Some(taken) = view.take(entry, &mut cursor, 1) {
            let word = taken.word(0);
            let frame = match word.kind() {
                Kind::Block => self.block_frame(BlockId(word.block())),
                _ => taken.cell(0),
            };
            super::reply::refuse_request(self, super::reply::CallId(view_of(frame).corr_id()));
            self.discard(word);
            taken.release(false);
        }
        view.leave(entry);
    }
}
