//! disruptor: events in place, read through its polling API so that the threads are ours to pin.

use disruptor::{BusySpin, Polling, Producer, build_single_producer};

use super::{
    BATCH, DEPTH, DEPTH_1_KIB, DEPTH_64_KIB, MESSAGES, MESSAGES_1_KIB, MESSAGES_64_KIB,
    MESSAGES_OF_CROWD,
};
use crate::content::{fill, sum};
use crate::drive::{self, crowd};
use crate::harness::{Sample, Scale};
use crate::threads::{Cores, Patience};

/// An event with as many bytes before its payload as our frame's header has.
struct Event<const PAYLOAD: usize, const HEADER: usize> {
    header: [u8; HEADER],
    payload: [u8; PAYLOAD],
}

impl<const PAYLOAD: usize, const HEADER: usize> Event<PAYLOAD, HEADER> {
    fn new() -> Self {
        Self { header: [0; HEADER], payload: [0; PAYLOAD] }
    }

    #[inline]
    fn write(&mut self, sequence: u64) {
        fill(&mut self.header, sequence);
        fill(&mut self.payload, sequence);
    }
}

/// 64 B in events of 128 B (our frame's size), published one by one.
pub fn one_way(scale: Scale) -> Sample {
    run::<64, 64>(scale.of(MESSAGES), DEPTH, 1)
}

/// The same, published 32 at a time.
pub fn one_way_batches(scale: Scale) -> Sample {
    run::<64, 64>(scale.of(MESSAGES), DEPTH, BATCH)
}

/// 1 KiB written and read in place.
pub fn one_way_1_kib(scale: Scale) -> Sample {
    run::<{ 1 << 10 }, 0>(scale.of(MESSAGES_1_KIB), DEPTH_1_KIB, 1)
}

/// 64 KiB written and read in place.
pub fn one_way_64_kib(scale: Scale) -> Sample {
    run::<{ 64 << 10 }, 0>(scale.of(MESSAGES_64_KIB), DEPTH_64_KIB, 1)
}

fn run<const PAYLOAD: usize, const HEADER: usize>(
    messages: u64,
    depth: usize,
    batch: usize,
) -> Sample {
    let (mut poller, builder) =
        build_single_producer(depth, Event::<PAYLOAD, HEADER>::new, BusySpin).new_event_poller();
    let mut producer = builder.build();
    let send = move |messages| {
        for first in (0..messages).step_by(batch) {
            if batch == 1 {
                producer.publish(|event| event.write(first));
            } else {
                let fill = |(sequence, event): (u64, &mut Event<_, _>)| event.write(sequence);
                producer.batch_publish(batch, |events| (first..).zip(events).for_each(fill));
            }
        }
    };
    drive::one_way(messages, PAYLOAD, send, |tally| {
        while tally.missing() > 0 {
            match poller.poll() {
                Ok(mut events) => (&mut events).for_each(|event| tally.add(&event.payload)),
                Err(Polling::NoEvents) => std::hint::spin_loop(),
                Err(Polling::Shutdown) => panic!("the producer sent too few"),
            }
        }
    })
}

/// 64 B in events of 128 B, three readers of every message, threads free.
pub fn fan_out_free(scale: Scale) -> Sample {
    fan_out(Cores::Free, scale)
}

/// The same, all threads on one core.
pub fn fan_out_one_core(scale: Scale) -> Sample {
    fan_out(Cores::One, scale)
}

fn fan_out(cores: Cores, scale: Scale) -> Sample {
    let builder = build_single_producer(DEPTH, Event::<64, 64>::new, BusySpin);
    let (first, builder) = builder.new_event_poller();
    let (second, builder) = builder.new_event_poller();
    let (third, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    let send: drive::Sender = Box::new(move |sequences| {
        for sequence in sequences {
            let mut patience = Patience::default();
            while producer.try_publish(|event| event.write(sequence)).is_err() {
                patience.wait();
            }
        }
    });
    let reader = |mut poller: disruptor::EventPoller<Event<64, 64>, _>| -> drive::Receiver {
        Box::new(move || {
            let (mut total, mut patience) = (0u64, Patience::default());
            loop {
                match poller.poll() {
                    Ok(mut events) => {
                        (&mut events).for_each(|e| total = total.wrapping_add(sum(&e.payload)));
                    }
                    Err(Polling::NoEvents) => patience.wait(),
                    Err(Polling::Shutdown) => return total,
                }
            }
        })
    };
    let receivers = vec![reader(first), reader(second), reader(third)];
    crowd(cores, scale.of(MESSAGES_OF_CROWD), 3, vec![send], receivers)
}
