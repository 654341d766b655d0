//! The suite `readme`: the programs in C, C++, Python, Node and Go of the README, and those of each
//! language's own, print what they say. Those in Rust are run by the documentation tests of
//! `neo-protocol`.

use std::process::Command;

use crate::suite::Suite;
use crate::{Failure, c, cpp, go, node, python, unsafe_sites, workspace};

/// What each of them prints, by the README.
const PRINTED: &str = "flights.AA1.arrived: LAX";

type Run = fn(&str) -> Result<(), Failure>;

/// The languages by the name of their blocks, and where their own READMEs lie.
const LANGUAGES: &[(&str, &str, Run)] = &[
    ("c", "neo-ffi", c_program),
    ("cpp", "bindings/cpp", cpp_program),
    ("python", "bindings/python", python_program),
    ("javascript", "bindings/node", node_program),
    ("go", "bindings/go", go_program),
];

pub(crate) fn suite() -> Suite {
    let mut outcomes = Vec::new();
    for (language, folder, run) in LANGUAGES {
        for file in ["README.md".to_owned(), format!("{folder}/README.md")] {
            let text = unsafe_sites::read(&workspace::root().join(&file));
            let result = text.and_then(|text| {
                let programs = programs(&text, language);
                let none = || format!("{file} has no block of {language}");
                programs.first().ok_or_else(none)?;
                programs.into_iter().try_for_each(run)
            });
            outcomes.push(c::verdict(&format!("the programs in {language} of {file}"), result));
        }
    }
    Suite::of(outcomes).not_empty()
}

/// The blocks of code in a language.
fn programs<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("\n```{language}\n");
    let blocks = text.split(&opening).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("\n```")?.0)).collect()
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
    fn programs_are_the_blocks_of_their_language() {
        let text = "a\n```rust\nx\n```\n```c\ny\nz\n```\n```c\nw\n```\n";
        assert_eq!(programs(text, "c"), ["y\nz", "w"]);
        assert!(programs(text, "python").is_empty());
    }
}
