//! Deaths while subscriptions open and close.

use precursor_broker::{Broker, Policy};

use super::checks::{crew, elsewhere, flows, holding};
use super::{Check, Scenario};

fn nothing(_: &Broker) -> Check {
    Box::new(|| ())
}

/// A record that was in use before, and names a chunk that a neighbour has now.
fn a_past(survivor: &Broker) -> Check {
    let options = holding(16, Policy::DropNewest);
    drop(survivor.subscribe("t", &options).unwrap());
    let mut neighbour = survivor.subscribe("other", &options).unwrap();
    let survivor = survivor.clone();
    Box::new(move || flows(&survivor, &mut neighbour, "other", 16))
}

/// The group lives in the survivor as well.
fn a_fellow(survivor: &Broker) -> Check {
    let mut fellow = survivor.subscribe("t", &crew()).unwrap();
    let survivor = survivor.clone();
    Box::new(move || flows(&survivor, &mut fellow, "t", 16))
}

fn open_and_close(victim: &Broker, survivor: &Broker, policy: Policy, begin: &dyn Fn()) {
    begin();
    let subscription = victim.subscribe("t", &holding(16, policy)).unwrap();
    elsewhere(|| {
        survivor.publish("t", &[1; 20]).unwrap();
        survivor.publish("t", &[1; 2_000]).unwrap();
    });
    drop(subscription);
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "join and leave",
        stage: nothing,
        act: |_, survivor, begin| {
            begin();
            drop(survivor.join().unwrap());
        },
    },
    Scenario {
        name: "join a group and leave it",
        stage: a_fellow,
        act: |victim, _, begin| {
            begin();
            drop(victim.subscribe("t", &crew()).unwrap());
        },
    },
    Scenario {
        name: "subscribe and unsubscribe",
        stage: nothing,
        act: |victim, survivor, begin| {
            open_and_close(victim, survivor, Policy::DropOldest, begin);
        },
    },
    Scenario {
        name: "subscribe to the latest and unsubscribe",
        stage: nothing,
        act: |victim, survivor, begin| open_and_close(victim, survivor, Policy::Latest, begin),
    },
    Scenario {
        name: "subscribe where others were before",
        stage: a_past,
        act: |victim, survivor, begin| open_and_close(victim, survivor, Policy::Detach, begin),
    },
    Scenario {
        name: "open a group and close it",
        stage: nothing,
        act: |victim, survivor, begin| {
            begin();
            let member = victim.subscribe("t", &crew()).unwrap();
            elsewhere(|| {
                survivor.publish("t", &[1; 2_000]).unwrap();
            });
            drop(member);
        },
    },
    Scenario {
        name: "open a group where others were before",
        stage: a_past,
        act: |victim, _, begin| {
            begin();
            drop(victim.subscribe("t", &crew()).unwrap());
        },
    },
    Scenario {
        name: "close a group that goes on",
        stage: a_fellow,
        act: |victim, _, begin| {
            let member = victim.subscribe("t", &crew()).unwrap();
            begin();
            drop(member);
            // Something of its own, so that there is a step to die at.
            victim.publish("t", &[1; 8]).unwrap();
        },
    },
    Scenario {
        name: "close a group that another opened",
        stage: nothing,
        act: |victim, survivor, begin| {
            let opener = survivor.subscribe("t", &crew()).unwrap();
            let member = victim.subscribe("t", &crew()).unwrap();
            survivor.publish("t", &[1; 2_000]).unwrap();
            drop(opener);
            begin();
            drop(member);
        },
    },
];
