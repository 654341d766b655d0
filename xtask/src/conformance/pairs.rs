//! The suite `pairs`: publish/subscribe and calls on `shm://` between two processes, for every
//! ordered pair of languages. `bindings/conformance/README.md` specifies what a peer does.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::{LANGUAGES, Language, Names};
use crate::run::{Counts, Outcome, kill_tree};
use crate::suite::Suite;
use crate::{Failure, workspace};

/// No pair takes a second; this is for machines that are busy, or debuggers.
const LIMIT: Duration = Duration::from_secs(60);

/// What each side prints at its end, by the numbers of the README.
const TOLD: &str = "accepted=257 answered=32 error=NEO_E_SERVICE text=the handler says no";
const HEARD: &str = "messages=257 equal=257 lost=0 requests=34";

pub(crate) fn suite() -> Suite {
    if cfg!(not(target_os = "linux")) {
        return Suite::NotRun("this version has shm:// on Linux only".to_owned());
    }
    let (paired, alone): (Vec<&Language>, Vec<&Language>) =
        LANGUAGES.iter().partition(|language| !language.peer.is_empty());
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for language in &alone {
        println!("pairs with {}: not run: it has no peer program", language.name);
        counts.skipped += 1;
    }
    let built: Vec<Result<(), Failure>> = paired.iter().map(|language| language.build()).collect();
    let ready = |index: usize| built[index].as_ref().map_err(Clone::clone);
    let mut matrix = format!("{:<14}", "");
    for hearer in &paired {
        let _ = write!(matrix, " {:>9}", hearer.name);
    }
    for (row, teller) in paired.iter().enumerate() {
        let _ = write!(matrix, "\n{:<14}", format!("{} to", teller.name));
        for (column, hearer) in paired.iter().enumerate() {
            let outcome =
                ready(row).and_then(|()| ready(column)).and_then(|()| pair(teller, hearer));
            let _ = write!(matrix, " {:>9}", if outcome.is_ok() { "ok" } else { "FAILED" });
            match outcome {
                Ok(()) => counts.passed += 1,
                Err(failure) => {
                    failures.push(format!("{} to {}: {failure}", teller.name, hearer.name));
                    println!("{}", failures[failures.len() - 1]);
                    counts.failed += 1;
                }
            }
        }
    }
    println!("\n── pairs, shm://\n{matrix}");
    let failure = (counts.failed > 0).then(|| "processes do not understand each other".to_owned());
    Suite::Ran(Outcome { counts, failure, failures, ..Outcome::default() }).not_empty()
}

/// One process tells, one hears; both must say what the README says, and leave nothing.
fn pair(teller: &Language, hearer: &Language) -> Result<(), Failure> {
    let name = format!("{}.{}", teller.name, hearer.name);
    let names = Names::new(&format!("pair.{name}"))?;
    let url = format!("shm://{name}");
    let mut hearer = Peer::start(hearer, "hear", &url, &names)?;
    hearer.says("ready")?;
    let mut teller = Peer::start(teller, "tell", &url, &names)?;
    teller.says(TOLD)?;
    hearer.says(HEARD)?;
    teller.ends()?;
    hearer.ends()?;
    match names.left().first() {
        None => Ok(()),
        Some(left) => Err(left.clone()),
    }
}

/// One side of a pair, ended with this value.
struct Peer {
    what: String,
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Peer {
    fn start(language: &Language, role: &str, url: &str, names: &Names) -> Result<Self, Failure> {
        let what = format!("{} ({role})", language.name);
        let words = Language::expand(language.peer);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args([role, url]).env(Names::VARIABLE, &names.0);
        command.current_dir(workspace::root()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{what}: {error}"))?;
        let (sender, lines) = channel();
        if let Some(pipe) = child.stdout.take() {
            // Ends with the pipe; nobody hears it after the peer is dropped.
            std::thread::spawn(move || {
                BufReader::new(pipe)
                    .lines()
                    .map_while(Result::ok)
                    .all(|line| sender.send(line).is_ok())
            });
        }
        Ok(Self { what, child, lines, deadline: Instant::now() + LIMIT })
    }

    /// Takes the next line, which must be this one.
    fn says(&mut self, wanted: &str) -> Result<(), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) if line == wanted => Ok(()),
            Ok(line) => Err(format!("{} says `{line}`, not `{wanted}`", self.what)),
            Err(_) => Err(format!("{} does not say `{wanted}`", self.what)),
        }
    }

    /// Waits for its end, which must be a good one, without another line.
    fn ends(&mut self) -> Result<(), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if let Ok(line) = self.lines.recv_timeout(left) {
            return Err(format!("{} says `{line}` at its end", self.what));
        }
        match crate::run::wait(&mut self.child, self.deadline) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} ended with {status}", self.what)),
            None => Err(format!("{} does not end", self.what)),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Once it is over, its number may be another process's.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_tree(&mut self.child);
        }
    }
}
