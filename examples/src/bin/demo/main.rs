//! The demonstration: a month of real flights through the kernel.
//!
//! Part one replays January 2013 in eight seconds, each flight at its scheduled moment; part two
//! publishes the month a hundred times, as fast as it goes. In both, each flight is published on
//! `flights.<origin>.<carrier>.<dest>`, and six threads work on them: one on all of JFK, a queue
//! group of three on everything, a view of the newest of each topic, and one that is too slow on
//! purpose. The service `delays` answers with the mean delay of a carrier. What they counted is
//! compared with a plain pass over the file; a difference is a failure.
//!
//! `--plain` prints lines and no table, for pipes and logs.
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
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use check::{Findings, check};
use data::{Failure, Month};
use play::{Plan, play};
use text::{Ink, thousands};
use view::View;

const REPLAY: Plan = Plan {
    name: "replay",
    title: "January 2013 out of New York, in eight seconds",
    repeats: 1,
    month_takes: Some(Duration::from_secs(8)),
    pause: Duration::from_millis(5),
};

const FLAT_OUT: Plan = Plan {
    name: "flat-out",
    title: "The same month a hundred times, flat out",
    repeats: 100,
    month_takes: None,
    pause: Duration::from_millis(1),
};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let plain = match (words.next().as_deref(), words.next()) {
        (None, _) => false,
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
    let ink = if plain || std::env::var_os("NO_COLOR").is_some() { Ink::NONE } else { Ink::COLOURS };
    let mut view = if plain { View::Plain } else { View::Live { ink, drawn: 0 } };
    let mut findings = Findings::default();
    let mut outcomes = Vec::new();
    for plan in [&REPLAY, &FLAT_OUT] {
        if plain {
            writeln!(io::stdout(), "{}", plan.title)?;
        }
        let outcome = play(&month, plan, &mut view)?;
        findings.merge(check(plan.name, &month, plan.repeats, &outcome));
        outcomes.push((plan, outcome));
    }
    let parts: Vec<_> = outcomes.iter().map(|(plan, outcome)| (*plan, outcome)).collect();
    if let [(_, replayed), (_, flat_out)] = parts[..] {
        let tables = [
            report::january(replayed, ink)?,
            report::accounts(&month, &parts, ink)?,
            report::rates(flat_out, ink)?,
        ];
        writeln!(io::stdout(), "{}", tables.join("\n"))?;
    }
    let verdict = match findings.differences.len() {
        0 => "no difference".to_owned(),
        1 => "1 DIFFERENCE".to_owned(),
        many => format!("{many} DIFFERENCES"),
    };
    writeln!(
        io::stdout(),
        " {} results compared with a plain pass over the file: {} ({:.1} s in all)",
        thousands(findings.comparisons),
        ink.bold(&verdict),
        start.elapsed().as_secs_f64()
    )?;
    Ok(findings)
}
