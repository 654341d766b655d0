//! Rows that an interpreter of another language measures.
//!
//! One process of it measures all of them, a row when it is asked for, so that they take turns as
//! the contestants in this process do.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::threads::{Cores, settle};

/// A program that answers each line, the name of a row, with a line of JSON with its `value`.
#[derive(Debug)]
pub struct Script {
    /// The environment variable that names the interpreter.
    interpreter: &'static str,
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
    /// A script that is started when it is asked for the first time.
    pub const fn new(interpreter: &'static str, path: &'static str) -> Self {
        Self { interpreter, path, running: Mutex::new(None) }
    }

    fn start(&self) -> Running {
        let program = std::env::var_os(self.interpreter).expect("the figure needs the interpreter");
        let path = self.path;
        let spawn = move || {
            // A process has the cores of the thread that starts it, and this one may be pinned.
            settle(Cores::Free);
            let mut command = Command::new(program);
            command.args([path, "--serve"]).stdin(Stdio::piped()).stdout(Stdio::piped());
            command.spawn().expect("the interpreter starts")
        };
        let mut process = std::thread::spawn(spawn).join().expect("the interpreter starts");
        let questions = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Running { _process: process, questions, answers }
    }

    /// The value of a row, measured now.
    pub fn ask(&self, row: &str) -> f64 {
        let mut running = self.running.lock().expect("nobody panics with it");
        let running = running.get_or_insert_with(|| self.start());
        writeln!(running.questions, "{row}").expect("the interpreter lives");
        let mut line = String::new();
        running.answers.read_line(&mut line).expect("the interpreter answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        answer["value"].as_f64().unwrap_or_else(|| panic!("{row}: {line}"))
    }
}
