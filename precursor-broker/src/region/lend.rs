//! Payload bytes lent as slices: the block that an owner writes, the shared block that all read,
//! the cell of a reply.
#![allow(unsafe_code, reason = "lends slices of mapped memory")]

use core::mem::ManuallyDrop;

use core::ptr::NonNull;

use super::alloc::Allocated;
use super::blocks::{BlockId, BlockRef};
use super::error::AllocError;
use super::hint::AllocHint;
use super::limits::CELL_BYTES;
use super::map::Region;

/// A block that nobody else reads or writes. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct OwnedBlock<'r> {
    region: &'r Region,
    block: BlockRef,
    owner: u16,
    bytes: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the block is exclusively this value's; the region may be used from any thread.
unsafe impl Send for OwnedBlock<'_> {}
// SAFETY: through a shared reference the bytes are only read.
unsafe impl Sync for OwnedBlock<'_> {}

impl OwnedBlock<'_> {
    /// The first `len` bytes.
    ///
    /// # Panics
    ///
    /// If the block is smaller.
    #[inline(always)]
    pub(crate) fn bytes(&self, len: usize) -> &[u8] {
        self.check(len);
        // SAFETY: `capacity` bytes lie in the data mapping, as `data_ptr` checked, and are a block
        // that its owner alone may touch.
        unsafe { core::slice::from_raw_parts(self.bytes.as_ptr(), len) }
    }

    /// The first `len` bytes, to write.
    ///
    /// # Panics
    ///
    /// If the block is smaller.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        self.check(len);
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.bytes.as_ptr(), len) }
    }

    #[inline(always)]
    fn check(&self, len: usize) {
        // By value: a reference to a field, even in a panic's text, would keep it in memory.
        let capacity = self.capacity;
        if len > capacity {
            beyond(len, capacity);
        }
    }

    /// The block, for an entry that names it before it is shared.
    #[inline(always)]
    pub(crate) fn reference(&self) -> BlockRef {
        self.block
    }

    /// Makes the block immutable, with `refs` references.
    #[inline(always)]
    pub(crate) fn share(self, refs: u32) -> Option<BlockRef> {
        let shared = self.region.blocks().share(self.block.id, self.owner, refs)?;
        let _passed_on = ManuallyDrop::new(self);
        Some(shared)
    }

    /// Makes the block the cells of a mailbox, whose header names it already.
    pub(crate) fn into_ring(self) -> BlockId {
        self.region.blocks().ring(self.block.id, self.owner);
        let block = self.block.id;
        let _passed_on = ManuallyDrop::new(self);
        block
    }
}

#[cold]
#[inline(never)]
#[allow(clippy::panic, reason = "the caller asked for what it was not lent")]
fn beyond(len: usize, capacity: usize) -> ! {
    panic!("{len} bytes of a block of {capacity}")
}

impl Drop for OwnedBlock<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        give_back(self.region, self.block, self.owner);
    }
}

#[inline(never)]
fn give_back(region: &Region, block: BlockRef, owner: u16) {
    region.blocks().free_owned(block, owner);
}

impl Region {
    /// Takes a block of at least `bytes` bytes for `owner`.
    #[inline(always)]
    pub(crate) fn alloc(
        &self,
        owner: u16,
        bytes: usize,
        hint: &AllocHint,
    ) -> Result<OwnedBlock<'_>, AllocError> {
        let blocks = self.blocks();
        let Allocated { block, bytes: capacity } = blocks.take(owner, bytes, hint)?;
        match self.data_ptr(block.id, capacity) {
            Some(bytes) => Ok(OwnedBlock { region: self, block, owner, bytes, capacity }),
            None => Err(self.outside(block, owner, bytes)),
        }
    }

    /// Gives back a block that a damaged word led out of the mapping.
    #[cold]
    fn outside(&self, block: BlockRef, owner: u16, bytes: usize) -> AllocError {
        self.blocks().free_owned(block, owner);
        self.blocks().full(bytes)
    }

    /// All bytes of a shared block. The caller holds a reference to it (a holder entry, or a slot
    /// that it pins) for as long as it uses them.
    #[inline]
    pub(crate) fn shared_bytes(&self, block: BlockId) -> &[u8] {
        let Some(capacity) = self.blocks().capacity(block) else { return &[] };
        let Some(first) = self.data_ptr(block, capacity) else { return &[] };
        // SAFETY: `data_ptr` checked that the bytes lie in the data mapping. Shared blocks are never written
        // (R3.2.3), and the caller's reference keeps this one shared.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), capacity) }
    }

    /// Lends the cell of a call for writing. The caller has moved the call's state to REPLYING.
    pub(crate) fn write_reply<R>(
        &self,
        participant: u16,
        call: usize,
        f: impl FnOnce(&mut [u8; CELL_BYTES]) -> R,
    ) -> Option<R> {
        let cell = self.reply_cell(participant, call)?.cast::<[u8; CELL_BYTES]>();
        // SAFETY: the cell lies in the data mapping; REPLYING makes it the replier's alone.
        Some(f(unsafe { &mut *cell.as_ptr() }))
    }

    /// Lends the cell of a call for reading. The caller owns the call, whose state is DONE.
    pub(crate) fn read_reply<R>(
        &self,
        participant: u16,
        call: usize,
        f: impl FnOnce(&[u8; CELL_BYTES]) -> R,
    ) -> Option<R> {
        let cell = self.reply_cell(participant, call)?.cast::<[u8; CELL_BYTES]>();
        // SAFETY: the cell lies in the data mapping; after DONE nobody writes it until the owner
        // gives the slot back.
        Some(f(unsafe { &*cell.as_ptr() }))
    }
}
