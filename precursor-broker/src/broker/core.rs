//! What all handles of one kernel share: the region, this participant, its private tables.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells::Mailbox;
use crate::mailbox::cells_mapped::{ChunkClass, MailboxRef};
use crate::mailbox::extent::Extent;
use crate::mailbox::take::ReaderCursor;
use crate::mailbox::word::{CommitWord, Kind, Tail};
use crate::region::blocks::{BlockId, BlockRef};
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
use super::router::Router;

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
    pub(super) free: Mutex<FreeLists>,
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
    bytes: u64,
    holder: Option<HolderIndex>,
}

impl NamedBlock<'_> {
    /// The reference is the caller's now and is given up, with its bytes at the mailbox.
    pub(crate) fn release_from(self, mailbox: &Mailbox<'_>) {
        mailbox.release_block_bytes(self.bytes);
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

/// Where this process looks first for something free. Hints: the state words decide.
#[derive(Debug, Default)]
pub(super) struct FreeLists {
    route: u32,
    poller: u32,
    freed_pollers: Vec<u32>,
    pub(super) chunks: HashMap<ChunkClass, Vec<usize>>,
    /// Mailboxes whose last claims were unfinished when they were closed.
    pub(super) closing: Vec<(ChunkClass, usize, u32)>,
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
        self.region.blocks().release_ref(block);
    }

    /// Gives up a reference that a place of the caller's holds.
    #[inline]
    pub(crate) fn release_id(&self, block: BlockId) {
        self.region.blocks().release_place(block);
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
        let bytes = self.extent_of(word).frame_len() as u64;
        Some(NamedBlock { core: self, block, bytes, holder: self.holders.hold(block) })
    }

    /// Where the payload lies in the block that a slot refers to; the slot still names it.
    #[inline(always)]
    pub(crate) fn extent_of(&self, word: CommitWord) -> Extent {
        word.extent().unwrap_or_else(|| self.extent_in_header(word))
    }

    #[cold]
    fn extent_in_header(&self, word: CommitWord) -> Extent {
        Extent::of_frame(self.region.shared_bytes(BlockId(word.block())))
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
