//! A block that a received message keeps alive.

use std::sync::Arc;

use crate::region::blocks::BlockRef;
use crate::region::holders::HolderIndex;
use crate::sync::{AtomicU64, Ordering};

use super::core::Core;

/// Bytes that a subscription's messages keep alive.
#[derive(Debug, Default)]
pub(crate) struct PinnedBytes(AtomicU64);

/// One reference to a shared block, with its entry in this participant's holder table.
#[derive(Debug)]
pub(crate) struct HeldBlock {
    core: Arc<Core>,
    pinned: Arc<PinnedBytes>,
    block: BlockRef,
    holder: HolderIndex,
    len: usize,
    has_reference: bool,
}

/// The entry of a reference that is still somewhere else. The entry comes first, so that a
/// survivor's scan finds the reference at every moment of the move.
#[derive(Debug)]
#[must_use = "a reserved entry is confirmed or cancelled"]
pub(crate) struct Reserved(HeldBlock);

impl Reserved {
    /// The reference is here now.
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
    pub(crate) fn reserve(
        core: &Arc<Core>,
        pinned: &Arc<PinnedBytes>,
        pinned_max: u64,
        block: BlockRef,
        len: usize,
    ) -> Option<Reserved> {
        let before = pinned.0.fetch_add(len as u64, Ordering::Relaxed);
        if before + len as u64 <= pinned_max
            && let Some(holder) = core.holders.hold(block)
        {
            let (core, pinned) = (core.clone(), pinned.clone());
            return Some(Reserved(Self { core, pinned, block, holder, len, has_reference: true }));
        }
        pinned.0.fetch_sub(len as u64, Ordering::Relaxed);
        None
    }

    pub(crate) fn is_sole(&self) -> bool {
        self.core.region.blocks().has_one_ref(self.block)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = self.core.region.shared_bytes(self.block.id);
        bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for HeldBlock {
    fn drop(&mut self) {
        if self.has_reference {
            self.core.release(self.block);
        }
        self.core.holders.release(self.holder);
        self.pinned.0.fetch_sub(self.len as u64, Ordering::Relaxed);
    }
}
