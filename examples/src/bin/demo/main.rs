//! The demonstration: a month of real flights through the kernel.
//!
//! Part one replays January 2013 in eight seconds, each flight at its scheduled moment; part two
//! publishes the month a hundred times, as fast as it goes. In both, each flight is published on
//! `flights.<origin>.<carrier>.<dest>`, and six threads work on them: one on all of JFK, a queue
//! group of three on everything, a view of the newest of each topic, and one that is too slow on
//! purpose. The service `delays` answers with the mean delay of a carrier. What they counted is
//! compared with a plain pass over the file; a difference is a failure.
//!
//! The live table needs a terminal of 80 columns and 24 lines. `--plain` prints lines instead, as
//! it does by itself where there is no terminal. `NO_COLOR` takes the colours away.
#![forbid(unsafe_code)]

mod check;
mod data;
mod delays;
mod play;
mod readers;
mod report;
mod stage;
mod tally;
mod text;
mod view;

use core::time::Duration;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use check::{Findings, check};
use data::{Failure, Month};
use play::{Plan, play};
use text::Ink;
use view::View;

static REPLAY: Plan = Plan {
    name: "replay",
    title: "January 2013 out of New York, in eight seconds",
    repeats: 1,
    month_takes: Some(Duration::from_secs(8)),
    pause: Duration::from_millis(5),
};

static FLAT_OUT: Plan = Plan {
    name: "flat-out",
    title: "The same month a hundred times, flat out",
    repeats: 100,
    month_takes: None,
    pause: Duration::from_millis(1),
};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let plain = match (words.next().as_deref(), words.next()) {
        (None, _) => !io::stdout().is_terminal(),
        (Some("--plain"), None) => true,
        _ => return end(Err("the demo takes one option, --plain".into())),
    };
    end(run(plain))
}

fn end(result: Result<Findings, Failure>) -> ExitCode {
    let differences = match result {
        Ok(findings) => findings.differences,
        Err(failure) => vec![failure.to_string()],
    };
    for difference in &differences {
        // Where nobody can read it, the exit code still tells.
        let _ = writeln!(io::stderr(), "demo: {difference}");
    }
    if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(plain: bool) -> Result<Findings, Failure> {
    let start = Instant::now();
    let month = Month::load()?;
    let ink =
        if plain || std::env::var_os("NO_COLOR").is_some() { Ink::NONE } else { Ink::COLOURS };
    let mut view = if plain { View::Plain } else { View::Live { ink, drawn: 0 } };
    let mut findings = Findings::default();
    let mut part = |plan: &'static Plan| -> Result<_, Failure> {
        if plain {
            writeln!(io::stdout(), "{}", plan.title)?;
        }
        let outcome = play(&month, plan, &mut view)?;
        findings.merge(check(plan.name, &month, plan.repeats, &outcome));
        Ok((plan, outcome))
    };
    let outcomes = [part(&REPLAY)?, part(&FLAT_OUT)?];
    let report = report::closing(&month, &outcomes, &findings, start.elapsed(), ink)?;
    io::stdout().write_all(report.as_bytes())?;
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_and_a_failure_are_told_by_the_exit_code() {
        let findings = Findings { comparisons: 2, ..Findings::default() };
        assert_eq!(end(Ok(findings)), ExitCode::SUCCESS);
        let differences = vec!["jfk, total: 1, and not 2".to_owned()];
        assert_eq!(end(Ok(Findings { comparisons: 2, differences })), ExitCode::FAILURE);
        assert_eq!(end(Err("the kernel is closed".into())), ExitCode::FAILURE);
    }
}
