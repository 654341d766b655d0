"""Processes that share a kernel: `shared_memory.py serve` in one terminal, `ask` in another.

The programs of this name in other languages are either side of the same conversation.
"""

import sys

import neo_protocol

URL = "shm://example-users"


def serve(kernel: neo_protocol.Kernel) -> None:
    """Answers one call, and publishes who was asked for."""
    users = kernel.serve("user_service")
    print("serving on", URL, flush=True)
    request = users.recv()
    kernel.publish("users.asked", request.data)
    request.reply(request.data + b" is Ada")


def ask(kernel: neo_protocol.Kernel) -> None:
    with kernel.subscribe("users.*") as asked:
        print(kernel.call("user_service", "get_user", b"42").decode())
        message = asked.recv()
        print(f"{message.topic}: {message.data.decode()}")


ROLES = {"serve": serve, "ask": ask}

if len(sys.argv) == 2 and sys.argv[1] in ROLES:
    with neo_protocol.open(URL) as kernel:
        ROLES[sys.argv[1]](kernel)
else:
    print("usage: shared_memory.py serve|ask")
