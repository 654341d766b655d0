//! The kernel's handle.

use napi::Env;
use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;
use neo::rsapi;

use crate::counters::{Counters, Reclaimed};
use crate::error::{OrThrow as _, Result};
use crate::external;
use crate::options::{OpenOptions, SubscribeOptions};
use crate::poller;
use crate::publisher::{Run, Told, told};
use crate::table::{self, Key, kept};

kept!(rsapi::Kernel, "kernel");

fn with<R>(kernel: Key, f: impl FnOnce(&rsapi::Kernel) -> rsapi::Result<R>) -> Result<R> {
    table::with(kernel, |kernel: &rsapi::Kernel| f(kernel).or_throw())
}

/// Opens the kernel that a URL names; without one, what NEO_URL names, else `mem://default`.
#[napi(catch_unwind)]
pub(crate) fn kernel_open(url: Option<String>, options: OpenOptions) -> Result<Key> {
    let options = options.into_options();
    let kernel = match url {
        Some(url) => rsapi::Kernel::open(&url, &options),
        None => rsapi::Kernel::open_default(&options),
    };
    Ok(table::keep(kernel.or_throw()?))
}

/// The URL that it was opened with.
#[napi(catch_unwind)]
pub(crate) fn kernel_url(kernel: Key) -> Result<String> {
    with(kernel, |kernel| Ok(kernel.url().to_owned()))
}

/// Publishes one message to a topic by name, without waiting.
#[napi(catch_unwind)]
pub(crate) fn kernel_publish(
    kernel: Key,
    topic: String,
    payload: &[u8],
) -> Result<Either<u32, Told>> {
    Ok(told(with(kernel, |kernel| kernel.publish(&topic, payload))?))
}

/// Publishes each payload as a message of its own.
#[napi(catch_unwind)]
pub(crate) fn kernel_publish_many(kernel: Key, topic: String, payloads: Vec<&[u8]>) -> Result<Run> {
    Run::new(&with(kernel, |kernel| kernel.publish_many(&topic, &payloads))?)
}

/// Makes a topic ready for publishing. There is a value for each key.
#[napi(catch_unwind)]
pub(crate) fn kernel_publisher(
    kernel: Key,
    topic: String,
    stamp_time: bool,
    header_keys: Vec<String>,
    header_values: Vec<&[u8]>,
    traceparent: Option<String>,
) -> Result<Key> {
    let mut headers = rsapi::MessageHeaders::new();
    for (key, value) in header_keys.iter().zip(header_values) {
        headers = headers.with(key, value);
    }
    let open = |kernel: &rsapi::Kernel| {
        let mut options = rsapi::PublisherOptions::default();
        options.stamp_time = stamp_time;
        options.headers = match &traceparent {
            None => headers,
            Some(text) => headers.with_trace(rsapi::parse_traceparent(text)?),
        };
        kernel.publisher(&topic, &options)
    };
    Ok(table::keep(with(kernel, open)?))
}

/// Subscribes to a pattern.
#[napi(catch_unwind)]
pub(crate) fn kernel_subscribe(
    kernel: Key,
    pattern: String,
    options: SubscribeOptions,
) -> Result<Key> {
    let options = options.into_options()?;
    Ok(table::keep(with(kernel, |kernel| kernel.subscribe(&pattern, &options))?))
}

/// Joins a service as a worker; the first one opens it.
#[napi(catch_unwind)]
pub(crate) fn kernel_serve(kernel: Key, name: String, depth: Option<u32>) -> Result<Key> {
    let mut options = rsapi::ServiceOptions::default();
    options.depth = depth;
    options.wait = rsapi::Wait::Park;
    Ok(table::keep(with(kernel, |kernel| kernel.serve(&name, &options))?))
}

/// Starts a call; what is wrong with it is told by the call. Corked: the caller nudges.
#[napi(catch_unwind)]
pub(crate) fn kernel_start_call(
    kernel: Key,
    service: String,
    method: String,
    payload: &[u8],
) -> Result<Key> {
    let start = |kernel: &rsapi::Kernel| kernel.start_call(&service, &method, payload);
    Ok(table::keep(poller::corked(|| with(kernel, start))?))
}

/// This very kernel for an addon in C or C++.
#[napi(catch_unwind)]
pub(crate) fn kernel_external(env: &Env, kernel: Key) -> Result<Unknown<'_>> {
    external::capsule(env, with(kernel, |kernel| Ok(kernel.clone()))?)
}

/// What happened so far.
#[napi(catch_unwind)]
pub(crate) fn kernel_counters(kernel: Key) -> Result<Counters> {
    with(kernel, |kernel| Ok(kernel.counters()?.into()))
}

/// Gives memory that nothing uses back to the system. Returns bytes.
#[napi(catch_unwind)]
pub(crate) fn kernel_trim(kernel: Key) -> Result<f64> {
    with(kernel, |kernel| Ok(kernel.trim()? as f64))
}

/// Puts right what dead processes left, and fires the wakes that others asked for.
#[napi(catch_unwind)]
pub(crate) fn kernel_maintain(kernel: Key) -> Result<Reclaimed> {
    with(kernel, |kernel| Ok(kernel.maintain()?.into()))
}

/// The descriptor that is readable while there is something to maintain; null if there is none.
#[napi(catch_unwind)]
pub(crate) fn kernel_maintain_fd(kernel: Key) -> Result<Option<i32>> {
    #[cfg(unix)]
    return with(kernel, |kernel| {
        Ok(kernel.maintain_fd()?.map(|fd| std::os::fd::AsRawFd::as_raw_fd(&fd)))
    });
    #[cfg(not(unix))]
    with(kernel, |_| Ok(None))
}

/// Closes it and all that was made of it. The handle stays.
#[napi(catch_unwind)]
pub(crate) fn kernel_close(kernel: Key) -> Result<()> {
    with(kernel, |kernel| {
        kernel.close();
        Ok(())
    })
}

/// Gives the handle up; what was made of it stays open.
#[napi(catch_unwind)]
pub(crate) fn kernel_release(kernel: Key) {
    drop(table::take::<rsapi::Kernel>(kernel));
}
