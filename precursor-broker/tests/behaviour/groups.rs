//! Queue groups: each message to one member.

use std::sync::Arc;
use std::sync::mpsc;

use precursor_broker::{ErrorKind, Policy, SubscribeOptions};

use crate::world::{
    LONG, assert_error, member_of, next, number, numbers, options, start, waiting_for,
};

everywhere! {
    fn each_message_goes_to_one_member(place: Place) {
        let world = place.open();
        let mut members: Vec<_> =
            (0..3).map(|_| world.subscribe("work.>", &member_of("crew"))).collect();
        let mut apart = world.subscribe("work.>", &member_of("others"));
        for n in 0..300_u64 {
            let published = world.publishers.publish("work.x", &n.to_le_bytes()).unwrap();
            assert_eq!(published.accepted, 2, "one for each group");
        }
        let mut seen = Vec::new();
        for round in 0..300 {
            seen.push(number(next(&mut members[round % 3]).payload()));
        }
        assert_eq!(seen, (0..300).collect::<Vec<_>>());
        assert_eq!(numbers(&mut apart), (0..300).collect::<Vec<_>>());
    }

    fn members_at_work_share_every_message(place: Place) {
        const TOTAL: usize = 4_000;
        let world = place.open();
        let (sender, receiver) = mpsc::channel();
        let members: Vec<_> = (0..3)
            .map(|member| {
                // Members of both participants belong to one group.
                let side = if member == 0 { &world.publishers } else { &world.subscribers };
                let mut subscription = side.subscribe("work", &member_of("crew")).unwrap();
                let sender = sender.clone();
                start(move || {
                    while let Ok(message) = subscription.recv() {
                        sender.send(number(message.payload())).unwrap();
                    }
                })
            })
            .collect();
        let publishers: Vec<_> = (0..2_u64)
            .map(|id| {
                let publisher = world.publishers.publisher("work", waiting_for(LONG)).unwrap();
                start(move || {
                    for n in 0..TOTAL as u64 / 2 {
                        let len = if n % 5 == 0 { 1_000 } else { 8 };
                        let mut payload = vec![0; len];
                        payload[..8].copy_from_slice(&(n * 2 + id).to_le_bytes());
                        assert_eq!(publisher.publish(&payload).unwrap().accepted, 1);
                    }
                })
            })
            .collect();
        publishers.into_iter().for_each(|thread| thread.join());
        let mut seen: Vec<_> =
            (0..TOTAL).map(|_| receiver.recv_timeout(LONG).expect("every message")).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..TOTAL as u64).collect::<Vec<_>>());
        world.publishers.close();
        world.subscribers.close();
        members.into_iter().for_each(|thread| thread.join());
        assert!(receiver.try_recv().is_err(), "none came twice");
    }

    fn members_that_join_and_leave_strand_nothing(place: Place) {
        const TOTAL: u64 = 6_000;
        let world = place.open();
        let anchor = world.subscribe("work", &member_of("crew"));
        let (sender, receiver) = mpsc::channel();
        let publisher = world.publishers.publisher("work", waiting_for(LONG)).unwrap();
        let producer = start(move || {
            for n in 0..TOTAL {
                assert_eq!(publisher.publish(&n.to_le_bytes()).unwrap().accepted, 1);
            }
        });
        let stop = Arc::new(core::sync::atomic::AtomicBool::new(false));
        let members: Vec<_> = [&world.publishers, &world.subscribers]
            .map(|side| {
                let (side, sender, stop) = (side.clone(), sender.clone(), stop.clone());
                start(move || {
                    while !stop.load(core::sync::atomic::Ordering::Relaxed) {
                        let mut member = side.subscribe("work", &member_of("crew")).unwrap();
                        for _ in 0..50 {
                            let wait = core::time::Duration::from_millis(1);
                            match member.recv_timeout(wait).unwrap() {
                                Some(message) => sender.send(number(message.payload())).unwrap(),
                                None => break,
                            }
                        }
                    }
                })
            })
            .into_iter()
            .collect();
        let mut seen: Vec<_> =
            (0..TOTAL).map(|_| receiver.recv_timeout(LONG).expect("every message")).collect();
        stop.store(true, core::sync::atomic::Ordering::Relaxed);
        producer.join();
        members.into_iter().for_each(|thread| thread.join());
        seen.sort_unstable();
        assert_eq!(seen, (0..TOTAL).collect::<Vec<_>>());
        assert_eq!(anchor.queued(), 0);
    }

    fn an_idle_member_wakes_beside_a_busy_one(place: Place) {
        let world = place.open();
        let (sender, receiver) = mpsc::channel();
        let gates: Vec<_> = (0..2)
            .map(|member| {
                let mut subscription = world.subscribe("work", &options(|options| {
                    options.wait = precursor_broker::Wait::Park;
                    options.group = Some("crew".into());
                    options.policy = Policy::Block;
                }));
                let (gate, closed) = mpsc::channel::<()>();
                let sender = sender.clone();
                let thread = start(move || {
                    let message = subscription.recv().unwrap();
                    sender.send((member, number(message.payload()))).unwrap();
                    let _ = closed.recv();
                });
                thread.wait_until_asleep();
                (gate, thread)
            })
            .collect();
        world.publishers.publish("work", &1_u64.to_le_bytes()).unwrap();
        let (busy, first) = receiver.recv_timeout(LONG).expect("one takes the first");
        world.publishers.publish("work", &2_u64.to_le_bytes()).unwrap();
        let (idle, second) = receiver.recv_timeout(LONG).expect("the other takes the second");
        assert_ne!(busy, idle);
        assert_eq!((first, second), (1, 2));
        for (gate, thread) in gates {
            drop(gate);
            thread.join();
        }
    }

    fn the_last_member_takes_the_queue_with_it(place: Place) {
        let world = place.open();
        let one = world.subscribe("work", &member_of("crew"));
        let mut two = world.subscribe("work", &member_of("crew"));
        world.publish_numbers("work", 0..3);
        drop(one);
        assert_eq!(numbers(&mut two), [0, 1, 2]);
        world.publish_numbers("work", 3..5);
        drop(two);
        assert_eq!(world.publish_numbers("work", 5..6).accepted, 0);
        let mut again = world.subscribe("work", &member_of("crew"));
        assert!(again.try_recv().unwrap().is_none());
        assert_eq!(world.publish_numbers("work", 6..7).accepted, 1);
    }

    fn a_member_with_other_settings_is_refused_with_both(place: Place) {
        let world = place.open();
        let _member = world.subscribe("work", &options(|options| {
            options.group = Some("crew".into());
            options.policy = Policy::DropNewest;
            options.depth = 32;
        }));
        let with = |policy, depth| options(|options| {
            options.group = Some("crew".into());
            options.policy = policy;
            options.depth = depth;
        });
        let join = |options: &SubscribeOptions| world.publishers.subscribe("work", options);
        let parts = ["\"crew\"", "\"work\"", "DropNewest", "32", "same"];
        assert_error(join(&with(Policy::DropOldest, 32)), ErrorKind::Invalid, &parts);
        assert_error(join(&with(Policy::DropOldest, 32)), ErrorKind::Invalid, &["DropOldest"]);
        assert_error(join(&with(Policy::DropNewest, 33)), ErrorKind::Invalid, &["32", "33"]);
        join(&with(Policy::DropNewest, 32)).unwrap();
        // The same name on another pattern is another group.
        world.publishers.subscribe("other", &with(Policy::Block, 7)).unwrap();
    }

    fn a_group_has_at_most_64_members(place: Place) {
        let world = place.open();
        let members: Vec<_> =
            (0..64).map(|_| world.subscribe("work", &member_of("crew"))).collect();
        let extra = world.publishers.subscribe("work", &member_of("crew"));
        assert_error(extra, ErrorKind::Full, &["64 members", "another group"]);
        drop(members);
        world.publishers.subscribe("work", &member_of("crew")).unwrap();
    }
}
