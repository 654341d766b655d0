//! Linux: a time at which a descriptor becomes readable, once.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use crate::sync::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct Timer {
    descriptor: OwnedFd,
    /// It runs, or has run out and was not taken.
    is_set: AtomicBool,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let descriptor = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { descriptor, is_set: AtomicBool::new(false) })
    }

    /// Has it run out `after` this long, if it is not set already.
    pub(crate) fn start(&self, after: Duration) {
        if !self.is_set.load(Ordering::Relaxed) && !self.is_set.swap(true, Ordering::AcqRel) {
            self.set(after);
        }
    }

    /// Whether it has run out. It is not set then any more.
    pub(crate) fn take(&self) -> bool {
        let mut count = [0; 8];
        let has_run_out = rustix::io::read(&self.descriptor, &mut count).is_ok();
        if has_run_out {
            self.is_set.store(false, Ordering::Release);
        }
        has_run_out
    }

    /// It runs no more, nor in children that have it open.
    pub(crate) fn stop(&self) {
        self.set(Duration::ZERO);
    }

    fn set(&self, after: Duration) {
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(after).unwrap_or(none);
        let once = Itimerspec { it_interval: none, it_value };
        // A descriptor of ours and a time in range: there is nothing to fail.
        let _ = rustix::time::timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
