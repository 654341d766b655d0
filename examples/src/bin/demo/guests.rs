//! The programs in other languages: each plays the month flat out by itself, with the same
//! subscribers, and prints what they counted as one line of JSON.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::data::{self, Airport, Carrier, Code, Failure, Flight};
use crate::delays::Mean;
use crate::language::Language;
use crate::readers::{Account, Ledger, ROLES, Reading};
use crate::stage::{Outcome, Sent};
use crate::tally::{Delays, Tally};

/// A language's part of the demo.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) language: Language,
    /// Its program, or why there is none.
    pub(crate) program: Result<PathBuf, String>,
}

/// Plays the month with a program until it ends.
pub(crate) fn play(language: Language, program: &Path, repeats: u64) -> Result<Outcome, Failure> {
    let file = Unpacked::new()?;
    let mut command = language.command(program);
    command.arg(&file.0).arg(repeats.to_string()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command
        .output()
        .map_err(|error| format!("{language}: cannot run {}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{language}: its program ended with {}", output.status).into());
    }
    read(&output.stdout).map_err(|failure| format!("{language}: {failure}").into())
}

/// The month's file, unpacked for programs of other languages; removed when dropped.
#[derive(Debug)]
struct Unpacked(PathBuf);

impl Unpacked {
    fn new() -> Result<Self, Failure> {
        let name = format!("neo-demo-{}.csv", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        fs::write(&file.0, data::text()?)
            .map_err(|error| format!("cannot write {}: {error}", file.0.display()))?;
        Ok(file)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // A file that stays in the folder for such files harms nobody.
        let _ = fs::remove_file(&self.0);
    }
}

/// The line that a program prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    published: u64,
    dropped: u64,
    timed_out: u64,
    seconds: f64,
    jfk: Sums,
    desks: Sums,
    /// Minutes, and the departures that they are the mean of.
    means: BTreeMap<String, (f64, u64)>,
    /// Scheduled minute, departure and arrival delay, number.
    board: BTreeMap<String, (u32, Option<i16>, Option<i16>, u16)>,
    accounts: BTreeMap<String, Counts>,
}

/// Flights, departures, minutes.
type Triple = (u64, u64, i64);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    total: Triple,
    carriers: BTreeMap<String, Triple>,
    routes: BTreeMap<String, Triple>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    received: u64,
    told_lost: u64,
    delivered: u64,
    lost: u64,
    timed_out: u64,
    queued: u64,
}

fn read(text: &[u8]) -> Result<Outcome, Failure> {
    let line: Line = serde_json::from_slice(text)?;
    let mut means = BTreeMap::new();
    for (name, (minutes, departed)) in &line.means {
        means.insert(carrier(name)?, Mean { minutes: *minutes, departed: *departed });
    }
    let mut board = BTreeMap::new();
    for (topic, (scheduled, departure_delay, arrival_delay, number)) in line.board {
        let (origin, carrier, destination) = parts_of(&topic)?;
        let flight = Flight {
            scheduled,
            departure_delay,
            arrival_delay,
            number,
            carrier,
            origin,
            destination,
        };
        board.insert(topic, flight);
    }
    let account = |role: crate::readers::Role| {
        let counts = line.accounts.get(role.name);
        let reading = counts.map_or_else(Reading::default, |counts| Reading {
            received: counts.received,
            told_lost: counts.told_lost,
        });
        let ledger = counts.map(|counts| Ledger {
            delivered: counts.delivered,
            lost: counts.lost,
            timed_out: counts.timed_out,
            queued: counts.queued,
        });
        Account { role, reading, ledger }
    };
    Ok(Outcome {
        sent: Sent { messages: line.published, dropped: line.dropped, timed_out: line.timed_out },
        took: Duration::try_from_secs_f64(line.seconds)?,
        jfk: tally(&line.jfk)?,
        desks: tally(&line.desks)?,
        board,
        means,
        accounts: ROLES.map(account).to_vec(),
    })
}

fn tally(sums: &Sums) -> Result<Tally, Failure> {
    let delays = |(flights, departed, minutes): Triple| Delays { flights, departed, minutes };
    let mut tally = Tally { total: delays(sums.total), ..Tally::default() };
    for (name, sum) in &sums.carriers {
        tally.carriers.insert(carrier(name)?, delays(*sum));
    }
    for (name, sum) in &sums.routes {
        let route = name
            .split_once('-')
            .and_then(|(from, to)| Some((Code::parse(from)?, Code::parse(to)?)));
        let route = route.ok_or_else(|| format!("`{name}` is no route"))?;
        tally.routes.insert(route, delays(*sum));
    }
    Ok(tally)
}

fn carrier(name: &str) -> Result<Carrier, Failure> {
    Code::parse(name).ok_or_else(|| format!("`{name}` is no carrier").into())
}

/// Origin, carrier and destination of a topic.
fn parts_of(topic: &str) -> Result<(Airport, Carrier, Airport), Failure> {
    let parts = || {
        let mut tokens = topic.strip_prefix("flights.")?.split('.');
        let parts = (
            Code::parse(tokens.next()?)?,
            Code::parse(tokens.next()?)?,
            Code::parse(tokens.next()?)?,
        );
        tokens.next().is_none().then_some(parts)
    };
    parts().ok_or_else(|| format!("`{topic}` is no topic of a flight").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::DESKS;

    const LINE: &str = r#"{"published":2,"dropped":1,"timed_out":0,"seconds":0.5,
        "jfk":{"total":[1,0,0],"carriers":{"B6":[1,0,0]},"routes":{"JFK-BQN":[1,0,0]}},
        "desks":{"total":[2,1,-3],"carriers":{"B6":[2,1,-3]},"routes":{"JFK-BQN":[2,1,-3]}},
        "means":{"B6":[0.10000000000000002,1]},
        "board":{"flights.JFK.B6.BQN":[44639,null,-7,725]},
        "accounts":{"desks":{"received":2,"told_lost":1,"delivered":2,"lost":1,"timed_out":0,
        "queued":4}}}"#;

    #[test]
    fn a_line_becomes_an_outcome() {
        let outcome = read(LINE.as_bytes()).unwrap();
        assert_eq!(outcome.sent, Sent { messages: 2, dropped: 1, timed_out: 0 });
        assert_eq!(outcome.took, Duration::from_millis(500));
        assert_eq!(outcome.desks.total, Delays { flights: 2, departed: 1, minutes: -3 });
        let b6 = carrier("B6").unwrap();
        // All digits of a mean count: the check compares bits.
        assert_eq!(outcome.means[&b6], Mean { minutes: 0.100_000_000_000_000_02, departed: 1 });
        let shown = outcome.board["flights.JFK.B6.BQN"];
        assert_eq!((shown.departure_delay, shown.arrival_delay), (None, Some(-7)));
        assert_eq!(shown.topic(), "flights.JFK.B6.BQN");
        let of_desks = outcome.accounts.iter().find(|account| account.role == DESKS).unwrap();
        assert_eq!(of_desks.ledger.unwrap().total(), 7);
        assert_eq!(outcome.accounts.iter().filter(|account| account.ledger.is_none()).count(), 3);
    }

    #[test]
    fn a_line_that_says_something_else_is_refused() {
        for (good, bad) in [
            ("\"dropped\":1,", ""),
            ("\"dropped\"", "\"droped\""),
            ("0.5", "-0.5"),
            ("JFK-BQN", "JFKBQN"),
            ("flights.JFK.B6.BQN", "flights.JFK.B6.BQN.1"),
            ("\"means\":{\"B6\"", "\"means\":{\"B66\""),
            ("44639", "-1"),
        ] {
            assert!(LINE.contains(good), "{good}");
            assert!(read(LINE.replace(good, bad).as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_named() {
        let missing = play(Language::C, Path::new("/nowhere/flights"), 1).unwrap_err();
        assert!(missing.to_string().starts_with("C: cannot run /nowhere/flights: "), "{missing}");
    }
}
