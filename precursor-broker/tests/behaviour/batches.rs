//! Batches: messages read where they lie.

use precursor_broker::{Policy, SubscribeOptions};

use crate::world::{
    LONG, holding, member_of, next, number, numbers, options, pattern, start, waiting_for,
};

everywhere! {
    fn a_batch_has_what_is_there_in_order(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n.*", &SubscribeOptions::default());
        world.publish_numbers("n.a", 0..10);
        let batch = subscription.recv_batch(4, None).unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.iter().len()), (4, false, 4));
        let seen: Vec<_> = batch.iter().map(|m| (m.topic(), number(m.payload()))).collect();
        assert_eq!(seen, [("n.a", 0), ("n.a", 1), ("n.a", 2), ("n.a", 3)]);
        assert!(batch.get(4).is_none());
        drop(batch);
        assert_eq!(subscription.recv_batch(100, None).unwrap().len(), 6);
        assert_eq!(subscription.queued(), 0);
    }

    fn a_batch_of_a_group_that_was_forgotten_is_not_seen_again(place: Place) {
        let world = place.open();
        let mut member = world.subscribe("n", &member_of("g"));
        world.publish_numbers("n", 0..3);
        core::mem::forget(member.recv_batch(3, None).unwrap());
        world.publish_numbers("n", 3..40);
        let batch = member.recv_batch(100, None).unwrap();
        let seen: Vec<_> = batch.iter().map(|message| number(message.payload())).collect();
        assert_eq!(seen, (3..40).collect::<Vec<_>>());
    }

    fn block_messages_are_read_in_place_too(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("mixed", &options(|options| {
            options.mailbox_bytes_max = 8 << 20;
        }));
        let sizes = [10, 1_000, 0, 70_000, 200, 1 << 20];
        for (seed, len) in sizes.into_iter().enumerate() {
            world.publishers.publish("mixed", &pattern(len, seed as u64)).unwrap();
        }
        let batch = subscription.recv_batch(100, None).unwrap();
        assert_eq!(batch.len(), sizes.len());
        for (seed, (message, len)) in batch.iter().zip(sizes).enumerate() {
            assert!(message.payload() == pattern(len, seed as u64), "message {seed}");
            assert_eq!(message.topic(), "mixed");
        }
        // Again, and backwards: reading takes nothing.
        assert!(batch.get(5).unwrap().payload() == pattern(1 << 20, 5));
        assert!(batch.get(1).unwrap().payload() == pattern(1_000, 1));
        drop(batch);
        world.publishers.trim();
        world.publishers.publish("mixed", b"after").unwrap();
        assert_eq!(next(&mut subscription).payload(), b"after");
    }

    fn a_batch_pins_at_most_half_the_mailbox(place: Place) {
        let world = place.open();
        for depth in [1, 2, 3, 16, 100] {
            let mut subscription = world.subscribe("n", &holding(depth, Policy::DropNewest));
            world.publish_numbers("n", 0..u64::from(depth));
            let batch = subscription.recv_batch(usize::MAX, None).unwrap();
            assert_eq!(batch.len() as u32, (depth / 2).max(1), "depth {depth}");
        }
    }

    fn the_other_half_takes_messages_while_a_batch_is_read(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(16, Policy::DropNewest));
        world.publish_numbers("n", 0..8);
        let batch = subscription.recv_batch(16, None).unwrap();
        assert_eq!(batch.len(), 8);
        assert_eq!(world.publish_numbers("n", 8..20).accepted, 8);
        let seen: Vec<_> = batch.iter().map(|message| number(message.payload())).collect();
        assert_eq!(seen, (0..8).collect::<Vec<_>>());
        drop(batch);
        assert_eq!(world.publish_numbers("n", 20..30).accepted, 8);
        let expected: Vec<_> = (8..16).chain(20..28).collect();
        assert_eq!(numbers(&mut subscription), expected);
    }

    fn batches_tell_losses_once(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(4, Policy::DropNewest));
        let mut lost = 0;
        let mut expected = 0;
        for round in 0..20 {
            expected += u64::from(world.publish_numbers("n", 0..4 + round % 3).dropped);
            let batch = subscription.recv_batch(2, None).unwrap();
            lost += batch.iter().map(|message| message.lost_before()).sum::<u64>();
        }
        while subscription.queued() > 0 {
            let batch = subscription.recv_batch(2, None).unwrap();
            lost += batch.iter().map(|message| message.lost_before()).sum::<u64>();
        }
        assert_eq!(lost + subscription.take_lost(), expected);
    }

    fn losses_told_before_are_not_told_again_by_a_batch(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(4, Policy::DropNewest));
        let publish = |n: u32| (0..n).map(|_| {
            u64::from(world.publishers.publish("n", b"n").unwrap().dropped)
        }).sum::<u64>();
        let mut lost = publish(4 + 3);
        next(&mut subscription);
        lost += publish(1 + 2);
        next(&mut subscription);
        lost += publish(1 + 2);
        assert_eq!(lost, 7);
        let mut told = subscription.take_lost();
        for _ in 0..2 {
            let batch = subscription.recv_batch(2, None).unwrap();
            told += batch.iter().map(|message| message.lost_before()).sum::<u64>();
        }
        told += subscription.take_lost();
        assert_eq!(told, lost);
    }

    fn groups_and_tables_give_batches_of_their_own(place: Place) {
        let world = place.open();
        let mut member = world.subscribe("n.>", &member_of("crew"));
        let mut table = world.subscribe("n.>", &holding(8, Policy::Latest));
        for n in 0..4_u64 {
            world.publishers.publish(&format!("n.{}", n % 2), &n.to_le_bytes()).unwrap();
        }
        let seen = |subscription: &mut precursor_broker::Subscription| -> Vec<_> {
            let batch = subscription.recv_batch(10, None).unwrap();
            batch.iter().map(|m| (m.topic().to_owned(), number(m.payload()))).collect()
        };
        let named = |list: &[(&str, u64)]| -> Vec<_> {
            list.iter().map(|(topic, n)| (topic.to_string(), *n)).collect()
        };
        assert_eq!(seen(&mut member), named(&[("n.0", 0), ("n.1", 1), ("n.0", 2), ("n.1", 3)]));
        assert_eq!(seen(&mut table), named(&[("n.0", 2), ("n.1", 3)]));
    }

    fn a_batch_reader_keeps_up_with_publishers(place: Place) {
        const TOTAL: u64 = 20_000;
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(128, Policy::Block));
        let publisher = world.publishers.publisher("n", waiting_for(LONG)).unwrap();
        let producer = start(move || {
            let mut n = 0;
            while n < TOTAL {
                let run: Vec<[u8; 8]> = (n..n + 50).map(u64::to_le_bytes).collect();
                let refs: Vec<&[u8]> = run.iter().map(<[u8; 8]>::as_slice).collect();
                assert_eq!(publisher.publish_many(&refs).unwrap().accepted, 50);
                n += 50;
            }
        });
        let mut expected = 0;
        while expected < TOTAL {
            let batch = subscription.recv_batch(64, Some(LONG)).unwrap();
            assert!(!batch.is_empty(), "at {expected}");
            for message in &batch {
                assert_eq!(number(message.payload()), expected);
                expected += 1;
            }
        }
        producer.join();
    }
}
