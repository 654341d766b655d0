//! The closing tables.

use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::check::Findings;
use crate::data::Month;
use crate::play::Plan;
use crate::readers::Role;
use crate::stage::Outcome;
use crate::text::{Ink, bar, thousands};

/// Routes that are listed.
const ROUTES: usize = 16;

/// All tables and the verdict, for the replay and the run flat out.
pub(crate) fn closing(
    month: &Month,
    parts: &[(&Plan, Outcome); 2],
    findings: &Findings,
    took: Duration,
    ink: Ink,
) -> Result<String, fmt::Error> {
    let [(_, replayed), (_, flat_out)] = parts;
    let mut text = january(replayed, ink)? + "\n";
    text += &(accounts(month, parts, ink)? + "\n");
    text += &(rates(flat_out, ink)? + "\n");
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

/// How fast the messages went.
fn rates(outcome: &Outcome, ink: Ink) -> Result<String, fmt::Error> {
    let seconds = outcome.took.as_secs_f64();
    let delivered: u64 = outcome.readings.iter().map(|(_, reading)| reading.received).sum();
    let mut text = ink.dim(&format!(" FLAT OUT {:>27}{:>17}\n", "MESSAGES", "A SECOND"));
    for (what, count) in [("published", outcome.sent.messages), ("delivered to readers", delivered)]
    {
        let rate = thousands((count as f64 / seconds) as u64);
        writeln!(text, " {what:<24}{:>12}{rate:>17}", thousands(count))?;
    }
    writeln!(text, " one publishing thread, six readers, in {seconds:.2} s")?;
    Ok(text)
}

/// Where every message went that was routed to a subscription.
fn accounts(month: &Month, parts: &[(&Plan, Outcome)], ink: Ink) -> Result<String, fmt::Error> {
    let mut text = ink.dim(&format!(
        " {:<18}{:<11}{:>9} ={:>10} +{:>9} +{:>7} +{:>6}\n",
        "ROUTED MESSAGES", "POLICY", "ROUTED", "DELIVERED", "LOST", "TIMEOUT", "QUEUED"
    ));
    for (plan, outcome) in parts {
        for (role, _) in &outcome.readings {
            text.push_str(&account(month, plan, outcome, *role)?);
        }
    }
    let told = |(_, outcome): &(&Plan, Outcome)| -> u64 {
        outcome.readings.iter().map(|(_, reading)| reading.told_lost).sum()
    };
    let told = parts.iter().map(told).sum();
    let dropped = parts.iter().map(|(_, outcome)| outcome.sent.dropped).sum();
    let (told, dropped) = (thousands(told), thousands(dropped));
    writeln!(text, " losses: the readers were told of {told}, the publishers of {dropped}")?;
    Ok(text)
}

fn account(
    month: &Month,
    plan: &Plan,
    outcome: &Outcome,
    role: Role,
) -> Result<String, fmt::Error> {
    let Some(route) = role.find(&outcome.counters) else {
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
    use crate::{FLAT_OUT, REPLAY, View, check, play};

    #[test]
    fn the_report_fits_80_columns_and_has_every_total() {
        let month = Month::load().unwrap();
        let quick = Plan { month_takes: None, pause: Duration::ZERO, ..REPLAY };
        let outcome = play(&month, &quick, &mut View::Silent).unwrap();
        let again = Plan { name: FLAT_OUT.name, ..quick };
        let outcomes =
            [(&quick, outcome), (&again, play(&month, &again, &mut View::Silent).unwrap())];
        let findings = check(quick.name, &month, 1, &outcomes[0].1);
        let text = closing(&month, &outcomes, &findings, Duration::from_secs(13), Ink::NONE);
        let text = text.unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "too long: {line}");
        }
        assert!(text.contains(" 27,004 flights; 521 never departed"), "{text}");
        assert!(text.contains("JFK → LAX         937"), "{text}");
        assert!(text.contains("mean delay 10.04 min"), "{text}");
        assert!(text.contains("no difference"), "{text}");
    }
}
