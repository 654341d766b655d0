//! Participants that stop for long and go on.

use core::time::Duration;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use precursor_broker::{Broker, ErrorKind, Policy, Wait, steps};

use super::checks::{crew, flows, holding};
use super::reclaiming::a_death;
use super::{LONG, limits};

/// Makes this thread tell that it reached a step, and stop there until it is told to go on.
fn stop_at(label: &'static str, reached: Sender<()>, go_on: Receiver<()>) {
    steps::set_hook(move |at| {
        if at == label {
            let _ = reached.send(());
            let _ = go_on.recv();
        }
    });
}

/// A survivor is stopped in the middle of a reclaim for longer than others wait for it.
fn stopped_at(label: &'static str) {
    let survivor = Broker::private(&limits()).unwrap();
    let dead = a_death(&survivor);
    let slow = survivor.join().unwrap();
    let ((reached, is_stopped), (go_on, goes_on)) = (channel(), channel());
    let thread = thread::spawn(move || {
        stop_at(label, reached, goes_on);
        slow.declare_dead(dead).participants
    });
    is_stopped.recv_timeout(LONG).expect("it stops");
    assert_eq!(survivor.declare_dead(dead).participants, 0, "{label}: another one is at it");
    let newcomer = survivor.join().unwrap();
    assert_ne!(newcomer.participant(), dead, "{label}: the place is not free yet");
    let mut subscription = newcomer.subscribe("n", &holding(16, Policy::DropNewest)).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(thread.join().unwrap(), 1, "{label}: it ends what it began");
    flows(&survivor, &mut subscription, "n", 16);
    assert_eq!(survivor.declare_dead(dead).participants, 0, "{label}: nothing is left to do");
    assert_eq!(survivor.join().unwrap().participant(), dead, "{label}: the place is free");
}

#[test]
fn a_survivor_that_stops_in_a_reclaim_keeps_the_place_of_the_dead() {
    let labels = ["reclaim.begun", "reclaim.mailboxes_whole", "reclaim.recounted"];
    let threads = labels.map(|label| thread::spawn(move || stopped_at(label)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A participant is stopped while it opens a group, for longer than a survivor waits.
#[test]
fn whoever_kept_others_from_a_reclaim_does_it_when_it_goes_on() {
    let name = format!("stalled-{}", std::process::id());
    let survivor = Broker::open_shared(&name, &limits()).unwrap();
    survivor.start_thread().unwrap();
    let slow = survivor.join().unwrap();
    let dead = a_death(&survivor);
    let ((reached, is_stopped), (go_on, goes_on)) = (channel(), channel());
    let thread = thread::spawn(move || {
        stop_at("membership.held", reached, goes_on);
        slow.subscribe("group", &crew()).unwrap()
    });
    is_stopped.recv_timeout(LONG).expect("it stops");
    assert_eq!(survivor.declare_dead(dead).participants, 0, "it has to be left");
    let route_of_the_dead =
        || survivor.counters().routes.iter().any(|route| route.pattern == "dead.t");
    assert!(route_of_the_dead());
    go_on.send(()).unwrap();
    let begun = std::time::Instant::now();
    while route_of_the_dead() {
        assert!(begun.elapsed() < LONG, "nobody puts the dead right");
        thread::yield_now();
    }
    drop(thread.join().unwrap());
}

#[test]
fn a_reply_slot_behind_a_replier_that_stops_serves_again_when_that_goes_on() {
    let survivor = Broker::private(&limits().with_calls_in_flight_max(1)).unwrap();
    let mut service = survivor.serve("s", &holding(16, Policy::Block)).unwrap();
    let ((reached, is_stopped), (go_on, goes_on)) = (channel(), channel());
    let worker = thread::spawn(move || {
        stop_at("reply.replying", reached, goes_on);
        service.recv(Some(LONG)).unwrap().expect("a request").reply(&[1; 3_000]).unwrap();
        service.recv(Some(LONG)).unwrap().expect("the next request").reply(b"y").unwrap();
    });
    let pending = survivor.call_async("s", "m", b"x");
    is_stopped.recv_timeout(LONG).expect("it stops");
    drop(pending);
    let second = survivor.call("s", "m", b"x", Some(Duration::from_millis(1)), Wait::Park);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Full, "the only slot is the replier's");
    // Once for each reply.
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    let answer = loop {
        match survivor.call("s", "m", b"x", Some(LONG), Wait::Park) {
            Err(error) if error.kind() == ErrorKind::Full => thread::yield_now(),
            answer => break answer,
        }
    };
    assert_eq!(&answer.unwrap()[..], b"y");
    worker.join().unwrap();
    survivor.trim();
    assert_eq!(survivor.counters().late_replies, 1);
}

#[test]
fn a_mailbox_whose_reader_left_beside_a_stopped_publisher_is_free_when_that_goes_on() {
    let survivor = Broker::private(&limits()).unwrap();
    let before = survivor.counters().memory_bytes;
    let leaver = survivor.join().unwrap();
    let (publisher, place) = (survivor.join().unwrap(), leaver.participant());
    let subscription = leaver.subscribe("t", &holding(16, Policy::DropNewest)).unwrap();
    let ((reached, is_stopped), (go_on, goes_on)) = (channel(), channel());
    let thread = thread::spawn(move || {
        stop_at("claim.claimed", reached, goes_on);
        publisher.publish("t", b"in the middle").unwrap();
    });
    is_stopped.recv_timeout(LONG).expect("it stops");
    drop(subscription);
    drop(leaver);
    assert_eq!(survivor.reclaim().participants, 1, "it leaves the rest to others");
    assert_eq!(survivor.join().unwrap().participant(), place, "its place is free");
    go_on.send(()).unwrap();
    thread.join().unwrap();
    survivor.trim();
    assert_eq!(survivor.counters().memory_bytes, before);
}
