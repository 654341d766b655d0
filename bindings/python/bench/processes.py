"""Two Python processes on one host, pinned apart: the module over ``shm://``, and its peers.

`measure.py` asks for the figures and is the near process, on core 0 for round trips and on core 1 for
what comes one way. The far one is this file as a program, on the other core:

    python bench/processes.py CONTESTANT TASK PLACE COUNT

Every message is compared with what was sent, byte by byte, by who receives it. Nothing is lost: who
finds no room waits or tries again.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

#: Messages that each direction holds, and that a run of them has.
DEPTH = 1024
BATCH = 256

#: Round trips between two readings of the clock, and windows of a rate, of which the median counts:
#: when another program takes a core away, it spoils some of them.
CHUNK = 16
WINDOWS = 15

Wait = Literal["spin", "adaptive"]
#: What `bytes.join` takes.
Buffer = Any


def payloads(salt: str) -> list[bytes]:
    """A run of payloads of 64 bytes, no two alike."""
    digests = (hashlib.blake2b(f"{salt} {n}".encode()) for n in range(BATCH))
    return [digest.digest() for digest in digests]


ASKED, ANSWERED = payloads("asked"), payloads("answered")


@dataclass
class End:
    """One end of a connection between two processes: one message at a time, or a run of them."""

    send: Callable[[bytes], object]
    receive: Callable[[], bytes]
    send_run: Callable[[list[bytes]], object]
    receive_run: Callable[[], Sequence[Buffer]]


def one_by_one(send: Callable[[bytes], object]) -> Callable[[list[bytes]], None]:
    def send_run(run: list[bytes]) -> None:
        for payload in run:
            send(payload)

    return send_run


def neo(place: str, is_near: bool, wait: Wait, stack: ExitStack) -> End:
    import neo_protocol

    kernel = stack.enter_context(neo_protocol.open(f"shm://{place}"))
    to, of = ("there", "back") if is_near else ("back", "there")
    publisher = kernel.publisher(to, send_timeout=None)
    subscription = kernel.subscribe(of, depth=DEPTH, policy="block", wait=wait)
    recv, recv_batch = subscription.recv, subscription.recv_batch
    return End(
        publisher.publish, lambda: recv().data, publisher.publish_many, lambda: recv_batch(BATCH)
    )


def zmq_ipc(place: str, is_near: bool, wait: Wait, stack: ExitStack) -> End:
    """A pair of sockets. Their threads sleep, however they are asked to wait.

    A run is sent one by one: as one message of many parts it takes longer.
    """
    import zmq

    context = stack.enter_context(zmq.Context())
    socket = stack.enter_context(context.socket(zmq.PAIR))
    socket.set_hwm(DEPTH)
    # In the abstract namespace: no file.
    if is_near:
        socket.bind(f"ipc://@{place}")
    else:
        socket.connect(f"ipc://@{place}")
    recv = socket.recv
    return End(
        socket.send, recv, one_by_one(socket.send), lambda: [recv() for _ in range(BATCH)]
    )


def iceoryx2(place: str, is_near: bool, wait: Wait, stack: ExitStack) -> End:
    """Slices of bytes, polled, written and read by the quickest means that its binding leaves."""
    import iceoryx2 as iox2  # type: ignore[import-untyped]

    iox2.set_log_level(iox2.LogLevel.Error)
    node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)

    def service(name: str) -> Any:
        builder = node.service_builder(iox2.ServiceName.new(f"{place}/{name}"))
        # Two samples are held for a moment, while one takes the other's name.
        return (
            builder.publish_subscribe(iox2.Slice[ctypes.c_uint8])
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(DEPTH)
            .subscriber_max_borrowed_samples(2)
            .history_size(0)
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create()
        )

    there, back = service("there"), service("back")
    to, of = (there, back) if is_near else (back, there)
    publisher = (
        to.publisher_builder()
        .initial_max_slice_len(64)
        .max_loaned_samples(1)
        .backpressure_strategy(iox2.BackpressureStrategy.DiscardData)
        .create()
    )
    subscriber = of.subscriber_builder().create()
    loan, take = publisher.loan_slice_uninit, subscriber.receive
    memmove, string_at = ctypes.memmove, ctypes.string_at

    def send(payload: bytes) -> None:
        while True:
            sample = loan(64)
            memmove(sample.payload_ptr, payload, 64)
            if sample.assume_init().send() == 1:
                return

    def receive() -> bytes:
        while (sample := take()) is None:
            pass
        return string_at(sample.payload_ptr, 64)

    return End(send, receive, one_by_one(send), lambda: [receive()])


Open = Callable[[str, bool, Wait, ExitStack], End]
#: How an end is opened at a place that both sides know. The near one is opened first, and all that it
#: needs ends with the stack.
ENDS: dict[str, Open] = {"neo": neo, "pyzmq ipc": zmq_ipc, "iceoryx2": iceoryx2}


class Differs(Exception):
    """Something else came than was sent."""


# ── the far process


def echo(end: End, trips: int) -> None:
    send, receive = end.send, end.receive
    for _ in range(trips // BATCH):
        for asked, answer in zip(ASKED, ANSWERED):
            if receive() != asked:
                raise Differs
            send(answer)


def flood(end: End, messages: int) -> None:
    end.receive()
    for _ in range(messages // BATCH):
        end.send_run(ASKED)


#: What the far process does, how it waits, and its core.
TASKS: dict[str, tuple[Callable[[End, int], None], Wait, int]] = {
    "echo": (echo, "spin", 1),
    "flood": (flood, "adaptive", 0),
}


def play(contestant: str, task_name: str, place: str, count: int) -> None:
    follow()
    work, wait, core = TASKS[task_name]
    with ExitStack() as stack:
        end = ENDS[contestant](place, False, wait, stack)
        print("ready", flush=True)
        with pinned(core):
            work(end, count)
        # What was sent is there until the near process says that it has come.
        sys.stdin.read()


def follow() -> None:
    """Dies with the process that measures, which may be ended at any time."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# ── the near process


@contextmanager
def pinned(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


numbers = itertools.count()


@contextmanager
def connected(contestant: str, task: str, count: int) -> Iterator[End]:
    """The near end of a connection whose far end is at work. Its threads may run on every core."""
    place = f"neo-bench-{os.getpid()}-{next(numbers)}"
    with ExitStack() as stack:
        near = ENDS[contestant](place, True, TASKS[task][1], stack)
        words = [sys.executable, __file__, contestant, task, place, str(count)]
        far = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert far.stdin is not None and far.stdout is not None
        if far.stdout.readline() != "ready\n":
            raise RuntimeError(f"{words}: the far process failed")
        watch = threading.Thread(target=expect_success, args=(far,))
        watch.start()
        yield near
        far.stdin.close()
        watch.join()
        far.stdout.close()


def expect_success(far: subprocess.Popen[str]) -> None:
    """Ends this program if the far process fails: whoever waits for it would wait for ever."""
    if far.wait() != 0:
        print("the far process failed", file=sys.stderr, flush=True)
        os._exit(1)


def round_trip(contestant: str, trips: int = 1 << 13) -> float:
    """Round trip of 64 bytes there and 64 others back, polling: p50 in nanoseconds."""
    means = []
    with connected(contestant, "echo", trips) as near, pinned(0):
        send, receive, clock = near.send, near.receive, time.perf_counter_ns
        pairs = list(zip(ASKED, ANSWERED))
        chunks = [pairs[first : first + CHUNK] for first in range(0, BATCH, CHUNK)]
        for _ in range(trips // BATCH):
            for chunk in chunks:
                started = clock()
                for asked, answer in chunk:
                    send(asked)
                    if receive() != answer:
                        raise Differs
                means.append((clock() - started) / CHUNK)
    return statistics.median(means)


def one_way(contestant: str, messages: int) -> float:
    """Messages of 64 bytes per second, in runs; the first quarter is warm-up."""
    twice = b"".join(ASKED + ASKED)
    window = messages * 3 // 4 // WINDOWS
    ends = []
    with connected(contestant, "flood", messages) as near, pinned(1):
        receive_run, clock = near.receive_run, time.perf_counter
        near.send(b"go")
        received, next_end = 0, messages - WINDOWS * window
        while received < messages:
            run = receive_run()
            position = 64 * (received % BATCH)
            content = b"".join(run)
            if content != twice[position : position + len(content)]:
                raise Differs
            received += len(run)
            if received >= next_end:
                ends.append((clock(), received))
                next_end = received + window
    rates = [(m - n) / (t - s) for (s, n), (t, m) in itertools.pairwise(ends)]
    return statistics.median(rates)


if __name__ == "__main__":
    play(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
