//! The few things that safe Rust cannot say: a handler for `fork`, values that are leaked in a child,
//! and loans and batches that own what they borrow from.
#![allow(
    unsafe_code,
    reason = "one call of the system, lifetimes that the borrow checker cannot see"
)]

use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use neo_protocol::{Batch, Loan, Published, Publisher, Result};

use crate::rsapi::{self, Lock};

/// How often the process forked on the way to this one, since the first kernel was opened.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The generation of this process. One relaxed load.
#[inline]
pub(crate) fn fork_generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Counts forks from now on. Cheap after the first call.
pub(crate) fn watch_forks() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        #[cfg(all(unix, not(miri)))]
        {
            extern "C" fn in_child() {
                FORKS.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: the handler touches one atomic, which is safe in the child of a process with
            // threads, and lives as long as the library, which is never unloaded while it is in use.
            // It fails only without memory; then forks go unnoticed, as on systems without it.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
    });
}

/// A value that belongs to the process that made it. In a forked child it is leaked: locks in it may
/// be held by threads that do not exist there, and what it would give back is its parent's.
#[derive(Debug)]
pub(crate) struct OfProcess<T> {
    value: ManuallyDrop<T>,
    generation: u32,
}

impl<T> OfProcess<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), generation: fork_generation() }
    }

    /// Whether this is the process that made the value.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.generation == fork_generation()
    }

    /// Takes the value out. `None` in a forked child, where it is leaked.
    #[inline]
    pub(crate) fn into_inner(self) -> Option<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the value is taken once.
        this.is_here().then(|| unsafe { ManuallyDrop::take(&mut this.value) })
    }
}

impl<T> Deref for OfProcess<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> core::ops::DerefMut for OfProcess<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for OfProcess<T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: the value is dropped here only, and not used after it.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// A loan that owns what it borrows from.
#[derive(Debug)]
pub(crate) struct OwnedLoan {
    /// Dropped before the publisher that it borrows from: fields are dropped in this order.
    loan: Loan<'static>,
    publisher: Arc<Publisher>,
}

impl OwnedLoan {
    pub(crate) fn new(publisher: Arc<Publisher>, len: usize) -> Result<Self> {
        let loan = publisher.loan(len)?;
        // SAFETY: the loan borrows from the publisher, which does not move (it lies behind an `Arc`)
        // and outlives it (this value keeps it). No method lends the loan out.
        let loan = unsafe { core::mem::transmute::<Loan<'_>, Loan<'static>>(loan) };
        Ok(Self { loan, publisher })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.loan
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.loan
    }

    pub(crate) fn truncate(&mut self, len: usize) -> Result<()> {
        self.loan.truncate(len)
    }

    pub(crate) fn send(self) -> Result<Published> {
        let Self { loan, publisher } = self;
        let sent = loan.send();
        drop(publisher);
        sent
    }
}

/// A batch that owns the lock that it borrows from.
#[derive(Debug)]
pub(crate) struct OwnedBatch {
    /// Dropped before the lock that it borrows from: fields are dropped in this order.
    batch: Batch<'static>,
    _lock: Pinned<Lock>,
}

impl OwnedBatch {
    pub(crate) fn new(lock: Lock, max: usize) -> rsapi::Result<Self> {
        let mut lock = Pinned::new(lock);
        let batch = lock.get_mut().try_batch(max)?;
        // SAFETY: the batch borrows from the lock, which does not move (it lies on the heap, behind a
        // pointer that claims nothing when it moves), outlives it (this value keeps it) and is not
        // used while it is borrowed. `messages` lends the batch for a borrow of this value only.
        let batch = unsafe { core::mem::transmute::<Batch<'_>, Batch<'static>>(batch) };
        Ok(Self { batch, _lock: lock })
    }

    pub(crate) fn messages(&self) -> &Batch<'_> {
        &self.batch
    }
}

/// A value on the heap whose owner may move while the value is borrowed: unlike a `Box`, which
/// claims its content for itself whenever it moves.
#[derive(Debug)]
struct Pinned<T>(NonNull<T>);

impl<T> Pinned<T> {
    fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    fn get_mut(&mut self) -> &mut T {
        // SAFETY: it points to the value until `drop`, and `&mut self` makes the reference unique.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, and is given back once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: it owns its value, as a box does.
unsafe impl<T: Send> Send for Pinned<T> {}
// SAFETY: as for a box.
unsafe impl<T: Sync> Sync for Pinned<T> {}
