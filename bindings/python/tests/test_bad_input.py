"""What is wrong is told; nothing crashes, hangs or is half done."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neo_protocol
from neo_protocol import Kernel


@pytest.mark.parametrize("payload", ["text", 5, None, object(), [1, 2], 1.5])
def test_payloads_of_other_types_are_refused(kernel: Kernel, payload: object) -> None:
    publisher = kernel.publisher("n")
    subscription = kernel.subscribe("n")
    uses: list[Callable[[], object]] = [
        lambda: kernel.publish("n", payload),  # type: ignore[arg-type]
        lambda: publisher.publish(payload),  # type: ignore[arg-type]
        lambda: publisher.publish_many([b"fine", payload]),  # type: ignore[list-item]
    ]
    for use in uses:
        with pytest.raises(TypeError, match="bytes-like"):
            use()
    assert subscription.try_recv() is None, "nothing was half published"


def test_text_is_refused_with_the_way_out(kernel: Kernel) -> None:
    with pytest.raises(TypeError, match=r"encode\(\)"):
        kernel.publish("n", "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "view", [memoryview(b"abcdef")[::2], np.zeros((4, 4))[:, 1], np.asfortranarray(np.ones((2, 3)))]
)
def test_buffers_that_are_not_contiguous_are_refused(kernel: Kernel, view: memoryview) -> None:
    with pytest.raises(BufferError, match="ascontiguousarray"):
        kernel.publisher("n").publish(view)
    with pytest.raises(BufferError, match="contiguous"):
        kernel.publish("n", view)


def test_empty_arrays_are_empty_payloads(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    kernel.publish("n", np.zeros((0, 4)))
    assert len(subscription.recv()) == 0


def test_one_payload_is_not_many(kernel: Kernel) -> None:
    for single in (b"bytes", "text"):
        with pytest.raises(TypeError, match="publish_many"):
            kernel.publisher("n").publish_many(single)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan])
def test_timeouts_that_make_no_sense_are_refused(kernel: Kernel, timeout: float) -> None:
    subscription, service = kernel.subscribe("n"), kernel.serve("s")
    uses: list[Callable[[], object]] = [
        lambda: subscription.recv(timeout=timeout),
        lambda: subscription.recv_batch(1, timeout=timeout),
        lambda: service.recv(timeout=timeout),
        lambda: kernel.call("s", "m", b"", timeout=timeout),
        lambda: kernel.publisher("n", send_timeout=timeout),
        lambda: neo_protocol.open("mem://", call_timeout=timeout),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="timeout="):
            use()


def test_timeouts_of_other_types_are_refused(kernel: Kernel) -> None:
    with pytest.raises(TypeError):
        kernel.subscribe("n").recv(timeout="1")  # type: ignore[arg-type]


@pytest.mark.parametrize("topic", ["", "a..b", "a.*", "x" * 10_000, "\0"])
def test_malformed_topics_are_refused(kernel: Kernel, topic: str) -> None:
    for use in (lambda: kernel.publish(topic, b""), lambda: kernel.publisher(topic)):
        with pytest.raises(neo_protocol.InvalidError) as caught:
            use()
        assert isinstance(caught.value, ValueError)


def test_words_that_are_no_option_are_refused_with_those_that_are(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="drop_oldest, drop_newest, latest, block, detach"):
        kernel.subscribe("n", policy="drop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="adaptive, spin, park"):
        kernel.subscribe("n", wait="long")  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["", "mem:", "ftp://x", "mem://a/b?c", "shm://"])
def test_urls_that_name_no_kernel_are_refused(url: str) -> None:
    with pytest.raises(neo_protocol.Error) as caught:
        neo_protocol.open(url)
    assert caught.value.code in (neo_protocol.Code.INVALID, neo_protocol.Code.UNSUPPORTED)


def test_numbers_out_of_range_are_refused(kernel: Kernel) -> None:
    for use in (
        lambda: kernel.subscribe("n", depth=0),
        lambda: kernel.subscribe("n", depth=1 << 20),
        lambda: neo_protocol.open("mem://", memory=1),
    ):
        with pytest.raises(neo_protocol.InvalidError):
            use()
    for use in (
        lambda: kernel.subscribe("n", depth=-1),
        lambda: kernel.subscribe("n", depth=1 << 40),
        lambda: kernel.publisher("n").loan(-1),
    ):
        with pytest.raises(OverflowError):
            use()
    with pytest.raises(neo_protocol.Error):
        kernel.publisher("n").loan((1 << 63) - 1)
    with pytest.raises(ValueError, match="one of them"):
        neo_protocol.open("mem://", memory=1 << 26, memory_bytes_max=1 << 26)


def test_a_closed_kernel_says_so(kernel: Kernel) -> None:
    publisher, subscription = kernel.publisher("n"), kernel.subscribe("n")
    kernel.close()
    kernel.close()
    for use in (
        lambda: kernel.publish("n", b""),
        lambda: publisher.publish(b""),
        lambda: publisher.publish_many([b""]),
        lambda: publisher.loan(1),
        lambda: subscription.recv(),
        lambda: subscription.try_recv(),
        lambda: kernel.subscribe("n"),
        lambda: kernel.serve("n"),
        lambda: kernel.call("s", "m", b""),
    ):
        with pytest.raises(neo_protocol.Closed) as caught:
            use()
        assert caught.value.code is neo_protocol.Code.CLOSED


def test_classes_are_not_made_by_hand() -> None:
    for kind in (neo_protocol.Message, neo_protocol.Kernel, neo_protocol.Loan):
        with pytest.raises(TypeError):
            kind()


def test_the_error_table_is_the_kernels() -> None:
    from neo_protocol import _neo, _types

    for number, symbol, _ in _neo.codes():
        assert neo_protocol.Code(number).symbol == symbol
        assert _types.CLASSES[number].code == number
    assert len(_neo.codes()) == len(neo_protocol.Code) == len(_types.CLASSES)


def test_a_poller_watches_sources_only(kernel: Kernel) -> None:
    poller = neo_protocol.Poller()
    with pytest.raises(TypeError, match="watches"):
        poller.add(kernel, 1)  # type: ignore[arg-type]
    subscription = kernel.subscribe("n")
    poller.add(subscription, 1)
    with pytest.raises(neo_protocol.Misuse):
        poller.add(subscription, 2)
    assert poller.remove(1) and not poller.remove(1)


@pytest.mark.parametrize("one", [b"one", bytearray(b"one"), memoryview(b"one"), "one"])
def test_many_payloads_are_not_the_bytes_of_one(kernel: Kernel, one: Any) -> None:
    subscription = kernel.subscribe("n")
    with pytest.raises(TypeError, match="for one message call publish"):
        kernel.publish_many("n", one)
    assert subscription.queued == 0


def test_arrays_that_are_no_bytes_are_refused_with_the_reason(kernel: Kernel) -> None:
    with pytest.raises(BufferError, match="references to objects"):
        kernel.publish("n", np.array([object()]))
    with pytest.raises(TypeError, match="not ndarray") as caught:
        kernel.publish("n", np.zeros(2, dtype="M8[s]"))
    assert "dtype" in str(caught.value.__cause__)


def test_a_publish_that_waited_in_vain_says_for_how_long(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n", depth=2, policy="block")
    publisher = kernel.publisher("n", send_timeout=0.002)
    run = publisher.publish_many([b"1", b"2", b"3"])
    assert run.messages == 2
    assert isinstance(run.error, neo_protocol.Full)
    with pytest.raises(neo_protocol.Full, match="within 2ms"):
        publisher.publish(b"3")
    assert [message.data for message in subscription.recv_batch()] == [b"1", b"2"]
