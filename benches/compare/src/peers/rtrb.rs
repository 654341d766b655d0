//! rtrb, a single-producer single-consumer ring: what giving up many producers would buy.

use rtrb::{Consumer, Producer, RingBuffer};

use super::{DEPTH, MESSAGES, TRIPS};
use crate::content::small;
use crate::drive::{self, round_trip};
use crate::harness::{Sample, Scale};

/// 64 B by value, 1 → 1, both sides spinning.
pub fn one_way(scale: Scale) -> Sample {
    let (mut producer, mut consumer) = RingBuffer::new(DEPTH);
    let send = move |messages| (0..messages).for_each(|n| push(&mut producer, small(n)));
    drive::one_way(scale.of(MESSAGES), 64, send, |tally| {
        while tally.missing() > 0 {
            tally.add(&pop(&mut consumer));
        }
    })
}

/// 64 B there and back, spinning.
pub fn round_trip_spinning(scale: Scale) -> Sample {
    let (mut there, mut at_echo) = RingBuffer::new(DEPTH);
    let (mut back, mut at_asker) = RingBuffer::new(DEPTH);
    let ask = |payload: &[u8; 64]| {
        push(&mut there, *payload);
        pop(&mut at_asker)
    };
    round_trip(scale.of(TRIPS), ask, || push(&mut back, pop(&mut at_echo)))
}

#[inline]
fn push(producer: &mut Producer<[u8; 64]>, payload: [u8; 64]) {
    while producer.push(payload).is_err() {
        std::hint::spin_loop();
    }
}

#[inline]
fn pop(consumer: &mut Consumer<[u8; 64]>) -> [u8; 64] {
    loop {
        match consumer.pop() {
            Ok(payload) => return payload,
            Err(_) => std::hint::spin_loop(),
        }
    }
}
