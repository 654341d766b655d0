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

/// What a program prints in every language.
macro_rules! prints_what_all_languages_print {
    ($($test:ident: $topic:literal,)+) => {
        $(#[test]
        fn $test() {
            assert_eq!(printed($topic), include_str!(concat!("../", $topic, "/expected.txt")));
        })+
    };
}

prints_what_all_languages_print! {
    pubsub_hears_what_its_pattern_matches: "pubsub",
    queue_group_does_all_the_work_once: "queue_group",
    service_answers_fails_and_is_missed: "service",
    slow_consumer_loses_by_its_policy_and_everybody_is_told: "slow_consumer",
    loans_are_read_where_they_were_written: "loans",
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
