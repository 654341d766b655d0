//! `cargo xtask demo`: the table of toolchains, then the demonstration in `examples`.

use std::io::IsTerminal as _;

use crate::run::hand_over;
use crate::{Failure, toolchains};

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let lacking = toolchains::print_table();
    if lacking.contains(&"Rust") {
        return Err("the demo needs the Rust of the table; its last column installs it".to_owned());
    }
    let mut command = toolchains::cargo(false);
    command.args(["run", "--release", "--package", "neo-examples", "--bin", "demo", "--"]);
    let asked_for_plain = arguments.iter().any(|word| word == "--plain");
    if !asked_for_plain && !std::io::stdout().is_terminal() {
        command.arg("--plain");
    }
    command.args(arguments);
    hand_over(command)
}
