//! What a forked child can do with the kernels of its parent: nothing, to nobody.
#![expect(unsafe_code, reason = "forks, and ends the child without the parent's destructors")]

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use crate::{Broker, ErrorKind, Limits, Message, SubscribeOptions, Subscription, Wait};

const LONG: Duration = Duration::from_secs(60);

/// Runs `check` in a forked child; it fails if `check` does, or hangs.
#[track_caller]
fn in_child(check: impl FnOnce()) {
    finish(start_child(check));
}

fn start_child(check: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child has this thread alone. It allocates, which the C library allows after a
    // fork, and ends below without running anything of its parent's.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes a number only; ends a child that waits for a lock of a lost thread.
        unsafe { libc::alarm(LONG.as_secs() as u32) };
        let failed = catch_unwind(AssertUnwindSafe(check)).is_err();
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(i32::from(failed)) };
    }
    child
}

#[track_caller]
fn finish(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: a live local; the child is this process's own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0), "the child failed");
}

fn limits() -> Limits {
    Limits::new().with_memory_bytes_max(4 << 20).with_participants_max(4).with_routes_max(16)
}

fn subscribe(broker: &Broker) -> Subscription {
    broker.subscribe("t", &SubscribeOptions::default()).unwrap()
}

fn name() -> String {
    format!("fork-{}-{:?}", std::process::id(), std::thread::current().id()).replace(['(', ')'], "")
}

/// A name of this user, and one of a group.
fn names() -> [String; 2] {
    let group = super::users::groups().unwrap()[0];
    [name(), format!("{}?group={group}", name())]
}

fn kernels() -> [Broker; 4] {
    let [named, of_group] = names().map(|name| Broker::open_shared(&name, &limits()).unwrap());
    named.start_thread().unwrap();
    of_group.start_thread().unwrap();
    [Broker::private(&limits()).unwrap(), Broker::shared(&limits()).unwrap(), named, of_group]
}

#[test]
fn a_forked_child_finds_its_kernels_over() {
    for broker in kernels() {
        let publisher = broker.publisher("t", Default::default()).unwrap();
        let mut subscription = subscribe(&broker);
        in_child(|| {
            let refused = [
                publisher.publish(b"x").unwrap_err(),
                broker.publish("t", b"x").unwrap_err(),
                publisher.loan(1_000).map(drop).unwrap_err(),
                broker.subscribe("t", &SubscribeOptions::default()).map(drop).unwrap_err(),
                broker.call("s", "m", b"", None, Wait::Adaptive).map(drop).unwrap_err(),
                broker.maintain().map(drop).unwrap_err(),
            ];
            for error in refused {
                assert_eq!(error.kind(), ErrorKind::Forked, "{error}");
            }
            assert!(broker.is_closed() && subscription.recv().is_err());
        });
        assert!(!broker.is_closed());
        publisher.publish(b"here").unwrap();
        assert_eq!(subscription.recv().unwrap().payload(), b"here");
    }
}

#[test]
fn what_a_child_drops_and_takes_stays_its_parents() {
    for broker in kernels() {
        let before = broker.participant();
        let mut subscription = subscribe(&broker);
        let publisher = broker.publisher("t", Default::default()).unwrap();
        publisher.publish(&[1; 10_000]).unwrap();
        let held: Message = subscription.recv().unwrap();
        publisher.publish(&[2; 10_000]).unwrap();
        let mut loan = publisher.loan(20_000).unwrap();
        let mut parents = Some((broker.clone(), held, subscription));
        in_child(|| {
            let (broker, held, mut subscription) = parents.take().unwrap();
            assert_eq!(held.payload(), [1; 10_000]);
            let _ = subscription.try_recv();
            broker.close();
            loan.fill(9);
            drop((held, subscription, broker));
        });
        let (_, held, mut subscription) = parents.take().unwrap();
        assert_eq!(held.payload(), [1; 10_000]);
        assert_eq!(subscription.recv().unwrap().payload(), [2; 10_000]);
        loan.fill(3);
        loan.send().unwrap();
        assert_eq!(subscription.recv().unwrap().payload(), [3; 20_000]);
        assert_eq!((broker.participant(), broker.is_closed()), (before, false));
    }
}

#[test]
fn a_child_that_opens_the_name_again_is_a_process_of_its_own() {
    for name in names() {
        a_child_opens(&name);
    }
}

fn a_child_opens(name: &str) {
    let broker = Broker::open_shared(name, &limits()).unwrap();
    broker.start_thread().unwrap();
    let weak = broker.downgrade();
    let mut subscription = subscribe(&broker);
    in_child(|| {
        assert!(weak.join().is_none(), "what this process has mapped is its parent's");
        let own = Broker::open_shared(name, &limits()).unwrap();
        assert_ne!(own.participant(), broker.participant());
        own.start_thread().unwrap();
        let _lost = own.subscribe("lost", &SubscribeOptions::default()).unwrap();
        assert_eq!(own.publish("t", b"from the child").unwrap().accepted, 1);
        // SAFETY: ends this process at once, with everything that it holds.
        unsafe { libc::_exit(0) };
    });
    let message = subscription.recv_timeout(LONG).unwrap().expect("the child published");
    assert_eq!(message.payload(), b"from the child");
    // It ended without a word: what it held is put right.
    while broker.counters().routes.len() > 1 {
        std::thread::yield_now();
    }
}

/// As a C program whose `main` ends by `pthread_exit`, and as any process for a moment when it is
/// killed: its first thread has no descriptors any more, and others are at work.
#[test]
fn a_process_whose_first_thread_has_ended_is_not_dead() {
    for name in names() {
        let name = name.replace("fork-", "headless-");
        let broker = Broker::open_shared(&name, &limits()).unwrap();
        let mut subscription = subscribe(&broker);
        let child = start_child(|| {
            let own = Broker::open_shared(&name, &limits()).unwrap();
            let mut inbox = own.subscribe("child", &SubscribeOptions::default()).unwrap();
            std::thread::spawn(move || {
                while inbox.recv().unwrap().payload() != b"end" {
                    own.publish("t", b"alive").unwrap();
                }
                drop((inbox, own));
                // SAFETY: ends this process at once.
                unsafe { libc::_exit(0) };
            });
            // SAFETY: ends this thread alone, of which the other one borrows nothing.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        });
        let stat = format!("/proc/{child}/stat");
        while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert_eq!(broker.maintain().unwrap().participants, 0);
        let again = Broker::open_shared(&name, &limits()).unwrap();
        assert_eq!(again.counters().routes.len(), 2, "what it reads is open still");
        drop(again);
        for _ in 0..3 {
            assert_eq!(broker.publish("child", b"there?").unwrap().accepted, 1);
            let message = subscription.recv_timeout(LONG).unwrap().expect("it answers");
            assert_eq!(message.payload(), b"alive");
        }
        broker.publish("child", b"end").unwrap();
        finish(child);
    }
}
