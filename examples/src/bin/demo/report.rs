//! The closing tables.

use std::fmt::{self, Write as _};

use crate::data::Month;
use crate::play::Plan;
use crate::readers::Role;
use crate::stage::Outcome;
use crate::text::{Ink, bar, thousands};

/// Routes that are listed.
const ROUTES: usize = 16;

/// Busiest routes as the desks counted them, and delays as the service answered.
pub(crate) fn january(outcome: &Outcome, ink: Ink) -> Result<String, fmt::Error> {
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
            text.push_str(&ink.blue(&bar(minutes, 30.0, 10)));
        }
        text.push('\n');
    }
    let total = outcome.desks.total;
    writeln!(
        text,
        " {} flights, {} never departed and are left out of the means; mean delay {:.2} min",
        thousands(total.flights),
        thousands(total.flights - total.departed),
        total.mean().unwrap_or_default()
    )?;
    Ok(text)
}

/// How fast the messages went.
pub(crate) fn rates(outcome: &Outcome, ink: Ink) -> Result<String, fmt::Error> {
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
pub(crate) fn accounts(
    month: &Month,
    parts: &[(&Plan, &Outcome)],
    ink: Ink,
) -> Result<String, fmt::Error> {
    let mut text = ink.dim(&format!(
        " {:<18}{:<12}{:>9} ={:>10} +{:>9} +{:>6} +{:>6}\n",
        "ROUTED MESSAGES", "POLICY", "ROUTED", "DELIVERED", "LOST", "LATE", "WAIT"
    ));
    for (plan, outcome) in parts {
        for (role, _) in &outcome.readings {
            text.push_str(&account(month, plan, outcome, *role)?);
        }
    }
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
        " {:<18}{:<12}{:>9} ={:>10} +{:>9} +{:>6} +{:>6}",
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
