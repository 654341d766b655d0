//! The Rust interpreter of the conformance cases. `bindings/conformance/README.md` specifies the
//! steps, what each of them observes, and the lines printed here.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it reports on standard output")]

mod background;
mod errors;
mod handler;
mod kernel;
mod loan;
mod peer;
mod publish;
mod receive;
mod serve;
mod step;
mod value;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::step::Step;
use crate::world::World;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, scheme) = match arguments.as_slice() {
        [word, role, url] if word == "pair" => return peer::run(role, url),
        [folder, scheme] => (Path::new(folder), scheme.as_str()),
        _ => {
            eprintln!("usage: neo-conformance-rust CASES-FOLDER SCHEME, or pair ROLE URL");
            return ExitCode::from(2);
        }
    };
    match run(folder, scheme) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("neo-conformance-rust: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Runs the cases of every file that name `scheme`; whether all of them passed.
fn run(folder: &Path, scheme: &str) -> Result<bool, String> {
    let mut all_passed = true;
    for path in case_files(folder)? {
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
        let file: Value =
            serde_json::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
        for case in file["cases"].as_array().into_iter().flatten() {
            let urls = case["urls"].as_array().into_iter().flatten();
            if urls.into_iter().any(|url| url == scheme) {
                all_passed &= run_case(case, scheme);
            }
        }
    }
    Ok(all_passed)
}

fn case_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    if paths.is_empty() {
        return Err(format!("{shown} holds no cases"));
    }
    paths.sort();
    Ok(paths)
}

/// Runs the steps of a case up to the first that differs, gives everything back, prints the line.
fn run_case(case: &Value, scheme: &str) -> bool {
    let id = case["id"].as_str().unwrap_or_default();
    let mut world = World::new(id, scheme);
    let mut observed = Vec::new();
    let mut failure = None;
    for (number, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
        let judged = Step::of(step).and_then(|step| {
            let seen = world.repeat(&step, &mut observed)?;
            step.judge(&seen)
        });
        if let Err(problem) = judged {
            failure = Some(format!("step {}, {}: {problem}", number + 1, step));
            break;
        }
    }
    match world.finish() {
        Ok(live) => {
            observed.push(format!("live={live}"));
            if live != 0 && failure.is_none() {
                failure = Some(format!("{live} objects are alive after the last step"));
            }
        }
        Err(problem) => failure = failure.or(Some(problem)),
    }
    let mut line = json!({ "id": id, "ok": failure.is_none(), "observed": observed });
    if let Some(failure) = &failure {
        line["failure"] = json!(failure);
    }
    println!("{line}");
    failure.is_none()
}
