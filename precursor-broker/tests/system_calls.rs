//! While no reader is armed a message costs no system call, and an armed reader costs one for each
//! time it armed.
//!
//! The count is the process's, so all of it is one test.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use precursor_broker::steps::system_calls;
use precursor_broker::{Broker, Limits, Policy, SubscribeOptions};

const MESSAGES: u64 = 2_000;

/// System calls that are made while something is done many times.
fn counted(mut work: impl FnMut()) -> u64 {
    work();
    let before = system_calls();
    (0..MESSAGES).for_each(|_| work());
    system_calls() - before
}

fn with(set: impl FnOnce(&mut SubscribeOptions)) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    set(&mut options);
    options
}

#[test]
fn messages_cost_no_system_call_and_wakes_one_for_each_arming() {
    let broker = Broker::private(&Limits::new()).unwrap();
    for policy in [Policy::DropOldest, Policy::DropNewest, Policy::Block, Policy::Latest] {
        let options = with(|options| options.policy = policy);
        let mut subscription = broker.subscribe("t", &options).unwrap();
        let publisher = broker.publisher("t", Default::default()).unwrap();
        for payload in [&[1; 64][..], &[1; 4_000]] {
            let calls = counted(|| {
                publisher.publish(payload).unwrap();
                assert!(subscription.try_recv().unwrap().is_some());
                publisher.publish_many(&[payload; 4]).unwrap();
                assert!(!subscription.recv_batch(8, None).unwrap().is_empty());
                let mut loan = publisher.loan(500).unwrap();
                loan.fill(1);
                loan.send().unwrap();
                assert!(subscription.recv().is_ok());
                while subscription.try_recv().unwrap().is_some() {}
            });
            assert_eq!(calls, 0, "{policy:?}, {} B", payload.len());
        }
    }
    full_mailboxes(&broker);
    calls_and_tasks(&broker);
    descriptors(&broker);
}

/// Nobody waits: refusing, evicting and giving up are free too.
fn full_mailboxes(broker: &Broker) {
    for policy in [Policy::DropOldest, Policy::DropNewest, Policy::Block] {
        let options = with(|options| {
            options.depth = 16;
            options.policy = policy;
        });
        let _full = broker.subscribe("full", &options).unwrap();
        let calls = counted(|| {
            let _ = broker.publish("full", &[1; 64]);
        });
        assert_eq!(calls, 0, "{policy:?}");
    }
}

fn calls_and_tasks(broker: &Broker) {
    let mut service = broker.serve("echo", &SubscribeOptions::default()).unwrap();
    let calls = counted(|| {
        let mut call = pin!(broker.call_async("echo", "m", b"x"));
        let request = service.recv(Some(Duration::ZERO)).unwrap().unwrap();
        request.reply(b"y").unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!(calls, 0, "a call whose answer is there when it is polled");
    let calls = counted(|| {
        let mut call = pin!(broker.call_async("echo", "m", b"x"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        service.recv(Some(Duration::ZERO)).unwrap().unwrap().reply(b"y").unwrap();
        assert!(call.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!(calls, 0, "a call that a task awaits");

    let mut subscription = broker.subscribe("task", &SubscribeOptions::default()).unwrap();
    let calls = counted(|| {
        let mut context = Context::from_waker(Waker::noop());
        assert!(subscription.poll_recv(&mut context).is_pending());
        broker.publish("task", b"x").unwrap();
        assert!(subscription.poll_recv(&mut context).is_ready());
    });
    assert_eq!(calls, 0, "a task is woken by its waker alone");
}

/// One signal for each arming, however many messages come; draining is the other call.
fn descriptors(broker: &Broker) {
    let mut subscription = broker.subscribe("loop", &SubscribeOptions::default()).unwrap();
    let _descriptor = subscription.event_fd().unwrap();
    let calls = counted(|| {
        assert!(subscription.arm().unwrap());
        for _ in 0..5 {
            broker.publish("loop", b"x").unwrap();
        }
        while subscription.try_recv().unwrap().is_some() {}
    });
    assert_eq!(calls, 2 * MESSAGES, "one drain and one signal for each arming");
}
