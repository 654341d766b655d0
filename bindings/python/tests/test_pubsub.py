"""Publishing and receiving in the blocking form."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import neo_protocol
from conftest import LONG
from neo_protocol import Kernel


def test_a_message_arrives_with_its_topic_and_bytes(kernel: Kernel) -> None:
    with kernel.subscribe("a.*") as subscription:
        result = kernel.publish("a.b", b"hello")
        assert (result.accepted, result.dropped, result.timed_out) == (1, 0, 0)
        message = subscription.recv(timeout=LONG)
        assert (message.topic, message.data, bytes(message), len(message)) == (
            "a.b",
            b"hello",
            b"hello",
            5,
        )
        assert (message.seq, message.timestamp_ns, message.lost_before) == (None, None, 0)
        assert message.headers == []


def test_try_recv_of_nothing_is_none(kernel: Kernel) -> None:
    assert kernel.subscribe("a").try_recv() is None


def test_a_timeout_raises_the_builtin_error_too(kernel: Kernel) -> None:
    subscription = kernel.subscribe("quiet")
    with pytest.raises(TimeoutError, match="quiet") as caught:
        subscription.recv(timeout=0)
    assert isinstance(caught.value, neo_protocol.Error)
    assert caught.value.code is neo_protocol.Code.TIMEOUT
    assert subscription.recv_batch(8, timeout=0.001) == []


def test_a_batch_holds_what_is_there_in_order_and_at_most_max(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    run = kernel.publisher("n").publish_many([b"%d" % i for i in range(10)])
    assert (run.messages, run.accepted, run.error) == (10, 10, None)
    assert [bytes(m) for m in subscription.recv_batch(4)] == [b"0", b"1", b"2", b"3"]
    assert len(subscription.recv_batch(100)) == 6
    assert subscription.recv_batch(0) == []


def test_every_kind_of_buffer_can_be_published(kernel: Kernel) -> None:
    import array

    subscription = kernel.subscribe("n")
    publisher = kernel.publisher("n")
    buffers = [b"ab", bytearray(b"ab"), memoryview(b"xabx")[1:3], array.array("H", [0x6261])]
    for buffer in buffers:
        publisher.publish(buffer)
    assert publisher.publish_many(buffers).messages == len(buffers)
    large = bytearray(b"z" * 200_000)
    publisher.publish(large)
    assert [bytes(m) for m in subscription.recv_batch(8)] == [b"ab"] * 8
    assert bytes(subscription.recv()) == large


@pytest.mark.parametrize("size", [0, 1, 64, 191, 192, 193, 65535, 65536, 1 << 20])
def test_payloads_of_every_size_arrive_whole(kernel: Kernel, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    subscription = kernel.subscribe("n", mailbox_bytes_max=4 << 20)
    kernel.publisher("n").publish(payload)
    kernel.publisher("n").publish(bytearray(payload))
    assert [bytes(m) for m in subscription.recv_batch(2)] == [payload, payload]


def test_iteration_ends_when_the_subscription_is_closed(
    kernel: Kernel, in_thread: Callable[..., threading.Thread]
) -> None:
    subscription = kernel.subscribe("n")
    kernel.publish("n", b"1")
    got: list[bytes] = []
    first = threading.Event()

    def consume() -> None:
        for message in subscription:
            got.append(bytes(message))
            first.set()

    thread = in_thread(consume)
    assert first.wait(LONG)
    subscription.close()
    thread.join(LONG)
    assert got == [b"1"]
    with pytest.raises(neo_protocol.Closed):
        subscription.recv()


def test_closing_the_kernel_ends_waits_in_other_threads(
    kernel: Kernel, in_thread: Callable[..., threading.Thread]
) -> None:
    subscription = kernel.subscribe("n")
    started = threading.Event()

    def wait() -> None:
        started.set()
        with pytest.raises(neo_protocol.Closed):
            subscription.recv()

    in_thread(wait)
    assert started.wait(LONG)
    kernel.close()
    assert kernel.closed


def test_a_blocked_receive_lets_other_threads_run(
    kernel: Kernel, in_thread: Callable[..., threading.Thread]
) -> None:
    subscription = kernel.subscribe("n")
    got: list[bytes] = []
    thread = in_thread(lambda: got.append(bytes(subscription.recv(timeout=LONG))))
    # This thread runs although the other waits: it holds no lock of the interpreter.
    kernel.publish("n", b"go on")
    thread.join(LONG)
    assert got == [b"go on"]


def test_policies_and_losses_are_told(kernel: Kernel) -> None:
    oldest = kernel.subscribe("n", depth=1, policy="drop_oldest")
    for i in range(3):
        kernel.publish("n", b"%d" % i)
    message = oldest.recv()
    assert (bytes(message), message.lost_before) == (b"2", 2)
    assert oldest.take_lost() == 0 and oldest.queued == 0


def test_a_full_group_is_full_at_once_or_after_the_send_timeout(kernel: Kernel) -> None:
    group = kernel.subscribe("n", group="g", depth=1)
    kernel.publish("n", b"1")
    with pytest.raises(neo_protocol.Full):
        kernel.publish("n", b"2")
    patient = kernel.publisher("n", send_timeout=0.01)
    with pytest.raises(neo_protocol.Full):
        patient.publish(b"2")
    with pytest.raises(neo_protocol.Full):
        patient.publish_many([b"2", b"3"])
    assert bytes(group.recv()) == b"1"
    run = patient.publish_many([b"2", b"3"])
    assert run.messages == 1 and isinstance(run.error, neo_protocol.Full)


def test_a_publisher_with_a_send_timeout_waits_for_room(
    kernel: Kernel, in_thread: Callable[..., threading.Thread]
) -> None:
    group = kernel.subscribe("n", group="g", depth=1)
    publisher = kernel.publisher("n", send_timeout=None)
    assert publisher.send_timeout is None
    in_thread(publisher.publish_many, [b"%d" % i for i in range(50)])
    assert [bytes(group.recv(timeout=LONG)) for _ in range(50)] == [b"%d" % i for i in range(50)]


def test_stamped_messages_carry_the_time(kernel: Kernel) -> None:
    import time

    subscription = kernel.subscribe("n")
    before = time.time_ns()
    kernel.publisher("n", stamp_time=True).publish(b"")
    stamp = subscription.recv().timestamp_ns
    assert stamp is not None and before - 1_000_000_000 <= stamp <= time.time_ns() + 1_000_000_000


def test_counters_add_up(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n", depth=2)
    for _ in range(5):
        kernel.publish("n", b"x")
    subscription.recv()
    (route,) = kernel.counters().routes
    assert (route.pattern, route.group, route.policy, route.depth) == ("n", "", "drop_oldest", 2)
    assert route.accepted == route.delivered + route.lost + route.queued
    assert "RouteCounters" in repr(route) and "Counters" in repr(kernel.counters())


def test_a_named_kernel_is_shared_and_a_nameless_one_private() -> None:
    with neo_protocol.open("mem://shared") as one, neo_protocol.open("mem://shared") as two:
        subscription = one.subscribe("n")
        assert two.publish("n", b"x").accepted == 1
        assert bytes(subscription.recv()) == b"x"
        with neo_protocol.open("mem://") as other:
            assert other.publish("n", b"x").accepted == 0


def test_the_environment_names_the_default_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO_URL", "mem://from-the-environment")
    with neo_protocol.open() as kernel:
        assert kernel.publish("n", b"").accepted == 0
        with neo_protocol.open("mem://from-the-environment") as same:
            subscription = same.subscribe("n")
            assert kernel.publish("n", b"").accepted == 1
            del subscription


def test_objects_tell_what_they_are(kernel: Kernel) -> None:
    subscription = kernel.subscribe("a.*")
    publisher = kernel.publisher("a.b")
    service = kernel.serve("s")
    result = publisher.publish(b"x")
    assert repr(kernel) == '<Kernel "mem://">'
    assert repr(subscription) == '<Subscription pattern="a.*">'
    assert repr(publisher) == '<Publisher topic="a.b">'
    assert repr(service) == '<Service name="s">'
    assert repr(result) == "Published(accepted=1, dropped=0, timed_out=0)"
    assert repr(subscription.recv()) == '<Message topic="a.b" 1 bytes>'
    subscription.close()
    assert repr(subscription) == '<Subscription pattern="a.*" closed>'


def test_results_compare_and_hash(kernel: Kernel) -> None:
    assert kernel.publish("n", b"") == kernel.publish("n", b"")
    assert len({kernel.publish("n", b""), kernel.publish("n", b"")}) == 1


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_headers_and_a_trace_context_arrive(kernel: neo_protocol.Kernel) -> None:
    subscription = kernel.subscribe("t")
    kernel.publisher("t", headers={"kind": b"\0\1", "part": bytearray(b"1")}).publish(b"x")
    pairs = [("a", b"1"), ("a", memoryview(b"2"))]
    kernel.publisher("t", headers=pairs, traceparent=TRACE).publish(b"y")
    kernel.publish("t", b"z")
    first, second, third = subscription.recv_batch(8)
    assert first.headers == [("kind", b"\0\1"), ("part", b"1")] and first.traceparent is None
    assert second.headers == [("a", b"1"), ("a", b"2")] and second.traceparent == TRACE
    assert third.headers == [] and third.traceparent is None
    del first, second, third
    subscription.close()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        (7, TypeError),
        ("text", TypeError),
        ([("k",)], ValueError),
        ({1: b"v"}, TypeError),
        ({"k": "text"}, TypeError),
        ({"": b"v"}, neo_protocol.InvalidError),
        ({"k": bytes(600)}, neo_protocol.InvalidError),
        ([("k", b"")] * 33, neo_protocol.InvalidError),
    ],
)
def test_headers_that_are_none_are_refused(
    kernel: neo_protocol.Kernel, headers: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        kernel.publisher("t", headers=headers)


def test_a_trace_context_that_is_none_is_refused(kernel: neo_protocol.Kernel) -> None:
    with pytest.raises(neo_protocol.InvalidError, match="00-no"):
        kernel.publisher("t", traceparent="00-no")
