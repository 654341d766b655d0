"""Signals, forks, threads and the end of the interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from conftest import Child

Start = Callable[..., Child]

#: Interpreters that are ended under load.
EXITS = int(os.environ.get("NEO_TEST_EXITS", "40"))

BLOCKING = {
    "recv": "kernel.subscribe('n').recv()",
    "recv with a timeout": "kernel.subscribe('n').recv(timeout=600)",
    "recv, spinning": "kernel.subscribe('n', wait='spin').recv()",
    "recv_batch": "kernel.subscribe('n').recv_batch(8)",
    "iteration": "next(iter(kernel.subscribe('n')))",
    "service recv": "kernel.serve('x').recv()",
    "service iteration": "next(iter(kernel.serve('x')))",
    "service run": "kernel.serve('x').run(print)",
    "call": "kernel.call('s', 'm', b'', timeout=600)",
    "pending call": "kernel.start_call('s', 'm').wait()",
    "publish": "full.publish(b'')",
    "publish_many": "full.publish_many([b''])",
    "room": "full.room(0).wait()",
}


@pytest.mark.parametrize("call", BLOCKING.values(), ids=BLOCKING.keys())
def test_ctrl_c_ends_each_blocking_call(child: Start, call: str) -> None:
    program = child(
        f"""
        import neo_protocol
        kernel = neo_protocol.open("mem://")
        silent = kernel.serve("s")
        group = kernel.subscribe("full", group="g", depth=1)
        full = kernel.publisher("full", send_timeout=None)
        full.publish(b"")
        try:
            print("ready", flush=True)
            {call}
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert program.line() == "ready"
    program.interrupt()
    assert program.end() == (0, "interrupted\n")


def test_ctrl_c_ends_a_client(child: Start) -> None:
    program = child(
        """
        import asyncio, neo_protocol
        async def main():
            async with neo_protocol.NeoClient("mem://") as client:
                async with client.subscribe("n") as numbers:
                    print("ready", flush=True)
                    try:
                        await numbers.recv()
                    except asyncio.CancelledError:
                        print("cancelled")
                        raise
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert program.line() == "ready"
    program.interrupt()
    assert program.end() == (0, "cancelled\ninterrupted\n")


def test_a_signal_handler_that_returns_does_not_end_the_wait(child: Start) -> None:
    program = child(
        """
        import signal, neo_protocol
        kernel = neo_protocol.open("mem://")
        numbers = kernel.subscribe("n")
        signal.signal(signal.SIGUSR1, lambda *_: kernel.publish("n", b"from the handler"))
        print("ready", flush=True)
        print(bytes(numbers.recv()).decode())
        """
    )
    assert program.line() == "ready"
    os.kill(program.process.pid, signal.SIGUSR1)
    assert program.end() == (0, "from the handler\n")


LOAD = """
import asyncio, sys, threading, neo_protocol
# Calls wait as long as everything else here: of so many threads each waits for its turn.
kernel = neo_protocol.open("mem://exit", call_timeout=60)
handler = kernel.serve("echo", lambda request: request.data, workers=2)
ready = [threading.Event() for _ in range(4)]

def publish():
    publisher = kernel.publisher("n")
    while True:
        publisher.publish_many([b"x" * 64] * 64)
        publisher.publish(bytearray(100_000))
        ready[0].set()

def consume():
    for message in kernel.subscribe("n"):
        view = memoryview(message)
        ready[1].set()

def call():
    while True:
        kernel.call("echo", "m", b"x")
        ready[2].set()

def loop():
    async def main():
        async with neo_protocol.NeoClient("mem://exit", call_timeout=60) as client:
            async for batch in client.subscribe("n").batches():
                await client.call("echo", "m", b"x")
                ready[3].set()
    asyncio.run(main())

def quietly(function):
    try:
        function()
    except neo_protocol.Error:
        pass

for function in (publish, consume, call, loop):
    threading.Thread(target=quietly, args=(function,), daemon=True).start()
for event in ready:
    assert event.wait(60)
if len(sys.argv) > 1:
    async def last():
        client = neo_protocol.NeoClient("mem://exit")
        await client.connect()
        waiting = asyncio.ensure_future(client.subscribe("nothing").recv())
        await asyncio.sleep(0)
        sys.exit(0)
    asyncio.run(last())
"""


def test_interpreters_end_under_load(child: Start) -> None:
    """With live subscribers, handlers, threads and loops. One that does not end is killed."""
    for number in range(EXITS):
        words = ["in the loop"] if number % 4 == 0 else []
        program = child(LOAD, *words)
        code, output = program.end(300)
        assert code == 0, f"interpreter {number} ended with {code}:\n{output}"
        assert "Traceback" not in output and "panicked" not in output, output


def test_a_forked_child_is_told_and_ends_well(child: Start) -> None:
    program = child(
        """
        import os, threading, neo_protocol
        kernel = neo_protocol.open("mem://")
        numbers = kernel.subscribe("n")
        publisher = kernel.publisher("n")
        publisher.publish(b"before")
        loan = publisher.loan(8)
        kept = numbers.recv()
        view = memoryview(kept)
        threading.Thread(target=lambda: list(numbers), daemon=True).start()
        uses = [
            lambda: kernel.publish("n", b""), lambda: publisher.publish(b""),
            lambda: numbers.recv(), lambda: numbers.try_recv(), lambda: kernel.serve("s"),
            lambda: kernel.call("s", "m"), lambda: loan.commit(), lambda: kernel.counters(),
        ]
        pid = os.fork()
        if pid == 0:
            for use in uses:
                try:
                    use()
                except neo_protocol.Forked as error:
                    assert error.code is neo_protocol.Code.FORKED
                else:
                    os._exit(1)
            assert view.tobytes() == b"before"
            kernel.close()
            # A kernel of its own works.
            with neo_protocol.open("mem://") as own:
                mine = own.subscribe("n")
                own.publish("n", b"own")
                assert bytes(mine.recv(timeout=30)) == b"own"
            raise SystemExit(7)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 7, status
        more = kernel.subscribe("m")
        kernel.publish("m", b"the parent goes on")
        print(bytes(more.recv(timeout=30)).decode())
        """
    )
    assert program.end() == (0, "the parent goes on\n")


def test_processes_may_be_forked_or_spawned(child: Start, tmp_path: object) -> None:
    path = f"{tmp_path}/worker.py"
    with open(path, "w") as file:
        file.write(
            "import multiprocessing, sys, neo_protocol\n"
            "def work(number):\n"
            "    with neo_protocol.open('mem://') as kernel:\n"
            "        mine = kernel.subscribe('n')\n"
            "        kernel.publish('n', b'%d' % number)\n"
            "        return int(bytes(mine.recv(timeout=30)))\n"
            "if __name__ == '__main__':\n"
            "    kernel = neo_protocol.open('mem://')\n"
            "    for method in ('fork', 'spawn', 'forkserver'):\n"
            "        with multiprocessing.get_context(method).Pool(2) as pool:\n"
            "            assert pool.map(work, range(4)) == [0, 1, 2, 3]\n"
            "    print('done')\n"
        )
    program = child(f"import runpy, sys; sys.argv = [{path!r}]\nimport subprocess\n"
                    f"sys.exit(subprocess.call([sys.executable, {path!r}]))")
    assert program.end(120) == (0, "done\n")


def test_another_interpreter_in_the_process_is_refused_cleanly(child: Start) -> None:
    program = child(
        """
        import _xxsubinterpreters as interpreters
        import neo_protocol
        other = interpreters.create()
        try:
            interpreters.run_string(other, "import neo_protocol")
        except interpreters.RunFailedError as error:
            print("refused" if "does not support subinterpreters" in str(error) else error)
        interpreters.destroy(other)
        with neo_protocol.open("mem://") as kernel:
            print(kernel)
        """
    )
    assert program.end() == (0, 'refused\n<Kernel "mem://">\n')


def test_importing_starts_nothing_and_prints_nothing(child: Start) -> None:
    program = child(
        """
        import os, signal
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        import neo_protocol
        assert len(os.listdir("/proc/self/task")) == 1
        assert handlers == {number: signal.getsignal(number) for number in signal.valid_signals()}
        """
    )
    assert program.end() == (0, "")
