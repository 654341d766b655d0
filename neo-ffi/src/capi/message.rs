//! Messages.

use core::ffi::c_char;

use crate::rsapi::{Message, MessageRef, Outcome, Reply, TRACEPARENT_LETTERS};

use super::caller::Caller;
use super::error::{invalid, neo_error_t};
use super::handle::{Handle, Object, release};
use super::status::neo_status_t;

/// Bytes, or UTF-8 text that does not end in NUL. NULL is good for no bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_slice_t {
    /// The first byte.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

impl neo_slice_t {
    pub(super) const EMPTY: Self = Self { data: core::ptr::null(), len: 0 };

    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// A received message or a reply. Immutable; counted; any thread. It stays valid after its
/// subscription and its kernel are closed and released.
#[derive(Debug)]
pub struct neo_msg_t {
    _private: [u8; 0],
}

#[derive(Debug)]
pub(super) enum Received {
    Message(Message),
    Reply(Reply),
}

impl Object for neo_msg_t {
    type Value = Received;
    const TAG: u32 = 0x4E45_4F04;
    const WHAT: &'static str = "message";
}

/// What a message says. Its pointers are valid until the message is released; those of a borrowed
/// batch until the batch is.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_view_t {
    /// The message itself; NULL in a borrowed batch.
    pub msg: *mut neo_msg_t,
    /// The payload, at least 64-byte aligned unless it is empty.
    pub data: neo_slice_t,
    /// The topic that it was published to; empty in a reply.
    pub topic: neo_slice_t,
    /// Its number in its stream; 0 outside streams.
    pub seq: u64,
    /// Messages that the subscription lost between the one before and this one.
    pub lost_before: u64,
    /// When it was sent, in nanoseconds since 1970; 0 unless its publisher stamps the time.
    pub timestamp_ns: i64,
}

impl neo_view_t {
    /// Bytes of the first version: no caller's stride is smaller.
    pub(super) const SIZE_FIRST: usize = 3 * size_of::<neo_slice_t>() - size_of::<usize>() + 24;

    /// What a message says, in place.
    #[inline]
    pub(super) fn borrowed(message: &MessageRef<'_>) -> Self {
        let frame = message.frame();
        Self {
            msg: core::ptr::null_mut(),
            data: neo_slice_t::of(message.payload()),
            topic: neo_slice_t::of(message.topic().as_bytes()),
            seq: frame.seq(),
            lost_before: message.lost_before(),
            timestamp_ns: frame.time_ns(),
        }
    }

    #[inline(always)]
    fn of(received: &Received) -> Self {
        match received {
            Received::Message(message) => {
                let frame = message.frame();
                Self {
                    msg: core::ptr::null_mut(),
                    data: neo_slice_t::of(frame.payload()),
                    topic: neo_slice_t::of(message.topic().as_bytes()),
                    seq: frame.seq(),
                    lost_before: message.lost_before(),
                    timestamp_ns: frame.time_ns(),
                }
            }
            Received::Reply(reply) => Self {
                msg: core::ptr::null_mut(),
                data: neo_slice_t::of(reply),
                topic: neo_slice_t::EMPTY,
                seq: 0,
                lost_before: 0,
                timestamp_ns: 0,
            },
        }
    }

    /// Gives a message to C, which releases `msg`.
    #[inline(always)]
    pub(super) fn give(received: Received) -> Self {
        let (msg, view) = Handle::give_and_read(received, Self::of);
        Self { msg, ..view }
    }
}

/// Reads a message.
///
/// @param msg        the message
/// @param view       receives what it says, with pointers into the message, and `msg` itself (no
///                   reference is added)
/// @param view_size  sizeof(neo_view_t)
/// @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_view(
    msg: *mut neo_msg_t,
    view: *mut neo_view_t,
    view_size: usize,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(msg, core::ptr::null_mut(), |caller, message| {
        let views = caller.out_array(view, view_size, 1, neo_view_t::SIZE_FIRST)?;
        views.write(0, &neo_view_t { msg, ..neo_view_t::of(&message.value) });
        Ok(Outcome::Ok)
    })
}

/// Reads a header of a message, in the order in which they were added; a key may stand more than
/// once.
///
/// @param msg    the message
/// @param index  from 0
/// @param key    receives the key, UTF-8, valid until the message is released
/// @param value  receives the value, valid until the message is released
/// @param err    receives what went wrong; may be NULL
/// @return NEO_OK; NEO_EOS if there are fewer; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_header(
    msg: *const neo_msg_t,
    index: usize,
    key: *mut neo_slice_t,
    value: *mut neo_slice_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(msg, err, |caller, message| {
        let (out_key, out_value) = (caller.out(key, "key")?, caller.out(value, "value")?);
        let Received::Message(message) = &message.value else { return Ok(Outcome::Eos) };
        let Some((key, value)) = message.headers().nth(index) else { return Ok(Outcome::Eos) };
        out_key.write(neo_slice_t::of(key.as_bytes()));
        out_value.write(neo_slice_t::of(value));
        Ok(Outcome::Ok)
    })
}

/// Reads the W3C trace context of a message.
///
/// @param msg   the message
/// @param text  receives 55 letters and a NUL
/// @param size  bytes that `text` has room for, 56 or more
/// @param err   receives what went wrong; may be NULL
/// @return NEO_OK; NEO_EOS if it carries none; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_traceparent(
    msg: *const neo_msg_t,
    text: *mut c_char,
    size: usize,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(msg, err, |caller, message| {
        let out = caller.array_mut(text.cast::<u8>(), size)?;
        let Some(place) = out.first_chunk_mut::<{ TRACEPARENT_LETTERS + 1 }>() else {
            return Err(invalid(format!("`text` has room for {size} bytes: 56 are needed")));
        };
        let Received::Message(message) = &message.value else { return Ok(Outcome::Eos) };
        let Some(trace) = message.traceparent() else { return Ok(Outcome::Eos) };
        for (byte, letter) in place.iter_mut().zip(trace.bytes().chain([0])) {
            *byte = letter;
        }
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_msg_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_retain(msg: *mut neo_msg_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(msg, core::ptr::null_mut(), |caller, _| {
        caller.retain(msg)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_release(msg: *mut neo_msg_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, msg);
}

/// Releases the `msg` of each view and sets it to NULL; those that are NULL already are passed over.
///
/// @param views      as neo_recv_batch filled them
/// @param view_size  sizeof(neo_view_t)
/// @param n          how many
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_msg_release_batch(views: *mut neo_view_t, view_size: usize, n: usize) {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.quietly(|caller| {
        let Ok(views) = caller.out_array(views, view_size, n, neo_view_t::SIZE_FIRST) else {
            return;
        };
        for index in 0..n {
            let msg = views.replace_first(index, core::ptr::null_mut::<neo_msg_t>());
            drop(caller.take(msg));
        }
    });
}
