"""The handles of a running case, and the workers behind them."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import neo_protocol
from values import Broken, Step


class Handler:
    """Workers of one service that answer by a built-in rule."""

    def __init__(self, rule: str) -> None:
        if not hasattr(self, f"_{rule}"):
            raise Broken(f"there is no handler `{rule}`")
        self.answer: Callable[[neo_protocol.Request], bytes | None] = getattr(self, f"_{rule}")
        self.let_go = threading.Event()
        self.services: list[neo_protocol.Service] = []

    def _echo(self, request: neo_protocol.Request) -> bytes:
        return request.data

    def _upper(self, request: neo_protocol.Request) -> bytes:
        return request.data.upper()

    def _method(self, request: neo_protocol.Request) -> bytes:
        return request.method.encode()

    def _fail(self, request: neo_protocol.Request) -> None:
        request.reply_error("the handler says no")

    def _silent(self, request: neo_protocol.Request) -> None:
        request.release()

    def _hold(self, request: neo_protocol.Request) -> bytes:
        self.let_go.wait()
        return request.data

    def release(self) -> None:
        """Returns when every worker has left its service."""
        self.let_go.set()
        for service in self.services:
            service.close()
            service.join()


# ── a case


class Handles:
    """The handles of a running case, by the names that its steps gave them."""

    def __init__(self, case: str, scheme: str) -> None:
        self.case = case
        self.scheme = scheme
        self.handles: dict[str, Any] = {}
        self.turn: int | None = None
        self.threads = concurrent.futures.ThreadPoolExecutor(32)

    def keep(self, step: Step, handle: object, default: str | None = None) -> None:
        name = step.get("as", default) if self.turn is None else f"{step['as']}-{self.turn}"
        if name in self.handles:
            raise Broken(f"`{name}` is in use")
        self.handles[name] = handle

    def find(self, name: str) -> Any:
        if name not in self.handles:
            raise Broken(f"there is no `{name}`")
        return self.handles[name]

    def take(self, name: str) -> Any:
        handle = self.find(name)
        del self.handles[name]
        return handle

    def kernel(self, step: Step) -> neo_protocol.Kernel:
        return self.find(step.get("kernel", "k"))


def give_back(handle: Any) -> None:
    """Python's own way to give something back without closing a kernel."""
    if isinstance(handle, neo_protocol.Loan):
        handle.abort()
    elif isinstance(handle, neo_protocol.PendingCall):
        handle.cancel()
    elif isinstance(handle, (neo_protocol.Message, neo_protocol.Request, Handler)):
        handle.release()
    elif isinstance(handle, (neo_protocol.Subscription, neo_protocol.Service)):
        handle.close()
