//! Deaths of readers.

use precursor_broker::{Broker, Policy};

use super::checks::{crew, ends, flows, holding, patient};
use super::{Check, LONG, Scenario};

fn nothing(_: &Broker) -> Check {
    Box::new(|| ())
}

/// The survivor is a member beside the victim: it goes on alone.
fn a_fellow(survivor: &Broker) -> Check {
    let mut fellow = survivor.subscribe("t", &crew()).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        while fellow.try_recv().unwrap().is_some() {}
        for n in 0..100_u8 {
            assert_eq!(survivor.publish("t", &[n; 20]).unwrap().accepted, 1);
            assert_eq!(fellow.try_recv().unwrap().unwrap().payload(), [n; 20]);
        }
    })
}

/// A publisher that waits for the room that the victim pins.
fn a_waiting_publisher(survivor: &Broker) -> Check {
    let mut options = crew();
    options.depth = 1;
    let mut fellow = survivor.subscribe("t", &options).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        let publisher = survivor.publisher("t", patient()).unwrap();
        let published = ends("the publisher goes on", move || publisher.publish(b"at last"));
        loop {
            let message = fellow.recv_timeout(LONG).unwrap().expect("it arrives");
            if message.payload() == b"at last" {
                break;
            }
        }
        assert_eq!(published().unwrap().accepted, 1);
    })
}

fn fill(survivor: &Broker, len: usize) {
    for _ in 0..3 {
        survivor.publish("t", &vec![1; len]).unwrap();
    }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "receive inline messages",
        stage: nothing,
        act: |victim, survivor, begin| {
            let mut subscription = victim.subscribe("t", &holding(4, Policy::DropOldest)).unwrap();
            fill(survivor, 20);
            begin();
            while subscription.try_recv().unwrap().is_some() {}
        },
    },
    Scenario {
        name: "receive and keep blocks",
        stage: nothing,
        act: |victim, survivor, begin| {
            let mut subscription = victim.subscribe("t", &holding(4, Policy::DropOldest)).unwrap();
            fill(survivor, 2_000);
            survivor.publish("t", &[1; 900_000]).unwrap();
            begin();
            let mut kept = Vec::new();
            while let Some(message) = subscription.try_recv().unwrap() {
                kept.push(message);
            }
        },
    },
    Scenario {
        name: "receive a batch with blocks",
        stage: nothing,
        act: |victim, survivor, begin| {
            let mut subscription = victim.subscribe("t", &holding(8, Policy::Block)).unwrap();
            fill(survivor, 2_000);
            fill(survivor, 20);
            begin();
            let _ = subscription.recv_batch(4, None).unwrap().len();
            let _ = subscription.recv_batch(4, None).unwrap().len();
        },
    },
    Scenario {
        name: "receive beside a subscription that goes on",
        stage: |survivor| {
            let mut beside = survivor.subscribe("*", &holding(16, Policy::DropNewest)).unwrap();
            let survivor = survivor.clone();
            Box::new(move || flows(&survivor, &mut beside, "t", 16))
        },
        act: |victim, survivor, begin| {
            let mut subscription = victim.subscribe("t", &holding(4, Policy::DropOldest)).unwrap();
            fill(survivor, 2_000);
            begin();
            while subscription.try_recv().unwrap().is_some() {}
        },
    },
    Scenario {
        name: "receive in a group",
        stage: a_fellow,
        act: |victim, survivor, begin| {
            let mut member = victim.subscribe("t", &crew()).unwrap();
            fill(survivor, 20);
            fill(survivor, 2_000);
            begin();
            while member.try_recv().unwrap().is_some() {}
        },
    },
    Scenario {
        name: "receive what a publisher waits behind",
        stage: a_waiting_publisher,
        act: |victim, survivor, begin| {
            let mut options = crew();
            options.depth = 1;
            let mut member = victim.subscribe("t", &options).unwrap();
            survivor.publish("t", b"first").unwrap();
            begin();
            member.try_recv().unwrap();
        },
    },
    Scenario {
        name: "receive the newest",
        stage: nothing,
        act: |victim, survivor, begin| {
            let mut newest = victim.subscribe("t", &holding(4, Policy::Latest)).unwrap();
            fill(survivor, 20);
            begin();
            let _kept = newest.try_recv().unwrap();
        },
    },
];
