//! Any sequence of broker operations: nothing panics, every message is accounted for, and once
//! everything is closed nothing is left.
#![no_main]

use core::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use precursor_broker::{
    Broker, Limits, Message, Policy, PublishOptions, SubscribeOptions, Subscription,
};

#[derive(Arbitrary, Debug)]
enum Op {
    Subscribe { pattern: u8, policy: u8, depth: u8, group: bool },
    Unsubscribe(u8),
    Publish { topic: u8, len: u16 },
    PublishMany { topic: u8, count: u8 },
    Loan { topic: u8, len: u16, keep: u16, send: bool },
    Receive(u8),
    Batch { subscription: u8, max: u8 },
    Drop(u8),
    TakeLost(u8),
    Trim,
}

const PATTERNS: [&str; 6] = ["a", "a.b", "a.*", "*.b", ">", "a.>"];
const TOPICS: [&str; 5] = ["a", "a.b", "a.c", "x.b", "a.b.c"];

struct Reader {
    subscription: Subscription,
    received: u64,
    told: u64,
}

struct World {
    /// No group and no table of newest messages was opened.
    is_exact: bool,
    readers: Vec<Reader>,
    kept: Vec<Message>,
}

fn options(policy: u8, depth: u8, group: bool) -> SubscribeOptions {
    let policies =
        [Policy::DropOldest, Policy::DropNewest, Policy::Latest, Policy::Block, Policy::Detach];
    let mut options = SubscribeOptions::default();
    options.policy = policies[usize::from(policy) % policies.len()];
    options.depth = u32::from(depth);
    options.group = group.then(|| "group".into());
    options
}

impl World {
    fn apply(&mut self, broker: &Broker, op: Op) {
        match op {
            Op::Subscribe { pattern, policy, depth, group } if self.readers.len() < 16 => {
                let pattern = PATTERNS[usize::from(pattern) % PATTERNS.len()];
                // What is refused (a depth of 0, a group of Latest) is refused with an error.
                if let Ok(subscription) = broker.subscribe(pattern, &options(policy, depth, group))
                {
                    let is_latest = options(policy, depth, group).policy == Policy::Latest;
                    self.is_exact &= !group && !is_latest;
                    self.readers.push(Reader { subscription, received: 0, told: 0 });
                }
            }
            Op::Subscribe { .. } => {}
            Op::Unsubscribe(which) if !self.readers.is_empty() => {
                let index = usize::from(which) % self.readers.len();
                self.readers.swap_remove(index);
            }
            Op::Publish { topic, len } => {
                let _ = broker.publish(name(topic), &vec![topic; usize::from(len)]);
            }
            Op::PublishMany { topic, count } => {
                let publisher = broker.publisher(name(topic), PublishOptions::default());
                let payloads = vec![&[7_u8; 24][..]; usize::from(count)];
                let _ = publisher.expect("a topic").publish_many(&payloads);
            }
            Op::Loan { topic, len, keep, send } => {
                let publisher = broker.publisher(name(topic), PublishOptions::default());
                let publisher = publisher.expect("a topic");
                let Ok(mut loan) = publisher.loan(usize::from(len)) else { return };
                loan.fill(9);
                let _ = loan.truncate(usize::from(keep));
                if send {
                    let _ = loan.send();
                }
            }
            Op::Drop(which) if !self.kept.is_empty() => {
                let index = usize::from(which) % self.kept.len();
                self.kept.swap_remove(index);
            }
            Op::Trim => drop(broker.trim()),
            Op::Receive(which) | Op::Batch { subscription: which, .. } | Op::TakeLost(which)
                if !self.readers.is_empty() =>
            {
                let index = usize::from(which) % self.readers.len();
                let reader = &mut self.readers[index];
                match op {
                    Op::Receive(_) => {
                        if let Ok(Some(message)) = reader.subscription.try_recv() {
                            reader.received += 1;
                            reader.told += message.lost_before();
                            self.kept.push(message);
                        }
                    }
                    Op::Batch { max, .. } => {
                        let batch =
                            reader.subscription.recv_batch(usize::from(max), Some(Duration::ZERO));
                        for message in batch.iter().flat_map(|batch| batch.iter()) {
                            assert!(!message.topic().is_empty());
                            reader.received += 1;
                            reader.told += message.lost_before();
                        }
                    }
                    _ => reader.told += reader.subscription.take_lost(),
                }
            }
            _ => {}
        }
    }

    /// What the readers got and were told is what the kernel counted. Members of a group that left
    /// and replaced messages that wait are counted by the kernel alone.
    fn check(&mut self, broker: &Broker) {
        for reader in &mut self.readers {
            reader.told += reader.subscription.take_lost();
        }
        let sum = |count: fn(&Reader) -> u64| self.readers.iter().map(count).sum::<u64>();
        let (received, told) = (sum(|reader| reader.received), sum(|reader| reader.told));
        let routes = broker.counters().routes;
        let delivered: u64 = routes.iter().map(|route| route.delivered).sum();
        let lost: u64 = routes.iter().map(|route| route.lost).sum();
        if self.is_exact {
            assert_eq!((received, told), (delivered, lost), "{routes:?}");
        }
        assert!(received <= delivered && told <= lost, "{received} {told} of {routes:?}");
    }
}

fn name(topic: u8) -> &'static str {
    TOPICS[usize::from(topic) % TOPICS.len()]
}

fuzz_target!(|ops: Vec<Op>| {
    let limits = Limits::new().with_memory_bytes_max(4 << 20).with_routes_max(32);
    let broker = Broker::private(&limits).expect("the limits are in range");
    let mut world = World { is_exact: true, readers: Vec::new(), kept: Vec::new() };
    for op in ops.into_iter().take(256) {
        world.apply(&broker, op);
    }
    world.check(&broker);
    drop(world);
    broker.trim();
    let counters = broker.counters();
    assert!(counters.routes.is_empty(), "{counters:?}");
    assert_eq!(counters.memory_bytes, 0, "every block is free again");
});
