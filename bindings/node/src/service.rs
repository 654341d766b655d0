//! Services: requests are pulled; handlers are JavaScript's, in `js/service.cjs`.

use napi::Env;
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use neo::rsapi;

use crate::error::{OrThrow as _, Result};
use crate::poller;
use crate::table::{self, Key, kept};

kept!(rsapi::Service, "service");
kept!(rsapi::Request, "request");

/// The next request, or null if none is there.
#[napi(catch_unwind)]
pub(crate) fn service_try_recv(service: Key) -> Result<Option<Key>> {
    table::with(service, |service: &rsapi::Service| {
        Ok(service.try_recv().or_throw()?.map(table::keep))
    })
}

/// Has a poller report it once a request is there.
#[napi(catch_unwind)]
pub(crate) fn service_watch(service: Key, poller: Key, token: u32) -> Result<()> {
    poller::watch::<rsapi::Service>(service, poller, token)
}

/// Leaves the service, rings whoever waits, and gives the handle up.
#[napi(catch_unwind)]
pub(crate) fn service_close(service: Key) {
    if let Some(service) = table::take::<rsapi::Service>(service) {
        service.close();
    }
}

/// The method that was called.
#[napi(catch_unwind)]
pub(crate) fn request_method(request: Key) -> Result<String> {
    table::with(request, |request: &rsapi::Request| Ok(request.method().to_owned()))
}

/// The argument, copied.
#[napi(catch_unwind)]
pub(crate) fn request_data(env: &Env, request: Key) -> Result<BufferSlice<'_>> {
    table::with(request, |request: &rsapi::Request| {
        BufferSlice::copy_from(env, request.data()).or_throw()
    })
}

/// Answers with a payload. Corked: the caller nudges.
#[napi(catch_unwind)]
pub(crate) fn request_reply(request: Key, payload: &[u8]) -> Result<()> {
    let reply = |request: &rsapi::Request| request.reply(payload).or_throw();
    poller::corked(|| table::with(request, reply))
}

/// Answers with an error. Corked: the caller nudges.
#[napi(catch_unwind)]
pub(crate) fn request_fail(request: Key, text: String) -> Result<()> {
    let fail = |request: &rsapi::Request| request.fail(&text).or_throw();
    poller::corked(|| table::with(request, fail))
}

/// Gives it up: unanswered, its caller gets NoReply.
#[napi(catch_unwind)]
pub(crate) fn request_release(request: Key) {
    drop(table::take::<rsapi::Request>(request));
}
