//! The check: everything that the kernel's users counted, beside a plain pass over the file.

use core::fmt::Debug;

use crate::data::Month;
use crate::delays::Mean;
use crate::readers::{Account, JFK, Reading};
use crate::stage::Outcome;
use crate::tally::{Delays, Tally};
use crate::text::thousands;

/// Comparisons that were made, and those that differed.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) comparisons: u64,
    pub(crate) differences: Vec<String>,
}

impl Findings {
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.comparisons += 1;
        if found != expected {
            self.differences.push(format!("{what}: {found:?}, and not {expected:?}"));
        }
    }

    /// How many comparisons showed no difference, of how many.
    pub(crate) fn score(&self) -> String {
        let equal = self.comparisons - self.differences.len() as u64;
        format!("{} of {}", thousands(equal), thousands(self.comparisons))
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.comparisons += other.comparisons;
        self.differences.extend_from_slice(&other.differences);
    }
}

/// Compares a part's outcome with the file, of which every flight was published `repeats` times.
pub(crate) fn check(part: &str, month: &Month, repeats: u64, outcome: &Outcome) -> Findings {
    let mut findings = Findings::default();
    let all = Tally::of(&month.flights);
    let from_jfk = Tally::of(month.flights.iter().filter(|f| f.origin.as_str() == "JFK"));
    let published = all.total.flights * repeats;
    findings.equal(&format!("{part}: messages published"), &outcome.sent.messages, &published);
    sums(&mut findings, &format!("{part}: jfk"), &outcome.jfk, &from_jfk, repeats);
    sums(&mut findings, &format!("{part}: desks"), &outcome.desks, &all, repeats);
    for (carrier, delays) in &all.carriers {
        let what = format!("{part}: delays.mean({carrier})");
        let found = outcome.means.get(carrier).copied();
        findings.equal(&what, &found, &Mean::of(delays.times(repeats)));
    }
    board(&mut findings, part, month, outcome);
    accounts(&mut findings, part, month, repeats, outcome);
    findings
}

fn sums(findings: &mut Findings, who: &str, found: &Tally, expected: &Tally, repeats: u64) {
    let times = |delays: &Delays| Some(delays.times(repeats));
    findings.equal(&format!("{who}, total"), &Some(found.total), &times(&expected.total));
    for (carrier, delays) in &expected.carriers {
        let what = format!("{who}, carrier {carrier}");
        findings.equal(&what, &found.carriers.get(carrier).copied(), &times(delays));
    }
    for (route @ (from, to), delays) in &expected.routes {
        let what = format!("{who}, route {from}-{to}");
        findings.equal(&what, &found.routes.get(route).copied(), &times(delays));
    }
    let kinds = |tally: &Tally| (tally.carriers.len(), tally.routes.len());
    findings.equal(&format!("{who}, carriers and routes"), &kinds(found), &kinds(expected));
}

/// The `Latest` view must end on the last flight of each topic.
fn board(findings: &mut Findings, part: &str, month: &Month, outcome: &Outcome) {
    let mut last = vec![None; month.topics.len()];
    for (flight, topic) in month.flights.iter().zip(&month.topic_of) {
        last[*topic] = Some(*flight);
    }
    for (topic, flight) in month.topics.iter().zip(&last) {
        let what = format!("{part}: board, {topic}");
        findings.equal(&what, &outcome.board.get(topic).copied(), flight);
    }
}

/// Every message that was routed is accounted for, by the kernel's counters, by the readers' own,
/// and by what the publisher was told.
fn accounts(findings: &mut Findings, part: &str, month: &Month, repeats: u64, outcome: &Outcome) {
    let (mut lost, mut timed_out) = (0, 0);
    for Account { role, reading, ledger } in &outcome.accounts {
        let who = format!("{part}: {}", role.name);
        let Some(route) = ledger else {
            findings.equal(&format!("{who}, has counters"), &false, &true);
            continue;
        };
        let routed = month.count(role.prefix()) * repeats;
        let what = format!("{who}, delivered + lost + timed out + queued");
        findings.equal(&what, &route.total(), &routed);
        let counted = Reading { received: route.delivered, told_lost: route.lost };
        findings.equal(&format!("{who}, by its reader and by its counters"), reading, &counted);
        if role.policy == JFK.policy {
            findings.equal(&format!("{who}, messages delivered"), &route.delivered, &routed);
        }
        lost += route.lost;
        timed_out += route.timed_out;
    }
    let told = (outcome.sent.dropped, outcome.sent.timed_out);
    let what = format!("{part}: lost and timed out, as the publisher was told");
    findings.equal(&what, &told, &(lost, timed_out));
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::LazyLock;

    use super::*;
    use crate::data::Flight;
    use crate::play::{Plan, play};
    use crate::view::View;
    use crate::{FLAT_OUT, REPLAY};

    static MONTH: LazyLock<Month> = LazyLock::new(|| Month::load().unwrap());

    static TWICE: LazyLock<Outcome> = LazyLock::new(|| {
        let plan = Plan { name: "twice", repeats: 2, ..FLAT_OUT };
        play(&MONTH, &plan, &mut View::Silent).unwrap()
    });

    /// What the check says once `plant` has falsified a sound outcome.
    fn differences(plant: impl Fn(&mut Outcome)) -> Vec<String> {
        let mut outcome = TWICE.clone();
        assert_eq!(check("twice", &MONTH, 2, &outcome).differences, Vec::<String>::new());
        plant(&mut outcome);
        check("twice", &MONTH, 2, &outcome).differences
    }

    #[test]
    fn a_replay_loses_nothing_and_differs_in_nothing() {
        let length = Some(Duration::from_millis(200));
        let plan = Plan { name: "quick-replay", month_takes: length, ..REPLAY };
        let outcome = play(&MONTH, &plan, &mut View::Silent).unwrap();
        let findings = check("quick-replay", &MONTH, 1, &outcome);
        assert_eq!(findings.differences, Vec::<String>::new());
        assert!(findings.comparisons > 600, "{}", findings.comparisons);
    }

    #[test]
    fn every_planted_difference_is_found_and_named() {
        let extra: Flight = MONTH.flights[0];
        let (carrier, origin, to) = (extra.carrier, extra.origin, extra.destination);
        let expected = ["total".to_owned(), format!("carrier {carrier}"), format!("{origin}-{to}")];
        let found = differences(|outcome| outcome.desks.add(&extra));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (difference, what) in found.iter().zip(expected) {
            assert!(difference.starts_with("twice: desks"), "{difference}");
            assert!(difference.contains(&what), "{difference}");
        }
    }

    #[test]
    fn a_message_that_no_account_holds_is_found() {
        for index in 0..4 {
            let found = differences(|outcome| {
                outcome.accounts[index].ledger.as_mut().unwrap().queued += 1;
            });
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("delivered + lost + timed out + queued"), "{found:?}");
        }
    }

    #[test]
    fn a_loss_that_was_not_told_is_found() {
        assert_eq!(differences(|outcome| outcome.accounts[3].reading.told_lost -= 1).len(), 1);
        assert_eq!(differences(|outcome| outcome.sent.dropped -= 1).len(), 1);
        let forget = |outcome: &mut Outcome| {
            outcome.accounts.iter_mut().for_each(|account| account.ledger = None);
        };
        assert_eq!(differences(forget).len(), 5);
    }

    #[test]
    fn a_wrong_mean_and_a_stale_board_are_found() {
        let found = differences(|outcome| {
            let mean = outcome.means.values_mut().next().unwrap();
            mean.minutes += 1e-9;
        });
        assert!(found.len() == 1 && found[0].starts_with("twice: delays.mean(9E)"), "{found:?}");
        let found = differences(|outcome| drop(outcome.board.pop_first()));
        assert!(found.len() == 1 && found[0].contains("board, flights.EWR.9E"), "{found:?}");
    }
}
