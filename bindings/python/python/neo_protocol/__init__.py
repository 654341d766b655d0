"""Neo, an embeddable messaging kernel: publish/subscribe, services, and payloads without a copy.

>>> import neo_protocol
>>> with neo_protocol.open("mem://") as kernel:
...     readings = kernel.subscribe("readings.*")
...     kernel.publish("readings.indoor", b"20.5")
...     message = readings.recv(timeout=1.0)
...     message.topic, bytes(message)
Published(accepted=1, dropped=0, timed_out=0)
('readings.indoor', b'20.5')

`open` gives the blocking form, `NeoClient` the one for asyncio. Both may be used at a time, on the
same kernel, from any thread.
"""

import atexit as _atexit

from . import _neo
from ._neo import (
    Counters,
    Kernel,
    Loan,
    Message,
    PendingCall,
    Poller,
    Published,
    Publisher,
    Reclaimed,
    Request,
    Room,
    RouteCounters,
    Run,
    Service,
    Subscription,
    open,
)
from ._types import (
    BadHandle,
    Closed,
    Code,
    Detached,
    Error,
    Forked,
    Full,
    InternalError,
    Interrupted,
    InvalidError,
    Misuse,
    NoReply,
    NoResponder,
    NotFound,
    Panicked,
    PeerDied,
    ServiceError,
    SystemRefused,
    TimeoutError,
    TooLarge,
    Unsupported,
    VersionMismatch,
)
from .aio import NeoClient

# Threads that wait in a kernel return before the interpreter ends.
_atexit.register(_neo._close_all)

__all__ = [
    "BadHandle",
    "Closed",
    "Code",
    "Counters",
    "Detached",
    "Error",
    "Forked",
    "Full",
    "InternalError",
    "Interrupted",
    "InvalidError",
    "Kernel",
    "Loan",
    "Message",
    "Misuse",
    "NeoClient",
    "NoReply",
    "NoResponder",
    "NotFound",
    "Panicked",
    "PeerDied",
    "PendingCall",
    "Poller",
    "Published",
    "Publisher",
    "Reclaimed",
    "Request",
    "Room",
    "RouteCounters",
    "Run",
    "Service",
    "ServiceError",
    "Subscription",
    "SystemRefused",
    "TimeoutError",
    "TooLarge",
    "Unsupported",
    "VersionMismatch",
    "open",
]
