//! Deaths of publishers.

use precursor_broker::{Broker, Policy, Subscription, Wait};

use super::checks::{crew, flows, holding, sleeps_and_ends};
use super::{Check, LONG, Scenario};

fn subscribed(broker: &Broker, pattern: &str, depth: u32, policy: Policy) -> Subscription {
    broker.subscribe(pattern, &holding(depth, policy)).unwrap()
}

/// Three kinds of subscription to "t", which the check finds whole.
fn three(survivor: &Broker) -> Check {
    let mut plain = subscribed(survivor, "t", 16, Policy::DropNewest);
    let mut wild = subscribed(survivor, "*", 4, Policy::DropOldest);
    let mut member = survivor.subscribe(">", &crew()).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        for subscription in [&mut plain, &mut wild] {
            while subscription.try_recv().unwrap().is_some() {}
        }
        while member.try_recv().unwrap().is_some() {}
        for n in 0..100_u8 {
            let payload = vec![n; if n % 3 == 0 { 900 } else { 30 }];
            assert_eq!(survivor.publish("t", &payload).unwrap().accepted, 3);
            for subscription in [&mut plain, &mut wild, &mut member] {
                assert_eq!(subscription.try_recv().unwrap().unwrap().payload(), payload);
            }
        }
    })
}

fn one(survivor: &Broker, depth: u32, policy: Policy, fill: u32, len: usize) -> Check {
    let mut subscription = subscribed(survivor, "t", depth, policy);
    for _ in 0..fill {
        survivor.publish("t", &vec![9; len]).unwrap();
    }
    let survivor = survivor.clone();
    Box::new(move || flows(&survivor, &mut subscription, "t", depth.into()))
}

/// A table with room for one topic, whose message was read: its place is for the next topic.
fn a_topic_that_was_read(survivor: &Broker) -> Check {
    let mut subscription = subscribed(survivor, "*", 1, Policy::Latest);
    survivor.publish("read", &[1; 20]).unwrap();
    assert!(subscription.try_recv().unwrap().is_some());
    let survivor = survivor.clone();
    Box::new(move || {
        let (messages, mut lost) = super::checks::drain(&mut subscription);
        for n in 0..60_u8 {
            let topic = ["t", "read", "new"][usize::from(n) % 3];
            assert_eq!(
                survivor.publish(topic, &[n; 20]).unwrap().accepted,
                1,
                "{topic} has a place"
            );
            let message = subscription.try_recv().unwrap().expect("it arrives");
            assert_eq!((message.topic(), message.payload()), (topic, &[n; 20][..]));
            lost += message.lost_before();
        }
        lost += subscription.take_lost();
        let route = super::checks::route_of(&survivor, "*");
        assert_eq!((route.delivered, route.lost, route.queued), (1 + messages + 60, lost, 0));
    })
}

/// A mailbox that takes two blocks of 1,000 bytes: after the death it takes two again.
fn few_bytes(survivor: &Broker) -> Check {
    let mut options = holding(16, Policy::DropNewest);
    options.mailbox_bytes_max = 2_500;
    let mut subscription = survivor.subscribe("t", &options).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        super::checks::drain(&mut subscription);
        for _ in 0..3 {
            let accepted: u32 =
                (0..3).map(|_| survivor.publish("t", &[1; 1_000]).unwrap().accepted).sum();
            assert_eq!(accepted, 2, "the bytes of the dead's message count no more");
            super::checks::drain(&mut subscription);
        }
    })
}

/// A reader that sleeps while the victim publishes.
fn a_sleeper(survivor: &Broker) -> Check {
    let mut options = holding(16, Policy::DropNewest);
    options.wait = Wait::Park;
    let mut subscription = survivor.subscribe("t", &options).unwrap();
    let woken = sleeps_and_ends("the reader wakes", move || {
        subscription.recv().unwrap();
        subscription
    });
    let survivor = survivor.clone();
    Box::new(move || {
        survivor.publish("t", b"wake up").unwrap();
        let mut subscription = woken();
        while subscription.try_recv().unwrap().is_some() {}
        survivor.publish("t", b"and go on").unwrap();
        let message = subscription.recv_timeout(LONG).unwrap().expect("it arrives");
        assert_eq!(message.payload(), b"and go on");
    })
}

/// Two members that sleep while the victim publishes: each is woken by a message of its own.
fn sleepers(survivor: &Broker) -> Check {
    let woken = [(); 2].map(|()| {
        let mut options = crew();
        options.wait = Wait::Park;
        let mut member = survivor.subscribe("t", &options).unwrap();
        sleeps_and_ends("the member wakes", move || {
            member.recv().unwrap();
            member
        })
    });
    let survivor = survivor.clone();
    Box::new(move || {
        survivor.publish("t", b"one").unwrap();
        survivor.publish("t", b"two").unwrap();
        drop(woken.map(|woken| woken()));
    })
}

/// The subscription closes while the dead's claim in it is unfinished.
fn closed_before_reclaim(survivor: &Broker) -> Check {
    let subscription = subscribed(survivor, "t", 16, Policy::DropNewest);
    Box::new(move || drop(subscription))
}

fn publish(victim: &Broker, len: usize, begin: &dyn Fn()) {
    // The route is known before: what is watched is the publish alone.
    let publisher = victim.publisher("t", Default::default()).unwrap();
    begin();
    let _ = publisher.publish(&vec![5; len]);
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "publish inline to one",
        stage: |survivor| one(survivor, 16, Policy::DropNewest, 0, 0),
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "publish inline to three",
        stage: three,
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "publish a block to three",
        stage: three,
        act: |victim, _, begin| publish(victim, 2_000, begin),
    },
    Scenario {
        name: "publish a large block to three",
        stage: three,
        act: |victim, _, begin| publish(victim, 900_000, begin),
    },
    Scenario {
        name: "publish many",
        stage: |survivor| one(survivor, 16, Policy::DropNewest, 0, 0),
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            begin();
            let _ = publisher.publish_many(&[b"1", b"2", b"3"]);
        },
    },
    Scenario {
        name: "publish many to a full group",
        stage: |survivor| {
            let mut member = survivor.subscribe("t", &crew()).unwrap();
            for _ in 0..15 {
                survivor.publish("t", b"fill").unwrap();
            }
            let survivor = survivor.clone();
            Box::new(move || flows(&survivor, &mut member, "t", 16))
        },
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            begin();
            let _ = publisher.publish_many(&[b"1", b"2"]);
        },
    },
    Scenario {
        name: "publish a block into few bytes",
        stage: few_bytes,
        act: |victim, _, begin| publish(victim, 1_000, begin),
    },
    Scenario {
        name: "evict an inline message",
        stage: |survivor| one(survivor, 4, Policy::DropOldest, 4, 20),
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "evict a block for a block",
        stage: |survivor| one(survivor, 4, Policy::DropOldest, 4, 2_000),
        act: |victim, _, begin| publish(victim, 2_000, begin),
    },
    Scenario {
        name: "detach",
        stage: |survivor| {
            let mut subscription = subscribed(survivor, "t", 2, Policy::Detach);
            survivor.publish("t", b"1").unwrap();
            survivor.publish("t", b"2").unwrap();
            Box::new(move || {
                for _ in 0..2 {
                    assert!(subscription.try_recv().unwrap().is_some());
                }
            })
        },
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "put the first of a topic",
        stage: |survivor| one(survivor, 4, Policy::Latest, 0, 0),
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "put the only topic that there is room for",
        stage: |survivor| one(survivor, 1, Policy::Latest, 0, 0),
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "put what replaces another",
        stage: |survivor| one(survivor, 4, Policy::Latest, 1, 20),
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "put in the place of a topic that was read",
        stage: a_topic_that_was_read,
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "put into a table that closes meanwhile",
        stage: |survivor| {
            let subscription = subscribed(survivor, "t", 4, Policy::Latest);
            Box::new(move || drop(subscription))
        },
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "lend and send",
        stage: three,
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            begin();
            let mut loan = publisher.loan(100).unwrap();
            loan.fill(3);
            let _ = loan.send();
        },
    },
    Scenario {
        name: "lend and abort",
        stage: three,
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            begin();
            publisher.loan(100).unwrap().abort();
            publisher.loan(900_000).unwrap().abort();
        },
    },
    Scenario {
        name: "give memory back",
        stage: |survivor| {
            let mut kept = subscribed(survivor, "t", 16, Policy::DropNewest);
            survivor.publish("t", &[1; 3_000]).unwrap();
            Box::new(move || {
                assert_eq!(kept.try_recv().unwrap().unwrap().payload(), [1; 3_000]);
            })
        },
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            publisher.loan(100).unwrap().abort();
            publisher.loan(900_000).unwrap().abort();
            begin();
            victim.trim();
        },
    },
    Scenario {
        name: "take segments that waited for blocks of another length",
        stage: |survivor| one(survivor, 16, Policy::DropNewest, 0, 0),
        act: |victim, _, begin| {
            let publisher = victim.publisher("t", Default::default()).unwrap();
            publisher.loan(900_000).unwrap().abort();
            begin();
            publisher.loan(600_000).unwrap().abort();
        },
    },
    Scenario {
        name: "publish to readers that sleep in a group",
        stage: sleepers,
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "publish to a reader that sleeps",
        stage: a_sleeper,
        act: |victim, _, begin| publish(victim, 20, begin),
    },
    Scenario {
        name: "publish to what closes afterwards",
        stage: closed_before_reclaim,
        act: |victim, _, begin| publish(victim, 20, begin),
    },
];
