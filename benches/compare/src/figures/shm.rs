//! The figures of two processes on one host, over `shm://`.

use super::table::{against, figure, limited, plain};
use super::{Bar, Figure};
use crate::harness::{Sample, Scale};
use crate::neo::rate;
use crate::peers::iceoryx2::Iceoryx2;
use crate::peers::raw_shm;
use crate::peers::zmq_ipc::ZmqIpc;
use crate::peers::{MESSAGES, TRIPS};
use crate::shm::drive::{Trip, one_way, round_trip, round_trip_of_threads};
use crate::shm::end::{Content, Waits};
use crate::shm::neo::Neo;
use crate::shm::{deaths, idle};

/// A ring for each direction.
type RawRing = raw_shm::RawRing<false>;
/// Answers are written over what they answer.
type RawInPlace = raw_shm::RawRing<true>;

const NS: &str = "ns";
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Round trips that spin.
fn trip(payload_bytes: usize, content: Content, scale: Scale) -> Trip {
    let full = match payload_bytes {
        0..=1024 => TRIPS,
        1025..=65_536 => 1 << 12,
        _ => 1 << 10,
    };
    Trip { payload_bytes, waits: Waits::Spin, content, trips: scale.of(full) }
}

fn whole(payload_bytes: usize, scale: Scale) -> Trip {
    trip(payload_bytes, Content::Whole, scale)
}

fn touched(payload_bytes: usize, scale: Scale) -> Trip {
    trip(payload_bytes, Content::Touched, scale)
}

fn parked(scale: Scale) -> Trip {
    Trip { waits: Waits::Park, trips: scale.of(1 << 10), ..whole(64, scale) }
}

fn neo_64_b(scale: Scale) -> Sample {
    round_trip::<Neo>(whole(64, scale))
}

/// Every figure, in the order of the report.
pub(super) static FIGURES: &[Figure] = &[
    figure(
        "shm: round trip 64 B",
        "two processes, cores 0 and 1, spinning, written and summed, p50",
        NS,
        &[
            plain("neo", neo_64_b),
            against("neo, mem://", |s| round_trip_of_threads(whole(64, s)), &[Bar::AtMost(1.1)]),
            against("raw ring", |s| round_trip::<RawRing>(whole(64, s)), &[Bar::AtMost(1.5)]),
            plain("raw ring, in place", |s| round_trip::<RawInPlace>(whole(64, s))),
            against("iceoryx2", |s| round_trip::<Iceoryx2>(whole(64, s)), &[Bar::AtMost(0.4)]),
        ],
    ),
    figure(
        "shm: round trip 1 KiB",
        "the same, by loan",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(whole(KIB, s))),
            against("neo, mem://", |s| round_trip_of_threads(whole(KIB, s)), &[Bar::AtMost(1.1)]),
            against("raw ring", |s| round_trip::<RawRing>(whole(KIB, s)), &[Bar::AtMost(1.5)]),
            plain("raw ring, in place", |s| round_trip::<RawInPlace>(whole(KIB, s))),
            against("iceoryx2", |s| round_trip::<Iceoryx2>(whole(KIB, s)), &[Bar::AtMost(0.65)]),
        ],
    ),
    figure(
        "shm: round trip 64 KiB, touched",
        "the same, by loan, of which the first and the last word are written and read",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(touched(64 * KIB, s))),
            against("neo, 64 B", neo_64_b, &[Bar::AtMost(1.5)]),
            plain("iceoryx2", |s| round_trip::<Iceoryx2>(touched(64 * KIB, s))),
        ],
    ),
    figure(
        "shm: round trip 1 MiB, touched",
        "the same, by loan, of which the first and the last word are written and read",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(touched(MIB, s))),
            against("neo, 64 B", neo_64_b, &[Bar::AtMost(1.5)]),
            plain("iceoryx2", |s| round_trip::<Iceoryx2>(touched(MIB, s))),
        ],
    ),
    figure(
        "shm: round trip 64 KiB",
        "by loan, written and summed",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(whole(64 * KIB, s))),
            against("raw ring", |s| round_trip::<RawRing>(whole(64 * KIB, s)), &[Bar::AtMost(1.3)]),
            against(
                "raw ring, in place",
                |s| round_trip::<RawInPlace>(whole(64 * KIB, s)),
                &[Bar::AtMost(1.3)],
            ),
            plain("iceoryx2", |s| round_trip::<Iceoryx2>(whole(64 * KIB, s))),
        ],
    ),
    figure(
        "shm: round trip 1 MiB",
        "by loan, written and summed",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(whole(MIB, s))),
            against("raw ring", |s| round_trip::<RawRing>(whole(MIB, s)), &[Bar::AtMost(1.3)]),
            against(
                "raw ring, in place",
                |s| round_trip::<RawInPlace>(whole(MIB, s)),
                &[Bar::AtMost(1.3)],
            ),
            plain("iceoryx2", |s| round_trip::<Iceoryx2>(whole(MIB, s))),
        ],
    ),
    figure(
        "shm: parked round trip",
        "64 B, two processes, cores 0 and 1, readers park at once, p50",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(parked(s))),
            against("raw ring, futex", |s| round_trip::<RawRing>(parked(s)), &[Bar::AtMost(1.3)]),
            against("ZeroMQ ipc", |s| round_trip::<ZmqIpc>(parked(s)), &[Bar::AtMost(0.7)]),
        ],
    ),
    figure(
        "shm: adaptive round trip",
        "64 B, two processes, cores 0 and 1, adaptive wait, p50",
        NS,
        &[
            plain("neo", |s| round_trip::<Neo>(Trip { waits: Waits::Adaptive, ..whole(64, s) })),
            against("neo, spinning", neo_64_b, &[Bar::AtMost(1.3)]),
        ],
    ),
    figure(
        "shm: 1 -> 1",
        "64 B one by one, two processes, cores 0 -> 1, depth 1024, neo: Block, adaptive wait",
        "M msgs/s",
        &[
            plain("neo", |s| one_way::<Neo>(64, Waits::Adaptive, s.of(MESSAGES))),
            against(
                "iceoryx2",
                |s| one_way::<Iceoryx2>(64, Waits::Spin, s.of(MESSAGES)),
                &[Bar::AtLeast(4.0)],
            ),
            against(
                "ZeroMQ ipc",
                |s| one_way::<ZmqIpc>(64, Waits::Park, s.of(MESSAGES)),
                &[Bar::AtLeast(3.0)],
            ),
            plain("raw ring", |s| one_way::<RawRing>(64, Waits::Spin, s.of(MESSAGES))),
            plain("neo, mem://", rate::one_way),
        ],
    ),
    limited(
        "shm: a death is noticed",
        "by a call that sleeps until its worker is killed, longest of 8 kills",
        NS,
        Bar::AtMost(10e6),
        &[plain("neo", deaths::noticed)],
    ),
    limited(
        "shm: a death is mended",
        "all that it held is free: a call, 32 loans, unread messages, longest of 8 kills",
        NS,
        Bar::AtMost(100e6),
        &[plain("neo", deaths::reclaimed)],
    ),
    limited(
        "shm: memory of an idle process",
        "resident, added by attaching with one subscription of depth 1024",
        "KiB",
        Bar::AtMost(2048.0),
        &[plain("neo", idle::memory)],
    ),
    limited(
        "shm: sleeps of an idle process",
        "voluntary context switches of all its threads in a second",
        "sleeps",
        Bar::AtMost(0.0),
        &[plain("neo", idle::sleeps)],
    ),
];
