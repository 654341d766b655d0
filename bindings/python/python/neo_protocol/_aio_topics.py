"""Subscriptions and publishers of an asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Self

from . import _neo
from ._hub import Deadline, Hub
from ._types import Closed, Full, TimeoutError

if TYPE_CHECKING:
    from typing_extensions import Buffer as Payload
else:
    Payload = bytes

#: Races for room that a waiting publish loses before it believes that the memory is used up.
_LOST_RACES_MAX = 16


class Subscription:
    """The receiving end of a pattern in an asyncio loop: ``async for message in subscription``."""

    def __init__(self, inner: _neo.Subscription, hub: Hub) -> None:
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
        deadline = Deadline(timeout)
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
        deadline = Deadline(timeout)
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

    def __init__(self, inner: _neo.Publisher, hub: Hub) -> None:
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
        deadline = Deadline(timeout) if timeout is not None else None
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
