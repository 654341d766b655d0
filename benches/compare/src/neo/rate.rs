//! One way, one publisher and one subscriber.

use neo_protocol::{Publisher, Wait};

use super::{TOPIC, kernel, publisher, subscription};
use crate::content::{fill, small};
use crate::drive::{self, Tally};
use crate::harness::{Sample, Scale};
use crate::peers::{
    BATCH, DEPTH, DEPTH_1_KIB, DEPTH_64_KIB, MESSAGES, MESSAGES_1_KIB, MESSAGES_64_KIB,
};

/// Messages that a receiver takes at a time, at most.
const TAKEN: usize = 256;

/// 64 B, published one by one, received in batches.
pub fn one_way(scale: Scale) -> Sample {
    let send = |publisher: Publisher, messages| {
        (0..messages).for_each(|n| {
            publisher.publish(&small(n)).expect("the receiver reads");
        });
    };
    run(scale.of(MESSAGES), 64, DEPTH, send)
}

/// 64 B, published 32 at a time.
pub fn one_way_batches(scale: Scale) -> Sample {
    let send = |publisher: Publisher, messages| {
        for first in (0..messages).step_by(BATCH) {
            let payloads: [[u8; 64]; BATCH] = core::array::from_fn(|k| small(first + k as u64));
            let slices = payloads.each_ref().map(<[u8; 64]>::as_slice);
            let published = publisher.publish_many(&slices).expect("the receiver reads");
            assert_eq!(published.accepted as usize, BATCH);
        }
    };
    run(scale.of(MESSAGES), 64, DEPTH, send)
}

/// 1 KiB written and read in place.
pub fn one_way_1_kib(scale: Scale) -> Sample {
    run(scale.of(MESSAGES_1_KIB), 1 << 10, DEPTH_1_KIB, |p, messages| lend(&p, 1 << 10, messages))
}

/// 64 KiB written and read in place.
pub fn one_way_64_kib(scale: Scale) -> Sample {
    let send = |p: Publisher, messages| lend(&p, 64 << 10, messages);
    run(scale.of(MESSAGES_64_KIB), 64 << 10, DEPTH_64_KIB, send)
}

fn lend(publisher: &Publisher, payload_bytes: usize, messages: u64) {
    for sequence in 0..messages {
        let mut loan = publisher.loan(payload_bytes).expect("memory is there");
        fill(&mut loan, sequence);
        loan.send().expect("the receiver reads");
    }
}

fn run(
    messages: u64,
    payload_bytes: usize,
    depth: usize,
    send: impl FnOnce(Publisher, u64) + Send,
) -> Sample {
    let kernel = kernel();
    let mut subscription = subscription(&kernel, TOPIC, depth, Wait::Adaptive);
    let publisher = publisher(&kernel, TOPIC);
    let receive = |tally: &mut Tally| {
        while tally.missing() > 0 {
            let batch = subscription.recv_batch(TAKEN, None).expect("the publisher is there");
            batch.iter().for_each(|message| tally.add(message.payload()));
        }
    };
    drive::one_way(messages, payload_bytes, |messages| send(publisher, messages), receive)
}
