"""Neo for asyncio: `NeoClient` and what it gives out.

One descriptor per running loop wakes it for everything that is awaited there; while messages are
there, nothing is awaited and no system call made. Every 256 messages or 5 ms a busy consumer or
publisher lets the other tasks have a turn. A cancelled wait has taken nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from . import _neo
from ._types import Closed, Full, Misuse, TimeoutError, log_handler_failure

if TYPE_CHECKING:
    from typing_extensions import Buffer as Payload
else:
    Payload = bytes

#: What a handler may return: the answer, or None if it answered the request itself.
Answer: TypeAlias = Payload | None
Handler: TypeAlias = Callable[[_neo.Request], Answer | Awaitable[Answer]]

Source: TypeAlias = _neo.Subscription | _neo.Service | _neo.PendingCall | _neo.Room

#: Races for room that a waiting publish loses before it believes that the memory is used up.
_LOST_RACES_MAX = 16

#: Topics whose publishers a client keeps for `NeoClient.publish`.
_PUBLISHERS_MAX = 64


class _Hub:
    """What wakes one loop: a poller, and the futures of those who wait at its sources."""

    _of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self) -> None:
        self._poller = _neo.Poller()
        self._waiting: dict[int, tuple[Source, list[asyncio.Future[bool]]]] = {}
        self._deadlines: dict[asyncio.Future[bool], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._users = 0

    @classmethod
    def acquire(cls) -> _Hub:
        """The hub of the running loop, for one more user."""
        loop = asyncio.get_running_loop()
        hub = cls._of_loops.get(loop)
        if hub is None:
            hub = cls._of_loops[loop] = cls()
            loop.add_reader(hub._poller.fileno(), hub._wake)
            hub._poller.arm()
        hub._users += 1
        return hub

    def release(self) -> None:
        """One user less; who still waits for its sources looks at them again."""
        self._users -= 1
        for _, futures in self._waiting.values():
            _tell(futures)
        if self._users == 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._poller.fileno())
            if self._timer is not None:
                self._timer.cancel()
            del self._of_loops[loop]

    def _wake(self) -> None:
        poller = self._poller
        while True:
            for token in poller.take():
                # Watched again by whoever finds nothing and waits once more.
                poller.remove(token)
                waiting = self._waiting.pop(token, None)
                if waiting is not None:
                    _tell(waiting[1])
            if poller.arm():
                return

    async def wait(self, source: Source, timeout: float | None) -> bool:
        """Waits until the source may have something. False: the time passed."""
        if timeout is not None and timeout <= 0:
            return False
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        token = id(source)
        waiting = self._waiting.get(token)
        if waiting is None:
            self._poller.add(source, token)
            waiting = self._waiting[token] = (source, [])
        waiting[1].append(future)
        if timeout is not None:
            self._set_deadline(loop, future, time.monotonic() + timeout)
        try:
            return await future
        finally:
            if timeout is not None:
                del self._deadlines[future]
            self._forget(token, future)

    def _set_deadline(
        self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[bool], at: float
    ) -> None:
        """One timer serves all: most waits end before it comes, and cost no timer of their own."""
        self._deadlines[future] = at
        if self._timer is None or at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._start_timer(loop, at)

    def _start_timer(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        self._timer = loop.call_later(at - time.monotonic(), self._expire, loop)
        self._timer_at = at

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        self._timer = None
        for future, at in self._deadlines.items():
            if at <= now and not future.done():
                future.set_result(False)
        later = [at for at in self._deadlines.values() if at > now]
        if later:
            self._start_timer(loop, min(later))

    def _forget(self, token: int, future: asyncio.Future[bool]) -> None:
        waiting = self._waiting.get(token)
        if waiting is not None and future in waiting[1]:
            waiting[1].remove(future)
            if not waiting[1]:
                del self._waiting[token]
                self._poller.remove(token)


def _tell(futures: Iterable[asyncio.Future[bool]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(True)


class _Deadline:
    """A timeout in seconds, counted from now; None and infinity are for ever."""

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and not timeout >= 0:
            raise ValueError(
                f"timeout={timeout}: pass seconds of 0 or more, or None to wait for ever"
            )
        self._at = None
        if timeout is not None and timeout != math.inf:
            self._at = time.monotonic() + timeout

    def left(self) -> float | None:
        if self._at is None:
            return None
        return self._at - time.monotonic()


class Subscription:
    """The receiving end of a pattern in an asyncio loop: ``async for message in subscription``."""

    def __init__(self, inner: _neo.Subscription, hub: _Hub) -> None:
        self._inner = inner
        self._hub = hub

    @property
    def pattern(self) -> str:
        """The pattern that it was opened with."""
        return self._inner.pattern

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._inner.closed

    @property
    def queued(self) -> int:
        """Messages that wait to be received."""
        return self._inner.queued

    def take_lost(self) -> int:
        """Losses since the last message that no message has told."""
        return self._inner.take_lost()

    def try_recv(self) -> _neo.Message | None:
        """The next message, or None if none is there."""
        return self._inner.try_recv()

    async def recv(self, timeout: float | None = None) -> _neo.Message:
        """The next message; TimeoutError after ``timeout`` seconds, Closed when none will come."""
        message = self._inner._take()
        if message is not None:
            return message
        deadline = _Deadline(timeout)
        while await self._pause(deadline.left()):
            message = self._inner._take()
            if message is not None:
                return message
        raise TimeoutError(f"no message on {self.pattern!r} came in time")

    async def recv_batch(self, max: int = 256, timeout: float | None = None) -> list[_neo.Message]:
        """At most ``max`` messages that are there; waits for the first one for at most ``timeout``
        seconds. An empty list: the time passed."""
        if max <= 0:
            return self._inner.recv_batch(max, 0)
        batch = self._inner._take_batch(max)
        if batch is not None:
            return batch
        deadline = _Deadline(timeout)
        while await self._pause(deadline.left()):
            batch = self._inner._take_batch(max)
            if batch is not None:
                return batch
        return []

    async def _pause(self, left: float | None) -> bool:
        """Gives a used-up turn back, else waits for a message. False: the time passed."""
        if self._inner._end_turn():
            await asyncio.sleep(0)
            return True
        return await self._hub.wait(self._inner, left)

    def __aiter__(self) -> AsyncIterator[_neo.Message]:
        return _neo.Messages(self._inner, self.__anext__)

    async def __anext__(self) -> _neo.Message:
        try:
            return await self.recv()
        except Closed:
            raise StopAsyncIteration from None

    async def batches(self, max: int = 256) -> AsyncIterator[list[_neo.Message]]:
        """Batches of at most ``max`` messages, as they come; ends when it is closed."""
        if max < 1:
            raise ValueError(f"max={max}: pass 1 or more")
        try:
            while True:
                yield await self.recv_batch(max)
        except Closed:
            return

    def close(self) -> None:
        """Unsubscribes: nothing arrives any more, what is queued is given up, waits end."""
        self._inner.close()

    async def aclose(self) -> None:
        """The same as `close`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        closed = " closed" if self.closed else ""
        return f"<aio.Subscription pattern={self.pattern!r}{closed}>"


class Publisher:
    """A topic made ready for publishing from an asyncio loop."""

    def __init__(self, inner: _neo.Publisher, hub: _Hub) -> None:
        self._inner = inner
        self._hub = hub

    @property
    def topic(self) -> str:
        """The topic."""
        return self._inner.topic

    async def publish(self, payload: Payload, timeout: float | None = None) -> _neo.Published:
        """Publishes one message; waits at full mailboxes with the policy ``block`` until they have
        room, for at most ``timeout`` seconds. After that it is published where there is room."""
        offer = self._inner._offer
        deadline = _Deadline(timeout) if timeout is not None else None
        lost_races = 0
        while True:
            try:
                outcome = offer(payload)
            except Full:
                # There was room at the mailboxes: another took it, or the memory is used up.
                lost_races += 1
                if lost_races > _LOST_RACES_MAX:
                    raise
                outcome = None
            if isinstance(outcome, _neo.Published):
                return outcome
            self._inner._end_turn()
            if outcome is None:
                await asyncio.sleep(0)
            elif not await self._hub.wait(outcome, deadline.left() if deadline else None):
                return self._inner._publish_now(payload)

    async def publish_many(self, payloads: Iterable[Payload]) -> int:
        """Publishes each payload as a message of its own, in order, waiting for room as `publish`
        does. Returns how many."""
        count = 0
        for payload in payloads:
            await self.publish(payload)
            count += 1
        return count

    def loan(self, len: int) -> _neo.Loan:
        """Lends memory of the kernel to write a message in place; used by ``with``."""
        return self._inner.loan(len)

    def __repr__(self) -> str:
        return f"<aio.Publisher topic={self.topic!r}>"


class Service:
    """A worker of a service in an asyncio loop: ``async for request in service``, or a handler."""

    def __init__(self, inner: _neo.Service, hub: _Hub) -> None:
        self._inner = inner
        self._hub = hub
        self._pump: asyncio.Task[None] | None = None
        self._handlers: set[asyncio.Task[Any] | None] = set()

    @property
    def name(self) -> str:
        """The service's name."""
        return self._inner.name

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._inner.closed

    async def recv(self, timeout: float | None = None) -> _neo.Request:
        """The next request; TimeoutError after ``timeout`` seconds, Closed when none will come."""
        request = self._inner.try_recv()
        if request is not None:
            return request
        deadline = _Deadline(timeout)
        while await self._hub.wait(self._inner, deadline.left()):
            request = self._inner.try_recv()
            if request is not None:
                return request
        raise TimeoutError(f"no request for {self.name!r} came in time")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _neo.Request:
        try:
            return await self.recv()
        except Closed:
            raise StopAsyncIteration from None

    def _start(self, handler: Handler, concurrency: int) -> None:
        free = asyncio.Semaphore(concurrency)
        self._pump = asyncio.get_running_loop().create_task(self._serve(handler, free))

    async def _serve(self, handler: Handler, free: asyncio.Semaphore) -> None:
        turn = 0
        while True:
            try:
                request = self._inner.try_recv()
            except Closed:
                return
            if request is None:
                await self._hub.wait(self._inner, None)
                continue
            # Requests beyond the limit stay in the mailbox, where callers feel the backpressure.
            await free.acquire()
            try:
                answer = handler(request)
            except Exception as raised:
                _answer_raised(request, raised)
                free.release()
                continue
            if inspect.isawaitable(answer):
                task = _new_task(self._answer_later(request, answer, free))
                if not task.done():
                    self._handlers.add(task)
            else:
                _answer(request, answer)
                free.release()
            del request, answer
            turn += 1
            if turn % 64 == 0:
                await asyncio.sleep(0)

    async def _answer_later(
        self, request: _neo.Request, answer: Awaitable[Answer], free: asyncio.Semaphore
    ) -> None:
        try:
            _answer(request, await answer)
        except asyncio.CancelledError:
            # Now, not when the traceback that holds it is collected: its caller waits.
            with contextlib.suppress(BufferError):
                request.release()
            raise
        except Exception as raised:
            _answer_raised(request, raised)
        finally:
            free.release()
            self._handlers.discard(asyncio.current_task())

    def close(self) -> None:
        """Takes no more requests. Handlers that run go on; `aclose` ends them."""
        self._inner.close()

    async def aclose(self) -> None:
        """Takes no more requests and cancels handlers that run: their callers get NoReply."""
        self.close()
        here = asyncio.current_task()
        tasks = [task for task in (*self._handlers, self._pump) if task and task is not here]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        closed = " closed" if self.closed else ""
        return f"<aio.Service name={self.name!r}{closed}>"


def _answer(request: _neo.Request, answer: Answer) -> None:
    if answer is None:
        return
    try:
        request.reply(answer)
    except Exception as raised:
        _answer_raised(request, raised)


def _new_task(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that runs up to its first wait at once, where Python can do that."""
    if sys.version_info >= (3, 12):
        loop = asyncio.get_running_loop()
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return asyncio.get_running_loop().create_task(coroutine)


def _answer_raised(request: _neo.Request, raised: Exception) -> None:
    try:
        request.reply_error(f"{type(raised).__name__}: {raised}")
    except Misuse:
        # It had answered before it raised; the log tells.
        pass
    log_handler_failure(raised)


class NeoClient:
    """A kernel for an asyncio loop.

    ``NeoClient()`` means what the environment variable NEO_URL names, else ``mem://default``.
    It is opened by ``async with`` or `connect`, belongs to the loop that opened it, and may be opened
    again after it was closed. Options are those of `neo_protocol.open`.
    """

    def __init__(self, url: str | None = None, **options: Any) -> None:
        self._url = url
        self._options = options
        self._call_timeout: float | None = options.get("call_timeout", 5.0)
        self._kernel: _neo.Kernel | None = None
        self._hub: _Hub | None = None
        self._services: weakref.WeakSet[Service] = weakref.WeakSet()
        self._publishers: dict[str, Publisher] = {}

    async def connect(self) -> None:
        """Opens the kernel; does nothing if it is open."""
        if self._kernel is None:
            kernel = _neo.open(self._url, **self._options)
            self._hub = _Hub.acquire()
            self._kernel = kernel

    def _open(self) -> tuple[_neo.Kernel, _Hub]:
        if self._kernel is None or self._hub is None:
            raise Closed("the client is not open: `async with NeoClient()`, or await connect()")
        return self._kernel, self._hub

    @property
    def kernel(self) -> _neo.Kernel:
        """The kernel, for what blocks, in other threads."""
        return self._open()[0]

    @property
    def url(self) -> str | None:
        """The URL; None before it is open, if the environment names it."""
        return self._url if self._kernel is None else self._kernel.url

    @property
    def closed(self) -> bool:
        """Whether it is not open."""
        return self._kernel is None

    def subscribe(self, pattern: str, **options: Any) -> Subscription:
        """Subscribes to a pattern, with the options of `Kernel.subscribe`. A publish that starts
        after this returned is delivered."""
        kernel, hub = self._open()
        return Subscription(kernel.subscribe(pattern, **options), hub)

    def publisher(self, topic: str, *, stamp_time: bool = False) -> Publisher:
        """Makes a topic ready for publishing."""
        kernel, hub = self._open()
        return Publisher(kernel.publisher(topic, stamp_time=stamp_time), hub)

    async def publish(
        self, topic: str, payload: Payload, timeout: float | None = None
    ) -> _neo.Published:
        """Publishes one message to a topic by name; waits for room as `Publisher.publish` does."""
        self._open()
        publisher = self._publishers.get(topic)
        if publisher is None:
            if len(self._publishers) >= _PUBLISHERS_MAX:
                self._publishers.pop(next(iter(self._publishers)))
            publisher = self._publishers[topic] = self.publisher(topic)
        return await publisher.publish(payload, timeout)

    async def call(
        self,
        service: str,
        method: str,
        payload: Payload = b"",
        *,
        timeout: float | None = None,
    ) -> bytes:
        """Calls a method of a service. Waits for at most ``timeout`` seconds; None is the client's
        ``call_timeout``, infinity is for ever. Cancelled, the call is given up."""
        kernel, hub = self._open()
        deadline = _Deadline(self._call_timeout if timeout is None else timeout)
        pending = kernel.start_call(service, method, payload)
        try:
            while True:
                reply = pending.try_take()
                if reply is not None:
                    return reply
                if not await hub.wait(pending, deadline.left()):
                    raise TimeoutError(
                        f"{service}/{method} did not answer in time: pass a longer timeout"
                    )
        finally:
            pending.cancel()

    def serve(
        self,
        name: str,
        handler: Handler | None = None,
        *,
        concurrency: int = 64,
        depth: int | None = None,
    ) -> Service:
        """Joins a service as a worker. ``handler(request)``, a function or a coroutine function,
        returns the payload of the answer, or None if it answered itself; what it raises is the
        answer, too. At most ``concurrency`` coroutines run at a time."""
        if handler is not None and not callable(handler):
            raise TypeError("handler: pass a function that takes a Request and returns bytes or None")
        if concurrency < 1:
            raise ValueError(f"concurrency={concurrency}: pass 1 or more")
        kernel, hub = self._open()
        service = Service(kernel.serve(name, depth=depth), hub)
        if handler is not None:
            service._start(handler, concurrency)
        self._services.add(service)
        return service

    def counters(self) -> _neo.Counters:
        """What happened so far."""
        return self._open()[0].counters()

    async def aclose(self) -> None:
        """Closes it and all that was made of it; what was received stays valid."""
        if self._kernel is None or self._hub is None:
            return
        kernel, hub = self._kernel, self._hub
        self._kernel = self._hub = None
        self._publishers.clear()
        kernel.close()
        hub.release()
        for service in list(self._services):
            await service.aclose()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._kernel is None else "open"
        return f"<NeoClient {self.url or 'NEO_URL or mem://default'} {state}>"
