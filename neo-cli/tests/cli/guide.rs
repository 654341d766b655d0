//! The guide says what is printed.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::world::World;

const GUIDE: &str = include_str!("../../../docs/guide/neo.md");

fn collect(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            keys.extend(fields.keys().cloned());
            fields.values().for_each(|value| collect(value, keys));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, keys)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_json_is_told() {
    let world = World::new();
    let _group = world.kernel.subscribe("a").group("crew").open().unwrap();
    let mut worker = world.kernel.serve("s").open().unwrap();
    let serving = thread::spawn(move || worker.run(|_| Ok(b"\xff".into())));
    let subscriber = world.start(&["sub", "URL", "a", "--count", "1", "--json"]);
    world.await_routes(3);
    let words: [&[&str]; 6] = [
        &["pub", "URL", "a", "x"],
        &["ls"],
        &["top", "URL", "--once", "--interval", "0.02"],
        &["explain", "URL", "a", "--interval", "0.02"],
        &["call", "URL", "s", "m"],
        &["doctor", "URL"],
    ];
    let mut keys = BTreeSet::new();
    for words in words {
        collect(&world.run(&[words, &["--json"]].concat()).json(), &mut keys);
    }
    collect(&subscriber.finish().json(), &mut keys);
    let refused = world.run(&["call", "URL", "nobody", "m", "--json"]);
    collect(&serde_json::from_str(&refused.stderr).unwrap(), &mut keys);
    let untold: Vec<_> = keys.iter().filter(|key| !GUIDE.contains(&format!("`{key}`"))).collect();
    assert!(untold.is_empty(), "{untold:?}");
    assert!(keys.len() > 50, "{keys:?}");
    world.kernel.close();
    serving.join().unwrap().unwrap_err();
}

#[test]
fn every_exit_code_is_told_in_the_help_and_in_the_guide() {
    let help = crate::world::run(&["--help"]).text().to_owned();
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "129, 130, 143"] {
        assert!(GUIDE.contains(&format!("| {code} |")), "{code}");
        assert!(help.contains(&format!("\n  {code}  ")), "{code}: {help}");
    }
}
