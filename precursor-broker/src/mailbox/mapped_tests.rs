//! Mailboxes that lie in a region, as the broker uses them: small enough for Miri to run, so that
//! every access to shared bytes on the way of a message is checked there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::{Broker, Limits, Policy, Service, SubscribeOptions};

/// A payload that needs a block. Of this size few blocks make a slab, which Miri is quick to set up.
const LONG: usize = 30_000;

fn broker() -> Broker {
    let limits = Limits::new()
        .with_memory_bytes_max(2 << 20)
        .with_participants_max(4)
        .with_routes_max(16)
        .with_calls_in_flight_max(4);
    Broker::private(&limits).unwrap()
}

fn options(policy: Policy) -> SubscribeOptions {
    SubscribeOptions { depth: 16, policy, ..SubscribeOptions::default() }
}

#[test]
fn frames_in_cells_and_in_blocks_reach_another_participant() {
    let broker = broker();
    let mut subscription = broker.subscribe("a.*", &options(Policy::DropOldest)).unwrap();
    let publishers = broker.join().unwrap();
    let long = [7; LONG];
    publishers.publish("a.b", b"short").unwrap();
    publishers.publish("a.b", &long).unwrap();
    publishers.publish("a.c", b"in place").unwrap();
    let first = subscription.recv().unwrap();
    let second = subscription.recv().unwrap();
    let batch = subscription.recv_batch(4, Some(Duration::ZERO)).unwrap();
    assert_eq!((first.topic(), first.payload()), ("a.b", &b"short"[..]));
    assert_eq!((second.topic(), second.payload()), ("a.b", &long[..]));
    let third: Vec<_> = batch.iter().map(|message| message.payload().to_vec()).collect();
    assert_eq!(third, [b"in place"]);
}

#[test]
fn a_loan_reads_back_what_was_written_into_it() {
    let broker = broker();
    let publisher = broker.publisher("a.b", crate::PublishOptions::default()).unwrap();
    let mut loan = publisher.loan(LONG).unwrap();
    loan.fill(9);
    loan.truncate(LONG - 1).unwrap();
    assert_eq!((loan.len(), loan[0], loan[LONG - 2]), (LONG - 1, 9, 9));
}

#[test]
fn a_table_finds_its_keys_again() {
    let broker = broker();
    let mut latest = broker.subscribe("a.*", &options(Policy::Latest)).unwrap();
    for (topic, payload) in [("a.b", b"old"), ("a.c", b"its"), ("a.b", b"new")] {
        broker.publish(topic, payload).unwrap();
    }
    let mut received: Vec<_> = [latest.recv().unwrap(), latest.recv().unwrap()]
        .iter()
        .map(|message| (message.topic().to_owned(), message.payload().to_vec()))
        .collect();
    received.sort_unstable();
    assert_eq!(received, [("a.b".into(), b"new".to_vec()), ("a.c".into(), b"its".to_vec())]);
}

#[test]
fn answers_in_cells_and_in_blocks_reach_their_callers() {
    let broker = broker();
    let mut service = broker.serve("echo", &options(Policy::Block)).unwrap();
    let callers = broker.join().unwrap();
    for payload in [&b"short"[..], &[7; LONG]] {
        assert_eq!(call(&callers, &mut service, payload), payload);
    }
}

/// Calls and answers on one thread.
fn call(callers: &Broker, service: &mut Service, payload: &[u8]) -> Vec<u8> {
    let mut answer = pin!(callers.call_async("echo", "once", payload));
    let mut context = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    let request = service.recv(Some(Duration::ZERO)).unwrap().unwrap();
    let echoed = request.payload().to_vec();
    request.reply(&echoed).unwrap();
    match answer.poll(&mut context) {
        Poll::Ready(reply) => reply.unwrap().to_vec(),
        Poll::Pending => panic!("the answer is there"),
    }
}
