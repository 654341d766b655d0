"""Neo for asyncio: `NeoClient` and what it gives out.

One descriptor per running loop wakes it for everything that is awaited there; while messages are
there, nothing is awaited and no system call made. Every 256 messages or 5 ms a busy consumer or
publisher lets the other tasks have a turn. A cancelled wait has taken nothing.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import _neo
from ._aio_services import Answer, Handler, Service
from ._aio_topics import Publisher, Subscription
from ._hub import Deadline, Hub
from ._types import Closed, TimeoutError

if TYPE_CHECKING:
    from typing_extensions import Buffer as Payload
else:
    Payload = bytes

__all__ = ["Answer", "Handler", "NeoClient", "Publisher", "Service", "Subscription"]

#: Topics whose publishers a client keeps for `NeoClient.publish`.
_PUBLISHERS_MAX = 64


class NeoClient:
    """A kernel for an asyncio loop.

    ``NeoClient()`` means what the environment variable NEO_URL names, else ``mem://default``.
    It is opened by ``async with`` or `connect`, belongs to the loop that opened it (to await in
    another one raises Misuse), and may be opened again after it was closed, also after its loop was.
    Options are those of `neo_protocol.open`; with ``thread=False`` the loop does what a thread of the
    library would do for a kernel of ``shm://``.
    """

    def __init__(self, url: str | None = None, **options: Any) -> None:
        self._url = url
        self._options = options
        self._call_timeout: float | None = options.get("call_timeout", 5.0)
        self._kernel: _neo.Kernel | None = None
        self._hub: Hub | None = None
        self._maintained: int | None = None
        self._services: weakref.WeakSet[Service] = weakref.WeakSet()
        self._publishers: dict[str, Publisher] = {}

    async def connect(self) -> None:
        """Opens the kernel; does nothing if it is open."""
        if self._kernel is None:
            kernel = _neo.open(self._url, **self._options)
            self._hub = Hub.acquire()
            self._kernel = kernel
            fileno = kernel.maintain_fileno()
            if fileno is not None and not self._options.get("thread", True):
                # Without a thread of the library this loop does its work.
                asyncio.get_running_loop().add_reader(fileno, kernel.maintain)
                self._maintained = fileno

    def _open(self) -> tuple[_neo.Kernel, Hub]:
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

    def publisher(
        self,
        topic: str,
        *,
        stamp_time: bool = False,
        headers: Mapping[str, Payload] | Iterable[tuple[str, Payload]] | None = None,
        traceparent: str | None = None,
    ) -> Publisher:
        """Makes a topic ready for publishing, with the options of `Kernel.publisher`."""
        kernel, hub = self._open()
        inner = kernel.publisher(
            topic, stamp_time=stamp_time, headers=headers, traceparent=traceparent
        )
        return Publisher(inner, hub)

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
        limit = self._call_timeout if timeout is None else timeout
        late = f"{service}/{method} did not answer in time: pass a longer timeout"
        deadline = Deadline(limit)
        if limit == 0:
            # It has expired before it starts: nothing is sent.
            raise TimeoutError(late)
        pending = kernel.start_call(service, method, payload)
        try:
            while True:
                reply = pending.try_take()
                if reply is not None:
                    return reply
                if not await hub.wait(pending, deadline.left()):
                    raise TimeoutError(late)
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
        loop = hub.loop()
        self._kernel = self._hub = None
        if self._maintained is not None:
            if loop is not None:
                loop.remove_reader(self._maintained)
            self._maintained = None
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
