//! Memory of a private kernel where there is no `mmap`: other systems, and Miri.
#![allow(unsafe_code, reason = "allocates and frees zeroed memory by its layout")]

use core::alloc::Layout;
use core::ptr::NonNull;
use std::io;

const PAGE: usize = 4096;

/// The allocator zeroes lazily only at natural alignment; Miri wants the true one declared.
const ALIGN: usize = if cfg!(miri) { PAGE } else { 16 };

/// A zeroed, page-aligned range of memory that is freed on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    allocation: NonNull<u8>,
    layout: Layout,
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is plain memory owned by this value; access rules are its users' concern.
unsafe impl Send for Mapping {}
// SAFETY: as above; every method takes `&self` and only reads its own fields.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `bytes` zeroed bytes for this process.
    pub(crate) fn private(bytes: usize) -> io::Result<Self> {
        let size = bytes.max(1).checked_add(PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        let layout =
            Layout::from_size_align(size, ALIGN).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: the layout has a size of at least `PAGE`.
        let allocation = unsafe { std::alloc::alloc_zeroed(layout) };
        let allocation = NonNull::new(allocation).ok_or(io::ErrorKind::OutOfMemory)?;
        let address = allocation.addr().get();
        let skip = address.next_multiple_of(PAGE) - address;
        // SAFETY: `skip < PAGE` and the allocation is `bytes + PAGE` long.
        let base = unsafe { allocation.add(skip) };
        Ok(Self { allocation, layout, base, bytes })
    }

    /// Shared memory needs the operating system.
    #[cfg(unix)]
    pub(crate) fn shared(_memory: std::os::fd::OwnedFd, _bytes: usize) -> io::Result<Self> {
        let text = "shared memory needs Linux: use a private kernel (mem://)";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Backing store exists from the start.
    pub(crate) fn commit(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        Ok(())
    }

    /// Heap memory is not given back piecemeal: an advisory that does nothing here.
    pub(crate) fn decommit(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        Ok(())
    }

    /// First byte, aligned to a page.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes from [`base`](Self::base) on.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// There is none: the memory is private.
    #[cfg(unix)]
    pub(crate) fn memory_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `allocation` came from `alloc_zeroed` with this very layout and is freed once.
        unsafe { std::alloc::dealloc(self.allocation.as_ptr(), self.layout) }
    }
}
