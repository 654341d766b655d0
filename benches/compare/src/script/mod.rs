//! Rows that a program of another language measures.
//!
//! One process of it measures all of them, a row when it is asked for, so that they take turns as
//! the contestants in this process do.

pub mod go;
pub mod node;
pub mod python;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::threads::{Cores, settle};

/// A program that answers each line, the name of a row, with a line of JSON with its `value`.
#[derive(Debug)]
struct Script {
    /// The environment variable that names the program.
    program: &'static str,
    /// Its first argument: what an interpreter runs.
    path: &'static str,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Script {
    /// One that is started when it is asked for the first time.
    const fn new(program: &'static str, path: &'static str) -> Self {
        Self { program, path, running: Mutex::new(None) }
    }

    fn start(&self) -> Running {
        let program = std::env::var_os(self.program).expect("the figure needs the program");
        let path = self.path;
        let spawn = move || {
            // A process has the cores of the thread that starts it, and this one may be pinned.
            settle(Cores::Free);
            let mut command = Command::new(program);
            command.args([path, "--serve"]).stdin(Stdio::piped()).stdout(Stdio::piped());
            command.spawn().expect("the program starts")
        };
        let mut process = std::thread::spawn(spawn).join().expect("the program starts");
        let questions = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Running { _process: process, questions, answers }
    }

    /// The value of a row, measured now.
    fn ask(&self, row: &str) -> f64 {
        let mut running = self.running.lock().expect("nobody panics with it");
        let running = running.get_or_insert_with(|| self.start());
        writeln!(running.questions, "{row}").expect("the program lives");
        let mut line = String::new();
        running.answers.read_line(&mut line).expect("the program answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        answer["value"].as_f64().unwrap_or_else(|| panic!("{row}: {line}"))
    }
}

/// The rows of one program: the variable that names it, its first argument, and for each row the
/// function that asks for it.
macro_rules! rows {
    ($variable:literal $path:literal: $($function:ident $row:literal)*) => {
        #[doc = concat!("Names the program that measures: `", $variable, "`.")]
        pub const PROGRAM: &str = $variable;

        static SCRIPT: super::Script = super::Script::new(
            PROGRAM,
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../", $path),
        );

        $(
            #[doc = concat!("The row `", $row, "`.")]
            pub fn $function(_: crate::harness::Scale) -> crate::harness::Sample {
                crate::harness::Sample::new(SCRIPT.ask($row))
            }
        )*
    };
}
use rows;
