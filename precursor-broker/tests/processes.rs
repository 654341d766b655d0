//! Two real processes on one kernel: one is killed in the middle of publishing, the other puts right
//! what it left and goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(target_os = "linux", not(miri)))]

use core::time::Duration;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use precursor_broker::{Broker, Limits, Policy, SubscribeOptions};
use rustix::io::{FdFlags, fcntl_setfd};

/// Names the inherited descriptors to the child: `control,data`.
const DESCRIPTORS: &str = "PRECURSOR_TEST_DESCRIPTORS";
const ROUNDS: usize = 20;
const LONG: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits::new().with_memory_bytes_max(16 << 20).with_participants_max(3).with_routes_max(64)
}

/// What the child does; it does nothing in a run of the tests.
#[test]
fn publishing_child() {
    let Ok(descriptors) = std::env::var(DESCRIPTORS) else { return };
    let open = |number: &str| -> OwnedFd {
        let path = format!("/proc/self/fd/{number}");
        File::options().read(true).write(true).open(path).unwrap().into()
    };
    let (control, data) = descriptors.split_once(',').unwrap();
    let broker = Broker::attach(open(control), open(data), &limits()).unwrap();
    let publisher = broker.publisher("load", Default::default()).unwrap();
    let mut subscription = broker.subscribe("*", &SubscribeOptions::default()).unwrap();
    let mut n = 0_u64;
    // Until it is killed, or left behind by a parent that died.
    while std::os::unix::process::parent_id().to_string() == std::env::var("PARENT").unwrap() {
        let mut payload = vec![n as u8; if n.is_multiple_of(5) { 3_000 } else { 24 }];
        payload[..8].copy_from_slice(&n.to_le_bytes());
        publisher.publish(&payload).unwrap();
        publisher.publish_many(&[&[n as u8; 24], &[n as u8; 24]]).unwrap();
        let mut loan = publisher.loan(700).unwrap();
        loan.fill(n as u8);
        loan.send().unwrap();
        while subscription.try_recv().unwrap().is_some() {}
        n += 1;
    }
}

fn spawn(broker: &Broker) -> Child {
    let (control, data) = broker.memory_fds().unwrap();
    for descriptor in [&control, &data] {
        fcntl_setfd(descriptor, FdFlags::empty()).unwrap();
    }
    // The child inherits them; here they are closed again once it runs.
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "publishing_child", "--nocapture"])
        .env(DESCRIPTORS, format!("{},{}", control.as_raw_fd(), data.as_raw_fd()))
        .env("PARENT", std::process::id().to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_survivor_goes_on_when_a_publishing_process_is_killed() {
    if std::env::var(DESCRIPTORS).is_ok() {
        return;
    }
    let broker = Broker::shared(&limits()).unwrap();
    let mut options = SubscribeOptions::default();
    options.policy = Policy::DropOldest;
    options.depth = 16;
    let mut subscription = broker.subscribe("load", &options).unwrap();
    let (mut received, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        let mut child = spawn(&broker);
        // In the middle: some hundred messages have come, another number in each round.
        for _ in 0..100 + 37 * round {
            let message = subscription.recv_timeout(LONG).unwrap().expect("the child publishes");
            let payload = message.payload();
            assert!(payload[8..].iter().all(|byte| *byte == payload[8]), "no torn message");
            received += 1;
            lost += message.lost_before();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(broker.reclaim().participants, 1, "round {round}");
        while let Some(message) = subscription.try_recv().unwrap() {
            received += 1;
            lost += message.lost_before();
        }
        lost += subscription.take_lost();
        let counters = broker.counters();
        assert_eq!(counters.routes.len(), 1, "the dead's subscription is gone");
        let route = &counters.routes[0];
        assert_eq!((route.delivered, route.lost, route.queued), (received, lost, 0));
        for n in 0..40_u64 {
            let payload = vec![n as u8; if n.is_multiple_of(2) { 5_000 } else { 20 }];
            assert_eq!(broker.publish("load", &payload).unwrap().accepted, 1);
            let message = subscription.recv_timeout(LONG).unwrap().expect("it flows again");
            assert_eq!(message.payload(), payload);
            received += 1;
        }
        drop(broker.join().expect("the dead's place is free"));
    }
    drop(subscription);
    broker.trim();
    assert_eq!(broker.counters().memory_bytes, 0, "no memory is left behind");
}
