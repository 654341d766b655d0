//! The table of figures: who runs, against whom, and what is asked of the ratio.

use crate::harness::{Sample, Scale};
use crate::peers::{crossbeam, disruptor, kanal, rtrb};
use crate::yardsticks;

/// One run of one contestant.
pub type Run = fn(Scale) -> Sample;

/// What is asked of the subject's value over a rival's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At least this multiple.
    AtLeast(f64),
    /// At most this multiple.
    AtMost(f64),
    /// At least this multiple is the aim; it binds nobody.
    Aim(f64),
}

impl core::fmt::Display for Bar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::AtLeast(need) => write!(f, ">= {need}"),
            Self::AtMost(need) => write!(f, "<= {need}"),
            Self::Aim(need) => write!(f, "aim {need}"),
        }
    }
}

/// Somebody who takes part in a figure.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    /// The name in the report.
    pub name: &'static str,
    /// One run.
    pub run: Run,
    /// What the subject's ratio to this one must be; `None` prints the ratio only.
    pub bar: Option<Bar>,
}

/// A row of the table. The first contestant is the subject, the others are its rivals.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What is measured.
    pub name: &'static str,
    /// Payload, cores and wait strategy.
    pub setup: &'static str,
    /// Unit of the values.
    pub unit: &'static str,
    /// What the subject's value itself must keep to, in `unit`.
    pub limit: Option<Bar>,
    /// The subject, then its rivals.
    pub contestants: &'static [Contestant],
}

const fn plain(name: &'static str, run: Run) -> Contestant {
    Contestant { name, run, bar: None }
}

const fn figure(
    name: &'static str,
    setup: &'static str,
    unit: &'static str,
    contestants: &'static [Contestant],
) -> Figure {
    Figure { name, setup, unit, limit: None, contestants }
}

const RATE: &str = "M msgs/s";
const NS: &str = "ns";
const GB: &str = "GB/s";
const PAIR: &str = "64 B, cores 0 -> 1, depth 1024";
const CROWD_FREE: &str = "64 B, 4 threads free on 2 cores, depth 1024";
const CROWD_ONE: &str = "64 B, 4 threads on core 0, depth 1024";
const LATENCY: &str = "64 B, cores 0 and 1, spinning, p50";

/// Every figure, in the order of the report.
pub static FIGURES: &[Figure] = &[
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
            plain("crossbeam-channel", crossbeam::round_trip_spinning),
            plain("kanal", kanal::round_trip_spinning),
            plain("rtrb", rtrb::round_trip_spinning),
            plain("ping-pong", yardsticks::ping_pong),
        ],
    ),
    figure(
        "1 -> 1",
        PAIR,
        RATE,
        &[
            plain("crossbeam-channel", crossbeam::one_way),
            plain("kanal", kanal::one_way),
            plain("disruptor", disruptor::one_way),
            plain("rtrb", rtrb::one_way),
        ],
    ),
    figure(
        "1 -> 1, batches of 32",
        PAIR,
        RATE,
        &[
            plain("disruptor", disruptor::one_way_batches),
            plain("disruptor one by one", disruptor::one_way),
        ],
    ),
    figure(
        "1 KiB",
        "1 KiB, cores 0 -> 1, depth 1024",
        RATE,
        &[
            plain("crossbeam-channel of Vec", crossbeam::one_way_1_kib),
            plain("disruptor in place", disruptor::one_way_1_kib),
        ],
    ),
    figure(
        "64 KiB",
        "64 KiB, cores 0 -> 1, depth 64",
        RATE,
        &[
            plain("crossbeam-channel of Vec", crossbeam::one_way_64_kib),
            plain("disruptor in place", disruptor::one_way_64_kib),
        ],
    ),
    figure(
        "fan-out 1 -> 3",
        CROWD_FREE,
        RATE,
        &[
            plain("crossbeam-channel", crossbeam::fan_out_free),
            plain("disruptor", disruptor::fan_out_free),
        ],
    ),
    figure(
        "fan-out 1 -> 3, one core",
        CROWD_ONE,
        RATE,
        &[
            plain("crossbeam-channel", crossbeam::fan_out_one_core),
            plain("disruptor", disruptor::fan_out_one_core),
        ],
    ),
    figure(
        "group 2 -> 2",
        CROWD_FREE,
        RATE,
        &[plain("crossbeam-channel", crossbeam::group_free), plain("kanal", kanal::group_free)],
    ),
    figure(
        "group 2 -> 2, one core",
        CROWD_ONE,
        RATE,
        &[
            plain("crossbeam-channel", crossbeam::group_one_core),
            plain("kanal", kanal::group_one_core),
        ],
    ),
];
