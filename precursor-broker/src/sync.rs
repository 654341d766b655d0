//! The only source of atomics, cells and parking (invariant 4).
//!
//! Everything else in the crate imports these names from here, so that `--cfg precursor_loom`
//! replaces them by loom's and the models check the code that ships.

#[cfg(not(precursor_loom))]
mod imp {
    pub(crate) use core::cell::UnsafeCell;
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

#[cfg(precursor_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

pub(crate) use imp::*;
