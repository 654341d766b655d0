//! What is printed: text for a person, or JSON. Errors go to the standard error, as JSON too.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

use crate::failure::Failure;

/// The standard output, buffered.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    is_json: bool,
}

#[derive(Serialize)]
struct Complaint {
    error: String,
    kind: String,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { stdout: BufWriter::new(io::stdout()), is_json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.stdout.get_ref().is_terminal()
    }

    /// One object on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stdout, value)?;
        self.stdout.write_all(b"\n")
    }

    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }

    /// Says something beside the output.
    pub(crate) fn note(&self, text: &str) {
        // Nobody is there to be told that nobody is there.
        let _ = writeln!(io::stderr(), "neo: {text}");
    }

    pub(crate) fn complain(&self, failure: &Failure) {
        if failure.is_quiet() {
            return;
        }
        if !self.is_json {
            return self.note(&failure.to_string());
        }
        let complaint = Complaint { error: failure.to_string(), kind: failure.kind() };
        if let Ok(text) = serde_json::to_string(&complaint) {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}
