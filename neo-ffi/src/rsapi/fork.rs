//! The guard against use after `fork`: handles work in the process that made them only.
//!
//! A child handler counts a number up, and every entry compares it with the number that its handle
//! was made with: one relaxed load. Dropped in the child, handles are leaked. Children that are made
//! without the C library's `fork` (a bare `clone`) are not noticed.

use crate::sys::{self, OfProcess};

use super::error::{Error, Result};

/// The generation of this process: raised in a child by each `fork` since the first kernel was
/// opened.
#[must_use]
pub fn generation() -> u32 {
    sys::fork_generation()
}

/// Whether this is a child that was forked since [`generation`] was `before`.
#[must_use]
pub fn is_forked_since(before: u32) -> bool {
    before != generation()
}

impl<T> OfProcess<T> {
    /// The value, in the process that made it.
    ///
    /// # Errors
    ///
    /// [`Forked`](super::Code::Forked) in a forked child.
    #[inline]
    pub(crate) fn here(&self) -> Result<&T> {
        if self.is_here() { Ok(self) } else { Err(Error::forked()) }
    }
}
