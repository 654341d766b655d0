//! Kernels whose time somebody sets by hand.

use core::time::Duration;
use std::thread;

use neo_protocol::{Clock, ErrorKind, Kernel, Options, Policy, Wait};

const HOUR: Duration = Duration::from_secs(3_600);

fn open(clock: &Clock) -> Kernel {
    Kernel::open_with("mem://", &Options::new().with_clock(clock.clone()))
        .expect("a kernel of its own opens")
}

/// Runs `wait` on a thread of its own and moves the clock on, a minute at a time, until it is back.
fn pass<T: Send>(clock: &Clock, wait: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let waiting = scope.spawn(wait);
        while !waiting.is_finished() {
            clock.advance(Duration::from_secs(60));
            thread::yield_now();
        }
        waiting.join().expect("waiting does not panic")
    })
}

#[test]
fn an_hour_of_waiting_for_a_message_passes_when_the_clock_says_so() {
    for wait in [Wait::Adaptive, Wait::Spin, Wait::Park] {
        let clock = Clock::manual(0);
        let kernel = open(&clock);
        let mut quiet = kernel.subscribe("quiet").wait(wait).open().unwrap();
        assert!(pass(&clock, || quiet.recv_timeout(HOUR)).unwrap().is_none());
        assert!(clock.monotonic_ns() >= HOUR.as_nanos() as u64);
    }
}

#[test]
fn time_that_stands_still_ends_no_wait() {
    let clock = Clock::manual(0);
    let kernel = open(&clock);
    let mut mail = kernel.subscribe("mail").open().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| mail.recv_timeout(Duration::from_nanos(1)).unwrap());
        kernel.publish("mail", b"here").unwrap();
        assert_eq!(reader.join().unwrap().unwrap().payload(), b"here");
    });
}

#[test]
fn a_publisher_waits_an_hour_of_the_clock_for_room() {
    let clock = Clock::manual(0);
    let kernel = open(&clock);
    let _full = kernel.subscribe("full").policy(Policy::Block).depth(1).open().unwrap();
    let publisher = kernel.publisher("full").send_timeout(HOUR).open().unwrap();
    publisher.publish(b"takes the room").unwrap();
    let error = pass(&clock, || publisher.publish(b"has none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(clock.monotonic_ns() >= HOUR.as_nanos() as u64);
}

#[test]
fn a_call_ends_after_an_hour_of_the_clock_and_its_handler_sees_what_is_left() {
    let clock = Clock::manual(0);
    let kernel = open(&clock);
    let mut service = kernel.serve("slow").open().unwrap();
    let call = || kernel.call_timeout("slow", "think", b"", HOUR);
    let error = pass(&clock, call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(clock.monotonic_ns() >= HOUR.as_nanos() as u64);
    assert!(service.try_recv().unwrap().is_none(), "nobody waits for it any more");
}

#[test]
fn messages_are_stamped_by_the_clock() {
    let clock = Clock::manual(1_700_000_000_000_000_000);
    let kernel = open(&clock);
    let mut stamped = kernel.subscribe("stamped").open().unwrap();
    let publisher = kernel.publisher("stamped").stamp_time(true).open().unwrap();
    clock.advance(HOUR);
    publisher.publish(b"now").unwrap();
    let time_ns = stamped.recv().unwrap().frame().time_ns();
    assert_eq!(time_ns, 1_700_003_600_000_000_000);
}

#[test]
fn kernels_with_a_name_are_by_the_clock_that_all_share() {
    let options = Options::new().with_clock(Clock::manual(0));
    for url in ["mem://clock", "shm://clock"] {
        let error = Kernel::open_with(url, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(url), "{error}");
    }
}
