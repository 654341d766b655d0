//! Full mailboxes: what becomes of each message, told to publisher, reader and counters alike.

use core::time::Duration;

use precursor_broker::{
    ErrorKind, Policy, Published, RouteCounters, SubscribeOptions, Subscription,
};

use crate::world::{
    LONG, Running, World, assert_error, holding, next, number, numbers, options, start, until,
    waiting_for,
};

impl World {
    pub(crate) fn publish_numbers(&self, topic: &str, range: core::ops::Range<u64>) -> Published {
        let mut sum = Published::default();
        for n in range {
            let one = self.publishers.publish(topic, &n.to_le_bytes()).unwrap();
            sum.accepted += one.accepted;
            sum.dropped += one.dropped;
            sum.timed_out += one.timed_out;
        }
        sum
    }

    /// The counters of the only route, the same on both sides.
    pub(crate) fn only_route(&self) -> RouteCounters {
        let [route] = &self.publishers.counters().routes[..] else { panic!("one route") };
        assert_eq!(self.subscribers.counters().routes, core::slice::from_ref(route));
        route.clone()
    }
}

fn sent(published: Published) -> (u32, u32, u32) {
    (published.accepted, published.dropped, published.timed_out)
}

/// Accepted, delivered, lost, timed out, queued.
fn counted(route: &RouteCounters) -> (u64, u64, u64, u64, u64) {
    (route.accepted, route.delivered, route.lost, route.timed_out, route.queued)
}

fn told(subscription: &mut Subscription) -> (Vec<u64>, Vec<u64>) {
    let (mut numbers, mut lost) = (Vec::new(), Vec::new());
    while let Some(message) = subscription.try_recv().unwrap() {
        numbers.push(number(message.payload()));
        lost.push(message.lost_before());
    }
    (numbers, lost)
}

everywhere! {
    fn drop_oldest_keeps_the_newest(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(4, Policy::DropOldest));
        assert_eq!(sent(world.publish_numbers("n", 0..10)), (10, 6, 0));
        assert_eq!(counted(&world.only_route()), (10, 0, 6, 0, 4));
        assert_eq!(told(&mut subscription), (vec![6, 7, 8, 9], vec![6, 0, 0, 0]));
        assert_eq!(counted(&world.only_route()), (10, 4, 6, 0, 0));
        assert_eq!(subscription.take_lost(), 0);
    }

    fn drop_newest_keeps_the_oldest(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(4, Policy::DropNewest));
        assert_eq!(sent(world.publish_numbers("n", 0..10)), (4, 6, 0));
        assert_eq!(counted(&world.only_route()), (4, 0, 6, 0, 4));
        assert_eq!(number(next(&mut subscription).payload()), 0);
        assert_eq!(sent(world.publish_numbers("n", 10..12)), (1, 1, 0));
        assert_eq!(told(&mut subscription), (vec![1, 2, 3, 10], vec![0, 0, 0, 6]));
        assert_eq!(subscription.take_lost(), 1);
        assert_eq!(subscription.take_lost(), 0);
        assert_eq!(counted(&world.only_route()), (5, 5, 7, 0, 0));
    }

    fn latest_keeps_the_newest_of_each_topic(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("price.*", &holding(3, Policy::Latest));
        assert_eq!(sent(world.publish_numbers("price.a", 0..5)), (5, 4, 0));
        assert_eq!(sent(world.publish_numbers("price.b", 10..12)), (2, 1, 0));
        assert_eq!(sent(world.publish_numbers("price.c", 20..21)), (1, 0, 0));
        // The table holds three topics, and a fourth finds no place.
        assert_eq!(sent(world.publish_numbers("price.d", 30..32)), (0, 2, 0));
        assert_eq!(counted(&world.only_route()), (8, 0, 7, 0, 3));
        let a = next(&mut subscription);
        assert_eq!((a.topic(), number(a.payload())), ("price.a", 4));
        assert_eq!(sent(world.publish_numbers("price.a", 5..7)), (2, 1, 0));
        let rest: Vec<_> = (0..3)
            .map(|_| {
                let message = next(&mut subscription);
                (message.topic().to_owned(), number(message.payload()))
            })
            .collect();
        let rest: Vec<_> = rest.iter().map(|(topic, n)| (topic.as_str(), *n)).collect();
        assert_eq!(rest, [("price.b", 11), ("price.c", 20), ("price.a", 6)]);
        assert!(subscription.try_recv().unwrap().is_none());
        assert_eq!(counted(&world.only_route()), (10, 4, 8, 0, 0));
    }

    fn latest_gives_the_place_of_a_topic_that_was_read_to_another(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("price.>", &holding(2, Policy::Latest));
        assert_eq!(sent(world.publish_numbers("price.a", 0..1)), (1, 0, 0));
        let mut lost = 0;
        for n in 0..2_000_u64 {
            let topics = [format!("price.{n}"), format!("price.{n}.more")];
            // One place is taken by what was not read, the other one is for the new topic.
            assert_eq!(sent(world.publish_numbers(&topics[0], n..n + 1)), (1, 0, 0), "{n}");
            assert_eq!(sent(world.publish_numbers(&topics[1], 0..1)), (0, 1, 0), "{n}");
            let before = next(&mut subscription);
            assert_eq!(number(before.payload()), n.saturating_sub(1));
            lost += before.lost_before();
        }
        let last = next(&mut subscription);
        assert_eq!(number(last.payload()), 1_999);
        lost += last.lost_before();
        assert_eq!(lost + subscription.take_lost(), 2_000);
        assert_eq!(counted(&world.only_route()), (2_001, 2_001, 2_000, 0, 0));
    }

    fn latest_accounts_for_every_message_of_changing_topics(place: Place) {
        const ROUNDS: u64 = 3_000;
        let world = place.open();
        let mut subscription = world.subscribe("flight.*", &holding(4, Policy::Latest));
        let publishers: Vec<_> = (0..2_u64)
            .map(|id| {
                let broker = world.publishers.clone();
                start(move || {
                    for n in 0..ROUNDS {
                        // Topics that both use, and topics that come and go.
                        let topic = match n % 3 {
                            0 => format!("flight.{}", n % 2),
                            _ => format!("flight.{id}-{}", n / 5),
                        };
                        broker.publish(&topic, &(id << 32 | n).to_le_bytes()).unwrap();
                    }
                })
            })
            .collect();
        let mut newest = std::collections::HashMap::new();
        let (mut messages, mut lost) = (0, 0);
        loop {
            let is_over = publishers.iter().all(Running::is_finished);
            while let Some(message) = subscription.try_recv().unwrap() {
                let n = number(message.payload());
                let before = newest.insert((message.topic().to_owned(), n >> 32), n);
                assert!(before.is_none_or(|before| before < n), "{}: {n} is old", message.topic());
                messages += 1;
                lost += message.lost_before();
            }
            if is_over {
                break;
            }
        }
        publishers.into_iter().for_each(|publisher| publisher.join());
        lost += subscription.take_lost();
        let route = world.only_route();
        assert_eq!((route.delivered, route.lost, route.queued), (messages, lost, 0));
        assert_eq!(messages + lost, 2 * ROUNDS);
    }

    fn latest_tells_every_replaced_message(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("price", &holding(1, Policy::Latest));
        let mut lost = 0;
        for round in 1..50_u64 {
            world.publish_numbers("price", 0..round);
            let message = next(&mut subscription);
            assert_eq!(number(message.payload()), round - 1);
            assert_eq!(message.lost_before(), round - 1);
            lost += message.lost_before();
        }
        assert_eq!(world.only_route().lost, lost + subscription.take_lost());
    }

    fn latest_takes_messages_of_every_size(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("state.>", &holding(8, Policy::Latest));
        for len in [0, 10, 200, 5_000, 1 << 20] {
            world.publishers.publish("state.x", &crate::world::pattern(len, 1)).unwrap();
            world.publishers.publish("state.y", &crate::world::pattern(len, 2)).unwrap();
            for seed in [1, 2] {
                let message = next(&mut subscription);
                assert!(message.payload() == crate::world::pattern(len, seed), "{len}");
            }
        }
    }

    fn a_full_mailbox_that_blocks_refuses_without_a_timeout(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(2, Policy::Block));
        assert_eq!(sent(world.publish_numbers("n", 0..2)), (2, 0, 0));
        let advice = ["send_timeout", "depth"];
        assert_error(world.publishers.publish("n", &[0; 8]), ErrorKind::Full, &advice);
        let publisher =
            world.publishers.publisher("n", waiting_for(Duration::from_millis(2))).unwrap();
        assert_error(publisher.publish(&[0; 8]), ErrorKind::Full, &["2ms"]);
        assert_eq!(counted(&world.only_route()), (2, 0, 0, 2, 2));
        // Large messages are told what bounds them.
        let few_bytes = options(|options| {
            options.mailbox_bytes_max = 2_000;
            options.policy = Policy::Block;
        });
        let mut bytes = world.subscribe("bytes", &few_bytes);
        assert_eq!(sent(world.publishers.publish("bytes", &[1; 1_500]).unwrap()), (1, 0, 0));
        let advice = ["mailbox_bytes_max of 2000", "higher mailbox_bytes_max"];
        assert_error(world.publishers.publish("bytes", &[1; 1_500]), ErrorKind::Full, &advice);
        assert_eq!(next(&mut bytes).payload(), [1; 1_500]);
        drop(bytes);
        // Beside one that has room it is told, and no error.
        let mut other = world.subscribe("n", &SubscribeOptions::default());
        assert_eq!(sent(publisher.publish(&9_u64.to_le_bytes()).unwrap()), (1, 0, 1));
        assert_eq!(numbers(&mut other), [9]);
        assert_eq!(numbers(&mut subscription), [0, 1]);
    }

    fn a_blocked_publisher_goes_on_when_there_is_room(place: Place) {
        let world = place.open();
        for payload in [vec![7; 8], vec![7; 5_000]] {
            let mut subscription = world.subscribe("n", &holding(1, Policy::Block));
            let publisher = world.publishers.publisher("n", waiting_for(LONG)).unwrap();
            publisher.publish(&payload).unwrap();
            let blocked = start(move || publisher.publish(&payload).unwrap());
            blocked.wait_until_asleep();
            assert!(!blocked.is_finished());
            next(&mut subscription);
            assert_eq!(sent(blocked.join()), (1, 0, 0));
            next(&mut subscription);
        }
    }

    fn room_is_told_without_a_publish(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(1, Policy::Block));
        let lossy = world.subscribe("n", &holding(1, Policy::DropOldest));
        let publisher = world.publishers.publisher("n", waiting_for(Duration::ZERO)).unwrap();
        for payload in [vec![7; 8], vec![7; 5_000]] {
            assert!(publisher.has_room(payload.len()).unwrap());
            publisher.publish(&payload).unwrap();
            assert!(!publisher.has_room(payload.len()).unwrap());
            next(&mut subscription);
        }
        assert!(publisher.has_room(8).unwrap(), "who drops the oldest has room");
        drop((subscription, lossy));
        world.publishers.close();
        assert_error(publisher.has_room(8), ErrorKind::Closed, &[]);
    }

    fn a_blocked_publisher_goes_on_when_a_batch_is_dropped(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(2, Policy::Block));
        let publisher = world.publishers.publisher("n", waiting_for(LONG)).unwrap();
        publisher.publish_many(&[b"1", b"2"]).unwrap();
        let batch = subscription.recv_batch(1, None).unwrap();
        let blocked = start(move || publisher.publish(b"3").unwrap());
        blocked.wait_until_asleep();
        assert!(!blocked.is_finished(), "a pinned slot is not free");
        drop(batch);
        assert_eq!(sent(blocked.join()), (1, 0, 0));
    }

    fn a_blocked_publisher_is_released_when_the_subscription_closes(place: Place) {
        let world = place.open();
        let subscription = world.subscribe("n", &holding(1, Policy::Block));
        let publisher = world.publishers.publisher("n", waiting_for(LONG)).unwrap();
        publisher.publish(b"1").unwrap();
        let blocked = start(move || publisher.publish(b"2").unwrap());
        blocked.wait_until_asleep();
        drop(subscription);
        assert_eq!(sent(blocked.join()), (0, 0, 0));
    }

    fn detach_ends_the_subscription_that_was_full(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(3, Policy::Detach));
        let mut beside = world.subscribe("n", &SubscribeOptions::default());
        assert_eq!(sent(world.publish_numbers("n", 0..3)), (6, 0, 0));
        assert_eq!(sent(world.publish_numbers("n", 3..4)), (1, 1, 0));
        assert_eq!(sent(world.publish_numbers("n", 4..6)), (2, 0, 0));
        for n in 0..3 {
            assert_eq!(number(next(&mut subscription).payload()), n);
        }
        let advice = ["3 messages", "Detach", "subscribe again"];
        assert_error(subscription.try_recv(), ErrorKind::Detached, &advice);
        assert_error(subscription.recv(), ErrorKind::Detached, &[]);
        assert_eq!(subscription.take_lost(), 1);
        assert_eq!(numbers(&mut beside), [0, 1, 2, 3, 4, 5]);
        drop(subscription);
        let mut again = world.subscribe("n", &holding(3, Policy::Detach));
        assert_eq!(sent(world.publish_numbers("n", 0..1)), (2, 0, 0));
        assert_eq!(number(next(&mut again).payload()), 0);
    }

    fn detach_wakes_a_reader_that_waits(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &options(|options| {
            options.depth = 1;
            options.policy = Policy::Detach;
        }));
        let reader = start(move || {
            let mut seen = 0;
            loop {
                match subscription.recv() {
                    Ok(_) => seen += 1,
                    Err(error) => return (seen, error.kind()),
                }
            }
        });
        reader.wait_until_asleep();
        // Several at a time: on one processor the reader takes each when this thread yields.
        until("the subscription is detached", || {
            (0..100).any(|_| world.publishers.publish("n", &[0; 8]).unwrap().dropped > 0)
        });
        let (seen, kind) = reader.join();
        assert!(seen >= 1);
        assert_eq!(kind, ErrorKind::Detached);
    }

    fn while_a_batch_pins_what_is_needed_the_new_message_is_dropped(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &holding(4, Policy::DropOldest));
        world.publish_numbers("n", 0..4);
        let batch = subscription.recv_batch(10, None).unwrap();
        assert_eq!(batch.len(), 2, "a batch pins at most half the depth");
        assert_eq!(sent(world.publish_numbers("n", 4..7)), (0, 3, 0));
        let in_batch: Vec<_> = batch.iter().map(|message| number(message.payload())).collect();
        assert_eq!(in_batch, [0, 1]);
        drop(batch);
        assert_eq!(sent(world.publish_numbers("n", 7..9)), (2, 0, 0));
        assert_eq!(told(&mut subscription), (vec![2, 3, 7, 8], vec![0, 0, 3, 0]));
    }
}
