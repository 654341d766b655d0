//! Subscribing and receiving.

use parking_lot::Mutex;

use crate::rsapi::{Message, Outcome, OwnedBatch, Subscription};

use super::caller::{Caller, timeout};
use super::config::neo_sub_opts_t;
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::kernel::neo_kernel_t;
use super::message::{Received, neo_slice_t, neo_view_t};
use super::status::neo_status_t;

/// The receiving end of a pattern. Counted; any thread; a message goes to one caller.
#[derive(Debug)]
pub struct neo_sub_t {
    _private: [u8; 0],
}

impl Object for neo_sub_t {
    type Value = Subscription;
    const TAG: u32 = 0x4E45_4F05;
    const WHAT: &'static str = "subscription";
}

/// Messages read in place. While it lives its subscription is locked: receiving from it fails with
/// NEO_E_MISUSE, and closing it takes effect afterwards.
#[derive(Debug)]
pub struct neo_batch_t {
    _private: [u8; 0],
}

impl Object for neo_batch_t {
    /// Behind a lock only to say that one thread at a time has it.
    type Value = Mutex<OwnedBatch>;
    const TAG: u32 = 0x4E45_4F06;
    const WHAT: &'static str = "borrowed batch";
}

/// Subscribes to a pattern. A publish that starts after this returned is delivered.
///
/// @param kernel   the kernel; the subscription keeps what it needs of it
/// @param pattern  UTF-8, borrowed: `*` stands for one word, `>` at the end for all that follow
/// @param opts     borrowed; NULL: the defaults
/// @param out      receives one reference, for neo_sub_release
/// @param err      receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FULL, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_open(
    kernel: *mut neo_kernel_t,
    pattern: neo_slice_t,
    opts: *const neo_sub_opts_t,
    out: *mut *mut neo_sub_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out(out, "out")?;
        let pattern = caller.text(pattern, "pattern")?;
        let options = caller.options(opts)?.to_options(caller)?;
        out.write(Handle::give(kernel.value.subscribe(pattern, &options)?));
        Ok(Outcome::Ok)
    })
}

/// Receives the next message if one is there. As neo_recv with a timeout of 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_try_recv(
    sub: *mut neo_sub_t,
    view: *mut neo_view_t,
    view_size: usize,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let views = caller.out_array(view, view_size, 1, neo_view_t::SIZE_FIRST)?;
        let Some(message) = sub.value.try_recv()? else { return Ok(Outcome::Again) };
        views.write(0, &neo_view_t::give(Received::Message(message)));
        Ok(Outcome::Ok)
    })
}

/// Receives the next message.
///
/// @param sub         the subscription
/// @param view        receives the message, whose `msg` is for neo_msg_release
/// @param view_size   sizeof(neo_view_t)
/// @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED or NEO_E_DETACHED once nothing is left
///         and nothing will come; NEO_E_MISUSE while a borrowed batch is out; NEO_E_INVALID,
///         NEO_E_VERSION, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Waits for `timeout_ns`, or until the subscription or its kernel is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_recv(
    sub: *mut neo_sub_t,
    view: *mut neo_view_t,
    view_size: usize,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let views = caller.out_array(view, view_size, 1, neo_view_t::SIZE_FIRST)?;
        let Some(message) = sub.value.recv(timeout(timeout_ns))? else {
            return Ok(Outcome::Again);
        };
        views.write(0, &neo_view_t::give(Received::Message(message)));
        Ok(Outcome::Ok)
    })
}

/// Receives messages that are there, and waits for the first one.
///
/// @param sub         the subscription
/// @param views       receives the messages, for neo_msg_release_batch
/// @param view_size   sizeof(neo_view_t)
/// @param cap         how many at most
/// @param n           receives how many came
/// @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return as neo_recv
///
/// Any thread. Waits as neo_recv does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_recv_batch(
    sub: *mut neo_sub_t,
    views: *mut neo_view_t,
    view_size: usize,
    cap: usize,
    n: *mut usize,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let n = caller.out(n, "n")?;
        n.write(0);
        let views = caller.out_array(views, view_size, cap, neo_view_t::SIZE_FIRST)?;
        let mut messages = Vec::<Message>::new();
        sub.value.recv_batch(&mut messages, cap, timeout(timeout_ns), None)?;
        let count = messages.len();
        for (index, message) in messages.into_iter().enumerate() {
            views.write(index, &neo_view_t::give(Received::Message(message)));
        }
        n.write(count);
        Ok(if count == 0 && cap > 0 { Outcome::Again } else { Outcome::Ok })
    })
}

/// Receives messages that are there into the caller's own memory, as far as they fit, and waits for
/// the first one: for languages to which every handle is a cost. A message that fits what is left of
/// `space`, with its topic, is copied there: `msg` of its view is NULL and nothing is to be released.
/// One that does not fit, or that carries headers or a trace context, has a `msg`, as neo_recv_batch
/// gives it.
///
/// @param sub         the subscription
/// @param space       receives bytes; copies are not aligned
/// @param space_len   how many it takes
/// @param views       receives the messages, for neo_msg_release_batch
/// @param view_size   sizeof(neo_view_t)
/// @param cap         how many at most
/// @param n           receives how many came
/// @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return as neo_recv
///
/// Any thread. Waits as neo_recv does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_recv_batch_into(
    sub: *mut neo_sub_t,
    space: *mut u8,
    space_len: usize,
    views: *mut neo_view_t,
    view_size: usize,
    cap: usize,
    n: *mut usize,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let n = caller.out(n, "n")?;
        n.write(0);
        let views = caller.out_array(views, view_size, cap, neo_view_t::SIZE_FIRST)?;
        let mut space = Space { rest: caller.array_mut(space, space_len)?, topic: &[] };
        let mut count = 0;
        sub.value.recv_each(cap, timeout(timeout_ns), None, |message| {
            let view = space.copy(&message);
            let view = view.unwrap_or_else(|| neo_view_t::give(Received::Message(message)));
            views.write(count, &view);
            count += 1;
        })?;
        n.write(count);
        Ok(if count == 0 && cap > 0 { Outcome::Again } else { Outcome::Ok })
    })
}

/// What is left of memory that messages are copied to.
struct Space<'s> {
    rest: &'s mut [u8],
    /// The topic that was copied last; most messages of a run have the same.
    topic: &'s [u8],
}

impl<'s> Space<'s> {
    /// The view of a copy; `None` if there is no room for it, or more in it than a copy tells.
    fn copy(&mut self, message: &Message) -> Option<neo_view_t> {
        let frame = message.frame();
        let (data, topic) = (frame.payload(), message.topic().as_bytes());
        let topic_len = if topic == self.topic { 0 } else { topic.len() };
        if data.len().checked_add(topic_len)? > self.rest.len() || message.has_headers() {
            return None;
        }
        if topic_len > 0 {
            self.topic = self.take(topic);
        }
        Some(neo_view_t {
            msg: core::ptr::null_mut(),
            data: neo_slice_t::of(self.take(data)),
            topic: neo_slice_t::of(self.topic),
            seq: frame.seq(),
            lost_before: message.lost_before(),
            timestamp_ns: frame.time_ns(),
        })
    }

    fn take(&mut self, bytes: &[u8]) -> &'s [u8] {
        let (place, rest) = core::mem::take(&mut self.rest).split_at_mut(bytes.len());
        self.rest = rest;
        place.copy_from_slice(bytes);
        place
    }
}

/// Borrows messages that are there, to be read in place, and waits for the first one. Nothing is
/// copied or allocated for each of them. It pins at most half the mailbox.
///
/// @param sub         the subscription
/// @param views       receives the messages, whose `msg` is NULL; valid until the batch is released
/// @param view_size   sizeof(neo_view_t)
/// @param cap         how many at most
/// @param n           receives how many came
/// @param out         receives the batch, for neo_batch_release
/// @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return as neo_recv
///
/// Any thread. Waits as neo_recv does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_borrow_batch(
    sub: *mut neo_sub_t,
    views: *mut neo_view_t,
    view_size: usize,
    cap: usize,
    n: *mut usize,
    out: *mut *mut neo_batch_t,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let (n, out) = (caller.out(n, "n")?, caller.out(out, "out")?);
        n.write(0);
        out.write(core::ptr::null_mut());
        if cap == 0 {
            return Ok(Outcome::Again);
        }
        let views = caller.out_array(views, view_size, cap, neo_view_t::SIZE_FIRST)?;
        let Some(batch) = sub.value.batch(cap, timeout(timeout_ns), None)? else {
            return Ok(Outcome::Again);
        };
        let count = batch.with(|batch| {
            for (index, message) in batch.iter().enumerate() {
                views.write(index, &neo_view_t::borrowed(&message));
            }
            Ok(batch.len())
        })?;
        n.write(count);
        out.write(Handle::give(Mutex::new(batch)));
        Ok(Outcome::Ok)
    })
}

/// Gives the messages back and unlocks the subscription; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_batch_release(batch: *mut neo_batch_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, batch);
}

/// Losses since the last message that no message has told; asking resets it.
///
/// @param lost  receives how many
/// @param err   receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_CLOSED, NEO_E_MISUSE, NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_take_lost(
    sub: *mut neo_sub_t,
    lost: *mut u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let lost = caller.out(lost, "lost")?;
        lost.write(sub.value.take_lost()?);
        Ok(Outcome::Ok)
    })
}

/// Messages that wait to be received.
///
/// @param queued  receives how many
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_CLOSED, NEO_E_MISUSE, NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_queued(
    sub: *mut neo_sub_t,
    queued: *mut u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, err, |caller, sub| {
        let queued = caller.out(queued, "queued")?;
        queued.write(sub.value.queued()?);
        Ok(Outcome::Ok)
    })
}

/// The pattern that it was opened with. Valid until its last reference is released.
///
/// @param pattern  receives it
/// @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_pattern(
    sub: *const neo_sub_t,
    pattern: *mut neo_slice_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, core::ptr::null_mut(), |caller, sub| {
        caller.out(pattern, "pattern")?.write(neo_slice_t::of(sub.value.pattern().as_bytes()));
        Ok(Outcome::Ok)
    })
}

/// Unsubscribes: nothing arrives any more, what is queued is given up, and every waiting thread
/// returns with NEO_E_CLOSED. Messages that were received stay valid, and so does the handle, for
/// neo_sub_release. Closing twice does nothing.
///
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_close(sub: *mut neo_sub_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, core::ptr::null_mut(), |_, sub| {
        sub.here()?;
        sub.value.close();
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_sub_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_retain(sub: *mut neo_sub_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(sub, core::ptr::null_mut(), |caller, _| {
        caller.retain(sub)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back, with the last one unsubscribes; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_sub_release(sub: *mut neo_sub_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, sub);
}
