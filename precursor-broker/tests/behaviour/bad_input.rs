//! Bad input: refused with an error that names the value, the limit and the way out.

use core::time::Duration;

use precursor_broker::{Broker, ErrorKind, Limits, Policy, SubscribeOptions, Wait};

use crate::world::{assert_error, holding, options};

everywhere! {
    fn malformed_topics_are_refused(place: Place) {
        let world = place.open();
        let long = "x".repeat(256);
        let deep = ["x"; 33].join(".");
        let table = [
            ("", "is empty; give it"),
            (".a", "empty token at byte 0; remove"),
            ("a.", "empty token at byte 2; remove"),
            ("a..b", "empty token at byte 2; remove"),
            ("a b", "use '-' or '_'"),
            ("a\tb", "use '-' or '_'"),
            ("a\0", "use '-' or '_'"),
            ("a.*", "wildcards belong in subscription patterns"),
            ("a.>", "wildcards belong in subscription patterns"),
            (&long, "256 bytes, the limit is 255; shorten it"),
            (&deep, "33 levels, the limit is 32; join"),
        ];
        for (topic, advice) in table {
            let broker = &world.publishers;
            assert_error(broker.publish(topic, b""), ErrorKind::Invalid, &[advice]);
            let publisher = broker.publisher(topic, Default::default());
            assert_error(publisher, ErrorKind::Invalid, &[advice]);
        }
        world.publishers.publish(&"x".repeat(255), b"").unwrap();
        world.publishers.publish(&["x"; 32].join("."), b"").unwrap();
    }

    fn malformed_patterns_are_refused(place: Place) {
        let world = place.open();
        let long = "x".repeat(256);
        let deep = ["*"; 33].join(".");
        let table = [
            ("", "is empty"),
            ("a..b", "empty token at byte 2"),
            ("a.b*", "must be a whole token"),
            ("a.>b", "must be a whole token"),
            ("a.>.b", "move it to the end or use '*'"),
            ("a b", "use '-' or '_'"),
            (&long, "the limit is 255"),
            (&deep, "the limit is 32"),
        ];
        for (pattern, advice) in table {
            let refused = world.subscribers.subscribe(pattern, &SubscribeOptions::default());
            assert_error(refused, ErrorKind::Invalid, &[advice]);
        }
        assert!(world.publishers.counters().routes.is_empty());
        world.subscribe(&"x".repeat(255), &SubscribeOptions::default());
    }

    fn a_long_topic_travels_with_every_message(place: Place) {
        let world = place.open();
        let topic = "t".repeat(255);
        let mut subscription = world.subscribe("*", &SubscribeOptions::default());
        for len in [0, 1, 100, 5_000] {
            world.publishers.publish(&topic, &vec![1; len]).unwrap();
            let message = crate::world::next(&mut subscription);
            assert_eq!((message.topic(), message.payload().len()), (topic.as_str(), len));
        }
    }

    fn oversize_payloads_are_refused(place: Place) {
        let world = place.open_with(&Limits::new().with_memory_bytes_max(1 << 20));
        let _subscription = world.subscribe("big", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("big", Default::default()).unwrap();
        let payload = vec![0; 600_000];
        let parts = ["600000 bytes", "524288", "split it", "memory_bytes_max"];
        assert_error(publisher.publish(&payload), ErrorKind::TooLarge, &parts);
        assert_error(publisher.loan(600_000), ErrorKind::TooLarge, &parts);
        assert_error(publisher.loan(usize::MAX / 2), ErrorKind::TooLarge, &["split it"]);
        assert_error(publisher.publish_many(&[&payload]), ErrorKind::TooLarge, &parts);
        let _service = world.subscribers.serve("big", &SubscribeOptions::default()).unwrap();
        let called = world.publishers.call("big", "m", &payload, None, Wait::Park);
        assert_error(called, ErrorKind::TooLarge, &["600000 bytes", "send less"]);
        assert_eq!(publisher.publish(b"small").unwrap().accepted, 1);
    }

    fn depths_out_of_range_are_refused(place: Place) {
        let world = place.open();
        let subscribe = |depth, policy| {
            world.subscribers.subscribe("n", &holding(depth, policy))
        };
        for depth in [0, 65_537, u32::MAX] {
            let parts = [depth.to_string(), "1 to 65536".into()];
            let parts = parts.each_ref().map(String::as_str);
            assert_error(subscribe(depth, Policy::DropOldest), ErrorKind::Invalid, &parts);
            let service = world.subscribers.serve("s", &holding(depth, Policy::Block));
            assert_error(service, ErrorKind::Invalid, &parts);
        }
        let parts = ["32768", "65536"];
        assert_error(subscribe(65_536, Policy::Latest), ErrorKind::Invalid, &parts);
        subscribe(65_536, Policy::DropOldest).unwrap();
        subscribe(1, Policy::DropOldest).unwrap();
    }

    fn a_group_cannot_keep_the_latest(place: Place) {
        let world = place.open();
        let refused = world.subscribers.subscribe("n", &options(|options| {
            options.group = Some("crew".into());
            options.policy = Policy::Latest;
        }));
        assert_error(refused, ErrorKind::Invalid, &["group", "latest"]);
    }

    fn malformed_names_are_refused(place: Place) {
        let world = place.open();
        let long = "x".repeat(64);
        let table = [
            ("", "needs a name"),
            (&long, "64 bytes, at most 63"),
            ("a b", "white space"),
            ("a\nb", "white space"),
        ];
        for (name, advice) in table {
            let group = options(|options| options.group = Some(name.into()));
            let member = world.subscribers.subscribe("n", &group);
            assert_error(member, ErrorKind::Invalid, &["group", advice]);
            let service = world.subscribers.serve(name, &SubscribeOptions::default());
            assert_error(service, ErrorKind::Invalid, &["service", advice]);
            let inline = world.subscribers.serve_inline(name, |_| Ok("".into()));
            assert_error(inline, ErrorKind::Invalid, &["service", advice]);
            let call = |service, method| {
                world.publishers.call(service, method, b"", None, Wait::Park)
            };
            assert_error(call(name, "m"), ErrorKind::Invalid, &["service", advice]);
            assert_error(call("s", name), ErrorKind::Invalid, &["method", advice]);
        }
    }

    fn closed_handles_say_so(place: Place) {
        let world = place.open();
        let broker = world.publishers;
        let publisher = broker.publisher("n", Default::default()).unwrap();
        let loan = publisher.loan(100).unwrap();
        let _subscription = broker.subscribe("n", &SubscribeOptions::default()).unwrap();
        broker.close();
        let parts = ["closed", "open it again"];
        assert_error(loan.send(), ErrorKind::Closed, &parts);
        assert_error(publisher.publish(b""), ErrorKind::Closed, &parts);
        assert_error(publisher.publish_many(&[b""]), ErrorKind::Closed, &parts);
        assert_error(publisher.loan(1), ErrorKind::Closed, &parts);
        assert_error(broker.publish("n", b""), ErrorKind::Closed, &parts);
        assert_error(broker.publisher("n", Default::default()), ErrorKind::Closed, &parts);
        let options = SubscribeOptions::default();
        assert_error(broker.subscribe("n", &options), ErrorKind::Closed, &parts);
        assert_error(broker.serve("n", &options), ErrorKind::Closed, &parts);
        let inline = broker.serve_inline("n", |_| Ok("".into()));
        assert_error(inline, ErrorKind::Closed, &parts);
        let timeout = Some(Duration::from_secs(1));
        assert_error(broker.call("n", "m", b"", timeout, Wait::Park), ErrorKind::Closed, &parts);
        let _ = (broker.counters(), broker.reclaim(), broker.trim());
    }

    fn too_many_subscriptions_are_refused_and_room_comes_back(place: Place) {
        let world = place.open_with(&Limits::new().with_routes_max(8));
        let mut all = Vec::new();
        let error = loop {
            match world.subscribers.subscribe("n", &holding(16, Policy::DropNewest)) {
                Ok(subscription) => all.push(subscription),
                Err(error) => break error,
            }
            assert!(all.len() <= 8);
        };
        assert_eq!(all.len(), 8);
        let parts = ["8 subscriptions", "close some", "subscriptions_max"];
        assert_error::<()>(Err(error), ErrorKind::Full, &parts);
        all.pop();
        all.push(world.subscribe("n", &holding(16, Policy::DropNewest)));
        assert_eq!(world.publishers.publish("n", b"all").unwrap().accepted, 8);
    }
}

#[test]
fn limits_out_of_range_are_refused() {
    let table = [
        (Limits::new().with_memory_bytes_max(4_096), ["memory_bytes_max = 4096", "1048576"]),
        (Limits::new().with_memory_bytes_max(1 << 40), ["memory_bytes_max", "68719476736"]),
        (Limits::new().with_participants_max(0), ["participants_max = 0", "at least 1"]),
        (Limits::new().with_participants_max(2_000), ["participants_max = 2000", "1024"]),
        (Limits::new().with_routes_max(0), ["subscriptions_max = 0", "at least 1"]),
        (Limits::new().with_calls_in_flight_max(5_000), ["calls_in_flight_max = 5000", "4096"]),
    ];
    for (limits, parts) in table {
        assert_error(Broker::private(&limits), ErrorKind::Invalid, &parts);
    }
}

#[test]
fn too_many_participants_are_refused_until_one_leaves() {
    let one = Broker::private(&Limits::new().with_participants_max(2)).unwrap();
    let two = one.join().unwrap();
    assert_error(one.join(), ErrorKind::Full, &["2", "participants_max"]);
    drop(two);
    one.join().unwrap();
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn attaching_with_other_limits_is_refused_with_both_values() {
    let broker = Broker::shared(&Limits::new()).unwrap();
    let (control, data) = broker.memory_fds().unwrap();
    let other = Limits::new().with_routes_max(1_000);
    let parts = ["subscriptions_max", "131072", "1000"];
    assert_error(Broker::attach(control, data, &other), ErrorKind::Invalid, &parts);
    let private = Broker::private(&Limits::new()).unwrap();
    assert_error(private.memory_fds(), ErrorKind::Unsupported, &[]);
    assert_error(private.attach_again(), ErrorKind::Unsupported, &[]);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn what_is_no_kernels_memory_is_refused() {
    let broker = Broker::shared(&Limits::new()).unwrap();
    let (control, data) = broker.memory_fds().unwrap();
    let swapped = Broker::attach(data, control, &Limits::new());
    assert_error(swapped, ErrorKind::Invalid, &[]);
    let null = || std::fs::File::open("/dev/null").unwrap().into();
    assert!(Broker::attach(null(), null(), &Limits::new()).is_err());
}
