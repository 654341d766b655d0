//! Room: backpressure that is awaited.

use crate::rsapi::{Outcome, Room};

use super::caller::{Caller, timeout};
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::publish::neo_pub_t;
use super::status::neo_status_t;

/// Room for one more message of a publisher. Counted; any thread.
#[derive(Debug)]
pub struct neo_room_t {
    _private: [u8; 0],
}

impl Object for neo_room_t {
    type Value = Room;
    const TAG: u32 = 0x4E45_4F0A;
    const WHAT: &'static str = "room";
}

/// Watches for room: there is some when a message of `len` bytes would have to wait at no full
/// mailbox. A poller can watch it. Others may take the room first.
///
/// @param pub  the publisher; the room keeps what it needs of it
/// @param len  bytes of the message
/// @param out  receives one reference, for neo_room_release
/// @param err  receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_room_open(
    r#pub: *mut neo_pub_t,
    len: usize,
    out: *mut *mut neo_room_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, err, |caller, publisher| {
        let out = caller.out(out, "out")?;
        out.write(Handle::give(publisher.value.room(len)?));
        Ok(Outcome::Ok)
    })
}

/// Waits for room.
///
/// @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Waits for `timeout_ns`, or until the kernel is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_room_wait(
    room: *mut neo_room_t,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(room, err, |_, room| {
        let has_room = room.value.wait(timeout(timeout_ns), None)?;
        Ok(if has_room { Outcome::Ok } else { Outcome::Again })
    })
}

/// Adds a reference, for one more neo_room_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_room_retain(room: *mut neo_room_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(room, core::ptr::null_mut(), |caller, _| {
        caller.retain(room)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_room_release(room: *mut neo_room_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, room);
}
