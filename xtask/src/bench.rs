//! `cargo xtask bench`: the comparison with the peers, in `benches/compare`.

use crate::run::{first_line, hand_over};
use crate::{Failure, go, node, python, toolchains, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    print_machine();
    let mut command = toolchains::cargo(false);
    command.args(["run", "--release", "--manifest-path"]);
    command.arg(workspace::root().join("benches/compare/Cargo.toml"));
    command.arg("--target-dir").arg(workspace::target_dir().join("compare"));
    command.args(["--bin", "neo-compare", "--"]).args(arguments);
    match python::for_bench() {
        Ok((interpreter, module)) => {
            command.env("NEO_PYTHON", interpreter).env("PYTHONPATH", module);
        }
        Err(reason) => println!("the rows of Python: not measured: {reason}"),
    }
    match node::for_bench() {
        Ok(peers) => {
            command.env("NEO_NODE", "node").env("NEO_NODE_PEERS", peers);
        }
        Err(reason) => println!("the rows of Node: not measured: {reason}"),
    }
    match go::for_bench() {
        Ok(program) => drop(command.env("NEO_GO", program)),
        Err(reason) => println!("the rows of Go: not measured: {reason}"),
    }
    hand_over(command)
}

/// The circumstances of a measurement belong to it.
fn print_machine() {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let unknown = || "unknown".to_owned();
    println!("processor: {} ({cores} hardware threads)", processor.unwrap_or_else(unknown));
    println!("system:    {}", first_line("uname", &["-srm"]).unwrap_or_else(unknown));
    println!("compiler:  {}", first_line("rustc", &["--version"]).unwrap_or_else(unknown));
    let commit = first_line("git", &["describe", "--always", "--dirty"]);
    println!("commit:    {}", commit.unwrap_or_else(unknown));
}
