"""The asyncio form, on the loop of the standard library and on uvloop."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

import neo_protocol
from conftest import LONG
from neo_protocol import NeoClient, Request, aio

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None


def _new_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


@pytest.fixture(
    params=[
        "asyncio",
        pytest.param("uvloop", marks=pytest.mark.skipif(not HAS_UVLOOP, reason="no uvloop")),
    ]
)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine function on a loop of its own, under a limit."""
    factory = _new_uvloop if request.param == "uvloop" else asyncio.new_event_loop

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main(), LONG))

    return run


async def turns(count: int = 3) -> None:
    """Lets every other task that is ready go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_client_connects_once_and_opens_again(run: Run) -> None:
    async def main() -> None:
        client = NeoClient("mem://")
        assert client.closed
        async with client:
            await client.connect()
            assert not client.closed and client.url == "mem://"
            assert repr(client) == "<NeoClient mem:// open>"
        await client.aclose()
        with pytest.raises(neo_protocol.Closed, match="not open"):
            client.subscribe("n")
        async with client:
            assert (await client.publish("n", b"")).accepted == 0

    run(main)


def test_messages_come_in_order_with_async_for(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n", depth=2048) as numbers:
            for i in range(1500):
                await client.publish("n", b"%d" % i)
            got = []
            async for message in numbers:
                got.append(int(bytes(message)))
                if len(got) == 1500:
                    break
            assert got == list(range(1500))

    run(main)


def test_a_waiting_consumer_is_woken_by_another_thread(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            waiting = asyncio.ensure_future(numbers.recv())
            await turns()
            assert not waiting.done()
            await asyncio.to_thread(client.kernel.publish, "n", b"woken")
            assert bytes(await waiting) == b"woken"

    run(main)


def test_batches_hold_what_is_there(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            publisher = client.publisher("n")
            assert await publisher.publish_many([b"x"] * 600) == 600
            sizes = []
            async for batch in numbers.batches(max=256):
                sizes.append(len(batch))
                if sum(sizes) == 600:
                    break
            assert sizes == [256, 256, 88]
            assert await numbers.recv_batch(8, timeout=0) == []
            assert await numbers.recv_batch(8, timeout=0.001) == []
            assert await numbers.recv_batch(0) == []

    run(main)


def test_a_batch_wakes_up_with_the_first_message(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            waiting = asyncio.ensure_future(numbers.recv_batch(8))
            await turns()
            await client.publish("n", b"1")
            assert [bytes(m) for m in await waiting] == [b"1"]

    run(main)


def test_iteration_ends_when_the_subscription_or_the_client_closes(run: Run) -> None:
    async def main() -> None:
        async def consume(subscription: neo_protocol.aio.Subscription) -> int:
            return len([message async for message in subscription])

        async def consume_batches(subscription: neo_protocol.aio.Subscription) -> int:
            return sum([len(batch) async for batch in subscription.batches()])

        async with NeoClient("mem://") as client:
            one, two, three = (client.subscribe("n") for _ in range(3))
            counts = [asyncio.ensure_future(consume(s)) for s in (one, two)]
            counts.append(asyncio.ensure_future(consume_batches(three)))
            await client.publish("n", b"1")
            # Closing gives up what is queued.
            while one.queued > 0:
                await turns()
            one.close()
            assert await counts[0] == 1
            assert not counts[1].done()
        assert await asyncio.gather(*counts[1:]) == [1, 1]
        with pytest.raises(StopAsyncIteration):
            await anext(two)

    run(main)


def test_timeouts_raise_the_builtin_error_too(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            for timeout in (0, 0.001):
                with pytest.raises(neo_protocol.TimeoutError):
                    await numbers.recv(timeout=timeout)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await numbers.recv()
            with pytest.raises(ValueError, match="timeout="):
                await numbers.recv(timeout=-1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(numbers.recv(), 0.001)

    run(main)


def test_cancelled_waits_lose_no_message(run: Run) -> None:
    """Timeouts and cancellations race with a publishing thread; every message is had once."""
    count = 3000

    async def main() -> None:
        async with NeoClient("mem://") as client:
            numbers = client.subscribe("n", depth=4096)
            publisher = client.kernel.publisher("n")

            def publish() -> None:
                for i in range(count):
                    publisher.publish(b"%d" % i)

            publishing = asyncio.ensure_future(asyncio.to_thread(publish))
            got: list[int] = []
            cancelled = 0
            while len(got) < count:
                try:
                    if len(got) % 2:
                        async with asyncio.timeout(0.00002):
                            got.append(int(bytes(await numbers.recv())))
                    else:
                        async with asyncio.timeout(0.00002):
                            async for message in numbers:
                                got.append(int(bytes(message)))
                except TimeoutError:
                    cancelled += 1
            await publishing
            assert got == list(range(count))
            assert cancelled > 0

    run(main)


def test_a_cancelled_task_has_taken_nothing(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            task = asyncio.ensure_future(numbers.recv())
            await turns()
            # Ready to be woken, and cancelled before it runs.
            await client.publish("n", b"kept")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert bytes(await numbers.recv()) == b"kept"

    run(main)


def test_two_tasks_share_one_subscription(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            got: list[bytes] = []

            async def consume() -> None:
                async for message in numbers:
                    got.append(bytes(message))

            async with asyncio.TaskGroup() as group:
                group.create_task(consume())
                group.create_task(consume())
                await turns()
                for i in range(10):
                    await client.publish("n", b"%d" % i)
                while len(got) < 10:
                    await asyncio.sleep(0)
                numbers.close()
            assert sorted(got) == [b"%d" % i for i in range(10)]

    run(main)


def test_a_failing_task_group_ends_its_consumers(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n") as numbers:
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    group.create_task(numbers.recv())
                    await turns()
                    raise KeyError
            assert caught.group_contains(KeyError)
            await client.publish("n", b"still works")
            assert bytes(await numbers.recv()) == b"still works"

    run(main)


def test_a_busy_subscription_lets_others_have_a_turn(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.subscribe("n", depth=8192) as numbers:
            client.kernel.publisher("n").publish_many([b"x"] * 5000)
            seen = 0
            others: list[int] = []

            async def other() -> None:
                while seen < 5000:
                    others.append(seen)
                    await asyncio.sleep(0)

            task = asyncio.ensure_future(other())
            async for _ in numbers:
                seen += 1
                if seen == 5000:
                    break
            await task
            gaps = [b - a for a, b in zip(others, others[1:])]
            assert max(gaps) <= 256 and len(others) >= 5000 // 256

    run(main)


def test_a_busy_publisher_lets_others_have_a_turn(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client:
            publisher = client.publisher("n")
            turns_of_others = 0

            async def other() -> None:
                nonlocal turns_of_others
                while True:
                    turns_of_others += 1
                    await asyncio.sleep(0)

            task = asyncio.ensure_future(other())
            for _ in range(2560):
                await publisher.publish(b"x")
            assert turns_of_others >= 9
            task.cancel()

    run(main)


def test_publishing_awaits_room(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client:
            group = client.subscribe("n", group="g", depth=4)
            publisher = client.publisher("n")
            done = asyncio.ensure_future(publisher.publish_many([b"%d" % i for i in range(40)]))
            while group.queued < 4:
                await turns()
            await turns()
            assert not done.done() and group.queued == 4
            got = [int(bytes(await group.recv())) for _ in range(40)]
            assert got == list(range(40)) and await done == 40

    run(main)


def test_publishing_stops_waiting_after_its_timeout(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client:
            group = client.subscribe("n", group="g", depth=1)
            await client.publish("n", b"1")
            for timeout in (0, 0.001):
                with pytest.raises(neo_protocol.Full):
                    await client.publish("n", b"2", timeout=timeout)
            waiting = asyncio.ensure_future(client.publish("n", b"3"))
            await turns()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert bytes(await group.recv()) == b"1"
            assert group.try_recv() is None, "a cancelled publish has published nothing"

    run(main)


async def upper_later(request: Request) -> bytes:
    await asyncio.sleep(0)
    return request.data.upper()


@pytest.mark.parametrize("handler", [lambda request: request.data.upper(), upper_later])
def test_handlers_are_functions_or_coroutines(
    run: Run, handler: Callable[[Request], bytes | Awaitable[bytes]]
) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.serve("text", handler):
            replies = await asyncio.gather(
                *(client.call("text", "upper", b"abc%d" % i) for i in range(100))
            )
            assert replies == [b"ABC%d" % i for i in range(100)]

    run(main)


def test_what_a_handler_raises_is_the_answer(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def later(request: Request) -> bytes:
        await asyncio.sleep(0)
        raise KeyError("later")

    def at_once(request: Request) -> bytes:
        raise KeyError("at once")

    async def main() -> None:
        async with NeoClient("mem://") as client:
            client.serve("later", later)
            client.serve("at_once", at_once)
            client.serve("text", lambda request: "text")  # type: ignore[arg-type,return-value]
            for service, text in [("later", "later"), ("at_once", "at once"), ("text", "bytes")]:
                with pytest.raises(neo_protocol.ServiceError, match=text):
                    await client.call(service, "m")

    with caplog.at_level(logging.CRITICAL, "neo_protocol"):
        run(main)
    caplog.clear()


def test_requests_are_pulled_with_async_for(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.serve("s") as service:
            call = asyncio.ensure_future(client.call("s", "m", b"1"))
            async for request in service:
                request.reply(request.data + b"2")
                break
            assert await call == b"12"
            silent = asyncio.ensure_future(client.call("s", "m", b"1"))
            (await service.recv()).release()
            with pytest.raises(neo_protocol.NoReply):
                await silent
            with pytest.raises(TimeoutError):
                await service.recv(timeout=0.001)

    run(main)


def test_a_call_without_time_sends_nothing(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://") as client, client.serve("s"):
            with pytest.raises(neo_protocol.TimeoutError):
                await client.call("s", "m", timeout=0)
            assert client.counters().routes[0].accepted == 0

    run(main)


def test_calls_time_out_are_cancelled_or_find_nobody(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://", call_timeout=0.001) as client:
            with pytest.raises(neo_protocol.NoResponder):
                await client.call("s", "m")
            async with client.serve("s") as service:
                for options in ({}, {"timeout": 0.001}, {"timeout": 0}):
                    with pytest.raises(neo_protocol.TimeoutError):
                        await client.call("s", "m", **options)
                call = asyncio.ensure_future(client.call("s", "m", timeout=LONG))
                await turns()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert service.name == "s"

    run(main)


def test_no_more_handlers_run_than_allowed(run: Run) -> None:
    async def main() -> None:
        running = most = 0

        async def handler(request: Request) -> bytes:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await turns(4)
            running -= 1
            return b""

        async with NeoClient("mem://") as client, client.serve("s", handler, concurrency=3):
            await asyncio.gather(*(client.call("s", "m") for _ in range(20)))
        assert most == 3

    run(main)


def test_closing_a_service_cancels_its_handlers(run: Run) -> None:
    async def main() -> None:
        started = asyncio.Event()

        async def for_ever(request: Request) -> bytes:
            started.set()
            await asyncio.get_running_loop().create_future()
            return b""

        async with NeoClient("mem://") as client:
            service = client.serve("s", for_ever)
            call = asyncio.ensure_future(client.call("s", "m"))
            await started.wait()
            await service.aclose()
            with pytest.raises(neo_protocol.NoReply):
                await call

    run(main)


def test_the_program_of_the_documentation_runs(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NEO_URL", raising=False)

    async def main() -> None:
        async with neo_protocol.NeoClient() as client:
            await client.connect()
            response = await client.call("user_service", "get_user", b"user_id_123")
            print(f"Response: {response.decode()}")

    def get_user(request: Request) -> bytes:
        assert request.method == "get_user"
        return b"the user " + request.data

    with neo_protocol.open() as kernel, kernel.serve("user_service", get_user):
        run(main)
    assert capsys.readouterr().out == "Response: the user user_id_123\n"


def test_options_of_clients_are_checked(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await NeoClient("mem://", speed=11).connect()
        async with NeoClient("mem://") as client:
            with pytest.raises(TypeError, match="handler"):
                client.serve("s", b"no function")  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="concurrency"):
                client.serve("s", lambda request: None, concurrency=0)
            with pytest.raises(ValueError, match="max"):
                await anext(client.subscribe("n").batches(max=0))
            with pytest.raises(TypeError, match="bytes-like"):
                await client.publish("n", "text")  # type: ignore[arg-type]

    run(main)


def test_two_clients_share_a_loop_and_end_apart(run: Run) -> None:
    async def main() -> None:
        async with NeoClient("mem://two") as one:
            async with NeoClient("mem://two") as two:
                numbers = one.subscribe("n")
                waiting = asyncio.ensure_future(numbers.recv())
                await turns()
                await two.publish("n", b"1")
                assert bytes(await waiting) == b"1"
                again = asyncio.ensure_future(numbers.recv())
                await turns()
            await turns()
            assert not again.done()
            await one.publish("n", b"2")
            assert bytes(await again) == b"2"

    run(main)


def test_a_client_is_not_awaited_in_another_loop() -> None:
    client = NeoClient("mem://")

    async def open_and_serve() -> aio.Subscription:
        await client.connect()
        client.serve("echo", lambda request: request.data)
        return client.subscribe("n")

    async def misuse(subscription: aio.Subscription) -> None:
        with pytest.raises(neo_protocol.Misuse, match="event loop"):
            await subscription.recv()
        with pytest.raises(neo_protocol.Misuse, match="event loop"):
            await client.call("echo", "m", b"")

    async def close() -> None:
        with pytest.raises(neo_protocol.Misuse, match="another event loop"):
            await client.aclose()
        assert not client.closed

    async def reopen() -> bytes:
        async with client, client.serve("echo", lambda request: request.data):
            return await client.call("echo", "m", b"again")

    with asyncio.Runner() as runner:
        subscription = runner.run(open_and_serve())
        with asyncio.Runner() as other:
            other.run(misuse(subscription))
            other.run(close())
    # The loop is gone now, and its tasks.
    asyncio.run(misuse(subscription))
    asyncio.run(client.aclose())
    assert client.closed
    assert asyncio.run(reopen()) == b"again"
