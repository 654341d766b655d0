//! The closing tables.

use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::check::Findings;
use crate::data::Month;
use crate::language::Language;
use crate::play::Plan;
use crate::processes::Shared;
use crate::readers::Account;
use crate::stage::Outcome;
use crate::text::{Ink, bar, thousands};

/// Routes that are listed.
const ROUTES: usize = 16;

/// A part that was played, and what the check said of it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) findings: Findings,
}

/// The part of another language, or why it was not played.
pub(crate) type Other = (Language, Result<Run, String>);

/// All tables and the verdict, for the replay, the run flat out, and those of other languages.
pub(crate) fn closing(
    month: &Month,
    parts: &[(&Plan, Run); 2],
    others: &[Other],
    shared: Option<&Shared>,
    findings: &Findings,
    took: Duration,
    ink: Ink,
) -> Result<String, fmt::Error> {
    let [(_, replayed), (plan, flat_out)] = parts;
    let mut text = january(&replayed.outcome, ink)? + "\n";
    text += &(accounts(month, parts, ink)? + "\n");
    text += &(languages(plan.repeats, flat_out, others, ink)? + "\n");
    if let Some(shared) = shared {
        text += &(shared.report(ink)? + "\n");
    }
    let verdict = match findings.differences.len() {
        0 => "no difference".to_owned(),
        1 => "1 DIFFERENCE".to_owned(),
        many => format!("{many} DIFFERENCES"),
    };
    writeln!(
        text,
        " {} results beside a plain pass over the file: {} ({:.1} s in all)",
        thousands(findings.comparisons),
        ink.bold(&verdict),
        took.as_secs_f64()
    )?;
    Ok(text)
}

/// Busiest routes as the desks counted them, and delays as the service answered.
fn january(outcome: &Outcome, ink: Ink) -> Result<String, fmt::Error> {
    let mut text = ink.dim(&format!(
        " {:<41}{}\n",
        "BUSIEST ROUTES    FLIGHTS  MEAN DELAY", "CARRIER  FLIGHTS  MEAN DELAY"
    ));
    let routes = outcome.desks.busiest_routes();
    let carriers = outcome.desks.busiest_carriers();
    for index in 0..ROUTES.max(carriers.len()) {
        let mut left = String::new();
        if let Some(((from, to), delays)) = routes.get(index).filter(|_| index < ROUTES) {
            let flights = thousands(delays.flights);
            write!(left, "{:>2}  {from} → {to} {flights:>11}", index + 1)?;
            write!(left, "{:>8.1} min", delays.mean().unwrap_or_default())?;
        }
        write!(text, " {left:<41}")?;
        if let Some((carrier, delays)) = carriers.get(index) {
            let flights = thousands(delays.flights);
            let minutes = outcome.means.get(carrier).map_or(0.0, |mean| mean.minutes);
            write!(text, "{carrier} {flights:>13}{minutes:>8.1} min ")?;
            text.push_str(&ink.blue(&bar(minutes, 30.0, 9)));
        }
        text.push('\n');
    }
    let total = outcome.desks.total;
    writeln!(
        text,
        " {} flights; {} never departed, the means skip them; mean delay {:.2} min",
        thousands(total.flights),
        thousands(total.flights - total.departed),
        total.mean().unwrap_or_default()
    )?;
    Ok(text)
}

/// What each language published and got, flat out, beside the others.
fn languages(repeats: u64, rust: &Run, others: &[Other], ink: Ink) -> Result<String, fmt::Error> {
    let mut text = ink.dim(&format!(
        " {:<9}{:>5}{:>12}{:>12}{:>12}{:>12}{:>16}\n",
        "FLAT OUT", "TIMES", "PUBLISHED", "A SECOND", "DELIVERED", "A SECOND", "RESULTS EQUAL"
    ));
    text.push_str(&language("Rust", repeats, rust)?);
    for (name, run) in others {
        match run {
            Ok(run) => text.push_str(&language(&name.to_string(), name.repeats(), run)?),
            Err(reason) => writeln!(text, " {name:<9} not run: {reason}")?,
        }
    }
    text.push_str(
        " each: the month so many times, one who publishes, the same readers, each total\n \
         beside the file\n",
    );
    Ok(text)
}

fn language(name: &str, repeats: u64, run: &Run) -> Result<String, fmt::Error> {
    let (published, delivered) = (run.outcome.sent.messages, run.outcome.received());
    let mut text = String::new();
    writeln!(
        text,
        " {name:<9}{:>5}{:>12}{:>12}{:>12}{:>12}{:>16}",
        thousands(repeats),
        thousands(published),
        rate(published, &run.outcome),
        thousands(delivered),
        rate(delivered, &run.outcome),
        run.findings.score()
    )?;
    Ok(text)
}

fn rate(messages: u64, outcome: &Outcome) -> String {
    thousands((messages as f64 / outcome.took.as_secs_f64()) as u64)
}

/// Where every message went that was routed to a subscription.
fn accounts(month: &Month, parts: &[(&Plan, Run)], ink: Ink) -> Result<String, fmt::Error> {
    let mut text = ink.dim(&format!(
        " {:<18}{:<11}{:>9} ={:>10} +{:>9} +{:>7} +{:>6}\n",
        "ROUTED MESSAGES", "POLICY", "ROUTED", "DELIVERED", "LOST", "TIMEOUT", "QUEUED"
    ));
    for (plan, run) in parts {
        for one in &run.outcome.accounts {
            text.push_str(&account(month, plan, one)?);
        }
    }
    let told = |(_, run): &(&Plan, Run)| -> u64 {
        run.outcome.accounts.iter().map(|account| account.reading.told_lost).sum()
    };
    let told = parts.iter().map(told).sum();
    let dropped = parts.iter().map(|(_, run)| run.outcome.sent.dropped).sum();
    let (told, dropped) = (thousands(told), thousands(dropped));
    writeln!(text, " losses: the readers were told of {told}, the publishers of {dropped}")?;
    Ok(text)
}

fn account(month: &Month, plan: &Plan, account: &Account) -> Result<String, fmt::Error> {
    let role = account.role;
    let Some(route) = account.ledger else {
        return Ok(format!(" {}: no counters\n", role.name));
    };
    let mut text = String::new();
    writeln!(
        text,
        " {:<18}{:<11}{:>9} ={:>10} +{:>9} +{:>7} +{:>6}",
        format!("{}, {}", plan.name, role.name),
        format!("{:?}", role.policy),
        thousands(month.count(role.prefix()) * plan.repeats),
        thousands(route.delivered),
        thousands(route.lost),
        thousands(route.timed_out),
        thousands(route.queued)
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::COLUMNS;
    use crate::{REPLAY, View, check, play};

    /// Tests run at once, in one process: each has plans with names of its own, as these are the
    /// names of kernels.
    fn run(month: &Month, plan: &Plan) -> Run {
        let outcome = play(month, plan, &mut View::Silent).unwrap();
        let findings = check(plan.name, month, 1, &outcome);
        Run { outcome, findings }
    }

    #[test]
    fn the_report_fits_80_columns_and_has_every_total() {
        let month = Month::load().unwrap();
        let quick = Plan { name: "one", month_takes: None, pause: Duration::ZERO, ..REPLAY };
        let again = Plan { name: "two", ..quick };
        let parts = [(&quick, run(&month, &quick)), (&again, run(&month, &again))];
        let c = run(&month, &Plan { name: "three", ..quick });
        let reason = "Python ≥ 3.11 (apt-get install python3)";
        let others = [(Language::C, Ok(c)), (Language::Python, Err(reason.to_owned()))];
        let findings = check(quick.name, &month, 1, &parts[0].1.outcome);
        let took = Duration::from_secs(13);
        let text = closing(&month, &parts, &others, None, &findings, took, Ink::NONE).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "too long: {line}");
        }
        assert!(text.contains(" 27,004 flights; 521 never departed"), "{text}");
        assert!(text.contains("JFK → LAX         937"), "{text}");
        assert!(text.contains("mean delay 10.04 min"), "{text}");
        assert!(text.contains("no difference"), "{text}");
        let row = text.lines().find(|line| line.starts_with(" C ")).unwrap();
        assert_eq!(row.split_whitespace().nth(2), Some("27,004"), "{text}");
        assert!(text.contains(" Python    not run: Python ≥ 3.11 (apt-get"), "{text}");
    }

    #[test]
    fn a_language_that_differs_is_told_in_its_row() {
        let month = Month::load().unwrap();
        let quick = Plan { name: "good", month_takes: None, pause: Duration::ZERO, ..REPLAY };
        let good = run(&month, &quick);
        let mut bad = run(&month, &Plan { name: "bad", ..quick });
        bad.outcome.desks.total.flights += 1;
        bad.findings = check("bad", &month, 1, &bad.outcome);
        let all = thousands(good.findings.comparisons);
        let less = thousands(good.findings.comparisons - 1);
        let text = languages(1, &good, &[(Language::C, Ok(bad))], Ink::NONE).unwrap();
        let told = |name| {
            let row = text.lines().find(|line| line.starts_with(name)).unwrap();
            row.split_whitespace().rev().take(3).collect::<Vec<_>>()
        };
        assert_eq!(told(" Rust "), [all.as_str(), "of", &all]);
        assert_eq!(told(" C "), [all.as_str(), "of", &less]);
    }
}
