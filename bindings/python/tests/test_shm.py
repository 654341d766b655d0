"""Kernels of ``shm://``, which processes share."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import sys
from collections.abc import Callable

import pytest

import neo_protocol
from conftest import LONG, Child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shm:// is part of Linux only")

Start = Callable[..., Child]

#: Small limits: many of these kernels are open at once.
LIMITS = {"memory_bytes_max": 16 << 20, "participants_max": 8}


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return f"shm://{request.node.name[:40].replace('[', '.').replace(']', '')}-{os.getpid()}"


OPEN = "import neo_protocol, sys\nkernel = neo_protocol.open(sys.argv[1], memory_bytes_max=16 << 20, participants_max=8)\n"


def test_two_processes_share_topics_services_and_large_payloads(url: str, child: Start) -> None:
    large = bytes(range(256)) * 4096
    with neo_protocol.open(url, **LIMITS) as kernel, kernel.subscribe("up") as up:
        peer = child(
            OPEN
            + "jobs = kernel.subscribe('down')\n"
            + "kernel.serve('sum', lambda request: str(sum(request.data)).encode())\n"
            + "kernel.publish('up', b'here')\n"
            + "with kernel.publisher('up').loan(1 << 20) as loan:\n"
            + "    loan[:] = jobs.recv(timeout=30).data\n"
            + "jobs.recv(timeout=30)\n",
            url,
        )
        assert up.recv(timeout=LONG).data == b"here"
        assert kernel.publish("down", large).accepted == 1
        assert up.recv(timeout=LONG).data == large
        assert kernel.call("sum", "of", b"\x01\x02", timeout=LONG) == b"3"
        kernel.publish("down", b"end")
        assert peer.end() == (0, "")
        # The thread may not have noticed yet.
        kernel.maintain()
        with pytest.raises(neo_protocol.NoResponder):
            kernel.call("sum", "of", b"")


def test_other_limits_are_refused_with_both_values(url: str, child: Start) -> None:
    peer = child(OPEN + "print('open', flush=True); sys.stdin.read()", url)
    assert peer.line() == "open"
    with pytest.raises(neo_protocol.InvalidError, match="16777216.*8388608|8388608.*16777216"):
        neo_protocol.open(url, memory_bytes_max=8 << 20, participants_max=8)


HOLD = OPEN + "held = kernel.subscribe('held')\nkernel.publish('up', b'here')\nheld.recv()\n"


def test_without_a_thread_the_host_learns_of_a_death_by_a_descriptor(
    url: str, child: Start
) -> None:
    with neo_protocol.open(url, thread=False, **LIMITS) as kernel, kernel.subscribe("up") as up:
        fileno = kernel.maintain_fileno()
        assert fileno is not None
        peer = child(HOLD, url)
        up.recv(timeout=LONG).release()
        peer.process.kill()
        reclaimed = kernel.maintain()
        while reclaimed.participants == 0:
            assert select.select([fileno], [], [], LONG)[0]
            reclaimed = kernel.maintain()
        assert (reclaimed.participants, reclaimed.routes) == (1, 1)
        assert repr(reclaimed).startswith("Reclaimed(participants=1, routes=1, claims=")


def test_a_kernel_of_one_process_has_nothing_to_maintain(kernel: neo_protocol.Kernel) -> None:
    assert kernel.maintain_fileno() is None
    assert kernel.maintain().participants == 0


@pytest.mark.parametrize("thread", [True, False])
def test_a_loop_is_woken_by_another_process(url: str, child: Start, thread: bool) -> None:
    async def main() -> None:
        async with neo_protocol.NeoClient(url, thread=thread, **LIMITS) as client:
            async with client.subscribe("up") as up:
                peer = child(
                    OPEN
                    + "kernel.serve('echo', lambda request: request.data)\n"
                    + "done = kernel.subscribe('done')\n"
                    + "kernel.publish('up', b'here')\n"
                    + "done.recv(timeout=30)\n",
                    url,
                )
                assert (await up.recv(timeout=LONG)).data == b"here"
                for n in range(50):
                    assert await client.call("echo", "m", b"%d" % n, timeout=LONG) == b"%d" % n
                client.kernel.publish("done", b"")
                assert peer.end() == (0, "")

    asyncio.run(main())


def test_calls_to_a_process_that_dies_end_at_once(url: str, child: Start) -> None:
    with neo_protocol.open(url, **LIMITS) as kernel, kernel.subscribe("up") as up:
        peer = child(
            OPEN
            + "service = kernel.serve('silent')\nkernel.publish('up', b'here')\n"
            + "request = service.recv()\nkernel.publish('up', b'taken')\nservice.recv()\n",
            url,
        )
        up.recv(timeout=LONG).release()
        pending = kernel.start_call("silent", "m")
        assert up.recv(timeout=LONG).data == b"taken"
        peer.process.kill()
        with pytest.raises(neo_protocol.PeerDied):
            pending.wait(timeout=LONG)


def test_what_the_system_refuses_is_an_oserror_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO_SHM_DIR", "/dev/null/names")
    with pytest.raises(neo_protocol.SystemRefused, match="/dev/null/names") as refused:
        neo_protocol.open("shm://neo-py-refused")
    assert isinstance(refused.value, OSError)
    assert refused.value.errno == errno.ENOTDIR


def test_a_name_that_nobody_has_open_is_not_found(url: str) -> None:
    with pytest.raises(neo_protocol.NotFound):
        neo_protocol.open(url, existing_only=True)
    with neo_protocol.open(url, **LIMITS), neo_protocol.open(url, existing_only=True) as other:
        assert other.publish("t", b"").accepted == 0
