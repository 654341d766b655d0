//! The suite `readme`: its programs in C, C++, Python, Node and Go print what it says, and so does
//! that of `bindings/cpp`. Those in Rust are run by the documentation tests of `neo-protocol`.

use std::process::Command;

use crate::run::Outcome;
use crate::suite::Suite;
use crate::{Failure, c, cpp, go, node, python, unsafe_sites, workspace};

/// What each of them prints, by the README.
const PRINTED: &str = "flights.AA1.arrived: LAX";

pub(crate) fn suite() -> Suite {
    let text = unsafe_sites::read(&workspace::root().join("README.md"));
    let run = |language: &str, run: fn(&str) -> Result<(), Failure>| -> Outcome {
        let result = text.clone().and_then(|text| run(program(&text, language)?));
        c::verdict(&format!("the README's program in {language}"), result)
    };
    let of_cpp = unsafe_sites::read(&workspace::root().join("bindings/cpp/README.md"))
        .and_then(|text| cpp_program(program(&text, "cpp")?));
    let programs = [
        run("c", c_program),
        run("cpp", cpp_program),
        run("python", python_program),
        run("javascript", node_program),
        run("go", go_program),
        c::verdict("the program of bindings/cpp", of_cpp),
    ];
    Suite::of(programs).not_empty()
}

/// The first block of code in a language.
fn program<'t>(text: &'t str, language: &str) -> Result<&'t str, Failure> {
    let opening = format!("\n```{language}\n");
    let block = text.split_once(&opening).and_then(|(_, rest)| rest.split_once("\n```"));
    block.map(|(code, _)| code).ok_or_else(|| format!("README.md has no block of {language}"))
}

fn c_program(code: &str) -> Result<(), Failure> {
    compiled(code, "readme.c", &["gcc", "-std=c11"])
}

fn cpp_program(code: &str) -> Result<(), Failure> {
    compiled(code, "readme.cpp", &["g++", "-std=c++17"])
}

/// `by`: the compiler and its standard.
fn compiled(code: &str, file: &str, by: &[&str; 2]) -> Result<(), Failure> {
    let folder = c::built_libraries()?;
    let (source, program) = (folder.join(file), folder.join("readme"));
    std::fs::write(&source, format!("{code}\n")).map_err(|error| error.to_string())?;
    let mut command = Command::new(by[0]);
    command.args([by[1], "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", "include", "-pthread"]);
    command.arg("-o").arg(&program).arg(&source).args(cpp::linked(&folder));
    c::quiet(command)?;
    prints(Command::new(program))
}

fn python_program(code: &str) -> Result<(), Failure> {
    let package = python::built_in_place()?;
    let mut command = Command::new("python3");
    command.args(["-c", code]).env("PYTHONPATH", package);
    prints(command)
}

fn node_program(code: &str) -> Result<(), Failure> {
    let package = node::built_in_place()?;
    let mut command = Command::new("node");
    // In its own folder a package is found by its name.
    command.args(["--eval", code]).current_dir(package);
    prints(command)
}

fn go_program(code: &str) -> Result<(), Failure> {
    prints(go::built_from(code)?)
}

fn prints(mut command: Command) -> Result<(), Failure> {
    let output = command.output().map_err(|error| format!("it does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.trim_end() == PRINTED {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("it ended with {} and printed {said:?} {errors}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_first_block_of_its_language() {
        let text = "a\n```rust\nx\n```\n```c\ny\nz\n```\n```c\nw\n```\n";
        assert_eq!(program(text, "c"), Ok("y\nz"));
        assert!(program(text, "python").is_err());
    }
}
