//! `neo explain`.

use neo_protocol::Policy;
use rustix::process::Signal;
use serde_json::json;

use crate::world::{World, until};

const WORDS: [&str; 5] = ["explain", "URL", "flights.AA1", "--interval", "0.02"];

#[test]
fn it_says_who_publishes_who_reads_and_who_is_slow() {
    let world = World::new();
    let slow = world.kernel.subscribe("flights.*").policy(Policy::DropOldest).depth(16);
    let _slow = slow.open().unwrap();
    let _other = world.kernel.subscribe("prices.>").open().unwrap();
    let reader = world.start(&["sub", "URL", "flights.AA1"]);
    world.await_routes(3);
    for _ in 0..20 {
        world.kernel.publish("flights.AA1", b"x").unwrap();
    }
    assert_eq!(world.run(&["pub", "URL", "flights.AA1", "y", "--count", "5"]).code(), 0);
    until("the quick one has read all", || {
        world.kernel.counters().routes.iter().any(|route| route.delivered == 25)
    });
    let text = world.run(&WORDS);
    let text = text.text();
    let here = std::process::id().to_string();
    assert!(
        text.starts_with(&format!("flights.AA1 at {}: 2 subscribers\n", world.url())),
        "{text}"
    );
    assert!(text.contains("flights.*, drop-oldest, open for "), "{text}");
    assert!(text.contains(&format!("  read by       {here} (")), "{text}");
    assert!(text.contains("16 of 16 wait\n  lost          9 messages, the first "), "{text}");
    assert!(text.contains(" ago; 0 while it was looked at\n"), "{text}");
    assert!(text.contains("one that has left: 5 of the last 25\n"), "{text}");
    assert!(text.contains("flights.* is slow: full, read by "), "{text}");
    assert!(!text.contains("prices"), "{text}");

    let explained = world.run(&[&WORDS[..], &["--json"]].concat()).json();
    let [slow, quick] = &explained["subscribers"].as_array().unwrap()[..] else { panic!() };
    assert_eq!((&slow["pattern"], &slow["is_slow"]), (&json!("flights.*"), &json!(true)));
    assert_eq!((&slow["lost"], &slow["lost_now"]), (&json!(9), &json!(0)));
    assert!(slow["first_loss_s"].as_f64().unwrap() <= slow["open_s"].as_f64().unwrap());
    assert_eq!((&quick["is_slow"], &quick["first_loss_s"]), (&json!(false), &json!(null)));
    assert_eq!(quick["read_by"][0]["pid"], reader.id());
    assert_eq!(quick["read_by"][0]["command"], "neo");
    assert_eq!(quick["published_by"][0]["recent_messages"], 20);
    assert_eq!(quick["published_by"][0]["pid"], std::process::id());
    assert_eq!(quick["published_by"][1]["pid"], json!(null), "it has left");
    assert_eq!(explained["says"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stopped_reader_is_named_with_the_way_out() {
    let world = World::new();
    let reader = world.start(&["sub", "URL", "flights.AA1"]);
    world.await_routes(1);
    reader.signal(Signal::STOP);
    let advice = format!("continue it (kill -CONT {})", reader.id());
    until("it is stopped", || world.run(&WORDS).text().contains(&advice));
}

#[test]
fn a_topic_that_nobody_hears_is_said_so() {
    let world = World::new();
    let ended = world.run(&WORDS);
    assert!(ended.text().ends_with(
        "\n\nnobody subscribes to it: what is published goes nowhere and leaves no trace\n"
    ));
    let quick = world.kernel.subscribe(">").open().unwrap();
    assert!(world.run(&WORDS).text().ends_with("nobody is slow\n"));
    drop(quick);
    let wildcard = world.run(&["explain", "URL", "flights.*"]);
    assert_eq!(wildcard.code(), 2);
    assert!(wildcard.stderr.contains("wildcards belong"), "{}", wildcard.stderr);
}
