//! The demonstration: a month of real flights through the kernel.
//!
//! Part one replays January 2013 in eight seconds, each flight at its scheduled moment; part two
//! publishes the month a hundred times, as fast as it goes. In both, each flight is published on
//! `flights.<origin>.<carrier>.<dest>`, and six threads work on them: one on all of JFK, a queue
//! group of three on everything, a view of the newest of each topic, and one that is too slow on
//! purpose. The service `delays` answers with the mean delay of a carrier. What they counted is
//! compared with a plain pass over the file; a difference is a failure.
//!
//! Then the programs `flights` in C, C++, Python, Go and JavaScript do what part two does, each with
//! Neo in its own process and language, and their results are compared in the same way.
//!
//! In the end the month crosses processes: one publishes it on a kernel of `shm://`, one in each
//! language adds it up (the programs `processes`), the publisher is killed on the way and replaced,
//! and the totals must be those of the file all the same.
//!
//! The live table needs a terminal of 80 columns and 24 lines. `--plain` prints lines instead, as
//! it does by itself where there is no terminal. `NO_COLOR` takes the colours away.
#![forbid(unsafe_code)]

mod check;
mod data;
mod delays;
mod guests;
mod language;
mod options;
mod play;
mod processes;
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
use guests::Guest;
use options::Options;
use play::{Plan, play};
use processes::Shared;
use report::Run;
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
    let words: Vec<String> = std::env::args().skip(1).collect();
    // The demo starts itself in these roles.
    let role = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["publish", url, first] => first
            .parse()
            .map_err(Failure::from)
            .and_then(|first| processes::roles::publish(url, first)),
        ["read", url] => processes::roles::read(url),
        _ => return end(Options::parse(words.into_iter()).and_then(|options| run(&options))),
    };
    end(role.map(|()| Findings::default()))
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

fn run(options: &Options) -> Result<Findings, Failure> {
    let start = Instant::now();
    let plain = options.plain || !io::stdout().is_terminal();
    let month = Month::load()?;
    let ink =
        if plain || std::env::var_os("NO_COLOR").is_some() { Ink::NONE } else { Ink::COLOURS };
    let mut view = if plain { View::Plain } else { View::Live { ink, drawn: 0 } };
    let mut part = |plan: &'static Plan| -> Result<_, Failure> {
        if plain {
            writeln!(io::stdout(), "{}", plan.title)?;
        }
        let outcome = play(&month, plan, &mut view)?;
        Ok((plan, Run { findings: check(plan.name, &month, plan.repeats, &outcome), outcome }))
    };
    let parts = [part(&REPLAY)?, part(&FLAT_OUT)?];
    let mut others = Vec::new();
    for guest in &options.guests {
        others.push((guest.language, receive(&month, guest)?));
    }
    let shared = share(&month, &options.guests)?;
    writeln!(io::stdout())?;
    let mut findings = Findings::default();
    shared.iter().for_each(|shared| findings.merge(&shared.findings));
    let played = parts.iter().map(|(_, run)| run);
    for run in played.chain(others.iter().filter_map(|(_, run)| run.as_ref().ok())) {
        findings.merge(&run.findings);
    }
    let took = start.elapsed();
    let report = report::closing(&month, &parts, &others, shared.as_ref(), &findings, took, ink)?;
    io::stdout().write_all(report.as_bytes())?;
    Ok(findings)
}

/// The part of another language, or why it has none.
fn receive(month: &Month, guest: &Guest) -> Result<Result<Run, String>, Failure> {
    let Guest { language, program } = guest;
    let program = match program {
        Ok(program) => program,
        Err(reason) => return Ok(Err(reason.clone())),
    };
    let repeats = language.repeats();
    let mut out = io::stdout();
    write!(out, "The same month {repeats} times, flat out, in {language}: ")?;
    out.flush()?;
    let outcome = guests::play(*language, program, repeats)?;
    writeln!(out, "{:.1} s", outcome.took.as_secs_f64())?;
    let findings = check(&language.to_string(), month, repeats, &outcome);
    Ok(Ok(Run { outcome, findings }))
}

/// The part across processes, where it can be had.
fn share(month: &Month, guests: &[Guest]) -> Result<Option<Shared>, Failure> {
    let mut out = io::stdout();
    write!(out, "The same month across processes, on shm://: ")?;
    out.flush()?;
    let shared = processes::play(month, guests)?;
    match &shared {
        Some(_) => writeln!(out, "done")?,
        None => writeln!(out, "not run: this version has shm:// on Linux only")?,
    }
    Ok(shared)
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
