//! The languages that the demo shows beside Rust.

use core::fmt;
use std::path::Path;
use std::process::Command;

/// A language with a part of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    C,
    Cpp,
    Python,
    Go,
    Node,
}

impl Language {
    pub(crate) const ALL: [Self; 5] = [Self::C, Self::Cpp, Self::Python, Self::Go, Self::Node];

    /// As the command line names it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Python => "python",
            Self::Go => "go",
            Self::Node => "node",
        }
    }

    /// How often it publishes the month: half a second of work, a few where the machine is busy.
    pub(crate) fn repeats(self) -> u64 {
        match self {
            Self::C | Self::Cpp => 30,
            Self::Go => 10,
            Self::Python | Self::Node => 5,
        }
    }

    /// Whether it calls the service of the program in Python, in the part across processes.
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::C | Self::Go)
    }

    /// Whether it serves what those call.
    pub(crate) fn serves(self) -> bool {
        self == Self::Python
    }

    /// Runs a program of this language.
    pub(crate) fn command(self, program: &Path) -> Command {
        let interpreter = match self {
            Self::C | Self::Cpp | Self::Go => return Command::new(program),
            Self::Python => "python3",
            Self::Node => "node",
        };
        let mut command = Command::new(interpreter);
        command.arg(program);
        command
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Node => "Node",
        })
    }
}
