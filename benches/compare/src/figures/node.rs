//! The figures of the Node package. Times are of one step; a rate across workers is that of both.

use super::table::{against, plain};
use super::{Bar, Contestant, Figure};
use crate::node;

const NEEDS: Option<&str> = Some(node::INTERPRETER);

const fn figure(
    name: &'static str,
    setup: &'static str,
    unit: &'static str,
    limit: Option<Bar>,
    contestants: &'static [Contestant],
) -> Figure {
    Figure { name, setup, unit, limit, needs: NEEDS, contestants }
}

const NS: &str = "ns";
const NOOP: &str = "a call that does nothing";

/// Every figure of the package, in the order of the report.
pub(super) static FIGURES: &[Figure] = &[
    figure(
        "Node: publish",
        "64 B, one call each",
        NS,
        None,
        &[plain("neo", node::publish), against(NOOP, node::noop, &[Bar::AtMost(9.0)])],
    ),
    figure(
        "Node: publishMany",
        "256 of 64 B, per message",
        NS,
        None,
        &[plain("neo", node::publish_many), against(NOOP, node::noop, &[])],
    ),
    figure(
        "Node: drain",
        "256 of 64 B, per message: 3 M messages a second",
        NS,
        Some(Bar::AtMost(333.3)),
        &[plain("neo", node::drain)],
    ),
    figure(
        "Node: Buffer of 1 MiB",
        "a payload as Buffer, where it lies",
        NS,
        None,
        &[plain("neo", node::mebibyte), against(NOOP, node::noop, &[Bar::AtMost(60.0)])],
    ),
    figure(
        "Node: for await",
        "a busy subscription, per message: 1 M messages a second",
        NS,
        Some(Bar::AtMost(1_000.0)),
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
        None,
        &[
            plain("neo", node::workers),
            against("postMessage", node::post_message, &[Bar::AtLeast(4.0)]),
        ],
    ),
    figure(
        "Node: call",
        "64 B to a function in the same thread",
        NS,
        Some(Bar::AtMost(15_000.0)),
        &[plain("neo", node::call), plain("neo, to an async function", node::call_async)],
    ),
];
