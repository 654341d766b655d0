//! Holder tables: which shared blocks a participant refers to outside of mailboxes (R3.2).

use super::blocks::{BlockId, BlockRef};
use super::collect::{Place, Visit};
use super::limits::HOLDERS;
use super::map::Region;
use crate::sync::{AtomicU64, Ordering};
use core::cell::{Cell, RefCell};
use core::fmt;
use crossbeam_queue::ArrayQueue;
use std::sync::{Arc, Weak};

/// Names the block of every mailbox slot to the function that it is given.
pub(crate) type Slots<'s> = dyn FnMut(&mut dyn FnMut(BlockId)) + 's;

/// An entry of the participant's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HolderIndex(u16);

/// The holder table of one participant, and the private list of its free entries.
///
/// An entry is written before the reference is taken and cleared after the count is lowered, so
/// that at every instant a scan finds the block, or the count is merely too high.
pub(crate) struct HolderTable {
    region: Arc<Region>,
    participant: u16,
    /// Tells tables apart; never used again in this process.
    number: u64,
    free: Arc<ArrayQueue<u16>>,
}

/// No entry.
const NONE: u16 = u16::MAX;
const _: () = assert!(HOLDERS < NONE as usize);
/// Entries on two cache lines, which are fetched together.
const LINE: usize = 128 / size_of::<u64>();

/// A free entry that a thread keeps at hand: most references are taken and given up one at a time,
/// by the same thread, and then no other thread is asked.
struct Kept {
    /// Number of the table that the entry is of: the first that the thread met and that is alive.
    table: Cell<u64>,
    index: Cell<u16>,
    free: RefCell<Weak<ArrayQueue<u16>>>,
}

thread_local! {
    static KEPT: Kept = const {
        Kept { table: Cell::new(0), index: Cell::new(NONE), free: RefCell::new(Weak::new()) }
    };
}

impl Kept {
    #[inline(always)]
    fn take(&self, table: u64) -> u16 {
        if self.table.get() == table { self.index.replace(NONE) } else { NONE }
    }

    /// False: it has one, or is another table's.
    #[inline(always)]
    fn keep(&self, table: &HolderTable, index: u16) -> bool {
        let has_place = self.table.get() == table.number && self.index.get() == NONE;
        if has_place {
            self.index.set(index);
        }
        has_place || self.adopt(table, index)
    }

    #[cold]
    fn adopt(&self, table: &HolderTable, index: u16) -> bool {
        let mut free = self.free.borrow_mut();
        let is_orphan = free.strong_count() == 0;
        if is_orphan {
            *free = Arc::downgrade(&table.free);
            self.table.set(table.number);
            self.index.set(index);
        }
        is_orphan
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let index = self.index.get();
        if index != NONE
            && let Some(free) = self.free.get_mut().upgrade()
        {
            // Cannot fail: every index is in the queue at most once.
            let _ = free.push(index);
        }
    }
}

impl fmt::Debug for HolderTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HolderTable")
            .field("participant", &self.participant)
            .field("free", &self.free.len())
            .finish_non_exhaustive()
    }
}

impl HolderTable {
    /// The table of a participant that has just joined; its entries are clear.
    pub(crate) fn new(region: Arc<Region>, participant: u16) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let free = Arc::new(ArrayQueue::new(HOLDERS));
        // Entries in use at the same time lie on different cache lines: threads write them at once.
        for index in (0..LINE).flat_map(|first| (first..HOLDERS).step_by(LINE)) {
            // Cannot fail: the queue has room for every index once.
            let _ = free.push(index as u16);
        }
        Self { region, participant, number, free }
    }

    /// Writes an entry for a reference that the caller is about to take or to add. `None` if all
    /// are in use: deliver a private copy instead.
    #[inline]
    pub(crate) fn hold(&self, block: BlockRef) -> Option<HolderIndex> {
        let kept = KEPT.try_with(|kept| kept.take(self.number)).unwrap_or(NONE);
        let index = HolderIndex(if kept == NONE { self.free.pop()? } else { kept });
        // Release: the entry is seen before the take or the share that follows.
        self.entry(index)?.store(pack(block), Ordering::Release);
        Some(index)
    }

    /// Clears an entry after the count was lowered, or after the take failed, and frees it.
    #[inline]
    pub(crate) fn release(&self, index: HolderIndex) {
        if let Some(entry) = self.entry(index) {
            entry.store(0, Ordering::Release);
        }
        if !KEPT.try_with(|kept| kept.keep(self, index.0)).unwrap_or(false) {
            // Cannot fail: every index is in the queue at most once.
            let _ = self.free.push(index.0);
        }
    }

    #[inline(always)]
    fn entry(&self, index: HolderIndex) -> Option<&AtomicU64> {
        self.region.holder(self.participant, index.0)
    }
}

fn pack(block: BlockRef) -> u64 {
    u64::from(block.generation) << 44 | (u64::from(block.id.0) + 1) << 22
}

fn unpack(word: u64) -> Option<BlockRef> {
    let id = (word >> 22 & 0x3F_FFFF).checked_sub(1)? as u32;
    Some(BlockRef { id: BlockId(id), generation: (word >> 44) as u32 })
}

impl Region {
    /// Names the block of every holder entry of every participant.
    pub(crate) fn visit_holders(&self, visit: &mut Visit<'_>) {
        for id in (1_u16..).take(self.participants().len()) {
            if !self.is_joined(id) {
                continue;
            }
            for entry in self.holders(id) {
                if let Some(block) = unpack(entry.load(Ordering::Acquire)) {
                    visit(Place::Holder(block));
                }
            }
        }
    }

    pub(crate) fn is_joined(&self, id: u16) -> bool {
        use super::owners::Status;
        self.status(id).is_some_and(|(_, status)| status != Status::Free)
    }

    /// Clears the entries of a dead participant. The counts stay too high until the recount.
    pub(crate) fn clear_holders(&self, dead: u16) {
        for entry in self.holders(dead) {
            if entry.load(Ordering::Relaxed) != 0 {
                entry.store(0, Ordering::Release);
            }
        }
    }

    /// Frees every shared block to which nothing refers; returns how many (R3.2.2).
    ///
    /// `visit_slots` names the blocks in every mailbox's slots from `min(take, pins)` to `tail`.
    pub(crate) fn recount(&self, visit_slots: &mut Slots<'_>) -> usize {
        self.blocks().recount(&mut |visit| {
            // Publishers' entries come before the slots, readers' after them.
            self.visit_holders(visit);
            visit_slots(&mut |block| visit(Place::Slot(block)));
            self.visit_holders(visit);
        })
    }
}
