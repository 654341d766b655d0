//! How a poller wakes its host: a descriptor for an event loop, or a callback.

use core::fmt;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use super::error::{Error, Result};
use super::live::{Kind, Live};

/// A descriptor that is readable from [`set`](Self::set) until [`clear`](Self::clear).
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Descriptor {
    read: std::os::fd::OwnedFd,
    /// Where an event descriptor does not exist: the other end of a socket pair.
    #[cfg(not(target_os = "linux"))]
    write: std::os::unix::net::UnixStream,
}

#[cfg(unix)]
impl Descriptor {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let read = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .map_err(|error| no_descriptor(&error.into()))?;
        Ok(Self { read })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> Result<Self> {
        use std::os::unix::net::UnixStream;
        let pair = UnixStream::pair().and_then(|(read, write)| {
            read.set_nonblocking(true)?;
            write.set_nonblocking(true)?;
            Ok((read, write))
        });
        let (read, write) = pair.map_err(|error| no_descriptor(&error))?;
        Ok(Self { read: read.into(), write })
    }

    pub(crate) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.read.as_fd()
    }

    /// One system call. Any number but zero does; it fails only if the descriptor is readable already.
    pub(crate) fn set(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::io::write(&self.read, &[1; 8]);
        #[cfg(not(target_os = "linux"))]
        let _ = std::io::Write::write(&mut &self.write, &[1]);
    }

    /// One system call; at least one, where it takes several to read all. False: it was not set.
    pub(crate) fn clear(&self) -> bool {
        let mut bytes = [0; 8];
        #[cfg(target_os = "linux")]
        let was_set = rustix::io::read(&self.read, &mut bytes).is_ok();
        #[cfg(not(target_os = "linux"))]
        let was_set = {
            let mut was_set = false;
            while let Ok(count @ 1..) = rustix_free_read(&self.read, &mut bytes) {
                was_set = true;
                if count < bytes.len() {
                    break;
                }
            }
            was_set
        };
        was_set
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn rustix_free_read(fd: &std::os::fd::OwnedFd, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut stream = std::os::unix::net::UnixStream::from(fd.try_clone()?);
    std::io::Read::read(&mut stream, bytes)
}

#[cold]
fn no_descriptor(error: &std::io::Error) -> Error {
    let text = format!(
        "the poller's descriptor could not be made ({error}): raise the limit of open files, or use \
         a poller with a callback"
    );
    Error::system(text, error)
}

/// What the poller calls once each time that it was armed.
pub(crate) struct Callback {
    function: Box<dyn Fn() + Send + Sync>,
    _live: Live,
}

impl Callback {
    pub(crate) fn new(function: impl Fn() + Send + Sync + 'static) -> Self {
        Self { function: Box::new(function), _live: Live::new(Kind::Wake) }
    }

    /// A panic of the host's code must not unwind into whoever publishes.
    pub(crate) fn call(&self) {
        let _ = catch_unwind(AssertUnwindSafe(&self.function));
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}
