//! What one publish costs its thread: by handle, by name, beside many subscriptions.

use std::time::{Duration, Instant};

use neo_protocol::{Subscription, Wait};

use super::{TOPIC, kernel, publisher, subscription};
use crate::content::{expected_sum, small, sum};
use crate::harness::{Sample, Scale};
use crate::peers::DEPTH;
use crate::threads::pin;

/// Messages published between two readings of the clock; then they are read, off the clock.
const CHUNK: u64 = 256;
const PUBLISHES: u64 = 1 << 18;

/// By a publisher handle, ns.
pub fn by_handle(scale: Scale) -> Sample {
    let kernel = kernel();
    let mut reader = subscription(&kernel, TOPIC, DEPTH, Wait::Spin);
    let publisher = publisher(&kernel, TOPIC);
    let publish = |n| _ = publisher.publish(&small(n)).expect("there is room");
    publishes(scale.of(PUBLISHES), &mut reader, publish)
}

/// By the topic's name, ns.
pub fn by_name(scale: Scale) -> Sample {
    let kernel = kernel();
    let mut reader = subscription(&kernel, TOPIC, DEPTH, Wait::Spin);
    let publish = |n| _ = kernel.publish(TOPIC, &small(n)).expect("there is room");
    publishes(scale.of(PUBLISHES), &mut reader, publish)
}

/// By sixteen topics' names in turn, ns.
pub fn by_sixteen_names(scale: Scale) -> Sample {
    let kernel = kernel();
    let mut reader = subscription(&kernel, "sensors.*.temperature", DEPTH, Wait::Spin);
    let names: Vec<String> = (0..16).map(|room| format!("sensors.{room}.temperature")).collect();
    let publish =
        |n| _ = kernel.publish(&names[n as usize % 16], &small(n)).expect("there is room");
    publishes(scale.of(PUBLISHES), &mut reader, publish)
}

/// Median over chunks of the mean ns of a `publish`, on core 0, with the reader's work off the
/// clock.
pub(crate) fn publishes(
    messages: u64,
    reader: &mut Subscription,
    mut publish: impl FnMut(u64),
) -> Sample {
    pin(0);
    let messages = messages / CHUNK * CHUNK;
    let (mut total, mut means) = (0u64, Vec::with_capacity((messages / CHUNK) as usize));
    for first in (0..messages).step_by(CHUNK as usize) {
        let start = Instant::now();
        (first..first + CHUNK).for_each(&mut publish);
        means.push(start.elapsed().as_nanos() as f64 / CHUNK as f64);
        let mut left = CHUNK;
        while left > 0 {
            let batch = reader.recv_batch(left as usize, Some(Duration::ZERO)).expect("open");
            assert!(!batch.is_empty(), "a message is missing");
            batch.iter().for_each(|message| total = total.wrapping_add(sum(message.payload())));
            left -= batch.len() as u64;
        }
    }
    assert_eq!(total, expected_sum(messages, 64), "content differs");
    means.sort_by(f64::total_cmp);
    Sample::new(means[means.len() / 2])
}
