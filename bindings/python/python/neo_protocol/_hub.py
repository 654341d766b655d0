"""What wakes an asyncio loop for everything that is awaited there, and how long it waits."""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from collections.abc import Iterable
from typing import TypeAlias

from . import _neo
from ._types import Misuse

Source: TypeAlias = _neo.Subscription | _neo.Service | _neo.PendingCall | _neo.Room


class Hub:
    """What wakes one loop: a poller, and the futures of those who wait at its sources."""

    _of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        #: Weak, as the loop is the key of what holds this hub.
        self._loop = weakref.ref(loop)
        self._poller = _neo.Poller()
        self._waiting: dict[int, tuple[Source, list[asyncio.Future[bool]]]] = {}
        self._deadlines: dict[asyncio.Future[bool], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._users = 0

    @classmethod
    def acquire(cls) -> Hub:
        """The hub of the running loop, for one more user."""
        loop = asyncio.get_running_loop()
        hub = cls._of_loops.get(loop)
        if hub is None:
            hub = cls._of_loops[loop] = cls(loop)
            loop.add_reader(hub._poller.fileno(), hub._wake)
            hub._poller.arm()
        hub._users += 1
        return hub

    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Its loop, which must be the running one; None if it was closed, and nothing runs there."""
        loop = self._loop()
        if loop is None or loop.is_closed():
            return None
        if loop is not asyncio.get_running_loop():
            raise Misuse("the client belongs to another event loop: open one client for each loop")
        return loop

    def release(self) -> None:
        """One user less; who still waits for its sources looks at them again."""
        self._users -= 1
        loop = self.loop()
        if loop is None:
            return
        for _, futures in self._waiting.values():
            _tell(futures)
        if self._users == 0:
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
        loop = self.loop()
        if loop is None:
            raise Misuse("the client's event loop was closed: open the client in this one")
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


class Deadline:
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
