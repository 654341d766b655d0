//! The month across processes: one publishes it, in Rust, and one in each language adds it up. They
//! share a kernel of `shm://`; the programs in C and Go call a service of the one in Python. The
//! publisher is killed on the way, and another one takes its place.

mod child;
mod line;
pub(crate) mod roles;

use core::fmt::{self, Write as _};
use core::time::Duration;
use std::env::current_exe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use neo_protocol::Kernel;

use self::child::Process;
use self::line::Line;
use crate::check::Findings;
use crate::data::{DAYS, Failure, Month};
use crate::guests::Guest;
use crate::language::Language;
use crate::text::{Ink, thousands};

const PUBLISHER: &str = "publisher";
/// The day, from 0, on which the publisher is killed.
const KILLED_ON: u8 = 14;

/// A subscriber in a process of its own, of a language or of Rust: the process or why there is none.
type Reader = (Option<Language>, Result<Process, String>);

/// The same at the end: what it printed, and what the check says of it.
type Row = (Option<Language>, Result<(Line, Findings), String>);

fn name(language: Option<Language>) -> String {
    language.map_or_else(|| "Rust".to_owned(), |language| language.to_string())
}

/// What became of this part.
#[derive(Debug)]
pub(crate) struct Shared {
    rows: Vec<Row>,
    pub(crate) findings: Findings,
    /// From the kill until the next publisher had begun.
    away: Duration,
    took: Duration,
}

/// Plays it: `None` where there is no `shm://`.
pub(crate) fn play(month: &Month, guests: &[Guest]) -> Result<Option<Shared>, Failure> {
    if cfg!(not(target_os = "linux")) {
        return Ok(None);
    }
    let began = Instant::now();
    let url = format!("shm://neo-demo-{}", std::process::id());
    let kernel = Kernel::open(&url)?;
    let mut readers = vec![start(None, Ok(own("read", &url, None)?))?];
    for Guest { language, program } in guests {
        let command = program.as_ref().map_err(Clone::clone).map(|flights| {
            let mut command = language.command(&beside(flights));
            command.arg(&url);
            command
        });
        readers.push(start(Some(*language), command)?);
    }
    for (_, reader) in &readers {
        if let Ok(reader) = reader {
            reader.expect_line()?;
        }
    }
    let away = publish(&url)?;
    let (rows, mut findings) = results(month, readers)?;
    let left = left(&kernel);
    findings.equal("processes: subscriptions and services left", &left, &0);
    Ok(Some(Shared { rows, findings, away, took: began.elapsed() }))
}

/// Subscriptions and services that are left. What a process had that ended without closing it goes a
/// moment after the process.
fn left(kernel: &Kernel) -> usize {
    const PATIENCE: Duration = Duration::from_secs(5);
    let began = Instant::now();
    loop {
        let left = kernel.counters().routes.len();
        if left == 0 || began.elapsed() > PATIENCE {
            return left;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn start(language: Option<Language>, command: Result<Command, String>) -> Result<Reader, Failure> {
    let process = match command {
        Ok(command) => Ok(Process::start(&name(language), command)?),
        Err(reason) => Err(reason),
    };
    Ok((language, process))
}

/// The demo itself in another role.
fn own(role: &str, url: &str, first: Option<u8>) -> Result<Command, Failure> {
    let mut command = Command::new(current_exe()?);
    command.args([role, url]).args(first.map(|day| day.to_string()));
    Ok(command)
}

/// The program for this part, which lies beside that for the other one.
fn beside(flights: &Path) -> PathBuf {
    let mut path = flights.with_file_name("processes");
    if let Some(extension) = flights.extension() {
        path.set_extension(extension);
    }
    path
}

/// Starts a publisher, kills it in the middle of a day, and lets another one publish the rest.
/// Returns for how long there was none.
fn publish(url: &str) -> Result<Duration, Failure> {
    let first = Process::start(PUBLISHER, own("publish", url, Some(0))?)?;
    while first.expect_line()?.parse() != Ok(KILLED_ON) {}
    // Half of that day.
    thread::sleep(roles::MONTH_TAKES / (2 * DAYS as u32));
    let killed = Instant::now();
    first.kill()?;
    let second = Process::start(PUBLISHER, own("publish", url, Some(KILLED_ON))?)?;
    second.expect_line()?;
    let away = killed.elapsed();
    second.end()?;
    Ok(away)
}

/// The line of each reader, beside the file.
fn results(month: &Month, readers: Vec<Reader>) -> Result<(Vec<Row>, Findings), Failure> {
    let mut findings = Findings::default();
    let is_served = readers
        .iter()
        .any(|(language, process)| language.is_some_and(Language::serves) && process.is_ok());
    let mut rows = Vec::new();
    let mut running = Vec::new();
    for (language, process) in readers {
        let row = match process {
            Err(reason) => Err(reason),
            Ok(process) => {
                let (name, text) = (name(language), process.expect_line()?);
                let line: Line =
                    serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
                let has_means = is_served && language.is_some_and(Language::asks);
                let found = line.check(&format!("processes, {name}"), month, has_means);
                findings.merge(&found);
                running.push(process);
                Ok((line, found))
            }
        };
        rows.push((language, row));
    }
    // Those that serve end when nobody asks any more.
    running.into_iter().try_for_each(Process::end)?;
    Ok((rows, findings))
}

impl Shared {
    /// The table of this part.
    pub(crate) fn report(&self, ink: Ink) -> Result<String, fmt::Error> {
        let mut text = ink.dim(&format!(
            " {:<17}{:>9}{:>16}{:>11}{:>16}   {}\n",
            "ACROSS PROCESSES", "RECEIVED", "A SECOND TIME", "ADDED UP", "RESULTS EQUAL", "SERVICE"
        ));
        for (language, row) in &self.rows {
            let name = name(*language);
            let Ok((line, findings)) = row else {
                writeln!(text, " {name:<17} not run")?;
                continue;
            };
            let service = match language {
                Some(language) if language.serves() => "serves",
                Some(_) if !line.means.is_empty() => "asks",
                _ => "",
            };
            let (received, added) = (thousands(line.received), thousands(line.total.0));
            let again = thousands(line.received.saturating_sub(line.total.0));
            let score = findings.score();
            let row =
                format!(" {name:<17}{received:>9}{again:>16}{added:>11}{score:>16}   {service}");
            writeln!(text, "{}", row.trim_end())?;
        }
        writeln!(
            text,
            " the publisher was killed on day {} and another took its place, {} ms later;\n \
             what it had sent of that day was sent again and counted once ({:.1} s)",
            KILLED_ON + 1,
            self.away.as_millis(),
            self.took.as_secs_f64()
        )?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Flight;
    use crate::tally::Tally;
    use crate::text::COLUMNS;

    /// What a reader prints that got each flight once.
    fn line(month: &Month) -> Line {
        let all = Tally::of(&month.flights);
        let carriers = all.carriers.iter();
        Line {
            received: all.total.flights,
            total: all.total.into(),
            carriers: carriers.map(|(name, sums)| (name.to_string(), (*sums).into())).collect(),
            ..Line::default()
        }
    }

    #[test]
    fn a_reader_that_counts_a_flight_twice_is_found() {
        let month = Month::load().unwrap();
        let mut line = line(&month);
        line.lost = 1;
        assert_eq!(line.check("Rust", &month, false).differences, Vec::<String>::new());
        let Flight { carrier, .. } = month.flights[0];
        line.total.0 += 1;
        line.carriers.get_mut(&carrier.to_string()).unwrap().0 += 1;
        line.lost += 1;
        let found = line.check("Rust", &month, false);
        assert_eq!(found.differences.len(), 3, "{:?}", found.differences);
        assert_eq!(found.score(), "16 of 19");
        assert_eq!(line.check("C", &month, true).differences.len(), 3 + 16, "no mean was asked");
    }

    #[test]
    fn the_table_says_what_did_not_run_and_who_serves_whom() {
        let month = Month::load().unwrap();
        let mut line = line(&month);
        line.received += 650;
        let findings = || line.check("Rust", &month, false);
        let mut asks = line.clone();
        asks.means.insert("UA".to_owned(), (8.3, 4_600));
        let rows = vec![
            (None, Ok((line.clone(), findings()))),
            (Some(Language::C), Err("no compiler".to_owned())),
            (Some(Language::Python), Ok((line.clone(), findings()))),
            (Some(Language::Go), Ok((asks, findings()))),
        ];
        let (away, took) = (Duration::from_millis(120), Duration::from_secs(3));
        let shared = Shared { rows, findings: Findings::default(), away, took };
        let text = shared.report(Ink::NONE).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let counts = ["27,654", "650", "27,004", "19", "of", "19"];
        assert_eq!(rows[1], [&["Rust"], &counts[..]].concat());
        assert_eq!(rows[2], ["C", "not", "run"]);
        assert_eq!(rows[3], [&["Python"], &counts[..], &["serves"]].concat());
        assert_eq!(rows[4], [&["Go"], &counts[..], &["asks"]].concat());
        assert!(text.contains("killed on day 15") && text.contains("120 ms"), "{text}");
    }

    #[test]
    fn the_program_of_this_part_lies_beside_the_other() {
        assert_eq!(beside(Path::new("a/flights")), Path::new("a/processes"));
        assert_eq!(beside(Path::new("a/flights.py")), Path::new("a/processes.py"));
    }
}
