//! Closing: every waiter returns, what was received stays, and it is legal from anywhere.

use std::sync::Arc;

use precursor_broker::{Broker, ErrorKind, Policy, SubscribeOptions, Wait};

use crate::world::{
    LONG, assert_error, holding, member_of, next, number, options, start, until, waiting_for,
};

const WAITS: [Wait; 3] = [Wait::Park, Wait::Adaptive, Wait::Spin];

everywhere! {
    fn close_wakes_readers(place: Place) {
        for wait in WAITS {
            let world = place.open();
            let options = options(|options| options.wait = wait);
            let mut one = world.subscribe("quiet", &options);
            let mut many = world.subscribe("quiet", &options);
            let mut timed = world.subscribe("quiet", &options);
            let mut worker = world.subscribers.serve("quiet", &options).unwrap();
            let mut member = world.subscribe("quiet", &member_of("crew"));
            let readers = [
                start(move || one.recv().map(drop)),
                start(move || many.recv_batch(10, None).map(drop)),
                start(move || timed.recv_timeout(LONG * 100).map(drop)),
                start(move || worker.recv(None).map(drop)),
                start(move || member.recv().map(drop)),
            ];
            if wait != Wait::Spin {
                readers.iter().for_each(|reader| reader.wait_until_asleep());
            }
            world.subscribers.close();
            for reader in readers {
                assert_error(reader.join(), ErrorKind::Closed, &["closed"]);
            }
        }
    }

    fn close_wakes_callers(place: Place) {
        for wait in WAITS {
            let world = place.open();
            let _service = world.subscribers.serve("slow", &Default::default()).unwrap();
            let callers: Vec<_> = (0..2)
                .map(|_| {
                    let broker = world.publishers.clone();
                    start(move || broker.call("slow", "m", b"", None, wait))
                })
                .collect();
            let queued = || world.subscribers.counters().routes[0].queued;
            until("the requests wait", || queued() == 2);
            if wait == Wait::Park {
                callers.iter().for_each(|caller| caller.wait_until_asleep());
            }
            world.publishers.close();
            for caller in callers {
                assert_error(caller.join(), ErrorKind::Closed, &["closed"]);
            }
        }
    }

    fn close_wakes_a_publisher_that_waits_for_room(place: Place) {
        let world = place.open();
        let _full = world.subscribe("n", &holding(1, Policy::Block));
        let publisher = world.publishers.publisher("n", waiting_for(LONG * 100)).unwrap();
        publisher.publish(b"1").unwrap();
        let blocked = start(move || publisher.publish(b"2"));
        blocked.wait_until_asleep();
        world.publishers.close();
        assert_error(blocked.join(), ErrorKind::Closed, &["closed"]);
    }

    fn what_is_queued_can_be_received_after_close(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        world.publish_numbers("n", 0..3);
        world.publishers.publish("n", &crate::world::pattern(3_000, 1)).unwrap();
        world.subscribers.close();
        for n in 0..3 {
            assert_eq!(number(subscription.recv().unwrap().payload()), n);
        }
        assert_eq!(subscription.recv().unwrap().payload(), crate::world::pattern(3_000, 1));
        assert_error(subscription.recv(), ErrorKind::Closed, &[]);
        assert_error(subscription.try_recv(), ErrorKind::Closed, &[]);
        assert_error(subscription.recv_batch(10, None), ErrorKind::Closed, &[]);
    }

    fn a_batch_and_its_messages_stay_valid_over_close(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        world.publishers.publish("n", &crate::world::pattern(100, 1)).unwrap();
        world.publishers.publish("n", &crate::world::pattern(10_000, 2)).unwrap();
        let batch = subscription.recv_batch(2, None).unwrap();
        world.publishers.close();
        world.subscribers.close();
        drop(world);
        assert!(batch.get(0).unwrap().payload() == crate::world::pattern(100, 1));
        assert!(batch.get(1).unwrap().payload() == crate::world::pattern(10_000, 2));
    }

    fn closing_twice_and_from_many_threads_does_nothing_more(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (one, two) = (world.publishers.clone(), world.subscribers.clone());
                start(move || {
                    one.close();
                    two.close();
                    one.close();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join());
        assert!(world.publishers.is_closed() && world.subscribers.is_closed());
        assert_error(subscription.recv(), ErrorKind::Closed, &[]);
    }

    fn a_handler_may_close_the_kernel(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("off", &SubscribeOptions::default()).unwrap();
        let broker = world.subscribers.clone();
        let worker = start(move || {
            service.run(|_| {
                broker.close();
                Ok("closed".into())
            })
        });
        let answer = world.call("off", "now", b"");
        if place == crate::world::Place::Private {
            // The caller's own kernel is closed under it: it gets the reply or the error.
            if let Err(error) = answer {
                assert_eq!(error.kind(), ErrorKind::Closed);
            }
        } else {
            assert_eq!(&answer.unwrap()[..], b"closed");
        }
        assert_error(worker.join(), ErrorKind::Closed, &[]);
    }

    fn a_subscription_that_is_dropped_wakes_no_other_and_frees_its_place(place: Place) {
        let world = place.open();
        for _ in 0..50 {
            let subscription = world.subscribe("n", &holding(16, Policy::DropNewest));
            world.publish_numbers("n", 0..20);
            drop(subscription);
        }
        let mut fresh = world.subscribe("n", &holding(16, Policy::DropNewest));
        assert!(fresh.try_recv().unwrap().is_none(), "nothing of an earlier life");
        assert_eq!(fresh.take_lost(), 0);
        world.publish_numbers("n", 7..8);
        assert_eq!(number(next(&mut fresh).payload()), 7);
        assert_eq!(world.publishers.counters().routes.len(), 1);
    }

    fn subscriptions_come_and_go_under_load(place: Place) {
        let world = place.open();
        let stop = Arc::new(core::sync::atomic::AtomicBool::new(false));
        let publishers: Vec<_> = [Policy::DropNewest, Policy::DropOldest]
            .iter()
            .map(|_| {
                let publisher = world.publishers.publisher("n", Default::default()).unwrap();
                let stop = stop.clone();
                start(move || {
                    let mut n = 0_u64;
                    while !stop.load(core::sync::atomic::Ordering::Relaxed) {
                        let len = if n.is_multiple_of(3) { 600 } else { 8 };
                        let mut payload = vec![0xEE; len];
                        payload[..8].copy_from_slice(&n.to_le_bytes());
                        publisher.publish(&payload).unwrap();
                        n += 1;
                    }
                })
            })
            .collect();
        for round in 0..150 {
            let policy = [Policy::DropOldest, Policy::DropNewest, Policy::Latest][round % 3];
            let mut subscription = world.subscribe("n", &holding(16, policy));
            for _ in 0..20 {
                let message = next(&mut subscription);
                assert!(message.payload()[8..].iter().all(|byte| *byte == 0xEE));
                assert_eq!(message.topic(), "n");
            }
        }
        stop.store(true, core::sync::atomic::Ordering::Relaxed);
        publishers.into_iter().for_each(|thread| thread.join());
        world.publishers.trim();
        world.subscribers.trim();
        assert_eq!(world.publishers.counters().memory_bytes, 0);
    }
}

/// In one participant's close the other one's waiters go on.
#[test]
fn the_other_participant_stays_open() {
    let one = Broker::private(&Default::default()).unwrap();
    let two = one.join().unwrap();
    let mut subscription = two.subscribe("n", &SubscribeOptions::default()).unwrap();
    let reader = start(move || subscription.recv().map(|message| message.payload().to_vec()));
    reader.wait_until_asleep();
    one.close();
    assert!(!two.is_closed());
    two.publish("n", b"still here").unwrap();
    assert_eq!(reader.join().unwrap(), b"still here");
}
