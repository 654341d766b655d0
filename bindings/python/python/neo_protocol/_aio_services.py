"""Services of an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from . import _neo
from ._hub import Deadline, Hub
from ._types import Closed, Misuse, TimeoutError, log_handler_failure

if TYPE_CHECKING:
    from typing_extensions import Buffer as Payload
else:
    Payload = bytes

#: What a handler may return: the answer, or None if it answered the request itself.
Answer: TypeAlias = Payload | None
Handler: TypeAlias = Callable[[_neo.Request], Answer | Awaitable[Answer]]


class Service:
    """A worker of a service in an asyncio loop: ``async for request in service``, or a handler."""

    def __init__(self, inner: _neo.Service, hub: Hub) -> None:
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
        deadline = Deadline(timeout)
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
        # Those of a loop that was closed are done: it could not be awaited that they end.
        tasks = [
            task
            for task in (*self._handlers, self._pump)
            if task and task is not here and not task.done()
        ]
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
