//! The rows of the Node package and of its peers, asked of `bindings/node/bench/measure.mjs`.
//! `cargo xtask bench` prepares the package and names `node` in `NEO_NODE`.

use crate::harness::{Sample, Scale};
use crate::script::Script;

/// Names the interpreter that finds the package and its peers.
pub const INTERPRETER: &str = "NEO_NODE";

static SCRIPT: Script = Script::new(
    INTERPRETER,
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/node/bench/measure.mjs"),
);

macro_rules! rows {
    ($($function:ident $row:literal)*) => {
        $(
            #[doc = concat!("The row `", $row, "`.")]
            pub fn $function(_: Scale) -> Sample {
                Sample::new(SCRIPT.ask($row))
            }
        )*
    };
}

rows! {
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
