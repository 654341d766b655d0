//! What a subscriber that never reads costs its neighbours: round trips of a pair, beside a third
//! subscription to the topic of the questions.

use std::sync::OnceLock;
use std::time::Duration;

use neo_protocol::{Policy, Subscription, Wait};

use super::latency::{ask, echo};
use super::scene::{self, Scene};
use super::{TOPIC, kernel, publisher, subscription};
use crate::content::{expected_sum, small, sum};
use crate::drive::round_trip;
use crate::harness::{Sample, Scale};
use crate::peers::{DEPTH, TRIPS};

const NEVER_READS: Scene = ("beside one that never reads", || receive_beside(false));
const READS: Scene = ("beside one that reads", || receive_beside(true));
/// Every scene of this file.
pub const SCENES: [Scene; 2] = [NEVER_READS, READS];

/// Messages whose receiving is counted: the neighbour's mailbox is full for three quarters of them.
const RECEIVED: u64 = 4 * DEPTH as u64;

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

/// Instructions of one receive beside a neighbour that never reads. They do not vary from run to
/// run, so they are counted once.
pub fn instructions_beside_one_that_never_reads(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    Sample::new(*COUNT.get_or_init(|| instructions(NEVER_READS)))
}

/// The same beside a neighbour that reads.
pub fn instructions_beside_one_that_reads(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    Sample::new(*COUNT.get_or_init(|| instructions(READS)))
}

fn instructions(scene: Scene) -> f64 {
    scene::instructions(scene, "counted_receive") / RECEIVED as f64
}

/// Publishes and receives on one thread, beside a neighbour.
fn receive_beside(reads: bool) -> f64 {
    let kernel = kernel();
    let mut reader = subscription(&kernel, TOPIC, DEPTH, Wait::Spin);
    let neighbour = kernel.subscribe(TOPIC).policy(Policy::DropOldest).depth(DEPTH as u32);
    let mut neighbour = neighbour.open().expect("a subscription opens");
    let publisher = publisher(&kernel, TOPIC);
    let mut total = 0u64;
    for n in 0..RECEIVED {
        publisher.publish(&small(n)).expect("there is room");
        if reads {
            assert_eq!(neighbour.recv_batch(1, None).expect("the kernel is open").len(), 1);
        }
        total = total.wrapping_add(counted_receive(&mut reader));
    }
    assert_eq!(total, expected_sum(RECEIVED, 64), "content differs");
    total as f64
}

/// Its name is what the counter looks for.
#[inline(never)]
fn counted_receive(reader: &mut Subscription) -> u64 {
    sum(reader.recv().expect("the message is there").payload())
}
