"""A subscriber and a service in a process of their own: a part of `cargo xtask demo`.

    processes.py URL

Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one that
was killed says from which day on it publishes again; what had come of that day is then forgotten.
The service `delays` answers with the mean delay of a carrier, once all flights have come. Prints one
line of JSON, and serves until its input ends.
"""

from __future__ import annotations

import json
import sys
import threading

import neo_protocol
from flights import FLIGHT, MEAN, Tally

LIMIT = 20.0
DAYS = 31
MINUTES_PER_DAY = 24 * 60


class Reader:
    """What came of each day."""

    def __init__(self, kernel: neo_protocol.Kernel) -> None:
        self.flights = kernel.subscribe("flights.>", policy="block", depth=4096)
        self.days = [Tally() for _ in range(DAYS)]
        self.total = Tally()
        self.received = self.lost = 0
        self.ended = threading.Event()

    def add_up(self) -> None:
        while True:
            batch = self.flights.recv_batch(256, timeout=LIMIT)
            if not batch:
                raise TimeoutError("no flight came in time")
            for message in batch:
                self.lost += message.lost_before
                if message.topic == "flights.end":
                    self.total = Tally.merged(self.days)
                    self.ended.set()
                    return
                if message.topic == "flights.again":
                    first = message.data[0]
                    self.days[first:] = [Tally() for _ in range(first, DAYS)]
                else:
                    scheduled = FLIGHT.unpack(message)[0]
                    self.days[scheduled // MINUTES_PER_DAY].add(message)
                    self.received += 1

    def mean(self, request: neo_protocol.Request) -> bytes:
        """The service: callers wait until the last flight has come."""
        if request.method != "mean" or not self.ended.wait(LIMIT):
            raise ValueError("it answers `mean` of a carrier, once the month is over")
        _, departed, minutes = self.total.carriers[request.data.decode()]
        return MEAN.pack(minutes / departed, departed)


def main(url: str) -> None:
    with neo_protocol.open(url) as kernel:
        reader = Reader(kernel)
        kernel.serve("delays", reader.mean)
        print("ready", flush=True)
        reader.add_up()
        line = {
            "received": reader.received,
            "lost": reader.lost,
            "total": reader.total.total,
            "carriers": reader.total.carriers,
            "means": {},
        }
        print(json.dumps(line), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: processes.py URL")
    main(sys.argv[1])
