//! Processes of the demo, each with a time limit.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use super::roles::LIMIT;
use crate::data::Failure;

/// A process that prints lines; killed with this value.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Process {
    pub(super) fn start(name: &str, mut command: Command) -> Result<Self, Failure> {
        // Its input stays open until this process lets it end.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            // Ends with the output, or when nobody listens any more.
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                let mut lines = BufReader::new(output).lines().map_while(Result::ok);
                lines.all(|line| sender.send(line).is_ok())
            })?;
        }
        Ok(Self { name: name.to_owned(), child, lines, deadline: Instant::now() + LIMIT })
    }

    /// The next line that it prints; `None` if its output has ended.
    pub(super) fn line(&self) -> Result<Option<String>, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("{} says nothing for {} s", self.name, LIMIT.as_secs()).into())
            }
        }
    }

    pub(super) fn expect_line(&self) -> Result<String, Failure> {
        self.line()?.ok_or_else(|| format!("{} ended too early", self.name).into())
    }

    /// Kills it, as it is, and waits until it is gone.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends its input and waits for a good end.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        while self.line()?.is_some() {}
        // Its output has ended, so this takes no time.
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{}: {status}", self.name).into()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of one that has ended, both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
