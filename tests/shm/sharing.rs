//! Everything that a kernel does, between two processes.

use neo_protocol::Policy;

use crate::process::{LONG, Name, next};

#[test]
fn two_processes_share_topics_groups_services_loans_and_newest_values() {
    let name = Name::new();
    let kernel = name.open();
    let mut inbox = kernel.subscribe("from.peer").open().unwrap();
    let mut member = kernel.subscribe("work").group("crew").depth(1_024).open().unwrap();
    let mut newest = kernel.subscribe("prices.*").policy(Policy::Latest).depth(4).open().unwrap();
    let peer = name.start("peer");
    assert_eq!(next(&mut inbox), b"here");

    for bytes in [0, 1, 64, 256, 4_096, 1 << 20] {
        let payload: Vec<u8> = (0..bytes).map(|n| n as u8).collect();
        assert_eq!(kernel.publish("to.peer", &payload).unwrap().accepted, 1, "{bytes} bytes");
        assert!(next(&mut inbox) == payload, "{bytes} bytes come back");
    }
    for n in 0..50_u8 {
        let reply = kernel.call_timeout("sum", "of", &[n, 1, 1], LONG).unwrap();
        assert_eq!(&reply[..], (u64::from(n) + 2).to_string().as_bytes());
    }
    assert_eq!(kernel.publish("work", b"job").unwrap().accepted, 1, "the group is one");
    assert_eq!(member.recv().unwrap().payload(), b"job");
    for price in [b"101", b"102", b"103"] {
        kernel.publish("prices.NEO", price).unwrap();
    }
    let message = newest.recv().unwrap();
    assert_eq!((message.payload(), message.lost_before()), (b"103".as_slice(), 2));

    kernel.publish("to.peer", b"end").unwrap();
    peer.finish();
    assert!(kernel.call("sum", "of", b"").is_err(), "it took its service with it");
    assert_eq!(kernel.counters().routes.len(), 3, "and its subscriptions");
}

#[test]
fn every_one_of_many_that_open_a_name_at_once_gets_the_same_kernel() {
    let name = Name::new();
    let peers: Vec<_> = (0..6).map(|_| name.start("meet")).collect();
    let kernel = name.open();
    // Who came before the subscription is known by its own one.
    let mut met = kernel.subscribe("met").open().unwrap();
    let is_complete = || {
        let routes = kernel.counters().routes;
        routes.iter().filter(|route| route.pattern == "go").count() == peers.len()
    };
    while !is_complete() {
        let _ = met.recv_timeout(core::time::Duration::from_millis(1)).unwrap();
    }
    assert_eq!(kernel.publish("go", b"").unwrap().accepted, 6);
    peers.into_iter().for_each(|peer| peer.finish());
}
