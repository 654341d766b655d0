"""The Python interpreter of the conformance cases; `../README.md` specifies what it does.

    PYTHONPATH=bindings/python/python python3 interpreter.py CASES-FOLDER SCHEME
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neo_protocol
from neo_protocol import _neo

#: Far beyond what any step needs; a wait that reaches it has been lost.
LIMIT = 30.0

Step = dict[str, Any]
#: Fields in the order of the README's tables; values as they are printed.
Seen = dict[str, object]

NONE: Seen = {"none": "true"}


class Broken(Exception):
    """The step itself is wrong, or something waited beyond every limit: the case fails."""


# ── values


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


class World:
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

    def repeat(self, step: Step) -> tuple[Seen, str | None]:
        """Runs a step as often as it says; the last observation, and why it is not met."""
        seen: Seen = {}
        for turn in range(step.get("times", 1)):
            self.turn = turn if "times" in step else None
            seen = self.run(step)
            failure = judge(step, seen)
            if failure is not None:
                return seen, failure
        return seen, None

    def run(self, step: Step) -> Seen:
        run = getattr(self, f"op_{step['op']}", None)
        if run is None:
            raise Broken(f"there is no op `{step['op']}`")
        try:
            return run(step) or {}
        except neo_protocol.Error as error:
            seen: Seen = {"error": error.code.symbol}
            if error.code == neo_protocol.Code.SERVICE:
                seen["text"] = str(error)
            return seen

    def finish(self) -> int:
        """Gives everything back, kernels last; how many objects live after that."""
        jobs = [n for n, h in self.handles.items() if isinstance(h, concurrent.futures.Future)]
        handles = [*reversed(self.handles.values())]
        self.handles.clear()
        kernels = [one for one in handles if isinstance(one, neo_protocol.Kernel)]
        while handles:
            give_back(handles.pop(0))
        if jobs:
            for kernel in kernels:
                kernel.close()
            raise Broken(f"`{jobs[0]}` was never joined")
        self.threads.shutdown()
        kernels.clear()
        gc.collect()
        return sum(_neo.live().values())

    # kernels

    def op_open(self, step: Step) -> None:
        url = step.get("url")
        if url is None:
            own = "" if self.scheme == "mem" else self.case
            url = f"{self.scheme}://{step.get('name', own)}"
        options: dict[str, Any] = given(step, "memory_bytes_max")
        options |= small(step, "subscriptions_max", "participants_max", "calls_in_flight_max")
        if "call_timeout_ns" in step:
            options["call_timeout"] = seconds(step, "call_timeout_ns")
        self.keep(step, neo_protocol.open(url, **options), "k")

    def op_close(self, step: Step) -> None:
        self.find(step["of"]).close()

    def op_is_closed(self, step: Step) -> Seen:
        return {"closed": self.find(step["of"]).closed}

    def op_trim(self, step: Step) -> Seen:
        return {"freed": self.kernel(step).trim() > 0}

    def op_memory(self, step: Step) -> Seen:
        self.kernel(step).trim()
        return {"in_use": self.kernel(step).counters().memory_bytes > 0}

    def op_counters(self, step: Step) -> Seen:
        wanted = (step["pattern"], step.get("group", ""))
        routes = self.kernel(step).counters().routes
        found = [route for route in routes if (route.pattern, route.group) == wanted]
        if len(found) > 1:
            raise Broken(f"there are several `{wanted[0]}`")
        keys = ("depth", "accepted", "delivered", "lost", "timed_out", "queued")
        return {key: getattr(found[0], key) for key in keys} if found else NONE

    def op_kernel_counters(self, step: Step) -> Seen:
        counters = self.kernel(step).counters()
        return {"routes": len(counters.routes), "late_replies": counters.late_replies}

    def op_name(self, step: Step) -> Seen:
        handle = self.find(step["of"])
        for key in ("topic", "pattern", "name"):
            if hasattr(handle, key):
                return {"name": getattr(handle, key)}
        raise Broken(f"`{step['of']}` has no name")

    def op_release(self, step: Step) -> None:
        give_back(self.take(step["of"]))

    # publishing

    def op_publisher(self, step: Step) -> None:
        options = given(step, "stamp_time", "traceparent")
        if "header_keys" in step:
            values = map(payload, step["header_values"])
            options["headers"] = list(zip(step["header_keys"], values, strict=True))
        if "send_timeout_ns" in step:
            options["send_timeout"] = seconds(step, "send_timeout_ns")
        self.keep(step, self.kernel(step).publisher(step["topic"], **options))

    def publish(self, step: Step, data: bytes) -> neo_protocol.Published:
        if "publisher" in step:
            return self.find(step["publisher"]).publish(data)
        return self.kernel(step).publish(step["topic"], data)

    def op_publish(self, step: Step) -> Seen:
        return counts(self.publish(step, payload(step["payload"])))

    def op_publish_many(self, step: Step) -> Seen:
        publisher = self.find(step["publisher"])
        run = publisher.publish_many([payload(value) for value in step["payloads"]])
        stopped = "-" if run.error is None else run.error.code.symbol
        return {"messages": run.messages, **counts(run), "stopped": stopped}

    def op_publish_numbers(self, step: Step) -> Seen:
        total = {"accepted": 0, "dropped": 0, "timed_out": 0}
        for number in range(step["from"], step["from"] + step["count"]):
            result = self.publish(step, b"%d" % number)
            for key in total:
                total[key] += getattr(result, key)
        return {**total}

    def op_loan(self, step: Step) -> Seen:
        loan = self.find(step["publisher"]).loan(step["len"])
        self.keep(step, loan)
        return {"len": len(loan)}

    def op_write(self, step: Step) -> None:
        data, at = payload(step["payload"]), step.get("at", 0)
        loan = self.find(step["loan"])
        if at + len(data) > len(loan):
            raise Broken("the step writes beyond the loan")
        loan[at : at + len(data)] = data

    def op_truncate(self, step: Step) -> Seen:
        self.find(step["loan"]).truncate(step["len"])
        return {"len": step["len"]}

    def op_send(self, step: Step) -> Seen:
        return counts(self.take(step["loan"]).commit())

    def op_abort(self, step: Step) -> None:
        self.take(step["loan"]).abort()

    # receiving

    def op_subscribe(self, step: Step) -> None:
        options = given(
            step, "policy", "group", "wait", "mailbox_bytes_max", "pinned_bytes_max"
        ) | small(step, "depth")
        self.keep(step, self.kernel(step).subscribe(step["pattern"], **options))

    def received(self, step: Step, one: neo_protocol.Message | None) -> Seen:
        if one is None:
            return NONE
        seen = message(one)
        if "as" in step:
            self.keep(step, one)
        else:
            one.release()
        return seen

    def op_try_recv(self, step: Step) -> Seen:
        return self.received(step, self.find(step["sub"]).try_recv())

    def op_recv(self, step: Step) -> Seen:
        try:
            return self.received(step, self.find(step["sub"]).recv(timeout=seconds(step)))
        except TimeoutError:
            return NONE

    def op_recv_batch(self, step: Step) -> Seen:
        batch = self.find(step["sub"]).recv_batch(step["max"], timeout=seconds(step))
        seen: Seen = {
            "count": len(batch),
            "topics": ",".join(one.topic for one in batch),
            "payloads": ",".join(digest(one.data) for one in batch),
            "lost": sum(one.lost_before for one in batch),
        }
        for one in batch:
            one.release()
        return seen

    def op_recv_numbers(self, step: Step) -> Seen:
        numbers, lost = [], 0
        while len(numbers) < step["count"]:
            one = self.find(step["sub"]).try_recv()
            if one is None:
                break
            numbers.append(int(one.data))
            lost += one.lost_before
        return {
            "count": len(numbers),
            "first": numbers[0] if numbers else 0,
            "last": numbers[-1] if numbers else 0,
            "in_order": all(a < b for a, b in zip(numbers, numbers[1:])),
            "lost": lost,
        }

    def op_read(self, step: Step) -> Seen:
        return message(self.find(step["of"]))

    def op_headers(self, step: Step) -> Seen:
        one: neo_protocol.Message = self.find(step["of"])
        return {
            "keys": ",".join(key for key, _ in one.headers),
            "payloads": ",".join(digest(value) for _, value in one.headers),
            "traceparent": one.traceparent or "-",
        }

    def op_take_lost(self, step: Step) -> Seen:
        return {"lost": self.find(step["sub"]).take_lost()}

    def op_queued(self, step: Step) -> Seen:
        return {"queued": self.find(step["sub"]).queued}

    # services and calls

    def op_serve(self, step: Step) -> None:
        self.keep(step, self.kernel(step).serve(step["service"], **small(step, "depth")))

    def op_serve_handler(self, step: Step) -> None:
        handler = Handler(step["handler"])
        for _ in range(step.get("workers", 1)):
            kernel, options = self.kernel(step), small(step, "depth")
            handler.services.append(kernel.serve(step["service"], handler.answer, **options))
        self.keep(step, handler)

    def op_unhold(self, step: Step) -> None:
        self.find(step["of"]).let_go.set()

    def op_request(self, step: Step) -> Seen:
        try:
            request = self.find(step["service"]).recv(timeout=seconds(step))
        except TimeoutError:
            return NONE
        self.keep(step, request)
        return {"method": request.method, "payload": digest(request.data)}

    def op_reply(self, step: Step) -> None:
        self.take(step["request"]).reply(payload(step["payload"]))

    def op_reply_error(self, step: Step) -> None:
        self.take(step["request"]).reply_error(step["text"])

    def op_call(self, step: Step) -> Seen:
        data = payload(step["payload"])
        kernel = self.kernel(step)
        reply = kernel.call(step["service"], step["method"], data, timeout=seconds(step))
        return {"payload": digest(reply)}

    # beside the others

    def op_start_call(self, step: Step) -> None:
        data = payload(step["payload"])
        self.keep(step, self.kernel(step).start_call(step["service"], step["method"], data))

    def op_await_call(self, step: Step) -> Seen:
        call = self.take(step["of"])
        try:
            return {"payload": digest(call.wait(timeout=LIMIT))}
        except TimeoutError:
            raise Broken("the call still waits") from None

    def op_cancel_call(self, step: Step) -> None:
        self.take(step["of"]).cancel()

    def spawn(self, step: Step, run: Callable[[Step], Seen]) -> None:
        # What it refers to is looked up now, by this thread.
        alone = {key: value for key, value in step.items() if key != "as"}
        world = World(self.case, self.scheme)
        world.handles = dict(self.handles)
        self.keep(step, self.threads.submit(world.run, {**alone, "op": run.__name__[3:]}))

    def op_spawn_call(self, step: Step) -> None:
        self.spawn(step, self.op_call)

    def op_spawn_recv(self, step: Step) -> None:
        self.spawn(step, self.op_recv)

    def op_spawn_publish(self, step: Step) -> None:
        self.spawn(step, self.op_publish)

    def op_join(self, step: Step) -> Seen:
        try:
            return self.take(step["of"]).result(timeout=LIMIT)
        except concurrent.futures.TimeoutError:
            raise Broken(f"`{step['of']}` still waits") from None


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


def judge(step: Step, seen: Seen) -> str | None:
    """Why what was seen is not what the step expects."""
    line = observation(seen)
    if "expect" not in step:
        return f"it observed `{line}`" if "error" in seen or "none" in seen else None
    for key, value in step["expect"].items():
        if key not in seen or shown(seen[key]) != shown(value):
            return f"`{key}` is not `{shown(value)}`: it observed `{line}`"
    return None


def observation(seen: Seen) -> str:
    return " ".join(f"{key}={shown(value)}" for key, value in seen.items()) or "ok"


def run_case(case: dict[str, Any], scheme: str) -> bool:
    """Runs the steps up to the first that is not met, gives everything back, prints the line."""
    world = World(case["id"], scheme)
    observed: list[str] = []
    failure = None
    for number, step in enumerate(case["steps"], 1):
        try:
            seen, problem = world.repeat(step)
            observed.append(observation(seen))
        except (Broken, KeyError, ValueError, TypeError, OverflowError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            failure = f"step {number}, {step['op']}: {problem}"
            break
    try:
        live = world.finish()
        observed.append(f"live={live}")
        if live:
            failure = failure or f"{live} objects are alive after the last step: {_neo.live()}"
    except Broken as problem:
        failure = failure or str(problem)
    line = {"id": case["id"], "ok": failure is None, "observed": observed}
    if failure is not None:
        line["failure"] = failure
    print(json.dumps(line), flush=True)
    return failure is None


def main(words: list[str]) -> int:
    if len(words) != 2:
        print("usage: interpreter.py CASES-FOLDER SCHEME", file=sys.stderr)
        return 2
    folder, scheme = Path(words[0]), words[1]
    files = sorted(folder.glob("*.json"))
    if not files:
        print(f"{folder} holds no cases", file=sys.stderr)
        return 2
    passed = True
    for file in files:
        for case in json.loads(file.read_text("utf-8"))["cases"]:
            if scheme in case["urls"]:
                passed &= run_case(case, scheme)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
