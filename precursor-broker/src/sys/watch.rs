//! Linux: waiting for several descriptors at once.
#![allow(unsafe_code, reason = "system calls")]

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::linux::check;

/// Descriptors of which at least one can be waited for. Itself a descriptor that becomes readable.
#[derive(Debug)]
pub(crate) struct Watch(OwnedFd);

/// Ready descriptors that one look returns at most; the rest come with the next one.
const EVENTS_MAX: usize = 32;

impl Watch {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes flags only.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor is new and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Reports `token` whenever `target` is readable, until `target` is closed.
    pub(crate) fn add(&self, target: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        let (fd, target) = (self.0.as_raw_fd(), target.as_raw_fd());
        // SAFETY: two open descriptors, and a live local that the kernel copies.
        check(unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, target, &raw mut event) })?;
        Ok(())
    }

    /// Ends the reports about `target`, which may be open elsewhere, as in a child.
    pub(crate) fn remove(&self, target: BorrowedFd<'_>) {
        let (fd, target) = (self.0.as_raw_fd(), target.as_raw_fd());
        let none = core::ptr::null_mut();
        // SAFETY: two open descriptors; a removal reads no event.
        unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_DEL, target, none) };
    }

    /// Waits until something is ready, at most `timeout` (`None`: for ever), and calls `ready` with
    /// each token.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        mut ready: impl FnMut(u64),
    ) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        let milliseconds = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        let timeout = timeout.map_or(-1, milliseconds);
        let (fd, room) = (self.0.as_raw_fd(), EVENTS_MAX as libc::c_int);
        // SAFETY: the array is writable and has as many places as the call is told.
        let count = unsafe { libc::epoll_wait(fd, events.as_mut_ptr(), room, timeout) };
        match check(count) {
            Ok(count) => {
                events.iter().take(count as usize).for_each(|event| ready(event.u64));
                Ok(())
            }
            // A signal: the caller looks again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
