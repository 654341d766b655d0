//! Calls on their way.

use napi::Env;
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use neo::rsapi;

use crate::error::{OrThrow as _, Result};
use crate::poller;
use crate::table::{self, Key, kept};

kept!(rsapi::PendingCall, "call");

/// The answer, once; null if it has not come.
#[napi(catch_unwind)]
pub(crate) fn call_try_take(env: &Env, call: Key) -> Result<Option<BufferSlice<'_>>> {
    table::with(call, |call: &rsapi::PendingCall| match call.try_take().or_throw()? {
        Some(reply) => Ok(Some(BufferSlice::copy_from(env, &*reply).or_throw()?)),
        None => Ok(None),
    })
}

/// Has a poller report it once it has ended.
#[napi(catch_unwind)]
pub(crate) fn call_watch(call: Key, poller: Key, token: u32) -> Result<()> {
    poller::watch::<rsapi::PendingCall>(call, poller, token)
}

/// Gives it up; after the end that does nothing more.
#[napi(catch_unwind)]
pub(crate) fn call_close(call: Key) {
    if let Some(call) = table::take::<rsapi::PendingCall>(call) {
        call.cancel();
    }
}
