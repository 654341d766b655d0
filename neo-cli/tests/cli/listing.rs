//! `neo ls`.

use rustix::process::Signal;
use serde_json::json;

use crate::world::{Names, World, until};

#[test]
fn no_kernel_is_said_in_words() {
    let names = Names::new();
    let path = names.path().display().to_string();
    assert_eq!(names.run(&["ls"]).text(), format!("no kernel is open in {path}\n"));
    let listing = names.run(&["ls", "--json"]).json();
    assert_eq!(listing, json!({"directory": path, "names": []}));
}

#[test]
fn an_open_kernel_is_listed_and_not_disturbed() {
    let world = World::new();
    let _inbox = world.kernel.subscribe("a").open().unwrap();
    let listing = world.run(&["ls", "--json"]).json();
    let names = listing["names"].as_array().unwrap();
    let name = names.iter().find(|name| name["url"] == *world.url()).unwrap();
    assert_eq!(name["state"], "open");
    assert_eq!(name["processes"][0]["pid"], std::process::id());
    assert_eq!(name["processes"][0]["is_stopped"], false);
    assert_eq!((&name["participants"], &name["routes"]), (&json!(1), &json!(1)));
    assert_eq!(name["memory_bytes_max"], 16 << 20);
    assert!(name["resident_bytes"].as_u64().unwrap() >= name["memory_bytes"].as_u64().unwrap());
    assert!(name["age_s"].as_f64().unwrap() < 60.0);
    assert_eq!(name["ended"], json!([]));
    assert_eq!(world.observer().look().participants.len(), 1);
}

#[test]
fn the_names_of_a_group_of_users_are_listed_apart() {
    let group = rustix::process::getegid().as_raw().to_string();
    let names = Names::new();
    let url = format!("shm://desk?group={group}");
    let listed = |words: &[&str]| names.run(words).json()["names"].as_array().unwrap().clone();
    let mut subscriber = names.start(&["sub", "--create", &url, "a"]);
    until("it is listed", || {
        let found = listed(&["ls", "--group", &group, "--json"]);
        found.iter().any(|name| name["url"] == *url && name["routes"] == 1)
    });
    assert_eq!(listed(&["ls", "--json"]).len(), 0);
    let sent = names.run(&["pub", &url, "a", "for all of us"]);
    assert_eq!(sent.code(), 0, "{sent:?}");
    assert!(subscriber.lines().next().unwrap().contains("for all of us"));
    let doctor = names.run(&["doctor", &url]);
    assert_eq!(doctor.code(), 0, "{doctor:?}");
    let unknown = names.run(&["ls", "--group", "no-such-group-here"]);
    assert!(unknown.stderr.contains("getent group"), "{unknown:?}");
}

#[test]
fn the_table_marks_what_is_stale_and_what_is_stopped() {
    let names = Names::new();
    let stopped = names.subscriber("dashboard", "a");
    let killed = names.subscriber("orders", "a");
    let pid = killed.id();
    killed.kill();
    stopped.signal(Signal::STOP);
    until("it is stopped", || {
        names.run(&["ls", "--json"]).json()["names"][0]["processes"][0]["is_stopped"] == true
    });
    let listing = names.run(&["ls", "--json"]).json();
    assert_eq!(listing["names"][1]["state"], "stale");
    assert_eq!(listing["names"][1]["ended"], json!([pid]));
    let table = names.run(&["ls"]);
    let lines: Vec<Vec<&str>> =
        table.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["URL", "PROCESSES", "ROUTES", "MEMORY", "AGE", "STATE"]);
    assert_eq!(lines[1][..3], ["shm://dashboard", "1", "1"]);
    assert!(lines[1].ends_with(&["open;", "a", "process", "is", "stopped"]), "{:?}", lines[1]);
    assert_eq!(lines[2][..6], ["shm://orders", "0", "-", "-", "-", "stale:"]);
    // Nothing was taken away: that is for `doctor`, or for who opens the name.
    assert!(names.path().join("orders").exists());
}
