//! Batches that a face may keep in a handle.

use neo_protocol::Batch;

use crate::sys::{self, OfProcess};

use super::error::Result;
use super::inlet::Lock;
use super::live::{Kind, Live};

/// Messages read in place, together with the lock of their subscription: see [`Lock`]. Dropped, it
/// gives both back. In a forked child it is leaked.
#[derive(Debug)]
pub struct OwnedBatch(OfProcess<Parts>);

#[derive(Debug)]
struct Parts {
    batch: sys::OwnedBatch,
    _live: Live,
}

impl OwnedBatch {
    pub(crate) fn new(lock: Lock, max: usize) -> Result<Self> {
        let batch = sys::OwnedBatch::new(lock, max)?;
        Ok(Self(OfProcess::new(Parts { batch, _live: Live::new(Kind::Batch) })))
    }

    /// Lends the messages.
    ///
    /// # Errors
    ///
    /// [`Forked`](super::Code::Forked), and what `f` returns.
    pub fn with<T>(&self, f: impl FnOnce(&Batch<'_>) -> Result<T>) -> Result<T> {
        f(self.0.here()?.batch.messages())
    }
}
