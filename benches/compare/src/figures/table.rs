//! The table of figures, in the order of the report.

use super::{Bar, Contestant, Figure, Run};
use crate::neo::{cost, cpp, crowd, faces, latency, memory, neighbour, rate, scale};
use crate::peers::{bare_ring, crossbeam, disruptor, kanal, rtrb};
use crate::yardsticks;

pub(super) const fn plain(name: &'static str, run: Run) -> Contestant {
    Contestant { name, run, bars: &[] }
}

pub(super) const fn against(name: &'static str, run: Run, bars: &'static [Bar]) -> Contestant {
    Contestant { name, run, bars }
}

pub(super) const fn figure(
    name: &'static str,
    setup: &'static str,
    unit: &'static str,
    contestants: &'static [Contestant],
) -> Figure {
    Figure { name, setup, unit, limit: None, needs: None, contestants }
}

/// Neo alone, against a limit of its own.
pub(super) const fn limited(
    name: &'static str,
    setup: &'static str,
    unit: &'static str,
    limit: Bar,
    contestants: &'static [Contestant],
) -> Figure {
    Figure { name, setup, unit, limit: Some(limit), needs: None, contestants }
}

/// Figures that cannot be measured without a program, by the variable that names it.
pub(super) const fn needing<const N: usize>(
    program: &'static str,
    mut figures: [Figure; N],
) -> [Figure; N] {
    let mut at = 0;
    while at < N {
        figures[at].needs = Some(program);
        at += 1;
    }
    figures
}

const RATE: &str = "M msgs/s";
const NS: &str = "ns";
const KIB: &str = "KiB";
const GB: &str = "GB/s";
const PAIR: &str = "64 B, cores 0 -> 1, depth 1024, neo: Block, adaptive wait";
const CROWD_FREE: &str = "64 B, 4 threads free on 2 cores, depth 1024, neo: Block, adaptive wait";
const CROWD_ONE: &str = "64 B, 4 threads on core 0, depth 1024, neo: Block, adaptive wait";
const LATENCY: &str = "64 B, cores 0 and 1, spinning, p50";

/// Every figure, in the order of the report.
pub(super) static FIGURES: &[Figure] = &[
    figure(
        "ping-pong",
        "one cache line, cores 0 and 1, round trip",
        NS,
        &[plain("machine", yardsticks::ping_pong)],
    ),
    figure("atomic add", "uncontended, core 0", NS, &[plain("machine", yardsticks::add_alone)]),
    figure(
        "atomic add contended",
        "one word, cores 0 and 1",
        NS,
        &[plain("machine", yardsticks::add_contended)],
    ),
    figure("Instant::now", "core 0", NS, &[plain("machine", yardsticks::clock)]),
    figure(
        "futex round trip",
        "park and unpark, cores 0 and 1, p50",
        NS,
        &[plain("machine", yardsticks::futex_round_trip)],
    ),
    figure(
        "futex round trip, one core",
        "park and unpark, core 0, p50",
        NS,
        &[plain("machine", yardsticks::futex_round_trip_one_core)],
    ),
    figure("memcpy 1 KiB", "in cache, core 0", GB, &[plain("machine", yardsticks::copy_1_kib)]),
    figure("memcpy 64 KiB", "in cache, core 0", GB, &[plain("machine", yardsticks::copy_64_kib)]),
    figure(
        "round trip",
        LATENCY,
        NS,
        &[
            plain("neo", latency::round_trip_spinning),
            against("ping-pong", yardsticks::ping_pong, &[Bar::AtMost(3.0)]),
            plain("crossbeam-channel", crossbeam::round_trip_spinning),
            plain("kanal", kanal::round_trip_spinning),
            plain("rtrb", rtrb::round_trip_spinning),
        ],
    ),
    figure(
        "call to a worker",
        LATENCY,
        NS,
        &[
            plain("neo", latency::call_worker),
            against("ping-pong", yardsticks::ping_pong, &[Bar::AtMost(4.0)]),
        ],
    ),
    figure(
        "inline call",
        "64 B, core 0, p50",
        NS,
        &[
            plain("neo", latency::call_inline),
            against("ping-pong", yardsticks::ping_pong, &[Bar::AtMost(0.8)]),
        ],
    ),
    figure(
        "parked round trip",
        "64 B, cores 0 and 1, readers park at once, p50",
        NS,
        &[
            plain("neo", latency::round_trip_parked),
            against("futex", yardsticks::futex_round_trip, &[Bar::AtMost(1.3)]),
        ],
    ),
    figure(
        "parked round trip, one core",
        "64 B, core 0, readers park at once, p50",
        NS,
        &[
            plain("neo", latency::round_trip_parked_one_core),
            against("futex", yardsticks::futex_round_trip_one_core, &[Bar::AtMost(1.3)]),
        ],
    ),
    figure(
        "1 -> 1",
        PAIR,
        RATE,
        &[
            plain("neo", rate::one_way),
            against("crossbeam-channel", crossbeam::one_way, &[Bar::AtLeast(1.3)]),
            against("kanal", kanal::one_way, &[Bar::AtLeast(0.8)]),
            against("disruptor", disruptor::one_way, &[Bar::Aim(0.8)]),
            plain("rtrb", rtrb::one_way),
        ],
    ),
    figure(
        "1 -> 1, batches of 32",
        PAIR,
        RATE,
        &[
            plain("neo", rate::one_way_batches),
            against("neo one by one", rate::one_way, &[Bar::AtLeast(2.0)]),
            plain("disruptor", disruptor::one_way_batches),
            plain("bare ring", bare_ring::one_way),
            plain("bare ring, half stored twice", bare_ring::one_way_stored_twice),
        ],
    ),
    figure(
        "publish by name",
        "64 B, core 0, the publisher's thread only, p50",
        NS,
        &[
            plain("neo", cost::by_name),
            against("neo by handle", cost::by_handle, &[Bar::AtMost(2.0)]),
            plain("neo by 16 names in turn", cost::by_sixteen_names),
        ],
    ),
    figure(
        "1 KiB",
        "1 KiB by loan, cores 0 -> 1, depth 1024, neo: Block, adaptive wait",
        RATE,
        &[
            plain("neo", rate::one_way_1_kib),
            against(
                "disruptor in place",
                disruptor::one_way_1_kib,
                &[Bar::AtLeast(0.75), Bar::Aim(0.9)],
            ),
            against("crossbeam-channel of Vec", crossbeam::one_way_1_kib, &[Bar::AtLeast(2.5)]),
        ],
    ),
    figure(
        "64 KiB",
        "64 KiB by loan, cores 0 -> 1, depth 64, neo: Block, adaptive wait",
        RATE,
        &[
            plain("neo", rate::one_way_64_kib),
            against("disruptor in place", disruptor::one_way_64_kib, &[Bar::AtLeast(0.9)]),
            against("crossbeam-channel of Vec", crossbeam::one_way_64_kib, &[Bar::AtLeast(2.5)]),
        ],
    ),
    figure(
        "fan-out 1 -> 3",
        CROWD_FREE,
        RATE,
        &[
            plain("neo", crowd::fan_out_free),
            against("crossbeam-channel", crossbeam::fan_out_free, &[Bar::AtLeast(1.3)]),
            plain("disruptor", disruptor::fan_out_free),
        ],
    ),
    figure(
        "fan-out 1 -> 3, one core",
        CROWD_ONE,
        RATE,
        &[
            plain("neo", crowd::fan_out_one_core),
            plain("crossbeam-channel", crossbeam::fan_out_one_core),
            plain("disruptor", disruptor::fan_out_one_core),
        ],
    ),
    figure(
        "group 2 -> 2",
        CROWD_FREE,
        RATE,
        &[
            plain("neo", crowd::group_free),
            against("crossbeam-channel", crossbeam::group_free, &[Bar::AtLeast(1.0)]),
            plain("kanal", kanal::group_free),
        ],
    ),
    figure(
        "group 2 -> 2, one core",
        CROWD_ONE,
        RATE,
        &[
            plain("neo", crowd::group_one_core),
            plain("crossbeam-channel", crossbeam::group_one_core),
            plain("kanal", kanal::group_one_core),
        ],
    ),
    figure(
        "slow neighbour",
        "round trip as above beside a third subscription, drop oldest, depth 1024",
        NS,
        &[
            plain("neo, it never reads", neighbour::beside_one_that_never_reads),
            against("neo, it reads", neighbour::beside_one_that_reads, &[Bar::AtMost(1.1)]),
            plain("neo, nobody there", latency::round_trip_spinning),
        ],
    ),
    Figure {
        name: "slow neighbour, instructions",
        setup: "one receive of 64 B beside a third subscription, drop oldest, depth 1024",
        unit: "instr",
        limit: None,
        needs: Some("valgrind"),
        contestants: &[
            plain("neo, it never reads", neighbour::instructions_beside_one_that_never_reads),
            against(
                "neo, it reads",
                neighbour::instructions_beside_one_that_reads,
                &[Bar::AtMost(1.01)],
            ),
        ],
    },
    Figure {
        name: "publish in C, instructions",
        setup: "one publish of 64 B to one subscription",
        unit: "instr",
        limit: None,
        needs: Some("valgrind"),
        contestants: &[
            plain("neo, neo_publish", faces::instructions_of_c),
            plain("neo, neo_publish, with its result", faces::instructions_of_c_asking),
            against("neo, Publisher::publish", faces::instructions_of_rust, &[Bar::AtMost(1.1)]),
        ],
    },
    Figure {
        name: "publish in C++, instructions",
        setup: "one publish of 64 B to one subscription",
        unit: "instr",
        limit: None,
        needs: Some("valgrind"),
        contestants: &[
            plain("neo, neo::publisher", cpp::instructions),
            plain("neo, neo_publish, with its result", faces::instructions_of_c_asking),
            against("neo, Publisher::publish", faces::instructions_of_rust, &[Bar::AtMost(1.1)]),
        ],
    },
    figure(
        "call in C++",
        LATENCY,
        NS,
        &[
            plain("neo, neo.hpp", cpp::call_worker),
            against("neo, Kernel::call", latency::call_worker, &[Bar::AtMost(1.2)]),
        ],
    ),
    figure(
        "100,000 subscriptions",
        "publish 64 B to the one that matches, core 0, p50",
        NS,
        &[
            plain("neo", scale::publish_beside_many),
            against("neo, 1 subscription", scale::publish_beside_none, &[Bar::AtMost(2.0)]),
        ],
    ),
    limited(
        "publish after a change",
        "100,000 subscriptions, one opens or closes, p50 of the next publish",
        NS,
        Bar::AtMost(1e6),
        &[plain("neo", scale::publish_after_a_change)],
    ),
    limited(
        "memory of a kernel",
        "resident, added by opening one with one subscription of depth 1024",
        KIB,
        Bar::AtMost(2048.0),
        &[plain("neo", memory::opening)],
    ),
    limited(
        "memory of a subscription",
        "resident, added by each of 1,000 idle ones of depth 16",
        KIB,
        Bar::AtMost(8.0),
        &[plain("neo", memory::idle_subscription)],
    ),
    limited(
        "memory of topics",
        "resident, added by 1,000,000 distinct ad-hoc topics after 10,000",
        KIB,
        Bar::AtMost(1024.0),
        &[plain("neo", memory::distinct_topics)],
    ),
];
