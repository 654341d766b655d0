//! Zeroed, line-aligned memory for cells and for control words.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// Bytes of a cache line on the machines we measure.
pub(crate) const LINE: usize = 64;

/// Cells that threads hand to each other under the control words of a mailbox.
pub(crate) struct Cells {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is plain bytes; who may touch which part is decided by the mailbox's control
// words, whose release/acquire pairs order the accesses.
unsafe impl Send for Cells {}
// SAFETY: as above; `Cells` itself only hands out addresses.
unsafe impl Sync for Cells {}

impl Cells {
    pub(crate) fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 4096).expect("a ring of sane size");
        // SAFETY: the layout has a non-zero size, since every mailbox has at least one cell.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        for page in (0..bytes).step_by(4096) {
            // SAFETY: `page` is below `bytes`, so the address stays inside the allocation.
            let address = unsafe { base.add(page) };
            // SAFETY: inside the allocation, which nobody else knows yet.
            unsafe { address.write_volatile(0) };
        }
        Self { base, layout }
    }

    /// The address of byte `offset`.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset < self.layout.size());
        // SAFETY: callers mask `offset` into the ring, so it stays inside the allocation.
        unsafe { self.base.as_ptr().add(offset) }
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, freed once.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// One word on a line of its own, so that cursors of different writers do not share one.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Lone(pub(crate) AtomicU64);

#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; LINE / 8]);

/// An array of control words, `stride` words apart.
pub(crate) struct Words {
    lines: Box<[Line]>,
}

impl Words {
    pub(crate) fn new(words: usize) -> Self {
        Self { lines: (0..words.div_ceil(8)).map(|_| Line::default()).collect() }
    }

    #[inline]
    pub(crate) fn at(&self, index: usize) -> &AtomicU64 {
        &self.lines[index / 8].0[index % 8]
    }
}

/// Asks for the line at `address` in a writable state. The instruction is spelled out because the
/// intrinsic falls back to a *read* prefetch unless the target enables `prfchw`.
#[inline]
pub(crate) fn prefetch_write(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no architectural effect, whatever the address.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch has no architectural effect, whatever the address.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, preserves_flags));
    }
}
