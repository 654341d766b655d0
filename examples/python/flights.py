"""A month of flights through Neo, in Python: a part of `cargo xtask demo`.

    flights.py FILE [REPEATS]

Publishes every flight of FILE (examples/data/README.md; as it is or unpacked) REPEATS times, as
fast as it goes, to the same subscribers as the demo in Rust: one on all of JFK, a queue group of
three on everything, a view of the newest of each topic, and one that is too slow on purpose. The
service `delays` answers with the mean delay of a carrier. Prints one line of JSON: what each of
them counted.
"""

from __future__ import annotations

import csv
import gzip
import json
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Literal

import neo_protocol
from neo_protocol import Kernel, Message, Publisher, Request, Subscription

#: Scheduled minute of the month, two delays, number, carrier, origin, destination.
FLIGHT = struct.Struct("<IhhH2s3s3s")
MISSING = -32768
MEAN = struct.Struct("<dQ")
SEND_TIMEOUT = 10.0
SLOW_PAUSE = 0.001


@dataclass(frozen=True)
class Role:
    """A subscription, or the three that form the group."""

    name: str
    pattern: str
    policy: Literal["block", "drop_oldest", "latest"]
    depth: int
    group: str | None = None

    def subscribe(self, kernel: Kernel) -> Subscription:
        return kernel.subscribe(
            self.pattern, policy=self.policy, depth=self.depth, group=self.group
        )


JFK = Role("jfk", "flights.JFK.>", "block", 4096)
DESKS = Role("desks", "flights.>", "block", 4096, "desks")
BOARD = Role("board", "flights.>", "latest", 512)
SLOW = Role("slow", "flights.>", "drop_oldest", 64)


@dataclass
class Tally:
    """Flights, those that departed, and how late those were in sum; by carrier and route."""

    total: list[int] = field(default_factory=lambda: [0, 0, 0])
    carriers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    routes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, message: Message) -> None:
        _, delay, _, _, carrier, origin, destination = FLIGHT.unpack(message)
        route = f"{origin.decode()}-{destination.decode()}"
        for sums in (self.total, self.carriers[carrier.decode()], self.routes[route]):
            sums[0] += 1
            if delay != MISSING:
                sums[1] += 1
                sums[2] += delay

    @staticmethod
    def merged(tallies: Iterable[Tally]) -> Tally:
        sum_of = Tally()
        for tally in tallies:
            pairs = [(sum_of.total, tally.total)]
            pairs += [(sum_of.carriers[name], sums) for name, sums in tally.carriers.items()]
            pairs += [(sum_of.routes[name], sums) for name, sums in tally.routes.items()]
            for into, sums in pairs:
                into[:] = [a + b for a, b in zip(into, sums)]
        return sum_of

    def shown(self) -> dict[str, object]:
        return {"total": self.total, "carriers": self.carriers, "routes": self.routes}


class Reader:
    """A subscription and what its reader counted."""

    def __init__(self, role: Role, kernel: Kernel) -> None:
        self.role = role
        self.subscription = role.subscribe(kernel)
        self.tally = Tally()
        self.received = self.told_lost = 0
        self.thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    def start(self, read: Callable[[], None]) -> None:
        def run() -> None:
            try:
                read()
            except BaseException as failure:
                self.failure = failure
                self.subscription.close()  # so that no publisher waits for this reader

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def note(self, message: Message) -> None:
        self.received += 1
        self.told_lost += message.lost_before

    def end(self) -> None:
        if self.thread is not None:
            self.thread.join()
        if self.failure is not None:
            raise self.failure
        self.told_lost += self.subscription.take_lost()

    def add_up(self) -> None:
        """Adds up every flight, a batch at a time, until the kernel closes and nothing is left."""
        try:
            while True:
                batch = self.subscription.recv_batch(256)
                with self.tally.lock:
                    for message in batch:
                        self.note(message)
                        self.tally.add(message)
        except neo_protocol.Closed:
            return

    def dawdle(self) -> None:
        """Takes a message, pauses, takes the next, until the kernel closes: too slow on purpose."""
        for message in self.subscription:
            FLIGHT.unpack(message)
            self.note(message)
            if readers_ended.is_set():
                return
            time.sleep(SLOW_PAUSE)


readers_ended = threading.Event()


class Board(Reader):
    """The newest flight of each topic."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(BOARD, kernel)
        self.newest: dict[str, list[int | None]] = {}

    def refresh(self) -> None:
        """Takes what changed since the last look."""
        try:
            while (message := self.subscription.try_recv()) is not None:
                self.note(message)
                scheduled, departure, arrival, number, *_ = FLIGHT.unpack(message)
                delays = [None if delay == MISSING else delay for delay in (departure, arrival)]
                self.newest[message.topic] = [scheduled, *delays, number]
        except neo_protocol.Closed:
            return


def load(path: str) -> list[tuple[str, bytes]]:
    """Topic and message of every flight, in the order of the scheduled departures."""

    def delay(text: str) -> int:
        return MISSING if text == "NA" else int(text)

    def flight(row: dict[str, str]) -> tuple[int, str, bytes]:
        scheduled = ((int(row["day"]) - 1) * 24 + int(row["hour"])) * 60 + int(row["minute"])
        codes = [row[key].encode() for key in ("carrier", "origin", "dest")]
        delays = (delay(row["dep_delay"]), delay(row["arr_delay"]))
        message = FLIGHT.pack(scheduled, *delays, int(row["flight"]), *codes)
        return scheduled, f"flights.{row['origin']}.{row['carrier']}.{row['dest']}", message

    file: IO[str] = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with file:
        rows = sorted(map(flight, csv.DictReader(file)), key=lambda row: row[0])
    return [(topic, message) for _, topic, message in rows]


def delays(desks: list[Reader], request: Request) -> bytes:
    """The service: the mean delay of a carrier, by what the desks have added up so far."""
    if request.method != "mean" or len(request) != 2:
        raise ValueError("it answers `mean` of a carrier")
    departed = minutes = 0
    for desk in desks:
        with desk.tally.lock:
            sums = desk.tally.carriers.get(request.data.decode(), [0, 0, 0])
            departed, minutes = departed + sums[1], minutes + sums[2]
    if departed == 0:
        raise LookupError("no flight of it departed so far")
    return MEAN.pack(minutes / departed, departed)


def means(kernel: Kernel, carriers: Iterable[str]) -> dict[str, list[float]]:
    found = {}
    for carrier in carriers:
        try:
            found[carrier] = list(MEAN.unpack(kernel.call("delays", "mean", carrier.encode())))
        except neo_protocol.ServiceError:
            continue
    return found


def account(kernel: Kernel, role: Role, readers: list[Reader]) -> dict[str, int]:
    """What the kernel counted for a role, beside what its readers did."""
    key = (role.pattern, role.group or "", role.policy)
    (route,) = (r for r in kernel.counters().routes if (r.pattern, r.group, r.policy) == key)
    return {
        "received": sum(reader.received for reader in readers),
        "told_lost": sum(reader.told_lost for reader in readers),
        "delivered": route.delivered,
        "lost": route.lost,
        "timed_out": route.timed_out,
        "queued": route.queued,
    }


def play(flights: list[tuple[str, bytes]], repeats: int) -> dict[str, object]:
    # The subscribers have an open of their own: closing it lets them finish what is queued.
    with neo_protocol.open("mem://flights") as kernel, neo_protocol.open("mem://flights") as own:
        jfk, board, slow = Reader(JFK, own), Board(own), Reader(SLOW, own)
        desks = [Reader(DESKS, own) for _ in range(3)]
        for reader in (jfk, *desks):
            reader.start(reader.add_up)
        slow.start(slow.dawdle)
        kernel.serve("delays", lambda request: delays(desks, request))
        publishers: dict[str, Publisher] = {}
        for topic, _ in flights:
            if topic not in publishers:
                publishers[topic] = kernel.publisher(topic, send_timeout=SEND_TIMEOUT)
        published = dropped = timed_out = 0
        began = time.perf_counter()
        for _ in range(repeats):
            for topic, message in flights:
                result = publishers[topic].publish(message)
                published += 1
                dropped += result.dropped
                timed_out += result.timed_out
            board.refresh()
        readers_ended.set()
        own.close()
        for reader in (jfk, *desks):
            reader.end()
        seconds = time.perf_counter() - began
        board.refresh()
        for reader in (board, slow):
            reader.end()
        total = Tally.merged(desk.tally for desk in desks)
        return {
            "published": published,
            "dropped": dropped,
            "timed_out": timed_out,
            "seconds": round(seconds, 6),
            "jfk": jfk.tally.shown(),
            "desks": total.shown(),
            "means": means(kernel, sorted(total.carriers)),
            "board": dict(sorted(board.newest.items())),
            "accounts": {
                "jfk": account(kernel, JFK, [jfk]),
                "desks": account(kernel, DESKS, desks),
                "board": account(kernel, BOARD, [board]),
                "slow": account(kernel, SLOW, [slow]),
            },
        }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: flights.py FILE [REPEATS]")
    repeats = int(sys.argv[2]) if len(sys.argv) == 3 else 1
    print(json.dumps(play(load(sys.argv[1]), repeats)))
