//! Runs the small programs and the demo's command line, and checks what they print.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Cargo builds the programs together with the tests, into the folder beside theirs.
fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("it lies in `deps`");
    let path = folder.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} is missing: cargo test -p neo-examples", path.display());
    path
}

/// What a program prints until it ends by itself, well.
fn printed(name: &str) -> String {
    let Output { status, stdout, stderr } = run(&mut Command::new(program(name)));
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{name}: {status}\n{errors}");
    assert_eq!(errors, "", "{name} complains");
    String::from_utf8(stdout).expect("the programs print text")
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

#[test]
fn pubsub_hears_what_its_pattern_matches() {
    assert_eq!(printed("pubsub"), "flights.AA1.arrived: LAX\nflights.DL42.arrived: ATL\n");
}

#[test]
fn queue_group_does_all_the_work_once() {
    assert_eq!(printed("queue_group"), "300 bags by 3 members\n");
}

#[test]
fn service_answers_fails_and_is_missed() {
    assert_eq!(
        printed("service"),
        "AA1 leaves from B22\n\
         Service: no gate for ZZ9\n\
         NoResponder: nobody serves \"lounges\": start the service, or call again later\n\
         the worker ended: Ok(Err(Closed))\n"
    );
}

#[test]
fn slow_consumer_loses_by_its_policy_and_everybody_is_told() {
    assert_eq!(
        printed("slow_consumer"),
        "DropOldest: received [7, 8, 9, 10], lost 6\n\
         DropNewest: received [1, 2, 3, 4], lost 6\n\
         Latest: received [10], lost 9\n\
         the publisher was told of 21 losses, the readers of 21\n"
    );
}

#[test]
fn loans_are_read_where_they_were_written() {
    assert_eq!(
        printed("loans"),
        "65536 bytes, the last is 255\n\
         both readers read the same memory: true\n\
         left in the queues: 0\n"
    );
}

#[test]
fn the_demo_refuses_what_it_does_not_know() {
    for words in [&["--fast"][..], &["--plain", "again"]] {
        let output = run(Command::new(env!("CARGO_BIN_EXE_demo")).args(words));
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        let unknown = format!("demo: there is no option `{}`; ", words.last().unwrap());
        assert!(text.starts_with(&unknown) && text.contains("--plain"), "{text}");
    }
}
