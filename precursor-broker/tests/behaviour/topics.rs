//! Which messages a subscription gets.

use precursor_broker::{Policy, SubscribeOptions};

use crate::world::{holding, next};

everywhere! {
    fn only_what_is_published_while_subscribed_arrives(place: Place) {
        let world = place.open();
        let before = world.publishers.publish("orders", b"early").unwrap();
        assert_eq!(before.accepted, 0);
        let mut orders = world.subscribe("orders", &SubscribeOptions::default());
        assert_eq!(world.publishers.publish("orders", b"in time").unwrap().accepted, 1);
        assert_eq!(next(&mut orders).payload(), b"in time");
        assert!(orders.try_recv().unwrap().is_none());
        orders.close();
        assert_eq!(world.publishers.publish("orders", b"late").unwrap().accepted, 0);
    }

    fn a_publisher_handle_sees_subscriptions_come_and_go(place: Place) {
        let world = place.open();
        let publisher = world.publishers.publisher("orders", Default::default()).unwrap();
        for round in 0..100 {
            assert_eq!(publisher.publish(b"nobody").unwrap().accepted, 0, "round {round}");
            let mut orders = world.subscribe("orders", &SubscribeOptions::default());
            assert_eq!(publisher.publish(b"somebody").unwrap().accepted, 1, "round {round}");
            assert_eq!(next(&mut orders).payload(), b"somebody");
        }
        assert!(world.publishers.counters().routes.is_empty());
    }

    fn patterns_with_many_stars_are_no_different(place: Place) {
        let world = place.open();
        let patterns =
            ["*.*.*", "*.b.*.*", "*.*.*.>", "a.*.*.*.e", "*.*.*.*.f", "*.*.*.d.>", "a.b.c.d.e"];
        let mut subscriptions: Vec<_> = patterns
            .iter()
            .map(|pattern| world.subscribe(pattern, &SubscribeOptions::default()))
            .collect();
        for (topic, expected) in [
            ("a.b.c", vec![0]),
            ("a.b.c.d", vec![1, 2]),
            ("a.b.c.d.e", vec![2, 3, 5, 6]),
            ("x.y.z.w.f", vec![2, 4]),
            ("a.b", vec![]),
        ] {
            let published = world.publishers.publish(topic, topic.as_bytes()).unwrap();
            assert_eq!(published.accepted as usize, expected.len(), "{topic}");
            for (index, subscription) in subscriptions.iter_mut().enumerate() {
                let topic = expected.contains(&index).then_some(topic);
                let message = subscription.try_recv().unwrap();
                assert_eq!(message.as_ref().map(|m| m.topic()), topic, "{}", patterns[index]);
            }
        }
        subscriptions.remove(2).close();
        assert_eq!(world.publishers.publish("a.b.c.d", b"").unwrap().accepted, 1);
    }

    fn wildcards_select_by_token(place: Place) {
        let world = place.open();
        let patterns = [
            "flights.JFK.AA.LAX", "flights.*.AA.*", "flights.>", ">", "*.JFK.>", "flights.*",
            "*", "flights.JFK", "$sys.>",
        ];
        let topics = [
            ("flights.JFK.AA.LAX", vec![0, 1, 2, 3, 4]),
            ("flights.SFO.AA.LAX", vec![1, 2, 3]),
            ("flights.JFK", vec![2, 3, 5, 7]),
            ("flights", vec![3, 6]),
            ("flightsX.JFK", vec![3]),
            ("$sys.load", vec![3, 8]),
        ];
        let mut subscriptions: Vec<_> = patterns
            .iter()
            .map(|pattern| world.subscribe(pattern, &SubscribeOptions::default()))
            .collect();
        for (topic, expected) in topics {
            let published = world.publishers.publish(topic, topic.as_bytes()).unwrap();
            assert_eq!(published.accepted as usize, expected.len(), "{topic}");
            for (index, subscription) in subscriptions.iter_mut().enumerate() {
                let message = subscription.try_recv().unwrap();
                assert_eq!(message.is_some(), expected.contains(&index), "{topic} {index}");
                if let Some(message) = message {
                    assert_eq!(message.topic(), topic);
                    assert_eq!(message.payload(), topic.as_bytes());
                }
            }
        }
    }

    fn each_subscription_gets_its_own_copy_of_inline_and_block_messages(place: Place) {
        let world = place.open();
        let mut all: Vec<_> = ["a.b", "a.*", "a.>", "a.b"]
            .iter()
            .map(|pattern| world.subscribe(pattern, &SubscribeOptions::default()))
            .collect();
        for len in [10, 10_000] {
            let payload = crate::world::pattern(len, 1);
            assert_eq!(world.publishers.publish("a.b", &payload).unwrap().accepted, 4);
            for subscription in &mut all {
                let message = next(subscription);
                assert_eq!((message.topic(), message.payload()), ("a.b", &payload[..]));
            }
        }
    }

    fn a_thousand_subscriptions_each_get_their_topic(place: Place) {
        let world = place.open();
        let options = holding(16, Policy::DropNewest);
        let mut all: Vec<_> =
            (0..1_000).map(|n| world.subscribe(&format!("n.{n}"), &options)).collect();
        for n in 0..1_000 {
            let topic = format!("n.{n}");
            assert_eq!(world.publishers.publish(&topic, topic.as_bytes()).unwrap().accepted, 1);
        }
        for (n, subscription) in all.iter_mut().enumerate() {
            assert_eq!(next(subscription).payload(), format!("n.{n}").as_bytes());
            assert!(subscription.try_recv().unwrap().is_none());
        }
    }
}
