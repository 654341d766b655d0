//! A block that a received message keeps alive.

use std::sync::Arc;

use crate::region::blocks::BlockRef;
use crate::region::holders::HolderIndex;
use crate::sync::{AtomicU64, Ordering};

use super::core::Core;

/// Bytes that a subscription's messages keep alive, and may.
///
/// Its messages refer to the kernel through it: one count to touch per message, and not one that
/// the readers of all subscriptions share.
#[derive(Debug)]
pub(crate) struct PinnedBytes {
    core: Arc<Core>,
    bytes: AtomicU64,
    max: u64,
}

impl PinnedBytes {
    pub(crate) fn new(core: Arc<Core>, max: u64) -> Arc<Self> {
        Arc::new(Self { core, bytes: AtomicU64::new(0), max })
    }
}

/// Whose message holds a block.
#[derive(Debug)]
enum Budget {
    Subscription(Arc<PinnedBytes>),
    /// Replies have none.
    Call(Arc<Core>),
}

impl Budget {
    #[inline]
    fn core(&self) -> &Core {
        match self {
            Budget::Subscription(pinned) => &pinned.core,
            Budget::Call(core) => core,
        }
    }
}

/// One reference to a shared block, with its entry in this participant's holder table.
#[derive(Debug)]
pub(crate) struct HeldBlock {
    budget: Budget,
    block: BlockRef,
    holder: HolderIndex,
    has_reference: bool,
    len: usize,
}

/// The entry of a reference that is still somewhere else. The entry comes first, so that a
/// survivor's scan finds the reference at every moment of the move.
#[derive(Debug)]
#[must_use = "a reserved entry is confirmed or cancelled"]
pub(crate) struct Reserved(HeldBlock);

impl Reserved {
    /// The reference is here now.
    #[inline(always)]
    pub(crate) fn confirm(self) -> HeldBlock {
        self.0
    }

    /// The reference went elsewhere.
    pub(crate) fn cancel(mut self) {
        self.0.has_reference = false;
    }
}

impl HeldBlock {
    /// Makes room for a reference. `None`: the holder table is full, or the bytes would exceed the
    /// subscription's budget.
    #[inline(always)]
    pub(crate) fn reserve(
        pinned: &Arc<PinnedBytes>,
        block: BlockRef,
        len: usize,
    ) -> Option<Reserved> {
        let before = pinned.bytes.fetch_add(len as u64, Ordering::Relaxed);
        if before + len as u64 <= pinned.max
            && let Some(holder) = pinned.core.holders.hold(block)
        {
            let budget = Budget::Subscription(pinned.clone());
            return Some(Reserved(Self { budget, block, holder, has_reference: true, len }));
        }
        pinned.bytes.fetch_sub(len as u64, Ordering::Relaxed);
        None
    }

    /// The same for a reply. `None`: the holder table is full.
    pub(crate) fn reserve_reply(core: &Arc<Core>, block: BlockRef, len: usize) -> Option<Reserved> {
        let holder = core.holders.hold(block)?;
        let budget = Budget::Call(core.clone());
        Some(Reserved(Self { budget, block, holder, has_reference: true, len }))
    }

    pub(crate) fn is_sole(&self) -> bool {
        self.budget.core().region.blocks().has_one_ref(self.block)
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = self.budget.core().region.shared_bytes(self.block.id);
        bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for HeldBlock {
    #[inline]
    fn drop(&mut self) {
        let core = self.budget.core();
        if self.has_reference {
            core.release(self.block);
        }
        core.holders.release(self.holder);
        if let Budget::Subscription(pinned) = &self.budget {
            pinned.bytes.fetch_sub(self.len as u64, Ordering::Relaxed);
        }
    }
}
