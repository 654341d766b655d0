//! After warming up, a message costs no allocation, whichever way it is sent and received.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a global allocator cannot be written without it")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::alloc::System;

use precursor_broker::{Broker, Limits, Policy, PublishOptions, SubscribeOptions, Wait};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; the counter is a plain cell of the
// calling thread, whose access neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, hence from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// More than any lap or pool that is filled on the way.
const WARM_UP: u32 = 3_000;
const MESSAGES: u32 = 3_000;
const LONG: Duration = Duration::from_secs(60);

/// Does something until it is warm, then counts what it allocates.
fn assert_free(what: &str, mut work: impl FnMut()) {
    (0..WARM_UP).for_each(|_| work());
    let before = ALLOCATIONS.get();
    (0..MESSAGES).for_each(|_| work());
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations of {MESSAGES} times: {what}");
}

fn broker() -> Broker {
    Broker::private(&Limits::new()).unwrap()
}

fn with(set: impl FnOnce(&mut SubscribeOptions)) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    set(&mut options);
    options
}

#[test]
fn the_counter_sees_an_allocation() {
    let before = ALLOCATIONS.get();
    drop(core::hint::black_box(vec![0_u8; 9]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}

#[test]
fn publishing_and_receiving_one_by_one_allocates_nothing() {
    let broker = broker();
    let mut subscription = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
    let publisher = broker.publisher("t", PublishOptions::default()).unwrap();
    for len in [0, 64, 192, 1_024, 65_536, 500_000] {
        let payload = vec![1; len];
        assert_free(&format!("publish and try_recv of {len} B"), || {
            publisher.publish(&payload).unwrap();
            assert_eq!(subscription.try_recv().unwrap().unwrap().payload().len(), len);
        });
    }
    assert_free("publish by name, recv", || {
        broker.publish("t", b"by name").unwrap();
        assert_eq!(subscription.recv().unwrap().topic(), "t");
    });
}

#[test]
fn several_subscriptions_with_wildcards_allocate_nothing() {
    let broker = broker();
    let mut all: Vec<_> = ["a.b", "a.*", ">"]
        .iter()
        .map(|pattern| broker.subscribe(pattern, &SubscribeOptions::default()).unwrap())
        .collect();
    let publisher = broker.publisher("a.b", PublishOptions::default()).unwrap();
    for payload in [&[1; 40][..], &[1; 4_000]] {
        assert_free("publish to three", || {
            assert_eq!(publisher.publish(payload).unwrap().accepted, 3);
            for subscription in &mut all {
                assert_eq!(subscription.try_recv().unwrap().unwrap().topic(), "a.b");
            }
        });
    }
}

#[test]
fn batches_runs_and_loans_allocate_nothing() {
    let broker = broker();
    let mut subscription = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
    let publisher = broker.publisher("t", PublishOptions::default()).unwrap();
    let run = [&[7_u8; 64][..]; 32];
    assert_free("publish_many and recv_batch", || {
        assert_eq!(publisher.publish_many(&run).unwrap().accepted, 32);
        let batch = subscription.recv_batch(64, None).unwrap();
        assert_eq!(batch.iter().map(|message| message.payload().len()).sum::<usize>(), 32 * 64);
    });
    for len in [64, 1_024, 65_536] {
        assert_free("loan, send, recv_batch", || {
            let mut loan = publisher.loan(len).unwrap();
            loan[0] = 1;
            loan.send().unwrap();
            assert_eq!(subscription.recv_batch(4, None).unwrap().len(), 1);
            publisher.loan(len).unwrap().abort();
        });
    }
}

#[test]
fn full_mailboxes_allocate_nothing() {
    let broker = broker();
    for (topic, policy) in [("old", Policy::DropOldest), ("new", Policy::DropNewest)] {
        let options = with(|options| {
            options.depth = 16;
            options.policy = policy;
        });
        let _full = broker.subscribe(topic, &options).unwrap();
        let publisher = broker.publisher(topic, PublishOptions::default()).unwrap();
        for payload in [&[1; 40][..], &[1; 4_000]] {
            assert_free(topic, || {
                publisher.publish(payload).unwrap();
            });
        }
    }
}

#[test]
fn the_latest_and_groups_allocate_nothing() {
    let broker = broker();
    let latest = with(|options| options.policy = Policy::Latest);
    let mut newest = broker.subscribe("l.*", &latest).unwrap();
    let publisher = broker.publisher("l.x", PublishOptions::default()).unwrap();
    assert_free("put twice, take the newest", || {
        publisher.publish(&[1; 40]).unwrap();
        publisher.publish(&[2; 40]).unwrap();
        assert_eq!(newest.try_recv().unwrap().unwrap().payload(), [2; 40]);
    });
    let crew = with(|options| options.group = Some("crew".into()));
    let mut members = [0, 1].map(|_| broker.subscribe("g", &crew).unwrap());
    assert_free("a group", || {
        for member in &mut members {
            broker.publish("g", b"work").unwrap();
            assert!(member.try_recv().unwrap().is_some());
        }
    });
}

#[test]
fn waiting_in_a_task_allocates_nothing() {
    let broker = broker();
    let mut subscription = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
    assert_free("poll_recv twice", || {
        let mut context = Context::from_waker(Waker::noop());
        assert!(subscription.poll_recv(&mut context).is_pending());
        broker.publish("t", b"x").unwrap();
        assert!(subscription.poll_recv(&mut context).is_ready());
    });
}

#[test]
fn calls_allocate_nothing_on_either_side() {
    let broker = broker();
    let _inline = broker.serve_inline("inline", |call| Ok(call.payload().into())).unwrap();
    assert_free("an inline call", || {
        let reply = broker.call("inline", "m", &[1; 100], Some(LONG), Wait::Adaptive);
        assert_eq!(reply.unwrap().len(), 100);
    });

    let mut service = broker.serve("worker", &SubscribeOptions::default()).unwrap();
    let worker = std::thread::spawn(move || {
        assert_free("a request and its reply", || {
            let request = service.recv(Some(LONG)).unwrap().expect("a request");
            assert_eq!(request.payload(), [1; 100]);
            request.reply(&[2; 100]).unwrap();
        });
    });
    assert_free("a call to a worker", || {
        let reply = broker.call("worker", "m", &[1; 100], Some(LONG), Wait::Adaptive);
        assert_eq!(&reply.unwrap()[..], [2; 100]);
    });
    worker.join().unwrap();
}
#[test]
fn large_calls_allocate_nothing() {
    let broker = broker();
    let mut service = broker.serve("worker", &SubscribeOptions::default()).unwrap();
    let argument = vec![1; 20_000];
    assert_free("a large call on one thread", || {
        let mut call = pin!(broker.call_async("worker", "m", &argument));
        let request = service.recv(Some(LONG)).unwrap().expect("a request");
        assert_eq!(request.payload().len(), 20_000);
        request.reply(&argument).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_ready());
    });
}
