//! Measurements in a process of their own: this program, started again with a scene to run.

use std::process::{Command, Output};

use super::{cpp, faces, memory, neighbour};

/// The argument that makes this program run one scene and print its value.
pub const ARGUMENT: &str = "--scene";

/// A scene's name and what it runs.
pub type Scene = (&'static str, fn() -> f64);

/// Runs a scene in this process; `None` if there is none of that name.
pub fn run(name: &str) -> Option<f64> {
    let mut scenes =
        memory::SCENES.iter().chain(&neighbour::SCENES).chain(&faces::SCENES).chain(&cpp::SCENES);
    scenes.find(|(known, _)| *known == name).map(|(_, run)| run())
}

/// Runs a scene in a new process and returns its value.
pub(super) fn value((name, _): Scene) -> f64 {
    let output = start(Command::new(program()).args([ARGUMENT, name]));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a scene prints a number")
}

/// Instructions that a scene runs in `function`, counted by valgrind.
pub(super) fn instructions((name, _): Scene, function: &str) -> f64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect=*{function}*"));
    let output = start(command.arg(program()).args([ARGUMENT, name]));
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
    count.and_then(|count| count.parse().ok()).expect("callgrind reports what it collected")
}

fn program() -> std::path::PathBuf {
    std::env::current_exe().expect("this program has a path")
}

fn start(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
