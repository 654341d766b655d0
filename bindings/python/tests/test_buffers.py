"""The buffer protocol: payloads seen in place, loans written in place."""

from __future__ import annotations

import gc
import pickle
import copy
import weakref

import numpy as np
import pytest

import neo_protocol
from conftest import check_nothing_lives
from neo_protocol import Kernel, Message


def received(kernel: Kernel, payload: bytes) -> Message:
    subscription = kernel.subscribe("n")
    kernel.publish("n", payload)
    message = subscription.recv()
    subscription.close()
    return message


def test_a_view_is_read_only_and_knows_its_message(kernel: Kernel) -> None:
    message = received(kernel, b"hello")
    view = memoryview(message)
    assert view.readonly and view.obj is message and view.tobytes() == b"hello"
    assert not np.frombuffer(message, "u1").flags.writeable
    with pytest.raises(TypeError):
        view[0] = 1


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_an_array_shares_the_memory_of_its_message(kernel: Kernel, size: int) -> None:
    message = received(kernel, bytes(size))
    first, second = np.frombuffer(message, "u1"), np.frombuffer(message, "u1")
    assert first.ctypes.data == second.ctypes.data
    assert np.shares_memory(first, second) and first.nbytes == size


def test_an_array_keeps_its_message_after_the_last_name_is_gone(kernel: Kernel) -> None:
    payload = np.arange(100_000, dtype="<f4")
    subscription = kernel.subscribe("n")
    kernel.publish("n", payload)
    message = subscription.recv()
    gone = weakref.ref(message)
    array = np.frombuffer(message, "<f4")
    part = memoryview(array[10:20])[2:4]
    del message, array
    gc.collect()
    assert gone() is not None, "a slice of a slice keeps the message"
    for _ in range(64):
        kernel.publish("n", b"\xff" * 400_000)
        subscription.recv().release()
    assert part.tolist() == [12.0, 13.0]
    del part
    gc.collect()
    assert gone() is None


def test_views_outlive_subscription_and_kernel() -> None:
    with neo_protocol.open("mem://") as kernel:
        view = memoryview(received(kernel, b"x" * 100_000))
    del kernel
    gc.collect()
    assert view[99_999] == ord("x")


def test_a_message_is_not_released_under_its_views(kernel: Kernel) -> None:
    message = received(kernel, b"hello")
    view = memoryview(message)
    with pytest.raises(BufferError, match="1 exported"):
        message.release()
    assert view.tobytes() == b"hello" and not message.released
    view.release()
    message.release()
    message.release()
    assert message.released and repr(message) == "<Message released>"
    for use in (lambda: message.data, lambda: memoryview(message), lambda: message.topic):
        with pytest.raises(neo_protocol.Misuse):
            use()


def test_leaving_the_block_releases_the_message(kernel: Kernel) -> None:
    with received(kernel, b"hello") as message:
        assert bytes(message) == b"hello"
    assert message.released


def test_released_memory_goes_back(kernel: Kernel) -> None:
    message = received(kernel, b"x" * 1_000_000)
    kernel.trim()
    assert kernel.counters().memory_bytes > 0
    message.release()
    kernel.trim()
    assert kernel.counters().memory_bytes == 0


def test_messages_are_not_pickled_or_copied(kernel: Kernel) -> None:
    message = received(kernel, b"hello")
    for refused in (message, kernel):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(refused)
        with pytest.raises(TypeError, match="pickle"):
            copy.copy(refused)


def test_a_loan_is_sent_on_a_clean_exit(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    publisher = kernel.publisher("n")
    with publisher.loan(5) as loan:
        np.frombuffer(loan, "u1")[:] = 7
        loan[0:2] = b"ab"
        loan[4] = 9
        assert (len(loan), loan[0], loan[1:3], bytes(loan)) == (5, 97, b"b\x07", b"ab\x07\x07\x09")
    assert loan.closed and loan.result is not None and loan.result.accepted == 1
    assert bytes(subscription.recv()) == b"ab\x07\x07\x09"


def test_a_loan_is_given_up_if_the_block_raises(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    with pytest.raises(KeyError), kernel.publisher("n").loan(5) as loan:
        view = memoryview(loan)
        raise KeyError
    assert loan.closed and loan.result is None
    view[0] = 1  # given up, and still nobody else's
    del view
    assert subscription.try_recv() is None


def test_a_loan_with_live_exports_is_not_sent(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    with pytest.raises(BufferError, match="exported"), kernel.publisher("n").loan(5) as loan:
        array = np.frombuffer(loan, "u1")
    assert subscription.try_recv() is None and loan.closed
    subscription.close()
    array[:] = 3
    kernel.trim()
    assert kernel.counters().memory_bytes > 0, "the array still has it"
    del array
    kernel.trim()
    assert kernel.counters().memory_bytes == 0


def test_commit_and_truncate_wait_for_the_views(kernel: Kernel) -> None:
    subscription = kernel.subscribe("n")
    loan = kernel.publisher("n").loan(8)
    with memoryview(loan) as view:
        view[:] = b"01234567"
        with pytest.raises(BufferError):
            loan.truncate(4)
        with pytest.raises(BufferError):
            loan.commit()
        assert not loan.closed
    with pytest.raises(neo_protocol.InvalidError):
        loan.truncate(9)
    loan.truncate(4)
    assert loan.commit().accepted == 1
    with pytest.raises(neo_protocol.Misuse):
        loan.commit()
    loan.abort()
    assert bytes(subscription.recv()) == b"0123"


def test_a_loan_that_is_forgotten_gives_its_memory_back(kernel: Kernel) -> None:
    kernel.publisher("n").loan(100_000)
    gc.collect()
    kernel.trim()
    assert kernel.counters().memory_bytes == 0


def test_the_check_for_leaks_finds_one(kernel: Kernel) -> None:
    planted = received(kernel, b"kept")
    kernel.close()
    with pytest.raises(AssertionError, match="messages"):
        check_nothing_lives()
    del planted
