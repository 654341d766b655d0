//! The figures of the Go package. Times are of one step.

use super::table::{against, figure, limited, needing, plain};
use super::{Bar, Figure};
use crate::script::go;

const NS: &str = "ns";
const NOOP: &str = "a call of C that does nothing";

/// Nanoseconds for each of 8 M messages in a second.
const OF_8_MILLION: Bar = Bar::AtMost(125.0);

/// Every figure of the package, in the order of the report.
pub(super) static FIGURES: [Figure; 5] = needing(go::PROGRAM, ROWS);

const ROWS: [Figure; 5] = [
    figure(
        "Go: Publish",
        "64 B, one call each",
        NS,
        &[plain("neo", go::publish), against(NOOP, go::noop, &[Bar::AtMost(4.0)])],
    ),
    limited(
        "Go: PublishBatch",
        "256 of 64 B, per message: 8 M messages a second",
        NS,
        OF_8_MILLION,
        &[plain("neo", go::publish_batch), against("channel, send", go::channel_send, &[])],
    ),
    limited(
        "Go: RecvBatch",
        "256 of 64 B, per message: 8 M messages a second",
        NS,
        OF_8_MILLION,
        &[
            plain("neo", go::recv_batch),
            plain("neo, Recv one by one", go::recv),
            against("channel, receive", go::channel_receive, &[]),
        ],
    ),
    figure(
        "Go: view of 1 MiB",
        "RecvView, Data and Release of a payload that is read where it lies",
        NS,
        &[plain("neo", go::view), against(NOOP, go::noop, &[Bar::AtMost(60.0)])],
    ),
    figure(
        "Go: call, parked",
        "64 B to a handler on another goroutine",
        NS,
        &[
            plain("neo", go::call),
            plain("neo, adaptive", go::call_adaptive),
            against("two eventfds in the netpoller", go::eventfds, &[Bar::AtMost(1.3)]),
            against("two channels", go::channels, &[]),
        ],
    ),
];
