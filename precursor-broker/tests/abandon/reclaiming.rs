//! Deaths of survivors that were putting right what another one left.

use precursor_broker::{Broker, Policy};

use super::checks::{crew, flows, holding};
use super::{Check, Scenario};

/// A participant that dies with subscriptions, a membership, queued messages and a call.
pub(crate) fn a_death(survivor: &Broker) -> u16 {
    let dead = survivor.join().unwrap();
    let id = dead.participant();
    for (pattern, options) in [
        ("dead.t", holding(16, Policy::DropOldest)),
        ("dead.*", holding(4, Policy::Latest)),
        ("t", crew()),
    ] {
        core::mem::forget(dead.subscribe(pattern, &options).unwrap());
    }
    for len in [20, 2_000] {
        survivor.publish("dead.t", &vec![1; len]).unwrap();
    }
    core::mem::forget(dead.call_async("s", "m", &[1; 3_000]));
    core::mem::forget(dead);
    id
}

/// A group that the dead was a member of, and a service that it called.
fn a_group_and_a_service(survivor: &Broker) -> Check {
    let mut fellow = survivor.subscribe("t", &crew()).unwrap();
    let service = survivor.serve("s", &holding(16, Policy::Block)).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        drop(service);
        flows(&survivor, &mut fellow, "t", 16);
    })
}

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "reclaim",
    stage: a_group_and_a_service,
    act: |victim, survivor, begin| {
        let dead = a_death(survivor);
        begin();
        assert_eq!(victim.declare_dead(dead).participants, 1);
    },
}];
