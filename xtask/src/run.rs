//! Starts programs under a wall-clock limit, passes on what they print, counts test results.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use crate::Failure;
use crate::failures::Failures;

/// What test programs said about themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Adds one closing line of a Rust test program; any other line changes nothing.
    fn read(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        let Some((_, result)) = result.split_once(". ") else { return };
        for part in result.split("; ") {
            let Some((number, word)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// How a program ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// What stood behind the marker on the lines that the caller asked to collect.
    pub(crate) collected: Vec<String>,
    /// Why it is not a success; `None` if it is.
    pub(crate) failure: Option<Failure>,
    /// The tests that failed and what they said, in lines for the end of the results.
    pub(crate) failures: Vec<String>,
}

/// A program to run, under a limit.
pub(crate) struct Step<'a> {
    title: &'a str,
    command: Command,
    limit: Duration,
    marker: Option<&'static str>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(title: &'a str, mut command: Command, limit: Duration) -> Self {
        command.current_dir(crate::workspace::root());
        Self { title, command, limit, marker: None }
    }

    /// Collects the lines that start with `marker`, from both streams, instead of printing them.
    pub(crate) fn collecting(mut self, marker: &'static str) -> Self {
        self.marker = Some(marker);
        self
    }

    /// Runs the program to its end. Its output appears as it comes, so that a hang can be seen.
    pub(crate) fn run(self) -> Outcome {
        let Self { title, mut command, limit, marker } = self;
        println!("\n── {title}: {}", shown(&command));
        let started = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // A terminal is left to the program, which may draw on it.
        if marker.is_some() || !std::io::stderr().is_terminal() {
            command.stderr(Stdio::piped());
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let failure = Some(format!("cannot start `{}`: {error}", shown(&command)));
                return Outcome { failure, ..Outcome::default() };
            }
        };
        let pieces = pieces_of(&mut child);
        let mut outcome = Outcome::default();
        let mut failures = Failures::default();
        let in_time = pass_on(&pieces, started + limit, |Piece { shown, line }| {
            let line = line.unwrap_or_default();
            outcome.counts.read(&line);
            failures.read(&line);
            match marker.and_then(|marker| line.strip_prefix(marker)) {
                Some(rest) => outcome.collected.push(rest.to_owned()),
                None => print!("{shown}"),
            }
            let _ = std::io::stdout().flush();
        });
        outcome.failure = match in_time.then(|| wait(&mut child, started + limit)).flatten() {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("{title} ended with {status}")),
            None => {
                kill_tree(&mut child);
                Some(format!("{title} was ended after its limit of {} s", limit.as_secs()))
            }
        };
        if let Some(failure) = &outcome.failure {
            println!("\n── {failure}");
            // A crash leaves no closing line; it must not read as a success.
            outcome.counts.failed = outcome.counts.failed.max(1);
        }
        outcome.failures = failures.into_lines(outcome.failure.is_some());
        println!("── {title}: {:.1} s", started.elapsed().as_secs_f64());
        outcome
    }
}

/// Text of a pipe: what can be shown now and, if it ends a line, the whole of that line.
struct Piece {
    shown: String,
    line: Option<String>,
}

/// The text of every pipe of `child`, in one queue that closes when the last pipe does. A child that
/// prints faster than can be passed on waits.
fn pieces_of(child: &mut Child) -> Receiver<Piece> {
    const PIECES_MAX: usize = 1_024;
    let (sender, receiver) = sync_channel(PIECES_MAX);
    if let Some(pipe) = child.stdout.take() {
        let sender = sender.clone();
        std::thread::spawn(move || read_pieces(pipe, true, &sender));
    }
    if let Some(pipe) = child.stderr.take() {
        std::thread::spawn(move || read_pieces(pipe, false, &sender));
    }
    receiver
}

/// Sends what a pipe gives; `at_once` also the beginning of a line, such as the name of a test that
/// is still running.
fn read_pieces(pipe: impl Read, at_once: bool, sender: &SyncSender<Piece>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    let mut sent = 0;
    while let Ok(available) = pipe.fill_buf() {
        if available.is_empty() {
            let shown = String::from_utf8_lossy(&line[sent..]).into_owned();
            let _ = sender.send(Piece { shown, line: None });
            break;
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let count = end.map_or(available.len(), |end| end + 1);
        line.extend_from_slice(&available[..count]);
        pipe.consume(count);
        if end.is_none() && !at_once {
            continue;
        }
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let shown = text(&line[sent..]);
        sent = line.len();
        let whole = end.map(|_| text(line.trim_ascii_end()));
        if whole.is_some() {
            line.clear();
            sent = 0;
        }
        if sender.send(Piece { shown, line: whole }).is_err() {
            break;
        }
    }
}

/// Hands every piece to `piece` until the pipes close; `false` if `deadline` came first.
fn pass_on(pieces: &Receiver<Piece>, deadline: Instant, mut piece: impl FnMut(Piece)) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match pieces.recv_timeout(left) {
            // Where pieces come faster than they are passed on, one is there at any time.
            Ok(_) if left.is_zero() => return false,
            Ok(next) => piece(next),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

pub(crate) fn wait(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Kills `child` and what it started. The children stay in the process group of the terminal, so
/// that Ctrl-C reaches them; therefore the tree is read from `/proc`, where there is one.
pub(crate) fn kill_tree(child: &mut Child) {
    let parents = parents();
    let mut tree = vec![child.id()];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|pair| pair.1 == parent).map(|pair| pair.0));
        next += 1;
    }
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -KILL "$@""#, "sh"]).args(tree.iter().map(u32::to_string));
    let _ = kill.stderr(Stdio::null()).status();
    let _ = child.kill();
    let _ = child.wait();
}

/// Every process with its parent; empty where there is no `/proc`.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command name may hold spaces and parentheses; state and parent follow the last.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect()
}

/// A program with its own standard streams, for what draws on the terminal itself.
pub(crate) fn hand_over(mut command: Command) -> Result<(), Failure> {
    println!("── {}", shown(&command));
    let _ = std::io::stdout().flush();
    command.current_dir(crate::workspace::root());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", shown(&command))),
        Err(error) => Err(format!("cannot start `{}`: {error}", shown(&command))),
    }
}

/// The first line that a program prints, if it can be run and succeeds.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
}

/// The command line, short enough to read: the root is left out of paths.
fn shown(command: &Command) -> String {
    let root = format!("{}/", crate::workspace::root().display());
    core::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().replace(&root, ""))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_closing_lines_of_several_test_programs_are_added() {
        let mut counts = Counts::default();
        counts.read("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out");
        counts.read("test result: FAILED. 2 passed; 4 failed; 0 ignored; finished in 0.00s");
        counts.read("9 passed, in some prose");
        assert_eq!(counts, Counts { passed: 5, failed: 4, skipped: 1 });
    }

    #[test]
    fn a_program_that_crashes_without_a_closing_line_counts_as_a_failure() {
        let outcome = Step::new("crash", shell("kill -SEGV $$"), Duration::from_secs(20)).run();
        assert!(outcome.failure.is_some());
        assert_eq!(outcome.counts.failed, 1);
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children_at_its_limit() {
        let script = "sleep 1000 & echo $!; wait";
        let hang = |limit| Step::new("hang", shell(script), limit).collecting("").run();
        let limits = (0..8).map(|turn| Duration::from_millis(300 << turn));
        // On a busy machine a short limit may end the shell before it has a child to tell of.
        let mut outcomes = limits.map(hang).inspect(|outcome| {
            assert!(outcome.failure.as_ref().is_some_and(|failure| failure.contains("limit")));
        });
        let told = outcomes.find_map(|outcome| outcome.collected.first().cloned());
        let grandchild: u32 = told.expect("its id").parse().expect("a number");
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
        };
        // A killed process takes a moment to leave the table.
        let deadline = Instant::now() + Duration::from_secs(20);
        while lives() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(!lives(), "the grandchild lives on");
    }

    #[test]
    fn a_program_that_prints_without_end_is_ended_as_well() {
        let endless = shell("yes");
        let step = Step::new("endless", endless, Duration::from_millis(300)).collecting("y");
        assert!(step.run().failure.is_some_and(|failure| failure.contains("limit")));
    }

    #[test]
    fn marked_lines_of_both_streams_are_collected() {
        let script = "echo site 1; echo site 2 >&2; echo other";
        let step = Step::new("lines", shell(script), Duration::from_secs(20));
        let mut collected = step.collecting("site ").run().collected;
        collected.sort();
        assert_eq!(collected, ["1", "2"]);
    }
}
