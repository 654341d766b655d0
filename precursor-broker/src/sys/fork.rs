//! Linux: what a forked child finds. Its kernels are over, and the memory that its parent shares
//! with others is a private copy, so that nothing it does or drops reaches them.
//!
//! The handler runs between `fork` and its return, in a process that may have lost the holders of
//! any lock: it only reads atomics and maps memory.
#![allow(unsafe_code, reason = "system calls")]

use core::ptr::NonNull;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Once, OnceLock};

use crate::sync::{AtomicU32, AtomicU64, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(1);

/// Number of this process among its ancestors: raised by each `fork` on the way to it. Never 0.
#[inline]
pub(crate) fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// A shared mapping of this process. Places are never freed, only used again: the handler walks
/// them without a lock.
#[derive(Debug)]
struct Place {
    base: AtomicU64,
    bytes: AtomicU64,
    /// Descriptor + 1; 0 = the place is free. Written last, and changed first.
    descriptor: AtomicU64,
    next: OnceLock<Box<Place>>,
}

/// A place that somebody is filling or emptying.
const IN_MOTION: u64 = u64::MAX;

impl Place {
    const fn new() -> Self {
        let (base, bytes, descriptor) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { base, bytes, descriptor, next: OnceLock::new() }
    }
}

static PLACES: Place = Place::new();

fn places() -> impl Iterator<Item = &'static Place> {
    core::iter::successors(Some(&PLACES), |place| place.next.get().map(|next| &**next))
}

/// Keeps a mapping private in children for as long as it lives.
#[derive(Debug)]
pub(crate) struct Registered(&'static Place);

impl Registered {
    /// Registers the mapping of `bytes` bytes of `memory` at `base`.
    pub(crate) fn new(base: NonNull<u8>, bytes: usize, memory: BorrowedFd<'_>) -> Self {
        watch();
        let place = Self::claim();
        place.base.store(base.as_ptr().expose_provenance() as u64, Ordering::Relaxed);
        place.bytes.store(bytes as u64, Ordering::Relaxed);
        let descriptor = u64::try_from(memory.as_raw_fd()).unwrap_or(0) + 1;
        place.descriptor.store(descriptor, Ordering::Release);
        Self(place)
    }

    fn claim() -> &'static Place {
        let mut last = &PLACES;
        loop {
            let claimed =
                last.descriptor.compare_exchange(0, IN_MOTION, Ordering::AcqRel, Ordering::Relaxed);
            if claimed.is_ok() {
                return last;
            }
            last = last.next.get_or_init(|| Box::new(Place::new()));
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.0.descriptor.store(0, Ordering::Release);
    }
}

/// Notices forks from now on. Cheap after the first call.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler does what a child of a process with threads may do, and lives as long
        // as the library. It fails only without memory; then forks go unnoticed.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    for place in places() {
        let descriptor = place.descriptor.load(Ordering::Acquire);
        if descriptor != 0 && descriptor != IN_MOTION {
            replace(place, descriptor);
        }
    }
}

/// Maps a private copy of the memory over a shared mapping.
fn replace(place: &Place, descriptor: u64) {
    let address = place.base.load(Ordering::Relaxed) as usize;
    let address = core::ptr::with_exposed_provenance_mut(address);
    let bytes = place.bytes.load(Ordering::Relaxed) as usize;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
    let descriptor = (descriptor - 1) as libc::c_int;
    // SAFETY: the range is a mapping of ours for as long as it is registered, of the same memory and
    // with the same access; the child has one thread, which is here and uses none of it.
    unsafe { libc::mmap(address, bytes, access, flags, descriptor, 0) };
}
