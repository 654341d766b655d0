//! Requests: each has one answer.

use core::ffi::c_void;

use crate::rsapi::{Outcome, Request};

use super::caller::Caller;
use super::error::neo_error_t;
use super::handle::{Object, release};
use super::message::neo_slice_t;
use super::status::neo_status_t;

/// A request with the right to answer it once. Counted; any thread. Its bytes stay readable after
/// the answer. Released unanswered, its caller gets NEO_E_NO_REPLY.
#[derive(Debug)]
pub struct neo_request_t {
    _private: [u8; 0],
}

impl Object for neo_request_t {
    type Value = Request;
    const TAG: u32 = 0x4E45_4F08;
    const WHAT: &'static str = "request";
}

/// What a request says. Its pointers are valid until the request is released.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_request_view_t {
    /// The method that was called.
    pub method: neo_slice_t,
    /// The argument, at least 64-byte aligned unless it is empty.
    pub data: neo_slice_t,
}

impl neo_request_view_t {
    const SIZE_FIRST: usize = 2 * size_of::<neo_slice_t>();
}

/// Reads a request.
///
/// @param request    the request
/// @param view       receives what it says
/// @param view_size  sizeof(neo_request_view_t)
/// @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_request_view(
    request: *const neo_request_t,
    view: *mut neo_request_view_t,
    view_size: usize,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(request, core::ptr::null_mut(), |caller, request| {
        let views = caller.out_array(view, view_size, 1, neo_request_view_t::SIZE_FIRST)?;
        let (method, data) = request.value.method_and_data();
        let (method, data) = (neo_slice_t::of(method.as_bytes()), neo_slice_t::of(data));
        views.write(0, &neo_request_view_t { method, data });
        Ok(Outcome::Ok)
    })
}

/// Reads a request's argument alone: what neo_request_view says of it, for less.
///
/// @param request  the request
/// @param data     receives it, valid until the request is released; at least 64-byte aligned unless
///                 it is empty
/// @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_request_data(
    request: *const neo_request_t,
    data: *mut neo_slice_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(request, core::ptr::null_mut(), |caller, request| {
        caller.out(data, "data")?.write(neo_slice_t::of(request.value.data()));
        Ok(Outcome::Ok)
    })
}

/// Answers a request. A caller that no longer waits is no error.
///
/// @param request  the request; it stays, for neo_request_release
/// @param data     the answer, borrowed; may be NULL if `len` is 0
/// @param len      its bytes
/// @param err      receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if it was answered already; NEO_E_TOO_LARGE or NEO_E_FULL if the
///         answer has no room, of which the caller is told as well; NEO_E_INVALID, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_reply(
    request: *mut neo_request_t,
    data: *const c_void,
    len: usize,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(request, err, |caller, request| {
        request.value.reply(caller.bytes(data, len)?)?;
        Ok(Outcome::Ok)
    })
}

/// Answers a request with an error: its caller gets NEO_E_SERVICE with the text, of which 180 bytes
/// travel.
///
/// @param request  the request; it stays, for neo_request_release
/// @param text     UTF-8, borrowed
/// @param err      receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if it was answered already; NEO_E_INVALID, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_reply_error(
    request: *mut neo_request_t,
    text: neo_slice_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(request, err, |caller, request| {
        request.value.fail(caller.text(text, "text of the error")?)?;
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_request_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_request_retain(request: *mut neo_request_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(request, core::ptr::null_mut(), |caller, _| {
        caller.retain(request)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_request_release(request: *mut neo_request_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, request);
}
