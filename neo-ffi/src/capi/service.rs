//! Services: workers that pull requests.

use crate::rsapi::{Outcome, Service};

use super::caller::{Caller, timeout};
use super::config::neo_service_opts_t;
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::kernel::neo_kernel_t;
use super::message::neo_slice_t;
use super::request::neo_request_t;
use super::status::neo_status_t;

/// A worker of a service. Counted; any thread; a request goes to one caller.
#[derive(Debug)]
pub struct neo_service_t {
    _private: [u8; 0],
}

impl Object for neo_service_t {
    type Value = Service;
    const TAG: u32 = 0x4E45_4F07;
    const WHAT: &'static str = "service";
}

/// Joins a service as a worker; the first one opens it.
///
/// @param kernel  the kernel; the worker keeps what it needs of it
/// @param name    UTF-8, borrowed
/// @param opts    borrowed; NULL: the defaults
/// @param out     receives one reference, for neo_service_release
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FULL, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_open(
    kernel: *mut neo_kernel_t,
    name: neo_slice_t,
    opts: *const neo_service_opts_t,
    out: *mut *mut neo_service_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out(out, "out")?;
        let name = caller.text(name, "service's name")?;
        let options = caller.options(opts)?.to_options()?;
        out.write(Handle::give(kernel.value.serve(name, &options)?));
        Ok(Outcome::Ok)
    })
}

/// Takes the next request.
///
/// @param service     the worker
/// @param out         receives the request, for neo_request_release
/// @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED, NEO_E_INVALID, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Waits for `timeout_ns`, or until the worker or its kernel is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_recv(
    service: *mut neo_service_t,
    out: *mut *mut neo_request_t,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(service, err, |caller, service| {
        let out = caller.out(out, "out")?;
        match service.value.recv_as(timeout(timeout_ns), None, Handle::give)? {
            Some(request) => {
                out.write(request);
                Ok(Outcome::Ok)
            }
            None => Ok(Outcome::Again),
        }
    })
}

/// The service's name. Valid until the worker's last reference is released.
///
/// @param name  receives it
/// @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_name(
    service: *const neo_service_t,
    name: *mut neo_slice_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(service, core::ptr::null_mut(), |caller, service| {
        caller.out(name, "name")?.write(neo_slice_t::of(service.value.name().as_bytes()));
        Ok(Outcome::Ok)
    })
}

/// Leaves the service: every waiting thread returns with NEO_E_CLOSED; requests that nobody is left
/// to take are answered with NEO_E_NO_REPLY. The handle stays, for neo_service_release. Closing twice
/// does nothing.
///
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_close(service: *mut neo_service_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(service, core::ptr::null_mut(), |_, service| {
        service.here()?;
        service.value.close();
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_service_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_retain(service: *mut neo_service_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(service, core::ptr::null_mut(), |caller, _| {
        caller.retain(service)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back, with the last one leaves the service; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_service_release(service: *mut neo_service_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, service);
}
