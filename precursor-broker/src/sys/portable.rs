//! Systems other than Linux: heap memory, a parking table of the standard library, a pipe.

use super::{Scope, WaitOutcome, count};
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Waiters hash to one of these by address; a collision is a spurious wake.
const BUCKETS: usize = 64;

#[derive(Debug, Default)]
struct Bucket {
    lock: Mutex<()>,
    wakes: Condvar,
}

impl Bucket {
    fn of(word: &AtomicU32) -> &'static Self {
        static TABLE: OnceLock<Vec<Bucket>> = OnceLock::new();
        let table = TABLE.get_or_init(|| (0..BUCKETS).map(|_| Self::default()).collect());
        &table[(core::ptr::from_ref(word).addr() >> 6) % BUCKETS]
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn futex_wait(
    word: &AtomicU32,
    expected: u32,
    timeout: Option<Duration>,
    _scope: Scope,
) -> WaitOutcome {
    let bucket = Bucket::of(word);
    let guard = bucket.lock();
    // Under the lock: a waker that changed the word takes the lock before it notifies.
    if word.load(Ordering::Acquire) != expected {
        return WaitOutcome::Mismatch;
    }
    let Some(timeout) = timeout else {
        drop(bucket.wakes.wait(guard));
        return WaitOutcome::Woken;
    };
    let (_guard, result) =
        bucket.wakes.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner);
    if result.timed_out() { WaitOutcome::TimedOut } else { WaitOutcome::Woken }
}

/// Wakes everybody in the bucket, because a collision must not swallow a wake.
pub(super) fn futex_wake(word: &AtomicU32, waiters: u32, _scope: Scope) -> u32 {
    let bucket = Bucket::of(word);
    let _guard = bucket.lock();
    bucket.wakes.notify_all();
    waiters
}

/// A pipe that holds at most one byte: readable when signalled.
#[derive(Debug)]
pub(crate) struct EventFd {
    reader: PipeReader,
    writer: PipeWriter,
    signalled: AtomicBool,
}

impl EventFd {
    /// A new pipe.
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader, writer, signalled: AtomicBool::new(false) })
    }

    /// Makes the reading end readable. Never blocks: the pipe never holds a second byte.
    pub(crate) fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            count::add();
            // A failure is a closed pipe, and both ends live as long as `self`.
            let _ = (&self.writer).write(&[1]);
        }
    }

    /// Makes the reading end unreadable until the next signal; `true` if there was one.
    ///
    /// Waits for the byte of a signal in flight, which is one write away.
    pub(crate) fn drain(&self) -> bool {
        let signalled = self.signalled.swap(false, Ordering::AcqRel);
        if signalled {
            count::add();
            let _ = (&self.reader).read(&mut [0]);
        }
        signalled
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for EventFd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Nanoseconds since the first call in this process.
pub(crate) fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Not known here; regions are private, so that nobody asks about another process.
pub(crate) fn start_ticks(_pid: u32) -> Option<u64> {
    None
}

/// Regions are private: every participant lives in this process.
pub(crate) fn is_process_live(pid: u32, _start: u64) -> bool {
    pid == std::process::id()
}
