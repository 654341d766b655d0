//! Four threads: one publisher with three subscribers, and a queue group of two for two publishers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use neo_protocol::{ErrorKind, Kernel, Policy, Publisher, Subscription, Wait};

use super::{TOPIC, kernel, publisher, subscription};
use crate::content::{small, sum};
use crate::drive::{self, crowd};
use crate::harness::{Sample, Scale};
use crate::peers::{DEPTH, MESSAGES_OF_CROWD};
use crate::threads::Cores;

/// Messages that a receiver takes at a time, at most.
const TAKEN: usize = 256;

/// 64 B, three subscriptions, threads free.
pub fn fan_out_free(scale: Scale) -> Sample {
    fan_out(Cores::Free, scale)
}

/// The same, all threads on one core.
pub fn fan_out_one_core(scale: Scale) -> Sample {
    fan_out(Cores::One, scale)
}

fn fan_out(cores: Cores, scale: Scale) -> Sample {
    let (kernel, messages) = (kernel(), scale.of(MESSAGES_OF_CROWD));
    let reader = |_| -> drive::Receiver {
        let mut subscription = subscription(&kernel, TOPIC, DEPTH, Wait::Adaptive);
        Box::new(move || {
            let (mut total, mut left) = (0u64, messages);
            while left > 0 {
                let batch = subscription.recv_batch(TAKEN, None).expect("the publisher is there");
                batch.iter().for_each(|m| total = total.wrapping_add(sum(m.payload())));
                left -= batch.len() as u64;
            }
            total
        })
    };
    let receivers = (0..3).map(reader).collect();
    crowd(cores, messages, 3, vec![writer(publisher(&kernel, TOPIC))], receivers)
}

/// 64 B, two publishers and a queue group of two, threads free.
pub fn group_free(scale: Scale) -> Sample {
    group(Cores::Free, scale)
}

/// The same, all threads on one core.
pub fn group_one_core(scale: Scale) -> Sample {
    group(Cores::One, scale)
}

fn group(cores: Cores, scale: Scale) -> Sample {
    let (kernel, messages) = (kernel(), scale.of(MESSAGES_OF_CROWD));
    let left = Arc::new(AtomicU64::new(messages));
    let receivers = (0..2).map(|_| member(&kernel, left.clone())).collect();
    let senders = (0..2).map(|_| writer(publisher(&kernel, TOPIC))).collect();
    crowd(cores, messages, 1, senders, receivers)
}

fn writer(publisher: Publisher) -> drive::Sender {
    Box::new(move |sequences| {
        for n in sequences {
            publisher.publish(&small(n)).expect("the receivers read");
        }
    })
}

/// A member of the group; whoever takes the last message closes the kernel, which ends the other.
fn member(kernel: &Kernel, left: Arc<AtomicU64>) -> drive::Receiver {
    let builder = kernel.subscribe(TOPIC).group("readers").policy(Policy::Block);
    let opened = builder.depth(DEPTH as u32).wait(Wait::Adaptive).open();
    let mut subscription: Subscription = opened.expect("a member joins");
    let kernel = kernel.clone();
    Box::new(move || {
        let mut total = 0u64;
        loop {
            match subscription.recv() {
                Ok(message) => total = total.wrapping_add(sum(message.payload())),
                Err(error) if error.kind() == ErrorKind::Closed => return total,
                Err(error) => panic!("{error}"),
            }
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                kernel.close();
            }
        }
    })
}
