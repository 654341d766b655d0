"""One side of a pair of processes; `../README.md` specifies it in its section on pairs.

PYTHONPATH=bindings/python/python python3 peer.py ROLE URL
"""

from __future__ import annotations

import sys

import neo_protocol

LIMIT = 20.0
MESSAGES = 257
BY_LOAN = 16
CALLS = 32
SIZES = (0, 1, 64, 200, 256, 1000, 5000, 70000)

PERIOD = bytes(range(251))


def message(number: int) -> bytes:
    start = number % 251
    length = SIZES[number % len(SIZES)]
    return (PERIOD * (length // 251 + 2))[start : start + length]


def hear(kernel: neo_protocol.Kernel) -> None:
    subscription = kernel.subscribe("pair.*", depth=32, policy="block")
    service = kernel.serve("pair")
    print("ready", flush=True)
    messages = equal = lost = requests = 0
    while True:
        received = subscription.recv(timeout=LIMIT)
        lost += received.lost_before
        if received.topic == "pair.end":
            break
        equal += received.topic == "pair.data" and received.data == message(equal)
        messages += 1
    method = ""
    while method != "end":
        request = service.recv(timeout=LIMIT)
        requests += 1
        method = request.method
        if method == "reverse":
            request.reply(request.data[::-1])
        elif method == "end":
            request.reply(b"")
        else:
            request.reply_error("the handler says no")
    print(f"messages={messages} equal={equal} lost={lost} requests={requests}", flush=True)


def tell(kernel: neo_protocol.Kernel) -> None:
    publisher = kernel.publisher("pair.data", send_timeout=LIMIT)
    accepted = answered = 0
    for number in range(MESSAGES):
        payload = message(number)
        if number < BY_LOAN:
            loan = publisher.loan(len(payload))
            loan[:] = payload
            accepted += loan.commit().accepted
        else:
            accepted += publisher.publish(payload).accepted
    kernel.publisher("pair.end", send_timeout=LIMIT).publish(b"")
    for number in range(CALLS):
        payload = message(number)
        answered += kernel.call("pair", "reverse", payload, timeout=LIMIT) == payload[::-1]
    failure = "error=- text="
    try:
        kernel.call("pair", "fail", timeout=LIMIT)
    except neo_protocol.Error as error:
        failure = f"error={error.code.symbol} text={error}"
    kernel.call("pair", "end", timeout=LIMIT)
    print(f"accepted={accepted} answered={answered} {failure}", flush=True)


def main(words: list[str]) -> int:
    roles = {"hear": hear, "tell": tell}
    if len(words) != 2 or words[0] not in roles:
        print("usage: peer.py hear|tell URL", file=sys.stderr)
        return 2
    with neo_protocol.open(words[1]) as kernel:
        roles[words[0]](kernel)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
