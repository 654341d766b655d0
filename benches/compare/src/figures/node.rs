//! The figures of the Node package. Times are of one step; a rate across workers is that of both.

use super::table::{against, figure, limited, needing, plain};
use super::{Bar, Figure};
use crate::script::node;

const NS: &str = "ns";
const NOOP: &str = "a call that does nothing";

/// Every figure of the package, in the order of the report.
pub(super) static FIGURES: [Figure; 7] = needing(node::PROGRAM, ROWS);

const ROWS: [Figure; 7] = [
    figure(
        "Node: publish",
        "64 B, one call each",
        NS,
        &[plain("neo", node::publish), against(NOOP, node::noop, &[Bar::AtMost(9.0)])],
    ),
    figure(
        "Node: publishMany",
        "256 of 64 B, per message",
        NS,
        &[plain("neo", node::publish_many), against(NOOP, node::noop, &[])],
    ),
    limited(
        "Node: drain",
        "256 of 64 B, per message: 3 M messages a second",
        NS,
        Bar::AtMost(333.3),
        &[plain("neo", node::drain)],
    ),
    figure(
        "Node: Buffer of 1 MiB",
        "a payload as Buffer, where it lies",
        NS,
        &[plain("neo", node::mebibyte), against(NOOP, node::noop, &[Bar::AtMost(60.0)])],
    ),
    limited(
        "Node: for await",
        "a busy subscription, per message: 1 M messages a second",
        NS,
        Bar::AtMost(1_000.0),
        &[
            plain("neo", node::for_await),
            plain("neo, batches", node::for_await_batches),
            against("zeromq.js inproc", node::zeromq, &[Bar::AtMost(0.1)]),
        ],
    ),
    figure(
        "Node: across workers",
        "64 B, publish one by one, drained in batches",
        "msgs/s",
        &[
            plain("neo", node::workers),
            against("postMessage", node::post_message, &[Bar::AtLeast(4.0)]),
        ],
    ),
    limited(
        "Node: call",
        "64 B to a function in the same thread",
        NS,
        Bar::AtMost(15_000.0),
        &[plain("neo", node::call), plain("neo, to an async function", node::call_async)],
    ),
];
