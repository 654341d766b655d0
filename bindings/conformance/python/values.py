"""Values of the cases, and how they are shown."""

from __future__ import annotations

import zlib
from typing import Any

import neo_protocol

#: Far beyond what any step needs; a wait that reaches it has been lost.
LIMIT = 30.0

Step = dict[str, Any]
#: Fields in the order of the README's tables; values as they are printed.
Seen = dict[str, object]

NONE: Seen = {"none": "true"}


class Broken(Exception):
    """The step itself is wrong, or something waited beyond every limit: the case fails."""


def payload(value: dict[str, Any]) -> bytes:
    ((kind, of),) = value.items()
    if kind == "utf8":
        return of.encode()
    if kind == "hex":
        return bytes.fromhex(of)
    if kind == "repeat":
        return bytes([of["byte"]]) * of["count"]
    if kind == "pattern":
        period = bytes((of["seed"] + i) % 251 for i in range(251))
        return (period * (of["len"] // 251 + 1))[: of["len"]]
    raise Broken(f"there is no payload `{kind}`")


def digest(data: bytes) -> str:
    return f"{len(data)}:{zlib.crc32(data):08x}"


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(shown, value))
    if isinstance(value, dict):
        return digest(payload(value))
    return str(value)


def seconds(step: Step, key: str = "timeout_ns") -> float | None:
    return step[key] / 1e9 if key in step else None


def small(step: Step, *keys: str) -> dict[str, int]:
    """Options of 32 bits; what is beyond them is refused as the largest is."""
    return {key: min(step[key], 0xFFFF_FFFF) for key in keys if key in step}


def given(step: Step, *keys: str) -> dict[str, Any]:
    return {key: step[key] for key in keys if key in step}


def message(one: neo_protocol.Message) -> Seen:
    return {
        "topic": one.topic,
        "payload": digest(one.data),
        "lost_before": one.lost_before,
        "stamped": one.timestamp_ns is not None,
    }


def counts(result: neo_protocol.Published | neo_protocol.Run) -> Seen:
    return {
        "accepted": result.accepted,
        "dropped": result.dropped,
        "timed_out": result.timed_out,
    }


def observation(seen: Seen) -> str:
    return " ".join(f"{key}={shown(value)}" for key, value in seen.items()) or "ok"
