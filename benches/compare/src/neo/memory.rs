//! Resident memory. Each reading is a process of its own, this program started again, so that no
//! earlier figure has warmed its allocator.

use std::time::Duration;

use neo_protocol::{Subscription, Wait};

use super::scene::{self, Scene};
use super::{TOPIC, kernel, subscription};
use crate::content::small;
use crate::harness::{Sample, Scale};
use crate::peers::DEPTH;

const OPENING: Scene = ("opening", open_one);
const SUBSCRIPTION: Scene = ("subscription", open_idle);
const TOPICS: Scene = ("topics", name_many_topics);
/// Every scene of this file.
pub const SCENES: [Scene; 3] = [OPENING, SUBSCRIPTION, TOPICS];

/// Added by a kernel with one subscription, KiB.
pub fn opening(_: Scale) -> Sample {
    Sample::new(scene::value(OPENING))
}

/// Added by each further idle subscription of depth 16, KiB.
pub fn idle_subscription(_: Scale) -> Sample {
    Sample::new(scene::value(SUBSCRIPTION))
}

/// Added by a million distinct ad-hoc topics after the first ten thousand, KiB.
pub fn distinct_topics(_: Scale) -> Sample {
    Sample::new(scene::value(TOPICS))
}

fn open_one() -> f64 {
    let before = resident_kib();
    let kernel = kernel();
    let subscription = kernel.subscribe(TOPIC).open().expect("a subscription opens");
    let added = resident_kib() - before;
    drop(subscription);
    added
}

fn open_idle() -> f64 {
    const COUNT: usize = 1_000;
    let kernel = kernel();
    let open = |n: usize| {
        let pattern = format!("idle.{n}");
        kernel.subscribe(&pattern).depth(16).open().expect("a subscription opens")
    };
    let first = open(COUNT);
    let before = resident_kib();
    let idle: Vec<Subscription> = (0..COUNT).map(open).collect();
    let added = resident_kib() - before;
    drop((first, idle));
    added / COUNT as f64
}

fn name_many_topics() -> f64 {
    const WARM_UP: u64 = 10_000;
    const TOPICS: u64 = 1_000_000;
    let kernel = kernel();
    let mut reader = subscription(&kernel, "plant.>", DEPTH, Wait::Spin);
    let mut publish = |numbers: core::ops::Range<u64>| {
        for n in numbers {
            let published = kernel.publish(&format!("plant.{n}.temperature"), &small(n));
            assert_eq!(published.expect("there is room").accepted, 1);
            let batch = reader.recv_batch(1, Some(Duration::ZERO)).expect("the kernel is open");
            assert_eq!(batch.get(0).expect("the message is there").payload(), small(n));
        }
    };
    publish(0..WARM_UP);
    let before = resident_kib();
    publish(WARM_UP..WARM_UP + TOPICS);
    resident_kib() - before
}

/// Resident memory of this process, exactly: `statm` may lag by some pages for each core.
pub(crate) fn resident_kib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("the system tells");
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a line Rss");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB")
}
