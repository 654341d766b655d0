//! Publishing.

use core::ffi::c_void;
use core::hint::cold_path;
use core::panic::AssertUnwindSafe;
use core::ptr::null_mut;
use std::panic::catch_unwind;

use crate::rsapi::{Outcome, Publisher, Result, Run};
use neo_protocol::Published;

use super::caller::{Caller, timeout};
use super::config::{neo_pub_opts_t, neo_send_opts_t};
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::kernel::neo_kernel_t;
use super::message::neo_slice_t;
use super::status::{NEO_OK, neo_status_t};
use super::versioned::{OutVersioned, Versioned};

/// Payloads that are handed over at a time.
const RUN: usize = 256;

/// A topic made ready for publishing. Counted; any thread.
#[derive(Debug)]
pub struct neo_pub_t {
    _private: [u8; 0],
}

impl Object for neo_pub_t {
    type Value = Publisher;
    const TAG: u32 = 0x4E45_4F02;
    const WHAT: &'static str = "publisher";
}

/// What became of what was published, added up over mailboxes. Begin with
/// `NEO_PUBLISH_RESULT_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_publish_result_t {
    /// `sizeof(neo_publish_result_t)`.
    pub struct_size: u32,
    /// Mailboxes that took a message.
    pub accepted: u32,
    /// Messages that a mailbox refused, and older ones that made room.
    pub dropped: u32,
    /// Mailboxes that had no room until the send timeout had passed.
    pub timed_out: u32,
    /// Messages that were published, from the first on.
    pub messages: u64,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_publish_result_t {
    const SIZE_FIRST: usize = 24;
    const NAME: &'static str = "neo_publish_result_t";
}

impl neo_publish_result_t {
    /// One message that one mailbox took.
    const ONE: Self = Self { struct_size: 0, accepted: 1, dropped: 0, timed_out: 0, messages: 1 };

    #[inline(always)]
    pub(super) fn of(published: Published, messages: u64) -> Self {
        let Published { accepted, dropped, timed_out, .. } = published;
        Self { struct_size: 0, accepted, dropped, timed_out, messages }
    }
}

/// Makes a topic ready for publishing.
///
/// @param kernel  the kernel; the publisher keeps what it needs of it
/// @param topic   UTF-8, borrowed
/// @param opts    borrowed; NULL: the defaults
/// @param out     receives one reference, for neo_pub_release
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_pub_open(
    kernel: *mut neo_kernel_t,
    topic: neo_slice_t,
    opts: *const neo_pub_opts_t,
    out: *mut *mut neo_pub_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out(out, "out")?;
        let topic = caller.text(topic, "topic")?;
        let options = caller.options(opts)?.to_options(caller)?;
        out.write(Handle::give(kernel.value.publisher(topic, &options)?));
        Ok(Outcome::Ok)
    })
}

/// Publishes one message: the payload is copied once, into the kernel's memory. No form publishes
/// memory of the program's own by reference: what is too large to copy is written into a neo_loan.
///
/// @param pub     the publisher
/// @param data    the payload, borrowed; may be NULL if `len` is 0
/// @param len     its bytes
/// @param opts    borrowed; NULL: wait for no room beyond the publisher's send timeout
/// @param result  receives what became of it; may be NULL
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_FULL if no mailbox took it and one had no room, or the memory is used up;
///         NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID, NEO_E_VERSION, NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Waits for the publisher's send timeout and that of `opts`, at full mailboxes with
/// NEO_POLICY_BLOCK only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_publish(
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    len: usize,
    opts: *const neo_send_opts_t,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // Two functions, so that who does not ask what became of it keeps nothing for those who do.
    if result.is_null() {
        // SAFETY: as this function.
        unsafe { publish_untold(r#pub, data, len, opts, err) }
    } else {
        // SAFETY: as this function.
        unsafe { publish_and_tell(r#pub, data, len, opts, result, err) }
    }
}

/// As [`neo_publish`]. What most calls are, in as few steps as can be; whatever differs is looked at
/// elsewhere. As a function of C it does not unwind, so it is jumped to.
#[inline(never)]
unsafe extern "C" fn publish_untold(
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    len: usize,
    opts: *const neo_send_opts_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: as `neo_publish`.
    let caller = unsafe { Caller::new() };
    if opts.is_null()
        && r#pub.addr().is_multiple_of(align_of::<usize>())
        && let Some(publisher) = caller.known_handle(r#pub)
        && let Some(payload) = caller.few_bytes(data, len)
    {
        let publish = || publisher.value.publish_at_once(payload);
        return match catch_unwind(AssertUnwindSafe(publish)) {
            Ok(true) => NEO_OK,
            Ok(false) => publish_otherwise(caller, r#pub, data, len, null_mut(), err),
            Err(panic) => caller.fail_by_panic(publisher, err, panic),
        };
    }
    publish_slowly(caller, r#pub, data, len, opts, null_mut(), err)
}

/// The same for those who ask what became of it.
#[inline(never)]
unsafe extern "C" fn publish_and_tell(
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    len: usize,
    opts: *const neo_send_opts_t,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: as `neo_publish`.
    let caller = unsafe { Caller::new() };
    if opts.is_null()
        && (r#pub.addr() | result.addr()).is_multiple_of(align_of::<usize>())
        && caller.is_this_version(result)
        && let Some(publisher) = caller.known_handle(r#pub)
        && let Some(payload) = caller.few_bytes(data, len)
    {
        // It tells by itself, so that it is another closure than that of those who do not ask: shared
        // by two functions, it would be inlined into none.
        let publish = || {
            let is_done = publisher.value.publish_at_once(payload);
            if is_done {
                caller.tell(result, &neo_publish_result_t::ONE);
            }
            is_done
        };
        return match catch_unwind(AssertUnwindSafe(publish)) {
            Ok(true) => NEO_OK,
            Ok(false) => publish_otherwise(caller, r#pub, data, len, result, err),
            Err(panic) => caller.fail_by_panic(publisher, err, panic),
        };
    }
    // Else so many conditions make the compiler believe that the way through them is rare.
    cold_path();
    publish_slowly(caller, r#pub, data, len, opts, result, err)
}

/// As [`neo_publish`], where it is not as simple as most calls are.
#[inline(never)]
fn publish_otherwise(
    caller: Caller,
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    len: usize,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    caller.on(r#pub, err, |caller, publisher| {
        let result = caller.out_versioned(result)?;
        let published = publisher.value.publish_otherwise(caller.bytes(data, len)?)?;
        if let Some(result) = result {
            result.write(&neo_publish_result_t::of(published, 1));
        }
        Ok(Outcome::Ok)
    })
}

/// As [`neo_publish`], with options, and a word about what is wrong.
#[inline(never)]
fn publish_slowly(
    caller: Caller,
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    len: usize,
    opts: *const neo_send_opts_t,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    caller.on(r#pub, err, |caller, publisher| {
        let result = caller.out_versioned(result)?;
        let payload = caller.bytes(data, len)?;
        let published = match opts.is_null() {
            true => publisher.value.publish(payload)?,
            false => publish_in_time(caller, &publisher.value, payload, opts)?,
        };
        if let Some(result) = result {
            result.write(&neo_publish_result_t::of(published, 1));
        }
        Ok(Outcome::Ok)
    })
}

fn publish_in_time(
    caller: &Caller,
    publisher: &Publisher,
    payload: &[u8],
    opts: *const neo_send_opts_t,
) -> Result<Published> {
    match caller.options(opts)?.timeout_ns {
        0 => publisher.publish(payload),
        ns => publisher.publish_with(payload, timeout(ns), None),
    }
}

/// Publishes one message to a topic by name, without waiting for room. A publisher is faster.
///
/// @param kernel  the kernel
/// @param topic   UTF-8, borrowed
/// @param data    the payload, borrowed; may be NULL if `len` is 0
/// @param len     its bytes
/// @param result  receives what became of it; may be NULL
/// @param err     receives what went wrong; may be NULL
/// @return as neo_publish
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_publish_to(
    kernel: *mut neo_kernel_t,
    topic: neo_slice_t,
    data: *const c_void,
    len: usize,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let result = caller.out_versioned(result)?;
        let topic = caller.text(topic, "topic")?;
        let published = kernel.value.publish(topic, caller.bytes(data, len)?)?;
        if let Some(result) = result {
            result.write(&neo_publish_result_t::of(published, 1));
        }
        Ok(Outcome::Ok)
    })
}

/// Publishes payloads that stand one behind the other, each as a message of its own, in order, with
/// one claim and one wake for many.
///
/// @param pub       the publisher
/// @param data      all payloads, borrowed; may be NULL if `data_len` is 0
/// @param data_len  their bytes
/// @param lens      the bytes of each, borrowed; they add up to `data_len`
/// @param n         how many
/// @param result    receives how many were published and what became of them; may be NULL
/// @param err       receives what the next message met; may be NULL
/// @return NEO_OK if all were published; else what the next message met, as neo_publish, with
///         `result` filled
///
/// Any thread. Waits as neo_publish does for each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_publish_batch_flat(
    r#pub: *mut neo_pub_t,
    data: *const c_void,
    data_len: usize,
    lens: *const u32,
    n: usize,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, err, |caller, publisher| {
        let result = caller.out_versioned(result)?;
        let data = caller.bytes(data, data_len)?;
        let lens = caller.array(lens, n)?;
        report(publisher.value.publish_flat(data, lens)?, result)
    })
}

/// Publishes payloads, each as a message of its own, in order, with one claim and one wake for many.
///
/// @param pub       the publisher
/// @param payloads  where they stand, borrowed
/// @param n         how many
/// @param result    receives how many were published and what became of them; may be NULL
/// @param err       receives what the next message met; may be NULL
/// @return NEO_OK if all were published; else what the next message met, as neo_publish, with
///         `result` filled
///
/// Any thread. Waits as neo_publish does for each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_publish_batchv(
    r#pub: *mut neo_pub_t,
    payloads: *const neo_slice_t,
    n: usize,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, err, |caller, publisher| {
        let result = caller.out_versioned(result)?;
        let slices = caller.array(payloads, n)?;
        // Nothing is published before all are known to be good.
        slices.iter().try_for_each(|slice| caller.slice(*slice).map(drop))?;
        let mut sum = Run { messages: 0, published: Published::default(), error: None };
        for slices in slices.chunks(RUN) {
            let mut payloads = [&[][..]; RUN];
            for (payload, slice) in payloads.iter_mut().zip(slices) {
                *payload = caller.slice(*slice)?;
            }
            sum.add(publisher.value.publish_many(&payloads[..slices.len()])?);
            if sum.error.is_some() {
                break;
            }
        }
        report(sum, result)
    })
}

/// Tells how far a batch came, also if it did not come to its end.
fn report(run: Run, result: Option<OutVersioned<'_, neo_publish_result_t>>) -> Result<Outcome> {
    if let Some(result) = result {
        result.write(&neo_publish_result_t::of(run.published, run.messages as u64));
    }
    run.error.map_or(Ok(Outcome::Ok), Err)
}

/// The publisher's topic. Valid until its last reference is released.
///
/// @param topic  receives it
/// @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_pub_topic(
    r#pub: *const neo_pub_t,
    topic: *mut neo_slice_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, null_mut(), |caller, publisher| {
        caller.out(topic, "topic")?.write(neo_slice_t::of(publisher.value.topic().as_bytes()));
        Ok(Outcome::Ok)
    })
}

/// Adds a reference, for one more neo_pub_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_pub_retain(r#pub: *mut neo_pub_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, null_mut(), |caller, _| {
        caller.retain(r#pub)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_pub_release(r#pub: *mut neo_pub_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, r#pub);
}
