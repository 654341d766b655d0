//! Calls.

use core::ffi::c_void;

use crate::rsapi::{Outcome, PendingCall};

use super::caller::{Caller, timeout};
use super::config::neo_call_opts_t;
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::kernel::neo_kernel_t;
use super::message::{Received, neo_slice_t, neo_view_t};
use super::status::neo_status_t;

/// A call on its way. Counted; any thread. Its answer is taken once.
#[derive(Debug)]
pub struct neo_call_t {
    _private: [u8; 0],
}

impl Object for neo_call_t {
    type Value = PendingCall;
    const TAG: u32 = 0x4E45_4F09;
    const WHAT: &'static str = "call";
}

/// Calls a method of a service and waits for the answer.
///
/// @param kernel     the kernel
/// @param service    the service's name, UTF-8, borrowed
/// @param method     the method's name, UTF-8, borrowed
/// @param data       the argument, borrowed; may be NULL if `len` is 0
/// @param len        its bytes
/// @param opts       borrowed; NULL: the kernel's timeout holds
/// @param reply      receives the answer, whose `msg` is for neo_msg_release
/// @param view_size  sizeof(neo_view_t)
/// @param err        receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_NO_RESPONDER at once if nobody serves it; NEO_E_SERVICE with the service's
///         text in `err`; NEO_E_TIMEOUT, NEO_E_FULL, NEO_E_NO_REPLY, NEO_E_PANICKED,
///         NEO_E_PEER_DIED, NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID, NEO_E_VERSION,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Waits for the answer, for as long as `opts` or the kernel's options say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call(
    kernel: *mut neo_kernel_t,
    service: neo_slice_t,
    method: neo_slice_t,
    data: *const c_void,
    len: usize,
    opts: *const neo_call_opts_t,
    reply: *mut neo_view_t,
    view_size: usize,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let views = caller.out_array(reply, view_size, 1, neo_view_t::SIZE_FIRST)?;
        let service = caller.text(service, "service's name")?;
        let method = caller.text(method, "method's name")?;
        let payload = caller.bytes(data, len)?;
        let limit = caller.options(opts)?.timeout();
        let answer = kernel.value.call(service, method, payload, limit)?;
        views.write(0, &neo_view_t::give(Received::Reply(answer)));
        Ok(Outcome::Ok)
    })
}

/// Starts a call and does not wait for it. What is wrong with it is told by neo_call_wait. A poller
/// can watch it.
///
/// The request is sent before this returns, or not at all, so it does not wait for room either: if
/// the service has none the call ends with NEO_E_FULL. neo_call does wait for room.
///
/// @param kernel   the kernel
/// @param service  the service's name, UTF-8, borrowed
/// @param method   the method's name, UTF-8, borrowed
/// @param data     the argument, borrowed; may be NULL if `len` is 0
/// @param len      its bytes
/// @param out      receives one reference, for neo_call_release
/// @param err      receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call_start(
    kernel: *mut neo_kernel_t,
    service: neo_slice_t,
    method: neo_slice_t,
    data: *const c_void,
    len: usize,
    out: *mut *mut neo_call_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out(out, "out")?;
        let service = caller.text(service, "service's name")?;
        let method = caller.text(method, "method's name")?;
        let call = kernel.value.start_call(service, method, caller.bytes(data, len)?)?;
        out.write(Handle::give(call));
        Ok(Outcome::Ok)
    })
}

/// Waits for the answer of a call that was started, and takes it.
///
/// @param call        the call; it goes on if the time passes
/// @param reply       receives the answer, whose `msg` is for neo_msg_release
/// @param view_size   sizeof(neo_view_t)
/// @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_MISUSE if the answer was taken or the call
///         cancelled; else as neo_call
///
/// Any thread. Waits for `timeout_ns`, or until the call ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call_wait(
    call: *mut neo_call_t,
    reply: *mut neo_view_t,
    view_size: usize,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(call, err, |caller, call| {
        let views = caller.out_array(reply, view_size, 1, neo_view_t::SIZE_FIRST)?;
        let Some(answer) = call.value.wait(timeout(timeout_ns), None)? else {
            return Ok(Outcome::Again);
        };
        views.write(0, &neo_view_t::give(Received::Reply(answer)));
        Ok(Outcome::Ok)
    })
}

/// Gives a call up: threads that wait for it return with NEO_E_MISUSE. After its end it does
/// nothing.
///
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call_cancel(call: *mut neo_call_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(call, core::ptr::null_mut(), |_, call| {
        call.here()?;
        call.value.cancel();
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_call_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call_retain(call: *mut neo_call_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(call, core::ptr::null_mut(), |caller, _| {
        caller.retain(call)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back, with the last one cancels the call; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_call_release(call: *mut neo_call_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, call);
}
