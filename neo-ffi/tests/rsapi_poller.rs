//! The poller: one wake for many sources.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use std::os::fd::BorrowedFd;

use neo::rsapi::{Armed, Code, Kernel, Options, Poller, ServiceOptions, SubscribeOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn open() -> Kernel {
    Kernel::open("mem://", &Options::new()).unwrap()
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&now)).unwrap() == 1
}

fn taken(poller: &Poller) -> Vec<u64> {
    let mut tokens = Vec::new();
    poller.take(&mut tokens).unwrap();
    tokens.sort_unstable();
    tokens
}

#[test]
fn the_descriptor_is_readable_once_armed_and_something_comes() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let poller = Poller::new().unwrap();
    let fd = poller.fd().unwrap();
    poller.add(&subscription, 5).unwrap();
    kernel.publish("t", b"early").unwrap();
    assert!(!is_readable(fd), "nobody armed");
    assert_eq!(poller.arm().unwrap(), Armed::AlreadyReady);
    assert_eq!(taken(&poller), [5]);
    subscription.try_recv().unwrap().unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    assert!(!is_readable(fd));
    kernel.publish("t", b"1").unwrap();
    kernel.publish("t", b"2").unwrap();
    assert!(is_readable(fd));
    assert_eq!(taken(&poller), [5]);
    subscription.try_recv().unwrap().unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::AlreadyReady, "one is left");
    assert!(!is_readable(fd), "arming clears it");
}

#[test]
fn every_kind_of_source_reports_its_own_token() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let service = kernel.serve("s", &ServiceOptions::default()).unwrap();
    let poller = Poller::new().unwrap();
    poller.add(&subscription, 1).unwrap();
    poller.add(&service, 2).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    let call = kernel.start_call("s", "m", b"").unwrap();
    poller.add(&call, 3).unwrap();
    assert!(is_readable(poller.fd().unwrap()));
    assert_eq!(taken(&poller), [2]);
    let request = service.try_recv().unwrap().unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    request.reply(b"done").unwrap();
    kernel.publish("t", b"x").unwrap();
    assert_eq!(taken(&poller), [1, 3]);
    assert_eq!(&call.try_take().unwrap().unwrap()[..], b"done");
}

#[test]
fn a_removed_source_is_silent_and_may_go_to_another_poller() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let (one, other) = (Poller::new().unwrap(), Poller::new().unwrap());
    one.add(&subscription, 1).unwrap();
    assert_eq!(one.add(&subscription, 2).unwrap_err().code(), Code::Misuse);
    assert_eq!(other.add(&subscription, 1).unwrap_err().code(), Code::Misuse);
    assert_eq!(one.arm().unwrap(), Armed::Armed);
    assert!(one.remove(1).unwrap());
    assert!(!one.remove(1).unwrap());
    other.add(&subscription, 9).unwrap();
    assert_eq!(other.arm().unwrap(), Armed::Armed);
    kernel.publish("t", b"x").unwrap();
    assert!(!is_readable(one.fd().unwrap()));
    assert_eq!((taken(&one), taken(&other)), (vec![], vec![9]));
}

#[test]
fn a_token_that_is_used_again_tells_nothing_of_the_source_before() {
    let kernel = open();
    let poller = Poller::new().unwrap();
    let gone = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    poller.add(&gone, 1).unwrap();
    kernel.publish("t", b"for the first").unwrap();
    drop(gone);
    let next = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    poller.add(&next, 1).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    assert!(taken(&poller).is_empty());
    kernel.publish("t", b"for the second").unwrap();
    assert_eq!(taken(&poller), [1]);
}

#[test]
fn an_interrupt_wakes_the_host_without_a_source() {
    let poller = Poller::new().unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    poller.interrupt().unwrap();
    assert!(is_readable(poller.fd().unwrap()));
    assert!(poller.take(&mut Vec::new()).unwrap(), "it was interrupted");
    assert!(!poller.take(&mut Vec::new()).unwrap(), "once");
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
}

#[test]
fn closing_reports_a_source_until_it_is_removed() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let poller = Poller::new().unwrap();
    poller.add(&subscription, 1).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    kernel.close();
    assert!(is_readable(poller.fd().unwrap()));
    assert_eq!(taken(&poller), [1]);
    assert_eq!(subscription.try_recv().unwrap_err().code(), Code::Closed);
    assert_eq!(poller.arm().unwrap(), Armed::AlreadyReady);
    assert!(poller.remove(1).unwrap());
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
}

#[test]
fn a_panic_of_the_callback_does_not_reach_the_publisher() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let poller = Poller::with_wake(|| panic!("a host's mistake"));
    poller.add(&subscription, 1).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    assert_eq!(kernel.publish("t", b"x").unwrap().accepted, 1);
    assert_eq!(taken(&poller), [1]);
}
