//! A hundred thousand subscriptions, one of which matches what is published.

use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use neo_protocol::{Kernel, Publisher, Subscription, Wait};

use super::cost::publishes;
use super::{TOPIC, kernel, publisher, subscription};
use crate::content::small;
use crate::drive::{LONGEST_NS, summary_of};
use crate::harness::{Sample, Scale};
use crate::peers::DEPTH;
use crate::threads::pin;

const SUBSCRIPTIONS: usize = 100_000;
const PUBLISHES: u64 = 1 << 18;
const CHANGES: u64 = 256;

struct Plant {
    kernel: Kernel,
    _others: Vec<Subscription>,
    reader: Subscription,
    publisher: Publisher,
}

impl Plant {
    fn new(others: usize) -> Self {
        let kernel = kernel();
        let open = |n: usize| {
            let pattern = pattern(n);
            kernel.subscribe(&pattern).depth(16).open().expect("a subscription opens")
        };
        let others = (0..others).map(open).collect();
        let reader = subscription(&kernel, TOPIC, DEPTH, Wait::Spin);
        let publisher = publisher(&kernel, TOPIC);
        Self { kernel, _others: others, reader, publisher }
    }

    /// The one with all subscriptions: opened once, as opening takes longer than any measurement.
    fn crowded() -> MutexGuard<'static, Self> {
        static CROWDED: OnceLock<Mutex<Plant>> = OnceLock::new();
        let plant = CROWDED.get_or_init(|| Mutex::new(Self::new(SUBSCRIPTIONS - 1)));
        plant.lock().expect("no figure panicked")
    }

    fn publish(&mut self, scale: Scale) -> Sample {
        let publisher = &self.publisher;
        publishes(scale.of(PUBLISHES), &mut self.reader, |n| {
            publisher.publish(&small(n)).expect("there is room");
        })
    }
}

/// Literals and wildcards of every place; none matches [`TOPIC`], all share its first token.
fn pattern(n: usize) -> String {
    match n % 4 {
        0 => format!("sensors.{n}.temperature"),
        1 => format!("sensors.*.pressure.{n}"),
        2 => format!("sensors.{n}.>"),
        _ => format!("sensors.{n}.*.alarm"),
    }
}

/// A publish with its route known, ns.
pub fn publish_beside_many(scale: Scale) -> Sample {
    Plant::crowded().publish(scale)
}

/// The same where the subscription that matches is the only one.
pub fn publish_beside_none(scale: Scale) -> Sample {
    Plant::new(0).publish(scale)
}

/// The first publish after another subscription has come or gone, p50 and tail in ns.
pub fn publish_after_a_change(scale: Scale) -> Sample {
    pin(0);
    let mut plant = Plant::crowded();
    let Plant { kernel, reader, publisher, .. } = &mut *plant;
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("allowed bounds");
    let mut timed = || {
        let start = Instant::now();
        let published = publisher.publish(&small(0)).expect("there is room");
        histogram.saturating_record(start.elapsed().as_nanos() as u64);
        assert_eq!(published.accepted, 1);
        let batch = reader.recv_batch(1, Some(Duration::ZERO)).expect("the kernel is open");
        assert_eq!(batch.get(0).expect("the message is there").payload(), small(0));
    };
    for n in 0..scale.of(CHANGES) {
        let pattern = pattern(SUBSCRIPTIONS + n as usize);
        let newcomer = kernel.subscribe(&pattern).open().expect("a subscription opens");
        timed();
        drop(newcomer);
        timed();
    }
    summary_of(&histogram)
}
