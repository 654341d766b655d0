//! `neo`: looks at shared kernels, talks to them, and says what is wrong with them.
//!
//! One file for each command. What they share stands beside them: [`args`] is the command line,
//! [`failure`] the exit codes, [`output`] what is printed, [`stop`] the signals, [`process`] what
//! the system tells of a process, [`text`] how figures are written. The guide is
//! `docs/guide/neo.md`.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("neo reaches kernels of shm://, which this version serves on Linux only");

mod args;
mod call;
mod doctor;
mod explain;
mod failure;
mod list;
mod output;
mod process;
mod publish;
mod stop;
mod subscribe;
mod text;
mod top;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version too; a terminal that is gone is nobody to complain to.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::INVALID } else { 0 });
        }
    };
    let mut output = Output::new(arguments.json);
    let ended = run(&arguments.command, &mut output).and_then(|code| {
        output.flush()?;
        Ok(code)
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The exit code of a command that came to its end.
fn run(command: &Command, output: &mut Output) -> Result<u8, Failure> {
    match command {
        Command::Ls(arguments) => list::run(arguments, output),
        Command::Pub(arguments) => publish::run(arguments, output),
        Command::Sub(arguments) => subscribe::run(arguments, output),
        Command::Call(arguments) => call::run(arguments, output),
        Command::Top(arguments) => top::run(arguments, output),
        Command::Explain(arguments) => explain::run(arguments, output),
        Command::Doctor(arguments) => doctor::run(arguments, output),
    }
}
