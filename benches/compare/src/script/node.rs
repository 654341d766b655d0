//! The rows of the Node package and of its peers, asked of `bindings/node/bench/measure.mjs`.
//! `cargo xtask bench` prepares the package and names `node` in `NEO_NODE`.

use super::rows;

rows! {
    "NEO_NODE" "bindings/node/bench/measure.mjs":
    noop "no-op call"
    publish "publish 64 B"
    publish_many "publishMany of 256, per message"
    drain "drain of 256, per message"
    mebibyte "1 MiB payload as Buffer"
    for_await "busy subscription: for await"
    for_await_batches "busy subscription: for await of batches"
    zeromq "zeromq.js inproc: for await"
    workers "worker to main thread, 64 B: neo"
    post_message "worker to main thread, 64 B: postMessage"
    call "call: one thread, function"
    call_async "call: one thread, async function"
}
