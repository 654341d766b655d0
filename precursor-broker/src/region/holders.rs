//! Holder tables: which shared blocks a participant refers to outside of mailboxes (R3.2).

use super::blocks::{BlockId, BlockRef};
use super::collect::{Place, Visit};
use super::limits::HOLDERS;
use super::map::Region;
use crate::sync::{AtomicU64, Ordering};
use core::fmt;
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

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
    free: ArrayQueue<u16>,
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
        let free = ArrayQueue::new(HOLDERS);
        for index in 0..HOLDERS as u16 {
            // Cannot fail: the queue has room for every index once.
            let _ = free.push(index);
        }
        Self { region, participant, free }
    }

    /// Writes an entry for a reference that the caller is about to take or to add. `None` if all
    /// are in use: deliver a private copy instead.
    #[inline]
    pub(crate) fn hold(&self, block: BlockRef) -> Option<HolderIndex> {
        let index = HolderIndex(self.free.pop()?);
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
        // Cannot fail: every index is in the queue at most once.
        let _ = self.free.push(index.0);
    }

    #[inline]
    fn entry(&self, index: HolderIndex) -> Option<&AtomicU64> {
        self.region.holders(self.participant).get(usize::from(index.0))
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
    pub(crate) fn recount(&self, by: u16, visit_slots: &mut Slots<'_>) -> usize {
        self.blocks().recount(by, &mut |visit| {
            // Publishers' entries come before the slots, readers' after them.
            self.visit_holders(visit);
            visit_slots(&mut |block| visit(Place::Slot(block)));
            self.visit_holders(visit);
        })
    }
}
