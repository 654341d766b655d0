//! The month across processes: one publishes it, in Rust, and one in each language adds it up. They
//! share a kernel of `shm://`; the program in C calls a service of the one in Python. The publisher
//! is killed on the way, and another one takes its place.

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
use crate::guests::{Guest, Language};
use crate::text::{Ink, thousands};

const PUBLISHER: &str = "publisher";
/// The day, from 0, on which the publisher is killed.
const KILLED_ON: u8 = 14;

/// A subscriber in a process of its own: its language, and the process or why there is none.
type Reader = (String, Result<Process, String>);

/// The same at the end: what it printed, and what the check says of it.
type Column = (String, Result<(Line, Findings), String>);

/// What became of this part.
#[derive(Debug)]
pub(crate) struct Shared {
    columns: Vec<Column>,
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
    let mut readers = vec![start("Rust".to_owned(), Ok(own("read", &url, None)?))?];
    for Guest { language, program } in guests {
        let command = program.as_ref().map_err(Clone::clone).map(|flights| {
            let mut command = language.command(&beside(flights));
            command.arg(&url);
            command
        });
        readers.push(start(language.to_string(), command)?);
    }
    for (_, reader) in &readers {
        if let Ok(reader) = reader {
            reader.expect_line()?;
        }
    }
    let away = publish(&url)?;
    let (columns, mut findings) = results(month, readers)?;
    let left = left(&kernel);
    findings.equal("processes: subscriptions and services left", &left, &0);
    Ok(Some(Shared { columns, findings, away, took: began.elapsed() }))
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

fn start(name: String, command: Result<Command, String>) -> Result<Reader, Failure> {
    let reader = match command {
        Ok(command) => Ok(Process::start(&name, command)?),
        Err(reason) => Err(reason),
    };
    Ok((name, reader))
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
fn results(month: &Month, readers: Vec<Reader>) -> Result<(Vec<Column>, Findings), Failure> {
    let mut findings = Findings::default();
    let serves = |(name, reader): &Reader| *name == Language::Python.to_string() && reader.is_ok();
    let is_served = readers.iter().any(serves);
    let mut columns = Vec::new();
    let mut running = Vec::new();
    for (name, reader) in readers {
        let column = match reader {
            Err(reason) => Err(reason),
            Ok(reader) => {
                let text = reader.expect_line()?;
                let line: Line =
                    serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
                let has_means = is_served && name == Language::C.to_string();
                let found = line.check(&format!("processes, {name}"), month, has_means);
                findings.merge(&found);
                running.push(reader);
                Ok((line, found))
            }
        };
        columns.push((name, column));
    }
    // Those that serve end when nobody asks any more.
    running.into_iter().try_for_each(Process::end)?;
    Ok((columns, findings))
}

impl Shared {
    /// The table of this part.
    pub(crate) fn report(&self, ink: Ink) -> Result<String, fmt::Error> {
        let mut heading = format!(" {:<23}", "ACROSS PROCESSES");
        for (name, _) in &self.columns {
            write!(heading, "{:>18}", name.to_uppercase())?;
        }
        let mut text = ink.dim(&heading) + "\n";
        for (what, cell) in ROWS {
            write!(text, " {what:<23}")?;
            for (_, column) in &self.columns {
                let cell = match column {
                    Ok((line, findings)) => cell(line, findings),
                    Err(_) => "not run".to_owned(),
                };
                write!(text, "{cell:>18}")?;
            }
            text.push('\n');
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

/// What a column says.
type Cell = fn(&Line, &Findings) -> String;

const ROWS: [(&str, Cell); 4] = [
    ("received", |line, _| thousands(line.received)),
    ("  of them a second time", |line, _| thousands(line.received.saturating_sub(line.total.0))),
    ("flights added up", |line, _| thousands(line.total.0)),
    ("results equal", |_, findings| findings.score()),
];

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
    fn the_table_says_what_did_not_run() {
        let month = Month::load().unwrap();
        let mut line = line(&month);
        line.received += 650;
        let findings = line.check("Rust", &month, false);
        let columns = vec![
            ("Rust".to_owned(), Ok((line, findings))),
            ("C".to_owned(), Err("no compiler".to_owned())),
        ];
        let (away, took) = (Duration::from_millis(120), Duration::from_secs(3));
        let shared = Shared { columns, findings: Findings::default(), away, took };
        let text = shared.report(Ink::NONE).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let second = text.lines().find(|line| line.contains("second time")).unwrap();
        assert!(second.ends_with("650           not run"), "{text}");
        assert!(text.contains("killed on day 15") && text.contains("120 ms"), "{text}");
    }

    #[test]
    fn the_program_of_this_part_lies_beside_the_other() {
        assert_eq!(beside(Path::new("a/flights")), Path::new("a/processes"));
        assert_eq!(beside(Path::new("a/flights.py")), Path::new("a/processes.py"));
    }
}
