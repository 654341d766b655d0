"""Error codes and exceptions, which the native half raises, and the log."""

from __future__ import annotations

import builtins
import enum
import logging
from typing import Literal

#: What happens when a mailbox is full.
Policy = Literal["drop_oldest", "drop_newest", "latest", "block", "detach"]

#: How a thread waits.
Wait = Literal["adaptive", "spin", "park"]

logger = logging.getLogger("neo_protocol")
logger.addHandler(logging.NullHandler())


class Code(enum.IntEnum):
    """Why an operation failed; the same numbers in every language."""

    INVALID = -1
    TOO_LARGE = -2
    FULL = -3
    TIMEOUT = -4
    CLOSED = -5
    DETACHED = -6
    NO_RESPONDER = -7
    NO_REPLY = -8
    PEER_DIED = -9
    SERVICE = -10
    PANICKED = -11
    UNSUPPORTED = -12
    OS = -13
    FORKED = -14
    INTERRUPTED = -15
    MISUSE = -16
    INTERNAL = -17
    BAD_HANDLE = -18
    VERSION = -19
    NOT_FOUND = -20

    @property
    def symbol(self) -> str:
        """The name in the C header: ``NEO_E_FULL``."""
        return f"NEO_E_{self.name}"


class Error(Exception):
    """What the kernel refuses. ``code`` says why; the text names the value, the limit and the way out."""

    code: Code = Code.INTERNAL


class InvalidError(Error, ValueError):
    """An argument is not valid."""

    code = Code.INVALID


class TooLarge(Error):
    """A message is larger than a limit."""

    code = Code.TOO_LARGE


class Full(Error):
    """Memory, a table or a mailbox has no room."""

    code = Code.FULL


class TimeoutError(Error, builtins.TimeoutError):
    """The time given has passed."""

    code = Code.TIMEOUT


class Closed(Error):
    """The handle or its kernel is closed."""

    code = Code.CLOSED


class Detached(Error):
    """The subscription was full and has been closed."""

    code = Code.DETACHED


class NoResponder(Error):
    """Nobody serves what was called."""

    code = Code.NO_RESPONDER


class NoReply(Error):
    """The service dropped the request unanswered."""

    code = Code.NO_REPLY


class PeerDied(Error):
    """The process that worked on the call died."""

    code = Code.PEER_DIED


class ServiceError(Error):
    """The service answered with an error, whose text this is."""

    code = Code.SERVICE


class Panicked(Error):
    """The service's handler panicked."""

    code = Code.PANICKED


class Unsupported(Error):
    """This kind of kernel cannot do that."""

    code = Code.UNSUPPORTED


class SystemRefused(Error, OSError):
    """The operating system refused. ``errno`` is its reason; None where no call of it is what failed."""

    code = Code.OS


class Forked(Error):
    """The handle belongs to the parent process: open the kernel in the child."""

    code = Code.FORKED


class Interrupted(Error):
    """The wait was ended from outside: the interpreter is ending."""

    code = Code.INTERRUPTED


class Misuse(Error):
    """The handle cannot be used like this."""

    code = Code.MISUSE


class InternalError(Error):
    """A defect of the library."""

    code = Code.INTERNAL


class BadHandle(Error):
    """A plug-in passed a pointer that is no live handle of this type."""

    code = Code.BAD_HANDLE


class VersionMismatch(Error):
    """A plug-in was built for another version."""

    code = Code.VERSION


class NotFound(Error, LookupError):
    """Nothing has that name."""

    code = Code.NOT_FOUND


#: The classes by their numbers, for the native half.
CLASSES: dict[int, type[Error]] = {int(kind.code): kind for kind in Error.__subclasses__()}


def log_handler_failure(raised: BaseException) -> None:
    """Tells the log what a service's handler raised; its caller got the text as the answer."""
    logger.error("a service handler raised", exc_info=raised)
