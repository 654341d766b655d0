//! Order, sizes, lifetimes and memory of messages.

use core::time::Duration;

use precursor_broker::{ErrorKind, INLINE_BYTES, Limits, Policy, SubscribeOptions};

use crate::world::{
    LONG, assert_error, holding, next, number, numbers, options, pattern, start, until, waiting_for,
};

const MIB: usize = 1 << 20;

everywhere! {
    fn order_is_kept_across_sizes(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("sizes", &options(|options| {
            options.mailbox_bytes_max = 64 << 20;
        }));
        let publisher = world.publishers.publisher("sizes", Default::default()).unwrap();
        let sizes = [
            0, 1, 63, 64, 100, 184, 191, 192, 193, 200, 256, 257, 1_000, 0, 4_096, 65_535, 65_536,
            5, MIB - 100, MIB, MIB + 1, 3 * MIB, 7, 20 * MIB, 0,
        ];
        for (seed, len) in sizes.into_iter().enumerate() {
            assert_eq!(publisher.publish(&pattern(len, seed as u64)).unwrap().accepted, 1);
        }
        for (seed, len) in sizes.into_iter().enumerate() {
            let message = next(&mut subscription);
            assert_eq!(message.payload().len(), len);
            assert!(message.payload() == pattern(len, seed as u64), "message {seed} of {len} B");
            assert_eq!((message.topic(), message.lost_before()), ("sizes", 0));
        }
    }

    fn each_publisher_keeps_its_order_beside_others(place: Place) {
        const EACH: u64 = 2_000;
        let world = place.open();
        let mut subscription = world.subscribe("work.*", &holding(64, Policy::Block));
        let threads: Vec<_> = (0..4_u64)
            .map(|id| {
                let topic = format!("work.{id}");
                let publisher = world.publishers.publisher(&topic, waiting_for(LONG)).unwrap();
                start(move || {
                    for sequence in 0..EACH {
                        let len = if sequence % 7 == 0 { 2_000 } else { 16 };
                        let mut payload = vec![0; len];
                        payload[..8].copy_from_slice(&sequence.to_le_bytes());
                        payload[8] = id as u8;
                        assert_eq!(publisher.publish(&payload).unwrap().accepted, 1);
                    }
                })
            })
            .collect();
        let mut next = [0; 4];
        for _ in 0..4 * EACH {
            let message = subscription.recv_timeout(LONG).unwrap().expect("a message");
            let id = usize::from(message.payload()[8]);
            assert_eq!(number(message.payload()), next[id], "publisher {id}");
            assert_eq!(message.topic(), format!("work.{id}"));
            next[id] += 1;
        }
        threads.into_iter().for_each(|thread| thread.join());
        assert_eq!(next, [EACH; 4]);
    }

    fn publish_at_once_does_the_whole_or_nothing(place: Place) {
        let world = place.open();
        let publisher = world.publishers.publisher("once", Default::default()).unwrap();
        assert!(!publisher.publish_at_once(b"nobody"));
        let mut one = world.subscribe("once", &holding(2, Policy::Block));
        publisher.publish(b"first").unwrap();
        assert!(!publisher.publish_at_once(&pattern(INLINE_BYTES, 0)), "goes into a block");
        assert!(publisher.publish_at_once(b"second"));
        assert!(!publisher.publish_at_once(b"no room"));
        for payload in [&b"first"[..], b"second"] {
            assert_eq!(next(&mut one).payload(), payload);
        }
        let mut two = world.subscribe("*", &SubscribeOptions::default());
        publisher.publish(b"for both").unwrap();
        assert!(!publisher.publish_at_once(b"for two"));
        assert_eq!(publisher.publish_otherwise(b"for two").unwrap().accepted, 2);
        for payload in [&b"for both"[..], b"for two"] {
            assert_eq!(next(&mut one).payload(), payload);
            assert_eq!(next(&mut two).payload(), payload);
        }
        world.publishers.close();
        assert!(!publisher.publish_at_once(b"closed"));
        assert_eq!((one.queued(), two.queued()), (0, 0));
    }

    fn publish_many_equals_a_loop(place: Place) {
        let world = place.open();
        let mut one = world.subscribe("many", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("many", Default::default()).unwrap();
        let payloads: Vec<Vec<u8>> = (0..600).map(|n| pattern(n % 150, n as u64)).collect();
        let refs: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        assert_eq!(publisher.publish_many(&refs).unwrap().accepted, 600);
        let mut two = world.subscribe("*", &SubscribeOptions::default());
        let mixed = [&b"small"[..], &pattern(50_000, 3), b"small too"];
        assert_eq!(publisher.publish_many(&mixed).unwrap().accepted, 6);
        assert_eq!(publisher.publish_many(&[]).unwrap().accepted, 0);
        for payload in payloads.iter().map(Vec::as_slice).chain(mixed) {
            assert_eq!(next(&mut one).payload(), payload);
        }
        for payload in mixed {
            assert_eq!(next(&mut two).payload(), payload);
        }
    }

    fn publish_many_beyond_the_depth_follows_the_policy(place: Place) {
        let world = place.open();
        let payloads: Vec<[u8; 8]> = (0..50_u64).map(u64::to_le_bytes).collect();
        let refs: Vec<&[u8]> = payloads.iter().map(<[u8; 8]>::as_slice).collect();
        let publisher = world.publishers.publisher("many", Default::default()).unwrap();

        let mut newest = world.subscribe("many", &holding(16, Policy::DropOldest));
        let published = publisher.publish_many(&refs).unwrap();
        assert_eq!((published.accepted, published.dropped), (50, 34));
        assert_eq!(numbers(&mut newest), (34..50).collect::<Vec<_>>());
        drop(newest);

        let mut oldest = world.subscribe("many", &holding(16, Policy::DropNewest));
        let published = publisher.publish_many(&refs).unwrap();
        assert_eq!((published.accepted, published.dropped), (16, 34));
        assert_eq!(numbers(&mut oldest), (0..16).collect::<Vec<_>>());
        drop(oldest);

        let mut waited_for = world.subscribe("many", &holding(16, Policy::Block));
        let published = publisher.publish_many(&refs).unwrap();
        assert_eq!(published.accepted, 16);
        assert!(published.timed_out >= 1);
        assert_eq!(numbers(&mut waited_for), (0..16).collect::<Vec<_>>());
    }

    fn a_message_outlives_its_subscription_and_kernel(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("keep", &options(|options| {
            options.mailbox_bytes_max = 4 << 20;
        }));
        let payloads = [pattern(20, 1), pattern(3_000, 2), pattern(2 * MIB, 3)];
        for payload in &payloads {
            world.publishers.publish("keep", payload).unwrap();
        }
        let kept: Vec<_> = (0..3).map(|_| next(&mut subscription)).collect();
        drop(subscription);
        world.publishers.close();
        world.subscribers.close();
        drop(world);
        let kept = start(move || kept).join();
        for (message, payload) in kept.iter().zip(&payloads) {
            assert!(message.payload() == payload.as_slice());
            assert_eq!(message.topic(), "keep");
        }
    }

    fn block_bytes_that_wait_are_bounded(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("big", &options(|options| {
            options.policy = Policy::DropNewest;
            options.mailbox_bytes_max = 100_000;
        }));
        let publish = |len| world.publishers.publish("big", &vec![1; len]).unwrap();
        assert_eq!(publish(45_000).accepted, 1);
        assert_eq!(publish(45_000).accepted, 1);
        assert_eq!((publish(45_000).accepted, publish(45_000).dropped), (0, 1));
        // Frames of up to 256 bytes lie in the mailbox and do not count.
        assert_eq!(publish(100).accepted, 1);
        next(&mut subscription);
        assert_eq!(publish(45_000).accepted, 1);
        while subscription.try_recv().unwrap().is_some() {}
        // A mailbox always takes one, or a message above the limit would never pass.
        assert_eq!(publish(500_000).accepted, 1);
        assert_eq!(publish(500).dropped, 1);
        assert_eq!(next(&mut subscription).payload().len(), 500_000);
    }

    fn beyond_its_budget_a_subscription_gets_copies(place: Place) {
        let limits = Limits::new().with_memory_bytes_max(16 << 20);
        let world = place.open_with(&limits);
        let mut subscription = world.subscribe("big", &options(|options| {
            options.mailbox_bytes_max = 16 << 20;
            options.pinned_bytes_max = 3 * MIB as u64;
        }));
        let base = world.publishers.counters().memory_bytes;
        let kept: Vec<_> = (0..20)
            .map(|seed| {
                let payload = pattern(MIB, seed);
                assert_eq!(world.publishers.publish("big", &payload).unwrap().accepted, 1);
                next(&mut subscription)
            })
            .collect();
        world.publishers.trim();
        let pinned = world.publishers.counters().memory_bytes - base;
        assert!(pinned >= 2 * MIB as u64, "some are kept in place: {pinned}");
        assert!(pinned <= 4 * MIB as u64, "the rest is copied: {pinned}");
        for (seed, message) in kept.iter().enumerate() {
            assert!(message.payload() == pattern(MIB, seed as u64), "message {seed}");
        }
    }

    fn every_payload_lies_on_a_multiple_of_64_bytes(place: Place) {
        let world = place.open();
        for pinned_bytes_max in [0, 64 << 20] {
            let options = options(|options| options.pinned_bytes_max = pinned_bytes_max);
            let mut subscription = world.subscribe("aligned.*", &options);
            for len in [1, 64, 180, 300, 5_000, 70_000] {
                for _ in 0..3 {
                    world.publishers.publish("aligned.topic", &pattern(len, 1)).unwrap();
                }
                let kept: Vec<_> = (0..3).map(|_| next(&mut subscription)).collect();
                for message in &kept {
                    assert!(message.payload() == pattern(len, 1));
                    assert_eq!(message.payload().as_ptr().addr() % 64, 0, "{len} B");
                }
            }
        }
    }

    fn at_the_memory_cap_publishing_fails_until_messages_are_dropped(place: Place) {
        let world = place.open_with(&Limits::new().with_memory_bytes_max(4 << 20));
        let mut subscription = world.subscribe("big", &options(|options| {
            options.mailbox_bytes_max = 64 << 20;
        }));
        let payload = pattern(MIB / 2, 1);
        for round in 0..3 {
            let mut sent = 0;
            let error = loop {
                match world.publishers.publish("big", &payload) {
                    Ok(published) => sent += published.accepted,
                    Err(error) => break error,
                }
                assert!(sent < 100, "the cap holds");
            };
            assert!(sent >= 4, "round {round}: {sent}");
            assert_error::<()>(Err(error), ErrorKind::Full, &["memory"]);
            assert_eq!(world.publishers.publish("big", b"small goes on").unwrap().accepted, 1);
            let mut received = 0;
            while let Some(message) = subscription.try_recv().unwrap() {
                received += u32::from(message.payload().len() == payload.len());
            }
            assert_eq!(received, sent);
        }
    }

    fn memory_returns_when_messages_are_gone(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("big", &options(|options| {
            options.mailbox_bytes_max = 64 << 20;
        }));
        world.publishers.trim();
        let base = world.publishers.counters().memory_bytes;
        for len in [1_000, 100_000, MIB] {
            for _ in 0..20 {
                world.publishers.publish("big", &vec![1; len]).unwrap();
            }
        }
        assert!(world.publishers.counters().memory_bytes > base + 20 * MIB as u64);
        while subscription.try_recv().unwrap().is_some() {}
        world.publishers.trim();
        assert_eq!(world.publishers.counters().memory_bytes, base);
    }

    fn a_timeout_of_a_reader_passes(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("quiet", &SubscribeOptions::default());
        let short = Duration::from_millis(2);
        assert!(subscription.recv_timeout(short).unwrap().is_none());
        assert!(subscription.recv_timeout(Duration::ZERO).unwrap().is_none());
        assert!(subscription.recv_batch(10, Some(short)).unwrap().is_empty());
        world.publishers.publish("quiet", b"now").unwrap();
        assert!(subscription.recv_timeout(Duration::ZERO).unwrap().is_some());
    }

    fn the_send_time_is_carried_if_asked_for(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("time", &SubscribeOptions::default());
        let mut options = waiting_for(Duration::ZERO);
        options.stamp_time = true;
        let publisher = world.publishers.publisher("time", options).unwrap();
        publisher.publish(b"stamped").unwrap();
        publisher.publish(&[0; 1_000]).unwrap();
        world.publishers.publish("time", b"plain").unwrap();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        for stamped in [true, true, false] {
            let message = next(&mut subscription);
            let at = u128::from(message.frame().time_ns().cast_unsigned());
            assert_eq!(at > 0, stamped);
            assert!(at <= now);
        }
    }
}

/// A publisher and a reader that wait for each other through a small mailbox lose nothing.
#[test]
fn a_small_mailbox_passes_a_long_stream() {
    let world = crate::world::Place::Private.open();
    let mut subscription = world.subscribe("stream", &holding(2, Policy::Block));
    let publisher = world.publishers.publisher("stream", waiting_for(LONG)).unwrap();
    let thread = start(move || {
        for n in 0..20_000_u64 {
            assert_eq!(publisher.publish(&n.to_le_bytes()).unwrap().accepted, 1);
        }
    });
    for n in 0..20_000 {
        assert_eq!(number(next(&mut subscription).payload()), n);
    }
    thread.join();
    until("nothing is queued", || subscription.queued() == 0);
}
