//! `neo pub`, `neo sub` and `neo call`.

use std::thread;

use neo_protocol::{Failure, Policy};
use rustix::process::Signal;
use serde_json::json;

use crate::world::{Names, World, until};

#[test]
fn lines_of_the_input_arrive_in_order() {
    let world = World::new();
    let subscriber = world.start(&["sub", "URL", "flights.*", "--count", "3"]);
    world.await_routes(1);
    let mut publisher = world.start(&["pub", "URL", "flights.AA1"]);
    drop(publisher.input(b"boarding\nleft the gate\n\xffgone"));
    let published = publisher.finish();
    assert_eq!(published.text(), "published 3 messages: accepted 3, dropped 0, timed out 0\n");
    assert_eq!(
        subscriber.finish().text(),
        "flights.AA1: boarding\nflights.AA1: left the gate\nflights.AA1: \\xffgone\n"
    );
}

#[test]
fn messages_in_json_keep_every_byte() {
    let world = World::new();
    let subscriber = world.start(&["sub", "URL", ">", "--count", "2", "--json"]);
    world.await_routes(1);
    world.kernel.publish("a.b", "caf\u{e9}\n".as_bytes()).unwrap();
    world.kernel.publish("a", b"\xff\x00").unwrap();
    assert_eq!(
        subscriber.finish().json_lines(),
        [
            json!({"topic": "a.b", "data": "caf\u{e9}\n", "lost_before": 0}),
            json!({"topic": "a", "data_base64": "/wA=", "lost_before": 0}),
        ]
    );
}

#[test]
fn raw_output_is_the_payload_alone() {
    let world = World::new();
    let subscriber = world.start(&["sub", "URL", "a", "--count", "1", "--raw"]);
    world.await_routes(1);
    world.kernel.publish("a", b"\x1b[1mbold").unwrap();
    assert_eq!(subscriber.finish().text(), "\x1b[1mbold\n");
}

#[test]
fn a_member_of_a_group_gets_its_share() {
    let world = World::new();
    let mut here = world.kernel.subscribe("work").group("crew").open().unwrap();
    let member = world.start(&["sub", "URL", "work", "--group", "crew", "--count", "1"]);
    let observer = world.observer();
    until("it has joined", || observer.look().routes[0].readers.len() == 2);
    while observer.look().routes[0].readers.len() == 2 {
        world.kernel.publish("work", b"x").unwrap();
        while here.try_recv().unwrap().is_some() {}
    }
    assert_eq!(member.finish().text(), "work: x\n");
}

#[test]
fn losses_are_told_where_they_happened() {
    let world = World::new();
    let words = ["sub", "URL", "a", "--policy", "drop-newest", "--depth", "16", "--count", "17"];
    let subscriber = world.start(&words);
    world.await_routes(1);
    subscriber.signal(Signal::STOP);
    until("it is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", subscriber.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    });
    let mut dropped = 0;
    for _ in 0..100 {
        dropped += world.kernel.publish("a", b"early").unwrap().dropped;
    }
    assert_eq!(dropped, 84);
    subscriber.signal(Signal::CONT);
    until("it has caught up", || world.kernel.counters().routes[0].queued == 0);
    world.kernel.publish("a", b"late").unwrap();
    let ended = subscriber.finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, "neo: 84 messages lost here\n"));
    assert!(ended.stdout.ends_with("a: early\na: late\n"), "{}", ended.stdout);
}

#[test]
fn a_message_is_repeated_at_a_rate() {
    let world = World::new();
    let mut inbox = world.kernel.subscribe("tick").open().unwrap();
    let words = ["pub", "URL", "tick", "now", "--count", "5", "--rate", "1000", "--json"];
    let sum = json!({"messages": 5, "accepted": 5, "dropped": 0, "timed_out": 0});
    assert_eq!(world.run(&words).json(), sum);
    for _ in 0..5 {
        assert_eq!(inbox.recv().unwrap().payload(), b"now");
    }
}

#[test]
fn a_subscriber_without_room_ends_the_publisher_with_a_reason() {
    let world = World::new();
    let _full = world.kernel.subscribe("a").policy(Policy::Block).depth(16).open().unwrap();
    let words = ["pub", "URL", "a", "x", "--count", "100", "--send-timeout", "0"];
    let ended = world.run(&words);
    assert_eq!(ended.code(), 5, "{ended:?}");
    assert_eq!(ended.stdout, "published 16 messages: accepted 16, dropped 0, timed out 0\n");
    assert!(ended.stderr.contains("no subscription of \"a\" had room"), "{}", ended.stderr);
}

#[test]
fn nobody_who_listens_is_no_error_and_is_said() {
    let world = World::new();
    let ended = world.run(&["pub", "URL", "a", "x"]);
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, "neo: nobody subscribes to a\n"));
}

#[test]
fn calls_print_what_the_service_answers() {
    let world = World::new();
    let mut worker = world.kernel.serve("gates").open().unwrap();
    let serving = thread::spawn(move || {
        worker.run(|call| match call.method() {
            "of" => Ok([call.payload(), b" from B22"].concat().into()),
            _ => Err(Failure::new("no such method")),
        })
    });
    assert_eq!(world.run(&["call", "URL", "gates", "of", "AA1"]).text(), "AA1 from B22");
    let mut piped = world.start(&["call", "URL", "gates", "of", "-", "--json"]);
    drop(piped.input(b"AA2\n"));
    let answer = piped.finish().json();
    assert_eq!(answer["data"], "AA2\n from B22");
    assert_eq!((&answer["service"], &answer["method"]), (&json!("gates"), &json!("of")));
    assert!(answer["elapsed_ns"].is_u64());
    let refused = world.run(&["call", "URL", "gates", "close"]);
    assert_eq!((refused.code(), refused.stdout.as_str()), (6, ""));
    assert!(refused.stderr.contains("no such method"), "{}", refused.stderr);
    world.kernel.close();
    serving.join().unwrap().unwrap_err();
}

#[test]
fn calls_that_nobody_answers_say_why() {
    let world = World::new();
    let nobody = world.run(&["call", "URL", "gates", "of"]);
    assert_eq!(nobody.code(), 3);
    assert!(nobody.stderr.contains("nobody serves \"gates\""), "{}", nobody.stderr);
    let _silent = world.kernel.serve("gates").open().unwrap();
    let late = world.run(&["call", "URL", "gates", "of", "--timeout", "0.05", "--json"]);
    assert_eq!(late.code(), 4);
    let complaint: serde_json::Value = serde_json::from_str(&late.stderr).unwrap();
    assert_eq!(complaint["kind"], "Timeout");
}

#[test]
fn a_subscription_that_hears_nothing_ends_in_time() {
    let world = World::new();
    let ended = world.run(&["sub", "URL", "a.*", "--timeout", "0.05"]);
    assert_eq!((ended.code(), ended.stdout.as_str()), (4, ""));
    assert_eq!(ended.stderr, "neo: no message of a.* came within 50ms\n");
}

#[test]
fn signals_end_commands_as_if_they_had_come_to_their_end() {
    let world = World::new();
    let observer = world.observer();
    let waiting = world.start(&["sub", "URL", "a"]);
    world.await_routes(1);
    let mut reading = world.start(&["pub", "URL", "a"]);
    let _open = reading.input(b"hello\n");
    until("both are at work", || {
        observer.look().routes.first().is_some_and(|route| route.counters.delivered == 1)
    });
    waiting.signal(Signal::INT);
    reading.signal(Signal::TERM);
    let (waiting, reading) = (waiting.finish(), reading.finish());
    assert_eq!((waiting.code(), waiting.stdout.as_str()), (130, "a: hello\n"));
    assert_eq!(reading.code(), 143);
    assert!(reading.stdout.starts_with("published 1 message:"), "{}", reading.stdout);
    assert_eq!((waiting.stderr.as_str(), reading.stderr.as_str()), ("", ""));
    // They left; nobody had to bury them.
    assert_eq!(observer.look().participants.len(), 1);
    assert_eq!(observer.look().routes.len(), 0);
}

#[test]
fn nothing_stays_of_a_command_that_has_ended() {
    let names = Names::new();
    let is_empty = || std::fs::read_dir(names.path()).map_or(0, Iterator::count) == 0;
    assert_eq!(names.run(&["pub", "--create", "shm://a", "t", "x"]).code(), 0);
    assert!(is_empty());
    assert_eq!(names.run(&["sub", "--create", "shm://a", "t", "--timeout", "0"]).code(), 4);
    assert!(is_empty());
    let subscriber = names.subscriber("a", "t");
    subscriber.signal(Signal::HUP);
    assert_eq!(subscriber.finish().code(), 129);
    assert!(is_empty());
}

#[test]
fn a_reader_that_went_away_ends_the_output_quietly() {
    let world = World::new();
    let mut subscriber = world.start(&["sub", "URL", "a"]);
    world.await_routes(1);
    subscriber.close_output();
    // A process that another test is about to start holds the output too, until it runs its program.
    until("the output is nobody's", || {
        // Not faster than it is read: losses would be told.
        if world.kernel.counters().routes.iter().all(|route| route.queued == 0) {
            world.kernel.publish("a", b"x").unwrap();
        }
        subscriber.has_ended()
    });
    assert_eq!(subscriber.finish().text(), "");
    let mut listing = world.start(&["ls"]);
    listing.close_output();
    assert_eq!(listing.finish().text(), "");
}
