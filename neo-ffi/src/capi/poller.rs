//! Pollers: many sources, one wake-up.

use core::ffi::c_void;
use core::fmt;

use crate::rsapi::{Armed, Outcome, Poller};

use super::call::neo_call_t;
use super::caller::{Caller, timeout};
use super::error::{invalid, neo_error_t};
use super::handle::{Handle, Object, release};
use super::room::neo_room_t;
use super::service::neo_service_t;
use super::status::neo_status_t;
use super::subscribe::neo_sub_t;

/// Watches many sources and wakes its host once, when the first of them is ready. Counted; any
/// thread; one thread takes and arms. The host takes tokens, receives from what they stand for until
/// nothing is there, and arms.
#[derive(Debug)]
pub struct neo_poller_t {
    _private: [u8; 0],
}

impl Object for neo_poller_t {
    type Value = Poller;
    const TAG: u32 = 0x4E45_4F0B;
    const WHAT: &'static str = "poller";
}

/// What a poller calls once for each time that it was armed, on the thread that made something
/// ready. It must return soon and must not call Neo.
pub type neo_wake_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// What a poller calls with `ctx` when no wake will come any more: on the thread that gives the last
/// reference back, or on one that is just waking.
pub type neo_drop_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// The host's callback.
struct Wake {
    call: unsafe extern "C" fn(*mut c_void),
    drop: neo_drop_fn,
    ctx: *mut c_void,
}

// SAFETY: the header says that both functions are called on any thread.
unsafe impl Send for Wake {}
// SAFETY: as above; and it is called once for each time that the host armed.
unsafe impl Sync for Wake {}

impl Wake {
    fn call(&self) {
        // SAFETY: the host passed a function that takes `ctx`, until `drop` is called.
        unsafe { (self.call)(self.ctx) }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the host passed a function that takes `ctx`; this is its only call.
            unsafe { drop(self.ctx) }
        }
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}

/// Makes a poller with a descriptor for an event loop: see neo_poller_fd.
///
/// @param out  receives one reference, for neo_poller_release
/// @param err  receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_OS, NEO_E_UNSUPPORTED where there are no descriptors, NEO_E_INVALID
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_open(
    out: *mut *mut neo_poller_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.run(err, |caller| {
        let out = caller.out(out, "out")?;
        #[cfg(unix)]
        let poller = Poller::new()?;
        #[cfg(not(unix))]
        let poller = Poller::with_wait();
        out.write(Handle::give(poller));
        Ok(Outcome::Ok)
    })
}

/// Makes a poller that calls a function.
///
/// @param wake       called at most once for each neo_poller_arm that returned NEO_OK
/// @param drop_ctx   called once, after the last wake, on any thread; may be NULL; not called if this
///                   fails
/// @param ctx        passed to both
/// @param out        receives one reference, for neo_poller_release
/// @param err        receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_open_wake(
    wake: neo_wake_fn,
    drop_ctx: neo_drop_fn,
    ctx: *mut c_void,
    out: *mut *mut neo_poller_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.run(err, |caller| {
        let out = caller.out(out, "out")?;
        let call =
            wake.ok_or_else(|| invalid("`wake` is NULL: pass a function, or use neo_poller_open"))?;
        let wake = Wake { call, drop: drop_ctx, ctx };
        out.write(Handle::give(Poller::with_wake(move || wake.call())));
        Ok(Outcome::Ok)
    })
}

/// Watches a subscription, from now on. The poller does not keep it alive.
///
/// @param poller  the poller
/// @param sub     what to watch; one poller at a time
/// @param token   what neo_poller_take is to call it
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_add_sub(
    poller: *mut neo_poller_t,
    sub: *mut neo_sub_t,
    token: u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |caller, poller| {
        poller.value.add(&caller.handle(sub)?.value, token)?;
        Ok(Outcome::Ok)
    })
}

/// Watches a service worker, from now on. The poller does not keep it alive.
///
/// @param poller  the poller
/// @param service what to watch; one poller at a time
/// @param token   what neo_poller_take is to call it
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_add_service(
    poller: *mut neo_poller_t,
    service: *mut neo_service_t,
    token: u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |caller, poller| {
        poller.value.add(&caller.handle(service)?.value, token)?;
        Ok(Outcome::Ok)
    })
}

/// Watches a call that was started: its end makes it ready. The poller does not keep it alive.
///
/// @param poller  the poller
/// @param call    what to watch; one poller at a time
/// @param token   what neo_poller_take is to call it
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_add_call(
    poller: *mut neo_poller_t,
    call: *mut neo_call_t,
    token: u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |caller, poller| {
        poller.value.add(&caller.handle(call)?.value, token)?;
        Ok(Outcome::Ok)
    })
}

/// Watches for room. The poller does not keep it alive.
///
/// @param poller  the poller
/// @param room    what to watch; one poller at a time
/// @param token   what neo_poller_take is to call it
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_add_room(
    poller: *mut neo_poller_t,
    room: *mut neo_room_t,
    token: u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |caller, poller| {
        poller.value.add(&caller.handle(room)?.value, token)?;
        Ok(Outcome::Ok)
    })
}

/// Stops watching. Tokens of it that were not taken are forgotten.
///
/// @param poller  the poller
/// @param token   what was added
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID if there is no such token; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_remove(
    poller: *mut neo_poller_t,
    token: u64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |_, poller| match poller.value.remove(token)? {
        true => Ok(Outcome::Ok),
        false => Err(invalid(format!("nothing is watched by the token {token}"))),
    })
}

/// The descriptor: readable from the wake until neo_poller_arm. Borrowed: watch it, never read or
/// close it; dup it to keep it. -1 if the poller has none.
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_fd(poller: *const neo_poller_t) -> i32 {
    // SAFETY: the caller keeps to what is said above.
    let caller = unsafe { Caller::new() };
    #[cfg(unix)]
    {
        use std::os::fd::AsRawFd;
        let poller = caller.handle(poller).ok();
        poller.and_then(|poller| poller.value.fd()).map_or(-1, |fd| fd.as_raw_fd())
    }
    #[cfg(not(unix))]
    {
        let _ = caller.handle(poller);
        -1
    }
}

/// Asks for one wake when something is ready.
///
/// @param poller  the poller
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK: a wake will come; NEO_ALREADY_READY: take now, none will come; NEO_E_FORKED,
///         NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_arm(
    poller: *mut neo_poller_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |_, poller| {
        Ok(match poller.value.arm()? {
            Armed::Armed => Outcome::Ok,
            Armed::AlreadyReady => Outcome::AlreadyReady,
        })
    })
}

/// Takes tokens of what is ready. Ready is a hint: another thread may have taken what was there. A
/// closed source is reported until it is removed or released.
///
/// @param poller       the poller
/// @param tokens       receives them; those that find no place are taken next time
/// @param cap          how many at most
/// @param n            receives how many came
/// @param interrupted  receives 1 if neo_poller_interrupt was called since, else 0; may be NULL
/// @param err          receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_take(
    poller: *mut neo_poller_t,
    tokens: *mut u64,
    cap: usize,
    n: *mut usize,
    interrupted: *mut u8,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |caller, poller| {
        let n = caller.out(n, "n")?;
        n.write(0);
        let interrupted = caller.array_mut(interrupted, usize::from(!interrupted.is_null()))?;
        let (count, was_interrupted) = poller.value.take_some(caller.array_mut(tokens, cap)?)?;
        n.write(count);
        // Not `fill`: at no bytes, some processors take longer for it than for all the rest.
        if let [interrupted] = interrupted {
            *interrupted = u8::from(was_interrupted);
        }
        Ok(Outcome::Ok)
    })
}

/// Wakes the host although nothing is ready.
///
/// @param poller  the poller
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_interrupt(
    poller: *mut neo_poller_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |_, poller| {
        poller.value.interrupt()?;
        Ok(Outcome::Ok)
    })
}

/// Arms and waits until something is ready: for threads without an event loop.
///
/// @param poller      the poller
/// @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
/// @param err         receives what went wrong; may be NULL
/// @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Waits for `timeout_ns`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_wait(
    poller: *mut neo_poller_t,
    timeout_ns: i64,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, err, |_, poller| {
        let is_ready = poller.value.wait(timeout(timeout_ns), None)?;
        Ok(if is_ready { Outcome::Ok } else { Outcome::Again })
    })
}

/// Adds a reference, for one more neo_poller_release.
///
/// @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_retain(poller: *mut neo_poller_t) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(poller, core::ptr::null_mut(), |caller, _| {
        caller.retain(poller)?;
        Ok(Outcome::Ok)
    })
}

/// Gives one reference back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_poller_release(poller: *mut neo_poller_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, poller);
}
