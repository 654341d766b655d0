//! Finds the toolchains of the five languages and the extra tools of the checkers.

use std::process::Command;

use crate::Failure;
use crate::run::first_line;

/// A toolchain that the project builds with.
struct Toolchain {
    language: &'static str,
    /// Programs that will do, first choice first, with the argument that prints the version.
    programs: &'static [(&'static str, &'static str)],
    needed: Version,
    install: &'static str,
}

type Version = (u32, u32);

const TOOLCHAINS: &[Toolchain] = &[
    Toolchain {
        language: "Rust",
        programs: &[("rustc", "--version")],
        needed: (1, 95),
        install: "rustup toolchain install stable (rustup: see https://rustup.rs)",
    },
    Toolchain {
        language: "Python",
        programs: &[("python3", "--version")],
        needed: (3, 11),
        install: "apt-get install python3 python3-venv",
    },
    Toolchain {
        language: "Node",
        programs: &[("node", "--version")],
        needed: (20, 0),
        install: "apt-get install nodejs npm; if that is older, npm install --global node@22",
    },
    Toolchain {
        language: "Go",
        programs: &[("go", "version")],
        needed: (1, 24),
        install: "apt-get install golang (Debian 12: golang-1.24 of bookworm-backports)",
    },
    Toolchain {
        language: "C/C++",
        programs: &[("g++", "-dumpfullversion"), ("clang++", "-dumpversion")],
        needed: (12, 0),
        install: "apt-get install g++",
    },
];

impl Toolchain {
    /// The version found and whether it is new enough.
    fn find(&self) -> Option<(String, bool)> {
        self.programs.iter().find_map(|(program, argument)| {
            let line = first_line(program, &[argument])?;
            let (text, version) = version_in(&line)?;
            Some((format!("{program} {text}"), version >= self.needed))
        })
    }
}

/// The first word with a dotted version in a line such as `go version go1.26.8 linux/amd64`.
fn version_in(line: &str) -> Option<(String, Version)> {
    line.split_whitespace().find_map(|word| {
        let text = word.trim_start_matches(|c: char| !c.is_ascii_digit());
        let (major, rest) = text.split_once('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, minor) = (major.parse().ok()?, rest[..digits].parse().ok()?);
        Some((text.to_owned(), (major, minor)))
    })
}

/// Prints one table of the toolchains: found, needed, and how to install what is missing.
/// Returns the languages that are missing or too old.
pub(crate) fn print_table() -> Vec<&'static str> {
    let mut lacking = Vec::new();
    println!("{:<9} {:<18} {:<10} install", "language", "found", "needed");
    for toolchain in TOOLCHAINS {
        let (major, minor) = toolchain.needed;
        let (found, good) = toolchain.find().unwrap_or_else(|| ("none".to_owned(), false));
        let install = if good { "-" } else { toolchain.install };
        let needed = format!("≥ {major}.{minor}");
        println!("{:<9} {found:<18} {needed:<10} {install}", toolchain.language);
        if !good {
            lacking.push(toolchain.language);
        }
    }
    lacking
}

/// Whether a language is missing or too old.
pub(crate) fn lacks(language: &str) -> bool {
    let toolchain = TOOLCHAINS.iter().find(|toolchain| toolchain.language == language);
    !toolchain.and_then(Toolchain::find).is_some_and(|(_, is_good)| is_good)
}

/// What is wanted of a language and the line that installs it: for places that must do without.
pub(crate) fn wanted(language: &str) -> String {
    let Some(toolchain) = TOOLCHAINS.iter().find(|toolchain| toolchain.language == language) else {
        return language.to_owned();
    };
    let (major, minor) = toolchain.needed;
    format!("{language} ≥ {major}.{minor} ({})", toolchain.install)
}

/// Prints the table and, where a CI run counts on the result, refuses to go on with a gap.
pub(crate) fn require_all_in_ci() -> Result<(), Failure> {
    let lacking = print_table();
    if lacking.is_empty() || !in_ci() {
        return Ok(());
    }
    Err(format!(
        "CI needs every toolchain of the table; missing or too old: {}",
        lacking.join(", ")
    ))
}

pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// An extra that a checker needs; each is optional, and its absence is always reported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extra {
    /// The nightly compiler, for coverage feedback.
    Nightly,
    /// Nightly with the sources of the standard library, which the sanitizers build again.
    LibrarySources,
    /// Nightly with the interpreter and the sources that it interprets.
    Miri,
}

impl Extra {
    /// `Ok` if it is there; otherwise the reason with the line that installs it.
    pub(crate) fn check(self) -> Result<(), String> {
        let (found, missing, components) = match self {
            Self::Nightly => (nightly_answers(&["rustc", "--version"]), "nightly Rust", ""),
            Self::LibrarySources => {
                (has_library_sources(), "nightly Rust with rust-src", " --component rust-src")
            }
            Self::Miri => (
                nightly_answers(&["cargo", "miri", "--version"]) && has_library_sources(),
                "nightly Rust with Miri",
                " --component miri,rust-src",
            ),
        };
        if found {
            return Ok(());
        }
        let install = format!("rustup toolchain install nightly --profile minimal{components}");
        Err(format!("{missing} is missing; install it with `{install}`"))
    }
}

fn nightly_answers(words: &[&str]) -> bool {
    let mut arguments = vec!["run", "nightly"];
    arguments.extend(words);
    first_line("rustup", &arguments).is_some()
}

fn has_library_sources() -> bool {
    first_line("rustup", &["run", "nightly", "rustc", "--print", "sysroot"]).is_some_and(|root| {
        std::path::Path::new(&root).join("lib/rustlib/src/rust/library/Cargo.lock").exists()
    })
}

/// `cargo` of the stable toolchain that runs this program, or of nightly.
pub(crate) fn cargo(nightly: bool) -> Command {
    if !nightly {
        return Command::new("cargo");
    }
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_tools_print() {
        let read = |line| version_in(line).expect("a version").1;
        assert_eq!(read("rustc 1.95.0 (5f9a0f2b7 2026-04-01)"), (1, 95));
        assert_eq!(read("rustc 1.97.0-nightly (abc 2026-05-01)"), (1, 97));
        assert_eq!(read("Python 3.11.7"), (3, 11));
        assert_eq!(read("v20.20.2"), (20, 20));
        assert_eq!(read("go version go1.26.8 linux/amd64"), (1, 26));
        assert_eq!(read("go version go1.27rc1 linux/amd64"), (1, 27));
        assert_eq!(read("12.2.0"), (12, 2));
        assert!(version_in("no version here").is_none());
    }

    #[test]
    fn what_is_wanted_of_a_language_says_how_to_install_it() {
        assert_eq!(wanted("Python"), "Python ≥ 3.11 (apt-get install python3 python3-venv)");
        assert_eq!(wanted("C/C++"), "C/C++ ≥ 12.0 (apt-get install g++)");
    }

    #[test]
    fn the_rust_asked_for_is_the_one_that_the_manifest_declares() {
        let manifest = std::fs::read_to_string(crate::workspace::root().join("Cargo.toml"));
        let (major, minor) = TOOLCHAINS[0].needed;
        let declared = format!("rust-version = \"{major}.{minor}\"");
        assert!(manifest.expect("the root manifest").contains(&declared));
    }
}
