//! The table of cases itself: it is what `schema.json` says, and large enough to be worth its name.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn files() -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(folder().join("cases")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), json(&path)))
        .collect()
}

fn cases(file: &Value) -> &Vec<Value> {
    file["cases"].as_array().unwrap()
}

fn schema() -> jsonschema::Validator {
    jsonschema::draft202012::new(&json(&folder().join("schema.json"))).unwrap()
}

#[test]
fn every_file_is_valid_by_the_schema() {
    let schema = schema();
    for (name, file) in files() {
        let problems: Vec<String> = schema
            .iter_errors(&file)
            .map(|problem| format!("{name}{}: {problem}", problem.instance_path()))
            .collect();
        assert_eq!(problems, Vec::<String>::new());
    }
}

#[test]
fn the_schema_refuses_what_no_interpreter_knows() {
    let schema = schema();
    let file = |step: Value| {
        serde_json::json!({
            "$schema": "../schema.json", "group": "g", "about": "a",
            "cases": [{ "id": "g.c", "title": "t", "urls": ["mem"], "steps": [step] }]
        })
    };
    assert!(schema.is_valid(&file(serde_json::json!({ "op": "open" }))));
    for step in [
        serde_json::json!({}),
        serde_json::json!({ "op": "opens" }),
        serde_json::json!({ "op": "open", "colour": "red" }),
        serde_json::json!({ "op": "open", "name": "a", "url": "mem://a" }),
        serde_json::json!({ "op": "open", "expect": {} }),
        serde_json::json!({ "op": "open", "expect": { "error": "closed" } }),
        serde_json::json!({ "op": "publish", "payload": { "utf8": "x" } }),
        serde_json::json!({ "op": "publish", "topic": "t", "payload": { "utf8": "x", "hex": "" } }),
        serde_json::json!({ "op": "publish", "topic": "t", "payload": { "hex": "abc" } }),
        serde_json::json!({ "op": "try_recv", "sub": "s", "expect": { "accepted": 1 } }),
        serde_json::json!({ "op": "subscribe", "as": "s", "pattern": "t", "policy": "spill" }),
    ] {
        assert!(!schema.is_valid(&file(step.clone())), "{step}");
    }
}

#[test]
fn ids_are_unique_and_begin_with_the_name_of_their_file() {
    let mut seen = HashSet::new();
    for (name, file) in files() {
        assert_eq!(file["group"], name.as_str());
        for case in cases(&file) {
            let id = case["id"].as_str().unwrap();
            assert!(id.starts_with(&format!("{name}.")), "{id} in {name}.json");
            assert!(seen.insert(id.to_owned()), "{id} twice");
        }
    }
    assert!(seen.len() >= 120, "{} cases", seen.len());
}

#[test]
fn no_case_only_goes_through_the_motions() {
    for (_, file) in files() {
        for case in cases(&file) {
            let steps = case["steps"].as_array().unwrap();
            // Giving back in some order is proved by the count of live objects behind the steps.
            let gives_back = steps.last().is_some_and(|step| step["op"] == "release");
            let expects = steps.iter().any(|step| step.get("expect").is_some());
            assert!(expects || gives_back, "{} expects nothing", case["id"]);
        }
    }
}

#[test]
fn every_op_of_the_schema_stands_in_a_case_and_in_the_readme() {
    let schema = json(&folder().join("schema.json"));
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let files = files();
    for op in schema["$defs"]["step"]["properties"]["op"]["enum"].as_array().unwrap() {
        let used = files
            .iter()
            .flat_map(|(_, file)| cases(file))
            .any(|case| case["steps"].as_array().unwrap().iter().any(|step| step["op"] == *op));
        assert!(used, "no case has the op {op}");
        let op = op.as_str().unwrap();
        assert!(readme.contains(&format!("\n| `{op}` |")), "README.md has no row for {op}");
    }
}
