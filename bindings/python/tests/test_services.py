"""Services and calls in the blocking form."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

import neo_protocol
from conftest import LONG
from neo_protocol import Kernel, Request


def test_a_handler_answers_on_threads_of_its_own(kernel: Kernel) -> None:
    threads = set()

    def upper(request: Request) -> bytes:
        threads.add(threading.current_thread().name)
        return bytes(request).upper()

    with kernel.serve("text", upper, workers=2) as service:
        assert kernel.call("text", "upper", b"abc", timeout=LONG) == b"ABC"
        assert kernel.call("text", "upper") == b""
        assert threads <= {"neo-text-0", "neo-text-1"}
    assert service.closed


def test_requests_are_pulled_and_answered_once(
    kernel: Kernel, in_thread: Callable[..., threading.Thread]
) -> None:
    service = kernel.serve("s")
    answers: list[bytes] = []
    caller = in_thread(lambda: answers.append(kernel.call("s", "double", b"21", timeout=LONG)))
    request = service.recv(timeout=LONG)
    assert (request.method, request.data, request.answered) == ("double", b"21", False)
    assert memoryview(request).tobytes() == b"21" and len(request) == 2
    request.reply(bytearray(b"42"))
    assert request.answered and repr(request) == '<Request method="double" 2 bytes answered>'
    with pytest.raises(neo_protocol.Misuse):
        request.reply(b"43")
    caller.join(LONG)
    assert answers == [b"42"]


def test_what_a_handler_raises_is_the_answer_and_is_logged(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(request: Request) -> bytes:
        raise LookupError("no such user")

    with kernel.serve("s", fails), caplog.at_level(logging.ERROR, "neo_protocol"):
        with pytest.raises(neo_protocol.ServiceError, match="LookupError: no such user"):
            kernel.call("s", "m", timeout=LONG)
        # It goes on after it.
        with pytest.raises(neo_protocol.ServiceError):
            kernel.call("s", "m", timeout=LONG)
    assert caplog.records[0].exc_info is not None
    assert isinstance(caplog.records[0].exc_info[1], LookupError)
    caplog.clear()


def test_answers_of_other_types_are_an_error_of_the_service(kernel: Kernel) -> None:
    with kernel.serve("s", lambda request: "text"):  # type: ignore[arg-type,return-value]
        with pytest.raises(neo_protocol.ServiceError, match="bytes-like"):
            kernel.call("s", "m", timeout=LONG)


def test_none_leaves_the_request_to_the_handler(kernel: Kernel) -> None:
    def by_hand(request: Request) -> None:
        if request.method == "error":
            request.reply_error("not today")
        elif request.method == "answer":
            request.reply(b"by hand")

    with kernel.serve("s", by_hand):
        assert kernel.call("s", "answer", timeout=LONG) == b"by hand"
        with pytest.raises(neo_protocol.ServiceError, match="not today"):
            kernel.call("s", "error", timeout=LONG)
        with pytest.raises(neo_protocol.NoReply):
            kernel.call("s", "silent", timeout=LONG)


def test_a_request_that_the_handler_keeps_stays_readable(kernel: Kernel) -> None:
    kept: list[Request] = []

    def keep(request: Request) -> bytes:
        kept.append(request)
        return b"ok"

    with kernel.serve("s", keep):
        assert kernel.call("s", "m", b"argument", timeout=LONG) == b"ok"
        assert kept[0].data == b"argument"
    kept.clear()


def test_calls_to_nobody_fail_at_once(kernel: Kernel) -> None:
    with pytest.raises(neo_protocol.NoResponder):
        kernel.call("nobody", "m", b"", timeout=LONG)


def test_a_call_that_is_not_answered_times_out(kernel: Kernel) -> None:
    service = kernel.serve("s")
    with pytest.raises(neo_protocol.TimeoutError):
        kernel.call("s", "m", b"", timeout=0.01)
    with pytest.raises(TimeoutError):
        service.recv(timeout=0)


def test_a_call_without_time_sends_nothing(kernel: Kernel) -> None:
    with kernel.serve("s", lambda request: request.data):
        with pytest.raises(neo_protocol.TimeoutError):
            kernel.call("s", "m", b"", timeout=0)
        assert kernel.counters().routes[0].accepted == 0


def test_the_kernels_call_timeout_is_the_default() -> None:
    with neo_protocol.open("mem://", call_timeout=0.01) as kernel:
        service = kernel.serve("s")
        with pytest.raises(TimeoutError):
            kernel.call("s", "m")
        del service


def test_a_started_call_is_waited_for_taken_once_or_cancelled(kernel: Kernel) -> None:
    service = kernel.serve("s")
    call = kernel.start_call("s", "m", b"1")
    assert call.try_take() is None
    with pytest.raises(TimeoutError):
        call.wait(timeout=0)
    service.recv(timeout=LONG).reply(b"2")
    assert call.wait(timeout=LONG) == b"2"
    with pytest.raises(neo_protocol.Misuse):
        call.try_take()
    other = kernel.start_call("s", "m", b"1")
    other.cancel()
    with pytest.raises(neo_protocol.Misuse):
        other.wait()


def test_a_handler_may_close_its_own_service(kernel: Kernel) -> None:
    def last(request: Request) -> bytes:
        service.close()
        service.join()
        return b"the last"

    service = kernel.serve("s", last)
    assert kernel.call("s", "m", timeout=LONG) == b"the last"
    service.join()


def test_a_handler_may_call_and_publish(kernel: Kernel) -> None:
    subscription = kernel.subscribe("log")

    def outer(request: Request) -> bytes:
        kernel.publish("log", request)
        return kernel.call("inner", "m", request, timeout=LONG)

    with kernel.serve("inner", lambda r: bytes(r)[::-1]), kernel.serve("outer", outer):
        assert kernel.call("outer", "m", b"abc", timeout=LONG) == b"cba"
    assert bytes(subscription.recv(timeout=LONG)) == b"abc"


def test_handlers_must_be_functions_and_have_threads(kernel: Kernel) -> None:
    with pytest.raises(TypeError, match="handler"):
        kernel.serve("s", b"no function")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="workers"):
        kernel.serve("s", lambda request: None, workers=0)
