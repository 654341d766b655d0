//! The figures of the Go package. Times are of one step.

use super::table::{against, plain};
use super::{Bar, Contestant, Figure};
use crate::go;

const NEEDS: Option<&str> = Some(go::PROGRAM);

const fn figure(
    name: &'static str,
    setup: &'static str,
    limit: Option<Bar>,
    contestants: &'static [Contestant],
) -> Figure {
    Figure { name, setup, unit: "ns", limit, needs: NEEDS, contestants }
}

const NOOP: &str = "a call of C that does nothing";

/// Nanoseconds for each of 8 M messages in a second.
const OF_8_MILLION: Option<Bar> = Some(Bar::AtMost(125.0));

/// Every figure of the package, in the order of the report.
pub(super) static FIGURES: &[Figure] = &[
    figure(
        "Go: Publish",
        "64 B, one call each",
        None,
        &[plain("neo", go::publish), against(NOOP, go::noop, &[Bar::AtMost(4.0)])],
    ),
    figure(
        "Go: PublishBatch",
        "256 of 64 B, per message: 8 M messages a second",
        OF_8_MILLION,
        &[plain("neo", go::publish_batch), against("channel, send", go::channel_send, &[])],
    ),
    figure(
        "Go: RecvBatch",
        "256 of 64 B, per message: 8 M messages a second",
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
        None,
        &[plain("neo", go::view), against(NOOP, go::noop, &[Bar::AtMost(60.0)])],
    ),
    figure(
        "Go: call, parked",
        "64 B to a handler on another goroutine",
        None,
        &[
            plain("neo", go::call),
            plain("neo, adaptive", go::call_adaptive),
            against("two eventfds in the netpoller", go::eventfds, &[Bar::AtMost(1.3)]),
            against("two channels", go::channels, &[]),
        ],
    ),
];
