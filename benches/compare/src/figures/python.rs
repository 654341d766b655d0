//! The figures of the Python module. Times are of one step; a rate of two threads is that of both.

use super::table::{against, figure, limited, needing, plain};
use super::{Bar, Figure};
use crate::script::python;

const NS: &str = "ns";
const NOOP: &str = "a call that does nothing";

/// Every figure of the module, in the order of the report.
pub(super) static FIGURES: [Figure; 12] = needing(python::PROGRAM, ROWS);

const ROWS: [Figure; 12] = [
    figure(
        "Python: publish",
        "64 B, one call each",
        NS,
        &[plain("neo", python::publish), against(NOOP, python::noop, &[Bar::AtMost(8.0)])],
    ),
    figure(
        "Python: publish_many",
        "256 of 64 B, per message",
        NS,
        &[plain("neo", python::publish_many), against(NOOP, python::noop, &[Bar::AtMost(2.0)])],
    ),
    figure(
        "Python: recv_batch",
        "256 of 64 B, per message",
        NS,
        &[plain("neo", python::recv_batch), against(NOOP, python::noop, &[Bar::AtMost(4.0)])],
    ),
    figure(
        "Python: array of 1 MiB",
        "a payload as numpy array, where it lies",
        NS,
        &[plain("neo", python::array), against(NOOP, python::noop, &[Bar::AtMost(60.0)])],
    ),
    figure(
        "Python: two threads",
        "64 B, publish one by one, recv_batch",
        "msgs/s",
        &[
            plain("neo", python::threads),
            against("pyzmq inproc PUSH/PULL", python::threads_zmq, &[Bar::AtLeast(5.0)]),
            against("queue.SimpleQueue", python::threads_queue, &[Bar::AtLeast(1.0)]),
        ],
    ),
    figure(
        "Python: two processes, round trip",
        "64 B, shm://, cores 0 and 1, polling, compared, p50",
        NS,
        &[
            plain("neo", python::processes_trip),
            against("iceoryx2", python::processes_trip_iceoryx2, &[Bar::AtMost(0.3)]),
        ],
    ),
    figure(
        "Python: two processes, batches",
        "64 B, shm://, cores 0 -> 1, depth 1024, Block, runs of 256, compared",
        "msgs/s",
        &[
            plain("neo", python::processes_batches),
            against("pyzmq ipc", python::processes_batches_zmq, &[Bar::AtLeast(5.0)]),
        ],
    ),
    figure(
        "Python: async for",
        "a busy subscription, per message",
        NS,
        &[
            plain("neo", python::iterate_async),
            against("neo, for", python::iterate, &[Bar::AtMost(2.0)]),
            against("asyncio.Queue", python::queue_async, &[Bar::AtMost(1.0)]),
            against("pyzmq.asyncio", python::zmq_async, &[Bar::AtMost(0.2)]),
        ],
    ),
    limited(
        "Python: loop lag",
        "longest wait of another task beside a saturated subscription, in a second",
        NS,
        Bar::AtMost(10_000_000.0),
        &[plain("neo", python::loop_lag)],
    ),
    limited(
        "Python: call, spinning",
        "64 B to a handler in another thread",
        NS,
        Bar::AtMost(5_000.0),
        &[plain("neo", python::call_spinning)],
    ),
    figure(
        "Python: call, parked",
        "64 B to a handler in another thread",
        NS,
        &[
            plain("neo", python::call_parked),
            against("queue.SimpleQueue", python::queue_round_trip, &[Bar::AtMost(1.3)]),
        ],
    ),
    figure(
        "Python: call, asyncio",
        "64 B to a function in the same loop",
        NS,
        &[
            plain("neo", python::call_async),
            plain("neo, to a coroutine", python::call_coroutine),
            against("two eventfds", python::eventfds, &[Bar::AtMost(2.0)]),
        ],
    ),
];
