"""Measures the module and its peers; one JSON line for each row.

    python bench/measure.py [WORD..]     only rows whose name contains a word
    python bench/measure.py --serve      measures the row that each line of standard input names, once

`cargo xtask bench` asks for the rows one by one, in turn with their peers (`benches/compare`).

A row is {"name", "value", "unit", ...}. Rows in nanoseconds are the best of several repetitions and
carry `noop`, the cost of an empty call into the module in the same run, and `per_noop`, the ratio.
Peers that are not installed are reported as such on standard error, never left out silently.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import neo_protocol
import processes
from neo_protocol import NeoClient, _neo

PAYLOAD = b"x" * 64
BATCH = 256
REPEATS = 25


def best(measure: Callable[[], float]) -> float:
    """The least of several repetitions, in nanoseconds."""
    gc.collect()
    return min(measure() for _ in range(REPEATS)) * 1e9


def noop() -> float:
    def measure(count: int = 20_000) -> float:
        call = _neo._noop
        started = time.perf_counter()
        for _ in range(count):
            call(PAYLOAD)
        return (time.perf_counter() - started) / count

    return best(measure)


def publish() -> float:
    with neo_protocol.open("mem://") as kernel, kernel.subscribe("n"):
        call = kernel.publisher("n").publish

        def measure(count: int = 20_000) -> float:
            started = time.perf_counter()
            for _ in range(count):
                call(PAYLOAD)
            return (time.perf_counter() - started) / count

        return best(measure)


def batches(of_publish: bool) -> float:
    """Publishes and receives batches in turn; the time of one half, per message."""
    with neo_protocol.open("mem://") as kernel, kernel.subscribe("n") as subscription:
        publish_many = kernel.publisher("n").publish_many
        recv_batch = subscription.recv_batch
        payloads = [PAYLOAD] * BATCH

        def measure(rounds: int = 40) -> float:
            taken = 0.0
            for _ in range(rounds):
                started = time.perf_counter()
                publish_many(payloads)
                between = time.perf_counter()
                batch = recv_batch(BATCH)
                ended = time.perf_counter()
                assert len(batch) == BATCH
                taken += between - started if of_publish else ended - between
            return taken / rounds / BATCH

        return best(measure)


def array_of_a_mebibyte() -> float:
    import numpy

    with neo_protocol.open("mem://") as kernel, kernel.subscribe("n") as subscription:
        kernel.publish("n", bytes(1 << 20))
        message = subscription.recv()
        first = numpy.frombuffer(message, "u1").ctypes.data
        assert first == numpy.frombuffer(message, "u1").ctypes.data, "it was copied"

        def measure(count: int = 5_000) -> float:
            frombuffer = numpy.frombuffer
            started = time.perf_counter()
            for _ in range(count):
                frombuffer(message, "u1")
            return (time.perf_counter() - started) / count

        return best(measure)


# ── two threads, one by one in, batches out; messages per second


#: No more than fits a mailbox, so that the sender never waits in any of them.
MESSAGES = 60_000


def throughput(once: Callable[[int], tuple[Callable[[], None], Callable[[], None]]]) -> float:
    """Messages per second from a sending thread to this one; the best of several runs."""

    def measure() -> float:
        send, receive = once(MESSAGES)
        thread = threading.Thread(target=send, daemon=True)
        started = time.perf_counter()
        thread.start()
        receive()
        taken = time.perf_counter() - started
        thread.join()
        return taken / MESSAGES

    # The first lap touches the memory for the first time; what counts is how they go on.
    measure()
    return 1e9 / best(measure)


def threads_neo() -> float:
    with neo_protocol.open("mem://") as kernel:
        subscription = kernel.subscribe("n", depth=65_536)
        publisher = kernel.publisher("n")

        def once(count: int) -> tuple[Callable[[], None], Callable[[], None]]:
            def send() -> None:
                publish = publisher.publish
                for _ in range(count):
                    publish(PAYLOAD)

            def receive() -> None:
                left = count
                while left > 0:
                    left -= len(subscription.recv_batch(BATCH))

            return send, receive

        return throughput(once)


def threads_simple_queue() -> float:
    simple: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def once(count: int) -> tuple[Callable[[], None], Callable[[], None]]:
        def send() -> None:
            put = simple.put
            for _ in range(count):
                put(PAYLOAD)

        def receive() -> None:
            get = simple.get
            for _ in range(count):
                get()

        return send, receive

    return throughput(once)


def threads_zmq() -> float:
    import zmq

    with zmq.Context() as context, context.socket(zmq.PULL) as pull, context.socket(
        zmq.PUSH
    ) as push:
        for socket in (pull, push):
            socket.set_hwm(0)
        pull.bind("inproc://n")
        push.connect("inproc://n")

        def once(count: int) -> tuple[Callable[[], None], Callable[[], None]]:
            def send() -> None:
                send_one = push.send
                for _ in range(count):
                    send_one(PAYLOAD)

            def receive() -> None:
                recv = pull.recv
                for _ in range(count):
                    recv()

            return send, receive

        return throughput(once)


# ── asyncio


def sync_iteration(count: int = 10_000) -> float:
    with neo_protocol.open("mem://") as kernel:
        subscription = kernel.subscribe("n", depth=65_536, mailbox_bytes_max=64 << 20)
        publisher = kernel.publisher("n")

        def measure() -> float:
            publisher.publish_many([PAYLOAD] * count)
            left = count
            started = time.perf_counter()
            for _ in subscription:
                left -= 1
                if left == 0:
                    break
            return (time.perf_counter() - started) / count

        return best(measure)


def run_async(once: Callable[[], Awaitable[float]]) -> float:
    return best(lambda: asyncio.run(_awaited(once)))


async def _awaited(once: Callable[[], Awaitable[float]]) -> float:
    return await once()


async def async_iteration(count: int = 10_000) -> float:
    async with NeoClient("mem://") as client:
        subscription = client.subscribe("n", depth=65_536, mailbox_bytes_max=64 << 20)
        client.kernel.publisher("n").publish_many([PAYLOAD] * count)
        left = count
        started = time.perf_counter()
        async for _ in subscription:
            left -= 1
            if left == 0:
                break
        return (time.perf_counter() - started) / count


async def async_queue(count: int = 10_000) -> float:
    items: asyncio.Queue[bytes] = asyncio.Queue()
    for _ in range(count):
        items.put_nowait(PAYLOAD)
    started = time.perf_counter()
    for _ in range(count):
        await items.get()
    return (time.perf_counter() - started) / count


async def async_zmq(count: int = 2_000) -> float:
    import zmq
    import zmq.asyncio

    context = zmq.asyncio.Context()
    plain = zmq.Context(context)
    pull, push = context.socket(zmq.PULL), plain.socket(zmq.PUSH)
    try:
        for socket in (pull, push):
            socket.set_hwm(0)
        pull.bind("inproc://n")
        push.connect("inproc://n")
        for _ in range(count):
            push.send(PAYLOAD)
        started = time.perf_counter()
        for _ in range(count):
            await pull.recv()
        return (time.perf_counter() - started) / count
    finally:
        push.close(0)
        pull.close(0)
        context.term()


async def loop_lag(seconds: float = 1.0) -> float:
    """The longest time for which a saturated subscription kept another task from running."""
    async with NeoClient("mem://") as client:
        subscription = client.subscribe("n", depth=8192)
        publish_many = client.kernel.publisher("n").publish_many
        payloads = [PAYLOAD] * 4096

        async def consume() -> None:
            async for _ in subscription:
                pass

        task = asyncio.ensure_future(consume())
        worst, last = 0.0, time.perf_counter()
        ends = last + seconds
        while last < ends:
            # More than a turn takes is always there; this task's own time is not counted.
            if subscription.queued < 4096:
                publish_many(payloads)
                last = time.perf_counter()
            await asyncio.sleep(0)
            now = time.perf_counter()
            worst, last = max(worst, now - last), now
        subscription.close()
        await task
        return worst


# ── calls, there and back


def round_trips(once: Callable[[], object], count: int = 400) -> float:
    def measure() -> float:
        started = time.perf_counter()
        for _ in range(count):
            once()
        return (time.perf_counter() - started) / count

    return best(measure)


def call_sync(wait: neo_protocol._types.Wait) -> float:
    with neo_protocol.open("mem://", call_wait=wait) as kernel:
        with kernel.serve("echo", lambda request: PAYLOAD, wait=wait):
            return round_trips(lambda: kernel.call("echo", "m", PAYLOAD))


def call_simple_queue() -> float:
    there: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    back: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def serve() -> None:
        while (item := there.get()) is not None:
            back.put(item)

    def once() -> None:
        there.put(PAYLOAD)
        back.get()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    taken = round_trips(once)
    there.put(None)
    thread.join()
    return taken


async def call_async(count: int = 400) -> float:
    async with NeoClient("mem://") as client, client.serve("echo", lambda request: PAYLOAD):
        started = time.perf_counter()
        for _ in range(count):
            await client.call("echo", "m", PAYLOAD)
        return (time.perf_counter() - started) / count


async def call_async_coroutine(count: int = 400) -> float:
    async def echo(request: neo_protocol.Request) -> bytes:
        return PAYLOAD

    async with NeoClient("mem://") as client, client.serve("echo", echo):
        started = time.perf_counter()
        for _ in range(count):
            await client.call("echo", "m", PAYLOAD)
        return (time.perf_counter() - started) / count


async def two_eventfds(count: int = 400) -> float:
    """One task there, one task back, each woken by a descriptor."""
    loop = asyncio.get_running_loop()
    descriptors = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]
    futures: list[asyncio.Future[None] | None] = [None, None]

    def ready(side: int) -> None:
        os.eventfd_read(descriptors[side])
        future = futures[side]
        if future is not None and not future.done():
            future.set_result(None)

    async def wait(side: int) -> None:
        futures[side] = loop.create_future()
        await futures[side]

    async def serve() -> None:
        while True:
            await wait(0)
            os.eventfd_write(descriptors[1], 1)

    for side in range(2):
        loop.add_reader(descriptors[side], ready, side)
    task = asyncio.ensure_future(serve())
    await asyncio.sleep(0)
    started = time.perf_counter()
    for _ in range(count):
        os.eventfd_write(descriptors[0], 1)
        await wait(1)
    taken = (time.perf_counter() - started) / count
    task.cancel()
    for descriptor in descriptors:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return taken


#: Name, what it counts, and how it is measured. Nanoseconds unless the name of the unit says else.
ROWS: list[tuple[str, str, Callable[[], float]]] = [
    ("publish 64 B", "ns", publish),
    ("publish_many of 256, per message", "ns", lambda: batches(of_publish=True)),
    ("recv_batch of 256, per message", "ns", lambda: batches(of_publish=False)),
    ("1 MiB payload as numpy array", "ns", array_of_a_mebibyte),
    ("two threads, 64 B: neo publish to recv_batch", "messages/s", threads_neo),
    ("two threads, 64 B: queue.SimpleQueue", "messages/s", threads_simple_queue),
    ("two threads, 64 B: pyzmq inproc PUSH/PULL", "messages/s", threads_zmq),
    ("two processes, round trip: neo", "ns", lambda: processes.round_trip("neo")),
    ("two processes, round trip: iceoryx2", "ns", lambda: processes.round_trip("iceoryx2")),
    ("two processes, batches: neo", "messages/s", lambda: processes.one_way("neo", 1 << 19)),
    ("two processes, batches: pyzmq ipc", "messages/s", lambda: processes.one_way("pyzmq ipc", 1 << 17)),
    ("busy subscription: for", "ns", sync_iteration),
    ("busy subscription: async for", "ns", lambda: run_async(async_iteration)),
    ("asyncio.Queue: get", "ns", lambda: run_async(async_queue)),
    ("pyzmq.asyncio: recv", "ns", lambda: run_async(async_zmq)),
    ("loop lag beside a saturated subscription", "ns", lambda: asyncio.run(loop_lag()) * 1e9),
    ("call: sync, spinning", "ns", lambda: call_sync("spin")),
    ("call: sync, parked", "ns", lambda: call_sync("park")),
    ("round trip: queue.SimpleQueue", "ns", call_simple_queue),
    ("call: asyncio, one loop, function", "ns", lambda: run_async(call_async)),
    ("call: asyncio, one loop, coroutine", "ns", lambda: run_async(call_async_coroutine)),
    ("round trip: two eventfds, one loop", "ns", lambda: run_async(two_eventfds)),
]


def serve() -> int:
    """Answers each line, the name of a row, with its value or with what it lacks."""
    global REPEATS
    REPEATS = 1
    rows = {name: measure for name, _, measure in ROWS} | {"no-op call": lambda: noop()}
    for line in sys.stdin:
        try:
            print(json.dumps({"value": rows[line.strip()]()}), flush=True)
        except (ModuleNotFoundError, KeyError) as error:
            print(json.dumps({"error": f"{error!r}"}), flush=True)
    return 0


def main(words: list[str]) -> int:
    if words == ["--serve"]:
        return serve()
    missing = 0
    floor = noop()
    print(json.dumps({"name": "no-op call", "value": round(floor, 1), "unit": "ns"}), flush=True)
    for name, unit, measure in ROWS:
        if words and not any(word in name for word in words):
            continue
        try:
            value = measure()
        except ModuleNotFoundError as error:
            print(f"{name}: not measured: {error}", file=sys.stderr)
            missing += 1
            continue
        row: dict[str, object] = {"name": name, "value": round(value, 1), "unit": unit}
        if unit == "ns":
            row |= {"noop": round(floor, 1), "per_noop": round(value / floor, 2)}
        print(json.dumps(row), flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
