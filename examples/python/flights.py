"""A month of flights through Neo, in Python: the part of `cargo xtask demo` that shows that Python
gets what Rust gets.

    python3 flights.py FILE REPEATS

Publishes every flight of FILE (examples/data/README.md) REPEATS times, as fast as it goes, to the
same subscribers as the demo in Rust: one on all of JFK, a queue group of three on everything, a
view of the newest of each topic, and one that is too slow on purpose. The service `delays` answers
with the mean delay of a carrier. Prints one line of JSON: what each of them counted.
"""

from __future__ import annotations

import csv
import json
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import neo_protocol
from neo_protocol import Kernel, Message, Publisher, Request, Subscription

MEMBERS = 3
BATCH = 256
SEND_TIMEOUT = 10.0
SLOW_PAUSE = 0.001

FLIGHT = struct.Struct("<IhhH2s3s3s")
#: Scheduled minute, departure and arrival delay, number, carrier, origin, destination.
Flight = tuple[int, int, int, int, bytes, bytes, bytes]
#: A delay that the file does not know.
MISSING = -(1 << 15)
MEAN = struct.Struct("<dQ")


class Role(NamedTuple):
    """A subscription, or the three that form the group."""

    name: str
    pattern: str
    policy: Literal["block", "drop_oldest", "latest"]
    depth: int
    group: str = ""


JFK = Role("jfk", "flights.JFK.>", "block", 4096)
DESKS = Role("desks", "flights.>", "block", 4096, "desks")
#: Its depth counts topics.
BOARD = Role("board", "flights.>", "latest", 512)
SLOW = Role("slow", "flights.>", "drop_oldest", 64)


def parse(row: dict[str, str]) -> tuple[str, bytes]:
    """The topic and the message of a row."""
    scheduled = (int(row["day"]) - 1) * 1440 + int(row["hour"]) * 60 + int(row["minute"])
    departure, arrival = (
        MISSING if row[name] == "NA" else int(row[name]) for name in ("dep_delay", "arr_delay")
    )
    carrier, origin, to = row["carrier"], row["origin"], row["dest"]
    codes = (code.encode("ascii") for code in (carrier, origin, to))
    message = FLIGHT.pack(scheduled, departure, arrival, int(row["flight"]), *codes)
    return f"flights.{origin}.{carrier}.{to}", message


def load(path: str) -> list[tuple[str, bytes]]:
    """Topics and messages in the order of the scheduled departures."""
    with open(path, newline="", encoding="ascii") as file:
        rows = [parse(row) for row in csv.DictReader(file)]
    return sorted(rows, key=lambda row: FLIGHT.unpack(row[1])[0])


class Delays:
    """A number of flights and how late they left; the mean skips those that never did."""

    __slots__ = ("departed", "flights", "minutes")

    def __init__(self) -> None:
        self.flights = self.departed = self.minutes = 0

    def add(self, minutes: int) -> None:
        self.flights += 1
        if minutes != MISSING:
            self.departed += 1
            self.minutes += minutes

    def merge(self, other: Delays) -> None:
        self.flights += other.flights
        self.departed += other.departed
        self.minutes += other.minutes

    def report(self) -> list[int]:
        return [self.flights, self.departed, self.minutes]


@dataclass
class Tally:
    """Delays in all, by carrier and by route."""

    total: Delays = field(default_factory=Delays)
    carriers: defaultdict[bytes, Delays] = field(default_factory=lambda: defaultdict(Delays))
    routes: defaultdict[bytes, Delays] = field(default_factory=lambda: defaultdict(Delays))

    def add(self, flight: Flight) -> None:
        _, minutes, _, _, carrier, origin, to = flight
        self.total.add(minutes)
        self.carriers[carrier].add(minutes)
        self.routes[origin + b"-" + to].add(minutes)

    def merge(self, other: Tally) -> None:
        self.total.merge(other.total)
        for mine, others in ((self.carriers, other.carriers), (self.routes, other.routes)):
            for name, delays in others.items():
                mine[name].merge(delays)

    def report(self) -> dict[str, object]:
        tables = {"carriers": self.carriers, "routes": self.routes}
        return {"total": self.total.report()} | {
            name: {key.decode(): delays.report() for key, delays in table.items()}
            for name, table in tables.items()
        }


class Reader:
    """A subscription, and what was read from it."""

    def __init__(self, kernel: Kernel, role: Role) -> None:
        self.role = role
        self.subscription: Subscription = kernel.subscribe(
            role.pattern, policy=role.policy, depth=role.depth, group=role.group or None
        )
        self.received = self.told_lost = 0
        # The service looks while the reader adds.
        self.lock = threading.Lock()
        self.tally = Tally()
        self.newest: dict[str, Flight] = {}

    def note(self, message: Message) -> Flight:
        self.received += 1
        self.told_lost += message.lost_before
        return FLIGHT.unpack(message)

    def note_end(self) -> None:
        """What was lost behind the last message."""
        self.told_lost += self.subscription.take_lost()

    def add_up(self) -> None:
        """Adds up every flight, a batch at a time, until the kernel closes and nothing is left."""
        try:
            while True:
                batch = self.subscription.recv_batch(BATCH)
                with self.lock:
                    for message in batch:
                        self.tally.add(self.note(message))
        except neo_protocol.Closed:
            self.note_end()

    def dawdle(self, kernel: Kernel) -> None:
        """Too slow on purpose. Leaves what waits at the end."""
        try:
            while not kernel.closed:
                self.note(self.subscription.recv())
                time.sleep(SLOW_PAUSE)
        except neo_protocol.Closed:
            pass
        self.note_end()

    def refresh(self) -> None:
        """Takes what changed in the view since the last look."""
        try:
            while (message := self.subscription.try_recv()) is not None:
                self.newest[message.topic] = self.note(message)
        except neo_protocol.Closed:
            self.note_end()


class Stage:
    """A kernel with its subscribers at work."""

    def __init__(self) -> None:
        self.kernel = neo_protocol.open("mem://flights")
        # The subscribers' own open of it: closing it lets them finish what is queued.
        self.readers = neo_protocol.open("mem://flights")
        self.jfk = Reader(self.readers, JFK)
        self.desks = [Reader(self.readers, DESKS) for _ in range(MEMBERS)]
        self.board = Reader(self.readers, BOARD)
        self.slow = Reader(self.readers, SLOW)
        self.kernel.serve("delays", self.answer)
        self.failures: list[BaseException] = []
        self.workers = [self.start(reader.add_up) for reader in (self.jfk, *self.desks)]
        self.dawdler = self.start(lambda: self.slow.dawdle(self.readers))

    def start(self, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as failure:
                self.failures.append(failure)
                self.readers.close()  # so that nobody waits for this one

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def answer(self, request: Request) -> bytes:
        """The service: minutes, and the departures that they are the mean of."""
        if request.method != "mean":
            raise ValueError(f"it answers `mean`, and not `{request.method}`")
        carrier, total = bytes(request), Delays()
        for desk in self.desks:
            with desk.lock:
                if carrier in desk.tally.carriers:
                    total.merge(desk.tally.carriers[carrier])
        if total.departed == 0:
            raise ValueError(f"no flight of {carrier!r} departed so far")
        return MEAN.pack(total.minutes / total.departed, total.departed)

    def means(self, carriers: list[str]) -> dict[str, tuple[float, int]]:
        means = {}
        for carrier in carriers:
            try:
                reply = self.kernel.call("delays", "mean", carrier.encode())
            except neo_protocol.ServiceError:
                continue  # none of it departed
            means[carrier] = MEAN.unpack(reply)
        return means

    def settle(self) -> None:
        """Waits until those that add up have done so with all that was published."""
        self.readers.close()
        for worker in self.workers:
            worker.join()

    def end(self) -> dict[str, dict[str, int]]:
        """The accounts of all roles: the kernel's counters, beside what the readers counted."""
        self.board.refresh()
        self.dawdler.join()
        if self.failures:
            raise self.failures[0]
        groups = [[self.jfk], self.desks, [self.board], [self.slow]]
        accounts = {}
        for readers in groups:
            role = readers[0].role
            route = next(
                route
                for route in self.kernel.counters().routes
                if (route.pattern, route.group, route.policy)
                == (role.pattern, role.group, role.policy)
            )
            accounts[role.name] = {
                "received": sum(reader.received for reader in readers),
                "told_lost": sum(reader.told_lost for reader in readers),
                "delivered": route.delivered,
                "lost": route.lost,
                "timed_out": route.timed_out,
                "queued": route.queued,
            }
        return accounts


def known(delay: int) -> int | None:
    return None if delay == MISSING else delay


def replay(path: str, repeats: int) -> dict[str, object]:
    """Publishes everything, and returns what everybody counted."""
    flights = load(path)
    stage = Stage()
    with stage.kernel as kernel, stage.readers:
        by_topic: dict[str, Publisher] = {
            topic: kernel.publisher(topic, send_timeout=SEND_TIMEOUT) for topic, _ in flights
        }
        messages = [(by_topic[topic].publish, message) for topic, message in flights]
        dropped = timed_out = 0
        began = time.monotonic()
        for _ in range(repeats):
            for publish, message in messages:
                published = publish(message)
                dropped += published.dropped
                timed_out += published.timed_out
            stage.board.refresh()
        stage.settle()
        seconds = time.monotonic() - began
        desks = Tally()
        for desk in stage.desks:
            desks.merge(desk.tally)
        accounts = stage.end()
        return {
            "published": len(messages) * repeats,
            "dropped": dropped,
            "timed_out": timed_out,
            "seconds": seconds,
            "jfk": stage.jfk.tally.report(),
            "desks": desks.report(),
            "means": stage.means([carrier.decode() for carrier in desks.carriers]),
            "board": {
                topic: [minute, known(departure), known(arrival), number]
                for topic, (minute, departure, arrival, number, *_) in stage.board.newest.items()
            },
            "accounts": accounts,
        }


def main() -> None:
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal() or int(sys.argv[2]) == 0:
        sys.exit("usage: python3 flights.py FILE REPEATS")
    print(json.dumps(replay(sys.argv[1], int(sys.argv[2])), separators=(",", ":")))


if __name__ == "__main__":
    main()
