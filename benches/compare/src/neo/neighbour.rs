//! What a subscriber that never reads costs its neighbours: round trips of a pair, beside a third
//! subscription to the topic of the questions.

use std::time::Duration;

use neo_protocol::{Policy, Wait};

use super::latency::{ask, echo};
use super::{kernel, publisher, subscription};
use crate::drive::round_trip;
use crate::harness::{Sample, Scale};
use crate::peers::{DEPTH, TRIPS};

/// Trips between two looks of the neighbour that reads: its mailbox never fills.
const TRIPS_PER_LOOK: u64 = DEPTH as u64 / 2;

/// Beside one whose mailbox is full after the first thousand trips.
pub fn beside_one_that_never_reads(scale: Scale) -> Sample {
    beside(scale, false)
}

/// Beside one that reads all it gets, in batches between trips.
pub fn beside_one_that_reads(scale: Scale) -> Sample {
    beside(scale, true)
}

fn beside(scale: Scale, reads: bool) -> Sample {
    let kernel = kernel();
    let mut at_echo = subscription(&kernel, "there", DEPTH, Wait::Spin);
    let mut at_asker = subscription(&kernel, "back", DEPTH, Wait::Spin);
    let neighbour = kernel.subscribe("there").policy(Policy::DropOldest).depth(DEPTH as u32);
    let mut neighbour = neighbour.open().expect("a subscription opens");
    let (there, back) = (publisher(&kernel, "there"), publisher(&kernel, "back"));
    let mut trips = 0;
    let ask = |payload: &[u8; 64]| {
        if reads && trips > 0 && trips % TRIPS_PER_LOOK == 0 {
            let mut left = TRIPS_PER_LOOK;
            while left > 0 {
                let batch = neighbour.recv_batch(DEPTH, Some(Duration::ZERO)).expect("open");
                assert!(!batch.is_empty(), "the neighbour misses a message");
                left -= batch.len() as u64;
            }
        }
        trips += 1;
        ask(&there, &mut at_asker, payload)
    };
    let sample = round_trip(scale.of(TRIPS), ask, || echo(&mut at_echo, &back));
    let lost = neighbour.take_lost();
    assert_eq!(lost > 0, !reads, "the neighbour lost {lost} messages");
    sample
}
