//! What all handles of one kernel share: the region, this participant, its private tables.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells::Mailbox;
use crate::mailbox::cells_mapped::{self, ChunkClass, ChunkKind, MailboxRef};
use crate::mailbox::life::Opening;
use crate::mailbox::take::ReaderCursor;
use crate::mailbox::word::{CommitWord, Kind, Status, Tail};
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::hint::AllocHint;
use crate::region::holders::{HolderIndex, HolderTable};
use crate::region::lend::OwnedBlock;
use crate::region::map::Region;
use crate::region::owners::Owner;
use crate::steps::step;
use crate::sync::{AtomicU32, Ordering};
use crate::sys;

use super::inline::InlineServices;
use super::message::view as view_of;
use super::poller::{self, WakeTargets};
use super::reply::CallTable;
use super::room::RoomWaiters;
use super::router::{MailboxAddress, Router};

/// One participant's kernel.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) region: Arc<Region>,
    pub(crate) owner: Owner,
    pub(crate) router: Mutex<Router>,
    pub(crate) holders: HolderTable,
    pub(crate) wake_targets: Arc<WakeTargets>,
    pub(crate) calls: CallTable,
    pub(crate) inline_services: Arc<InlineServices>,
    pub(crate) rooms: Arc<RoomWaiters>,
    free: Mutex<FreeLists>,
    clock: std::sync::OnceLock<Clock>,
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) attendant: std::sync::OnceLock<Arc<super::attendant::Attendant>>,
    /// Fork generation of the process that it is open in; 0 = closed.
    open_in: AtomicU32,
    made_in: u32,
}

/// A block named in a holder entry. Dropped, the entry is free; the reference stays where it is.
#[derive(Debug)]
pub(crate) struct NamedBlock<'c> {
    core: &'c Core,
    block: BlockRef,
    holder: Option<HolderIndex>,
}

impl NamedBlock<'_> {
    /// The reference is the caller's now and is given up, with its bytes at the mailbox.
    pub(crate) fn release_from(self, mailbox: &Mailbox<'_>) {
        let bytes = self.core.block_frame(self.block.id).len() as u64;
        mailbox.release_block_bytes(bytes);
        self.core.release(self.block);
    }
}

impl Drop for NamedBlock<'_> {
    fn drop(&mut self) {
        if let Some(holder) = self.holder {
            self.core.holders.release(holder);
        }
    }
}

/// The block that a chunk's header names for its cells: `generation:32 · id+1:32`.
pub(crate) fn cells_of(chunk: &Mailbox<'_>) -> Option<BlockRef> {
    let word = chunk.header.config.cells_block.load(Ordering::Acquire);
    let id = BlockId((word as u32).checked_sub(1)?);
    Some(BlockRef { id, generation: (word >> 32) as u32 })
}

/// Where this process looks first for something free. Hints: the state words decide.
#[derive(Debug, Default)]
struct FreeLists {
    route: u32,
    poller: u32,
    freed_pollers: Vec<u32>,
    chunks: HashMap<ChunkClass, Vec<usize>>,
    /// Mailboxes whose last claims were unfinished when they were closed.
    closing: Vec<(ChunkClass, usize, u32)>,
}

/// A mailbox that was just opened, and the reader entry that came with it.
#[derive(Debug)]
pub(crate) struct OpenedMailbox {
    pub(crate) mailbox: MailboxRef,
    pub(crate) address: MailboxAddress,
}

impl Core {
    pub(super) fn of(region: Arc<Region>, owner: Owner) -> Arc<Self> {
        let holders = HolderTable::new(region.clone(), owner.id);
        let calls = CallTable::new();
        let wake_targets = WakeTargets::of(region.identity());
        let inline_services = InlineServices::of(region.identity());
        let rooms = RoomWaiters::of(region.identity());
        Arc::new(Self {
            region,
            owner,
            router: Mutex::default(),
            holders,
            wake_targets,
            calls,
            inline_services,
            rooms,
            free: Mutex::default(),
            clock: Default::default(),
            #[cfg(all(target_os = "linux", not(miri)))]
            attendant: Default::default(),
            open_in: AtomicU32::new(sys::fork::generation()),
            made_in: sys::fork::generation(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        static SYSTEM: Clock = Clock::SYSTEM;
        self.clock.get().unwrap_or(&SYSTEM)
    }

    /// Nothing changes if it has another already.
    pub(crate) fn set_clock(&self, clock: Clock) {
        let _ = self.clock.set(clock);
    }

    /// Whether it was closed, or belongs to the parent of this process.
    pub(crate) fn is_closed(&self) -> bool {
        self.open_in.load(Ordering::Acquire) != sys::fork::generation()
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed() { Err(self.over()) } else { Ok(()) }
    }

    fn is_forked(&self) -> bool {
        self.made_in != sys::fork::generation()
    }

    pub(crate) fn check_same_process(&self) -> Result<()> {
        if self.is_forked() { Err(Error::forked()) } else { Ok(()) }
    }

    #[cold]
    fn over(&self) -> Error {
        if self.is_forked() { Error::forked() } else { Error::closed() }
    }

    /// True for the call that closed it.
    pub(crate) fn set_closed(&self) -> bool {
        self.open_in.swap(0, Ordering::AcqRel) == sys::fork::generation()
    }

    pub(crate) fn owner_id(&self) -> u16 {
        self.owner.id
    }

    pub(crate) fn with_route_hint<R>(&self, f: impl FnOnce(&mut u32) -> R) -> R {
        f(&mut self.free.lock().route)
    }

    #[inline]
    pub(crate) fn notify(&self, poller: u32) {
        poller::notify(&self.region, &self.wake_targets, poller);
    }

    pub(crate) fn force_notify(&self, poller: u32) {
        poller::force_notify(&self.region, &self.wake_targets, poller);
    }

    pub(crate) fn wake_reader(&self, mailbox: &MailboxRef, cleared: Tail) {
        mailbox.get(&self.region).wake_one(cleared, |poller| self.notify(poller));
    }

    /// Takes a poller record of the region.
    pub(crate) fn open_poller(&self) -> Result<u32> {
        let mut free = self.free.lock();
        let pollers = self.region.pollers();
        let owner = u64::from(self.owner_id());
        let claim = |index: u32| {
            let word = &pollers[index as usize].state;
            self.region.commit_poller(index as usize).is_ok()
                && word.compare_exchange(0, owner, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        if let Some(index) = free.freed_pollers.pop()
            && claim(index)
        {
            return Ok(index);
        }
        for offset in 0..pollers.len() as u32 {
            let index = (free.poller + offset) % pollers.len() as u32;
            if claim(index) {
                free.poller = index + 1;
                let end = &self.region.header().pollers_end.0;
                end.fetch_max(u64::from(index) + 1, Ordering::AcqRel);
                return Ok(index);
            }
        }
        Err(Error::new(
            ErrorKind::Full,
            format!(
                "all {} pollers of this kernel are in use: close subscriptions, or open the \
                 kernel with a higher subscriptions_max",
                pollers.len()
            ),
        ))
    }

    pub(crate) fn close_poller(&self, index: u32) {
        self.wake_targets.remove(u64::from(index));
        self.region.pollers()[index as usize].state.store(0, Ordering::Release);
        self.free.lock().freed_pollers.push(index);
    }

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

    fn finish_closing(&self, free: &mut FreeLists) {
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
    fn end_closings(&self) -> bool {
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
                    self.region.blocks().free_ring(cells, self.owner_id());
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

    /// Shares a block that this participant wrote. The holder entry names it until it is released,
    /// which the caller does when every place that is to refer to it does. `None`: no entry is free.
    pub(crate) fn share(
        &self,
        block: OwnedBlock<'_>,
        references: u32,
    ) -> Option<(BlockRef, HolderIndex)> {
        let holder = self.holders.hold(block.reference())?;
        step!("block.named");
        match block.share(references) {
            Some(shared) => Some((shared, holder)),
            None => {
                self.holders.release(holder);
                None
            }
        }
    }

    /// Gives one reference up.
    #[inline]
    pub(crate) fn release(&self, block: BlockRef) {
        self.region.blocks().release_ref(block, self.owner_id());
    }

    /// Gives up a reference that a place of the caller's holds.
    #[inline]
    pub(crate) fn release_id(&self, block: BlockId) {
        self.region.blocks().release_place(block, self.owner_id());
    }

    /// Gives up what an undelivered slot refers to.
    pub(crate) fn discard(&self, word: CommitWord) {
        if word.kind() == Kind::Block {
            self.release_id(BlockId(word.block()));
        }
    }

    /// Names the block that a queued slot refers to in a holder entry, before the slot is taken: a
    /// survivor's scan then finds the reference at every moment of the move.
    pub(crate) fn name_block(&self, word: CommitWord) -> Option<NamedBlock<'_>> {
        if word.kind() != Kind::Block {
            return None;
        }
        let block = self.region.blocks().reference(BlockId(word.block()))?;
        Some(NamedBlock { core: self, block, holder: self.holders.hold(block) })
    }

    /// The frame in a block that the caller holds a reference to; empty if there is none.
    #[inline]
    pub(crate) fn block_frame(&self, block: BlockId) -> &[u8] {
        view_of(self.region.shared_bytes(block)).bytes()
    }

    pub(crate) fn cursor(&self, mailbox: &MailboxRef) -> ReaderCursor {
        ReaderCursor::new(mailbox.get(&self.region))
    }

    /// Gives unused segments back to the system.
    pub(crate) fn trim(&self) -> u64 {
        let before = self.region.blocks().committed_bytes();
        self.finish_closing(&mut self.free.lock());
        self.region.blocks().trim(self.owner_id());
        before.saturating_sub(self.region.blocks().committed_bytes()) as u64
    }

    /// Wakes every reader and waiting publisher of this participant, to find the kernel closed.
    pub(crate) fn wake_own(&self) {
        let end = self.region.header().pollers_end.0.load(Ordering::Acquire) as usize;
        let owner = u64::from(self.owner_id());
        for (index, record) in self.region.pollers().iter().enumerate().take(end) {
            if record.state.load(Ordering::Acquire) == owner {
                self.notify(index as u32);
            }
        }
        let mut router = self.router.lock();
        router.refresh(&self.region);
        for (_, entry) in router.routes() {
            if let Some(mailbox) = entry.mailbox_ref(&self.region) {
                self.wake_publishers(mailbox.get(&self.region));
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.is_forked() {
            // All of it is the parent's; threads that held locks do not exist here.
            return;
        }
        // Every handle holds the core, so nothing of this participant is in use any more, mailboxes
        // apart whose last claims belong to others.
        if self.end_closings() {
            self.region.leave(self.owner);
        } else {
            self.region.mark_dead(self.owner);
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.attendant.get() {
            attendant.leave(self);
        }
    }
}
