//! What wakes an environment: one poller, and one function that its event loop calls.

use core::cell::Cell;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;
use napi_derive::napi;
use neo::rsapi::{self, Armed, Pollable};

use crate::error::{OrThrow as _, Result};
use crate::table::{self, Kept, Key, kept};

kept!(rsapi::Poller, "poller");

thread_local! {
    /// Whether JavaScript of this thread looks at its poller when the running call has returned.
    static IS_CORKED: Cell<bool> = const { Cell::new(false) };
}

/// Sends something that may be for this very thread, whose JavaScript takes from its poller next
/// (`nudge` in `js/hub.cjs`): it needs no wake through its event loop.
pub(crate) fn corked<R>(send: impl FnOnce() -> R) -> R {
    struct Cork;
    impl Drop for Cork {
        fn drop(&mut self) {
            IS_CORKED.set(false);
        }
    }
    IS_CORKED.set(true);
    let _cork = Cork;
    send()
}

/// A poller that has the event loop call `wake` once each time that it was armed. It does not keep
/// the loop alive.
#[napi(catch_unwind)]
pub(crate) fn poller_open(wake: Function<'_, (), ()>) -> Result<Key> {
    // A wake that is queued serves all that come before it runs: one place is enough.
    let wake = wake.build_threadsafe_function::<()>();
    let wake = wake.weak::<true>().callee_handled::<false>().max_queue_size::<1>();
    let wake = wake.build().or_throw()?;
    // A full queue is as good as a call, and an environment that is ending needs none.
    let owner = std::thread::current().id();
    Ok(table::keep(rsapi::Poller::with_wake(move || {
        if !IS_CORKED.get() || std::thread::current().id() != owner {
            let _ = wake.call((), NonBlocking);
        }
    })))
}

/// Watches a source under a number.
pub(crate) fn watch<T: Kept + Pollable>(source: Key, poller: Key, token: u32) -> Result<()> {
    table::with(source, |source: &T| {
        table::with(poller, |poller: &rsapi::Poller| {
            poller.add(source, u64::from(token)).or_throw()
        })
    })
}

/// Stops watching. False: there was no such source.
#[napi(catch_unwind)]
pub(crate) fn poller_remove(poller: Key, token: u32) -> Result<bool> {
    table::with(poller, |poller: &rsapi::Poller| poller.remove(u64::from(token)).or_throw())
}

/// Asks for one wake. False: something is ready already, take that first.
#[napi(catch_unwind)]
pub(crate) fn poller_arm(poller: Key) -> Result<bool> {
    table::with(poller, |poller: &rsapi::Poller| {
        Ok(matches!(poller.arm().or_throw()?, Armed::Armed))
    })
}

/// The numbers of the sources that are ready.
#[napi(catch_unwind)]
pub(crate) fn poller_take(poller: Key) -> Result<Vec<u32>> {
    let mut tokens = Vec::new();
    table::with(poller, |poller: &rsapi::Poller| poller.take(&mut tokens).or_throw())?;
    // They were given as 32 bits.
    Ok(tokens.into_iter().map(|token| token as u32).collect())
}

/// Ends it: no wake comes any more.
#[napi(catch_unwind)]
pub(crate) fn poller_close(poller: Key) {
    drop(table::take::<rsapi::Poller>(poller));
}
