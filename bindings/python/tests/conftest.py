"""What every test of the module shares: a kernel, and the proof that nothing leaks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import neo_protocol
from neo_protocol import _neo

PACKAGE = Path(neo_protocol.__file__).parent.parent

#: No wait in a test is longer; none is expected to come near it.
LONG = 30.0


def check_nothing_lives() -> None:
    """Fails if the kernel counts any live object once the garbage is collected."""
    gc.collect()
    live = _neo.live()
    assert not live, f"left behind: {live}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    # What a failed test raised keeps its objects alive; one failure is enough to tell.
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Every test ends with zero live objects."""
    result = yield
    if isinstance(item, pytest.Function) and not item.stash.get(_failed, False):
        item.funcargs.clear()
        check_nothing_lives()
    return result


_failed = pytest.StashKey[bool]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the task runner: the counts in the form of Rust's test programs."""
    if "NEO_TEST_RESULT_LINE" in os.environ:
        count = {name: len(reports) for name, reports in terminalreporter.stats.items()}
        failed = count.get("failed", 0) + count.get("error", 0)
        terminalreporter.write_line(
            f"test result: {'FAILED' if failed else 'ok'}. {count.get('passed', 0)} passed; "
            f"{failed} failed; {count.get('skipped', 0)} ignored"
        )


@pytest.fixture
def kernel() -> Iterator[neo_protocol.Kernel]:
    with neo_protocol.open("mem://", call_timeout=LONG) as kernel:
        yield kernel


# A child of what a shell runs in the background would ignore them.
HEARS_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


class Child:
    """A Python program in a process of its own."""

    def __init__(self, program: str, *words: str) -> None:
        environment = dict(os.environ, PYTHONPATH=str(PACKAGE), PYTHONFAULTHANDLER="1")
        environment.pop("NEO_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEARS_INTERRUPTS + textwrap.dedent(program), *words],
            # Open until the child is ended: one that reads from it waits.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def interrupt(self) -> None:
        os.kill(self.process.pid, signal.SIGINT)

    def end(self, limit: float = LONG) -> tuple[int, str]:
        """Its exit code and the rest of what it printed; killed after the limit."""
        try:
            rest, _ = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest, _ = self.process.communicate()
            pytest.fail(f"the child hung; it printed:\n{rest}")
        return self.process.returncode, rest


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(program: str, *words: str) -> Child:
        children.append(Child(program, *words))
        return children[-1]

    yield start
    for one in children:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.fixture
def in_thread() -> Iterator[Callable[..., threading.Thread]]:
    """Starts a thread that the test joins at its end at the latest; what it raises fails the test."""
    threads: list[threading.Thread] = []
    raised: list[BaseException] = []

    def start(function: Callable[..., object], *arguments: object) -> threading.Thread:
        def run() -> None:
            try:
                function(*arguments)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive(), "a thread of the test did not end"
    threads.clear()
    if raised:
        raise raised.pop()
