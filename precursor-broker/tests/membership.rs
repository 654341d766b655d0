//! Who belongs to a group, when participants open, join and leave it at the same time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, unused_imports, reason = "the world serves several test binaries")]
#[macro_use]
#[path = "behaviour/world.rs"]
mod world;
use core::time::Duration;
use precursor_broker::*;
use std::sync::{Arc, Barrier};
use world::*;

everywhere! {
    fn a_group_opened_by_two_at_once_is_one_group(place: Place) {
        let world = place.open();
        for round in 0..100 {
            let barrier = Arc::new(Barrier::new(2));
            let threads = [&world.publishers, &world.subscribers].map(|side| {
                let (side, barrier) = (side.clone(), barrier.clone());
                start(move || {
                    barrier.wait();
                    side.subscribe("work", &member_of("crew")).unwrap()
                })
            });
            let members = threads.map(|thread| thread.join());
            let accepted = world.publishers.publish("work", b"once").unwrap().accepted;
            assert_eq!(accepted, 1, "round {round}: the group is there once");
            drop(members);
            until("the group is gone", || world.publishers.counters().routes.is_empty());
        }
    }

    fn whoever_joins_as_the_last_member_leaves_is_served(place: Place) {
        let world = place.open();
        for round in 0..200 {
            let leaving = world.publishers.subscribe("work", &member_of("crew")).unwrap();
            let barrier = Arc::new(Barrier::new(2));
            let other = start({
                let barrier = barrier.clone();
                move || {
                    barrier.wait();
                    drop(leaving);
                }
            });
            barrier.wait();
            let mut joined = world.subscribe("work", &member_of("crew"));
            other.join();
            let accepted = world.publishers.publish("work", b"for you").unwrap().accepted;
            assert_eq!(accepted, 1, "round {round}: the group lives on in its new member");
            assert_eq!(next(&mut joined).payload(), b"for you", "round {round}");
        }
    }
}
