"""The Python interpreter of the conformance cases; `../README.md` specifies what it does.

    PYTHONPATH=bindings/python/python python3 interpreter.py CASES-FOLDER SCHEME
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import sys
from pathlib import Path
from typing import Any

import neo_protocol
from handles import give_back
from messages import Messages
from neo_protocol import _neo
from services import Services
from values import LIMIT, NONE, Broken, Seen, Step, given, observation, seconds, shown, small


class World(Messages, Services):
    """A running case."""

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
        if "existing_only" in step:
            options["existing_only"] = True
        options["call_timeout"] = seconds(step, "call_timeout_ns")
        if options["call_timeout"] is None:
            options["call_timeout"] = LIMIT
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


def judge(step: Step, seen: Seen) -> str | None:
    """Why what was seen is not what the step expects."""
    line = observation(seen)
    if "expect" not in step:
        return f"it observed `{line}`" if "error" in seen or "none" in seen else None
    for key, value in step["expect"].items():
        if key not in seen or shown(seen[key]) != shown(value):
            return f"`{key}` is not `{shown(value)}`: it observed `{line}`"
    return None


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
