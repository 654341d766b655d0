//! `neo doctor`.

use rustix::process::Signal;
use serde_json::json;

use crate::world::{Names, World, until};

#[test]
fn nothing_is_wrong_where_nothing_is() {
    let names = Names::new();
    let ended = names.run(&["doctor"]);
    assert_eq!(ended.text(), format!("0 names in {}: nothing is wrong\n", names.path().display()));
    let _kernel = names.subscriber("orders", "a");
    let report = names.run(&["doctor", "shm://orders", "--json"]).json();
    assert_eq!((&report["names"], &report["findings"]), (&json!(1), &json!([])));
    assert_eq!(report["is_well"], true);
}

#[test]
fn the_name_of_a_killed_process_is_taken_away() {
    let names = Names::new();
    let _living = names.subscriber("dashboard", "a");
    names.subscriber("orders", "a").kill();
    let checked = names.run(&["doctor", "--check"]);
    assert_eq!(checked.code(), 7);
    assert!(names.path().join("orders").exists(), "a check changes nothing");
    assert!(checked.stdout.contains("wrong   shm://orders: 1 process ended"), "{checked:?}");
    assert!(checked.stdout.ends_with(": not all is well\n"), "{checked:?}");
    let mended = names.run(&["doctor"]);
    let text = "mended  shm://orders: 1 process ended without leaving; its file was removed\n";
    assert!(mended.text().starts_with(text), "{mended:?}");
    assert!(mended.stdout.ends_with(": all is well now\n"), "{mended:?}");
    assert!(!names.path().join("orders").exists() && names.path().join("dashboard").exists());
    assert_eq!(names.run(&["doctor", "--json"]).json()["findings"], json!([]));
}

#[test]
fn what_the_dead_held_is_given_back() {
    let world = World::neglected();
    let reader = world.start(&["sub", "URL", "a"]);
    world.await_routes(1);
    world.kernel.publish("a", &[7; 5_000]).unwrap();
    let pid = reader.id();
    reader.kill();
    let observer = world.observer();
    assert!(observer.look().participants.iter().any(|one| one.pid == pid && one.is_dead));
    let checked = world.run(&["doctor", "URL", "--check", "--json"]);
    assert_eq!(checked.code(), 7);
    assert_eq!(observer.look().participants.len(), 2, "a check changes nothing");
    let report = world.run(&["doctor", "URL", "--json"]).json();
    let kinds: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["stale-process", "dead-participant"]);
    let text = report["findings"][1]["text"].as_str().unwrap();
    assert!(text.contains(&pid.to_string()), "{text}");
    assert!(text.contains("gave back 1 participant and 1 subscription"), "{text}");
    assert_eq!((&report["is_well"], &report["directory"]), (&json!(true), &report["directory"]));
    assert_eq!((observer.look().participants.len(), observer.look().routes.len()), (1, 0));
    assert_eq!(world.run(&["doctor", "URL", "--json"]).json()["findings"], json!([]));
}

#[test]
fn a_stopped_process_is_told_and_left_alone() {
    let names = Names::new();
    let stopped = names.subscriber("orders", "a");
    stopped.signal(Signal::STOP);
    until("it is stopped", || names.run(&["doctor", "--check"]).code() == 7);
    let ended = names.run(&["doctor"]);
    assert_eq!(ended.code(), 7);
    assert!(ended.stdout.contains(&format!("(kill -CONT {})", stopped.id())), "{ended:?}");
    stopped.signal(Signal::CONT);
    until("it goes on", || names.run(&["doctor"]).code() == 0);
}

#[test]
fn limits_that_are_reached_are_told() {
    let world = World::new();
    let _members: Vec<_> = (0..7)
        .map(|_| neo_protocol::Kernel::open_with(&world.url(), &existing()).unwrap())
        .collect();
    let ended = world.run(&["doctor", "URL"]);
    assert_eq!(ended.code(), 7);
    assert!(ended.stdout.contains("8 of 8 participants are in use"), "{}", ended.stdout);
}

fn existing() -> neo_protocol::Options {
    neo_protocol::Options::new().existing_only()
}
