//! The rows of the Python module and of its peers, asked of `bindings/python/bench/measure.py`.
//! `cargo xtask bench` prepares the interpreter and names it in `NEO_PYTHON`.

use super::rows;

rows! {
    "NEO_PYTHON" "bindings/python/bench/measure.py":
    noop "no-op call"
    publish "publish 64 B"
    publish_many "publish_many of 256, per message"
    recv_batch "recv_batch of 256, per message"
    array "1 MiB payload as numpy array"
    threads "two threads, 64 B: neo publish to recv_batch"
    threads_queue "two threads, 64 B: queue.SimpleQueue"
    threads_zmq "two threads, 64 B: pyzmq inproc PUSH/PULL"
    processes_trip "two processes, round trip: neo"
    processes_trip_iceoryx2 "two processes, round trip: iceoryx2"
    processes_batches "two processes, batches: neo"
    processes_batches_zmq "two processes, batches: pyzmq ipc"
    iterate "busy subscription: for"
    iterate_async "busy subscription: async for"
    queue_async "asyncio.Queue: get"
    zmq_async "pyzmq.asyncio: recv"
    loop_lag "loop lag beside a saturated subscription"
    call_spinning "call: sync, spinning"
    call_parked "call: sync, parked"
    queue_round_trip "round trip: queue.SimpleQueue"
    call_async "call: asyncio, one loop, function"
    call_coroutine "call: asyncio, one loop, coroutine"
    eventfds "round trip: two eventfds, one loop"
}
