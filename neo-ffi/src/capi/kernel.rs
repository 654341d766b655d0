//! Kernels.

use crate::rsapi::{Kernel, Outcome};

use super::caller::Caller;
use super::config::neo_config_t;
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::message::neo_slice_t;
use super::status::neo_status_t;
use super::versioned::Versioned;

/// A messaging kernel: what a URL names. Counted; any thread.
#[derive(Debug)]
pub struct neo_kernel_t {
    _private: [u8; 0],
}

impl Object for neo_kernel_t {
    type Value = Kernel;
    const TAG: u32 = 0x4E45_4F01;
    const WHAT: &'static str = "kernel";
}

/// Opens the kernel that a URL names: `mem://` is private to the handle, `mem://NAME` is shared by
/// every open of that name through this library image, `shm://NAME` by every process of this user
/// on this host.
///
/// @param url     UTF-8, borrowed; NULL: what the environment variable NEO_URL names, else
///                `mem://default`
/// @param config  borrowed; NULL: the defaults
/// @param out     receives one reference, for neo_kernel_release
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_UNSUPPORTED, NEO_E_OS
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_open(
    url: neo_slice_t,
    config: *const neo_config_t,
    out: *mut *mut neo_kernel_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.run(err, |caller| {
        let out = caller.out(out, "out")?;
        let text = caller.text(url, "URL")?;
        let options = caller.options(config)?.to_options()?;
        let kernel = match url.data.is_null() {
            true => Kernel::open_default(&options)?,
            false => Kernel::open(text, &options)?,
        };
        out.write(Handle::give(kernel));
        Ok(Outcome::Ok)
    })
}

/// Closes the kernel and all that was made of it: every waiter returns with NEO_E_CLOSED, what is
/// queued can still be received, what was received stays valid. The handle stays, for
/// neo_kernel_release. Closing twice does nothing.
///
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_close(kernel: *mut neo_kernel_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, core::ptr::null_mut(), |_, kernel| {
        kernel.here()?;
        kernel.value.close();
        Ok(Outcome::Ok)
    })
}

/// 1 if neo_kernel_close was called, or if it is no kernel; 0 if it is open. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_is_closed(kernel: *const neo_kernel_t) -> u8 {
    // SAFETY: the caller keeps to what is said above.
    let caller = unsafe { Caller::new() };
    u8::from(caller.handle(kernel).is_ok_and(|kernel| kernel.value.is_closed()))
}

/// The URL that the kernel was opened with. Valid until the handle's last reference is released.
///
/// @param url  receives it
/// @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_url(
    kernel: *const neo_kernel_t,
    url: *mut neo_slice_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, core::ptr::null_mut(), |caller, kernel| {
        caller.out(url, "url")?.write(neo_slice_t::of(kernel.value.url().as_bytes()));
        Ok(Outcome::Ok)
    })
}

/// Gives memory that nothing uses back to the system.
///
/// @param freed  receives the bytes; may be NULL
/// @param err    receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_trim(
    kernel: *mut neo_kernel_t,
    freed: *mut u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let freed = match freed.is_null() {
            true => None,
            false => Some(caller.out(freed, "freed")?),
        };
        let bytes = kernel.value.trim()?;
        if let Some(freed) = freed {
            freed.write(bytes);
        }
        Ok(Outcome::Ok)
    })
}

/// What neo_kernel_maintain restored. Begin with `NEO_RECLAIMED_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_reclaimed_t {
    /// `sizeof(neo_reclaimed_t)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Processes that were dead.
    pub participants: u64,
    /// Subscriptions, groups and services that were closed.
    pub routes: u64,
    /// Messages that were begun and not sent; each counts as lost.
    pub claims: u64,
    /// Blocks of memory that nothing referred to any more.
    pub blocks: u64,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_reclaimed_t {
    const SIZE_FIRST: usize = 40;
    const NAME: &'static str = "neo_reclaimed_t";
}

/// Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
/// asked for. Needed only if it was opened with `without_thread`: call it whenever
/// neo_kernel_maintain_fd is readable.
///
/// @param kernel     the kernel
/// @param reclaimed  receives what was restored; may be NULL
/// @param err        receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_OS, NEO_E_VERSION, NEO_E_FORKED, NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread. Does not wait for other processes' work; for at most two seconds for one that was
/// stopped while it opened or left the kernel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_maintain(
    kernel: *mut neo_kernel_t,
    reclaimed: *mut neo_reclaimed_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out_versioned(reclaimed)?;
        let restored = kernel.value.maintain()?;
        if let Some(out) = out {
            out.write(&neo_reclaimed_t {
                struct_size: 0,
                reserved: 0,
                participants: restored.participants as u64,
                routes: restored.routes as u64,
                claims: restored.claims,
                blocks: restored.blocks as u64,
            });
        }
        Ok(Outcome::Ok)
    })
}

/// Readable while there is something for neo_kernel_maintain to do. Borrowed: watch it, never read
/// or close it. -1 for a kernel of one process, and where there are no descriptors.
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_maintain_fd(kernel: *const neo_kernel_t) -> i32 {
    // SAFETY: the caller keeps to what is said above.
    let caller = unsafe { Caller::new() };
    #[cfg(unix)]
    {
        use std::os::fd::AsRawFd;
        let fd = caller.handle(kernel).ok().and_then(|kernel| kernel.value.maintain_fd().ok()?);
        fd.map_or(-1, |fd| fd.as_raw_fd())
    }
    #[cfg(not(unix))]
    {
        let _ = caller.handle(kernel);
        -1
    }
}

/// Adds a reference, for one more neo_kernel_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_retain(kernel: *mut neo_kernel_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, core::ptr::null_mut(), |caller, _| {
        caller.retain(kernel)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. What was made of the kernel stays open: to end it,
/// call neo_kernel_close before. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_release(kernel: *mut neo_kernel_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, kernel);
}
