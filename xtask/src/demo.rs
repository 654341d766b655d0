//! `cargo xtask demo`: the table of toolchains, then the demonstration in `examples`, with its parts
//! in the other languages as far as their toolchains are there.

mod programs;

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::io::IsTerminal as _;
use std::process::Command;

use crate::run::hand_over;
use crate::{Failure, toolchains, workspace};

use self::programs::GUESTS;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let lacking = toolchains::print_table();
    if lacking.contains(&"Rust") {
        return Err("the demo needs the Rust of the table; its last column installs it".to_owned());
    }
    let gaps = GUESTS.map(|guest| (guest.gap)());
    if toolchains::in_ci() && gaps.iter().any(Option::is_some) {
        let gaps: Vec<String> = gaps.into_iter().flatten().collect();
        return Err(format!("CI needs every language of the demo: {}", gaps.join("; ")));
    }
    let folder = workspace::target_dir().join("demo");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    build(&gaps)?;
    let mut command = Command::new(programs::built(&format!("demo{EXE_SUFFIX}")));
    // The package for Python lies there.
    command.env("PYTHONPATH", &folder);
    for (guest, gap) in GUESTS.iter().zip(gaps) {
        command.arg(match gap {
            None => format!("--{}={}", guest.option, (guest.build)(&folder)?.display()),
            Some(reason) => format!("--no-{}={reason}", guest.option),
        });
    }
    let asked_for_plain = arguments.iter().any(|word| word == "--plain");
    if !asked_for_plain && !std::io::stdout().is_terminal() {
        command.arg("--plain");
    }
    command.args(arguments);
    hand_over(command)
}

/// Builds the demo, and the libraries of the languages that it will show: all at once, for built one
/// by one they would have different features, and each would replace the `libneo` of the other.
fn build(gaps: &[Option<String>]) -> Result<(), Failure> {
    let shown = GUESTS.iter().zip(gaps).filter(|(_, gap)| gap.is_none());
    let mut packages: Vec<&str> =
        ["neo-examples"].into_iter().chain(shown.map(|(guest, _)| guest.package)).collect();
    packages.dedup();
    let mut command = toolchains::cargo(false);
    command.args(["build", "--release"]);
    for package in packages {
        command.args(["--package", package]);
    }
    hand_over(command)
}
