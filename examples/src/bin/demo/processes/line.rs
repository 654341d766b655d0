//! What a subscriber in a process of its own prints: one line of JSON, in every language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Findings;
use crate::data::Month;
use crate::delays::Mean;
use crate::tally::{Delays, Tally};

/// Flights, departures, minutes.
type Triple = (u64, u64, i64);

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// Flights, those included that came a second time.
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) total: Triple,
    pub(super) carriers: BTreeMap<String, Triple>,
    /// Minutes, and the departures that they are the mean of, as the service answered.
    pub(super) means: BTreeMap<String, (f64, u64)>,
}

impl From<Delays> for Triple {
    fn from(Delays { flights, departed, minutes }: Delays) -> Self {
        (flights, departed, minutes)
    }
}

impl Line {
    /// Compares it with the file, and the means if they were asked for.
    pub(super) fn check(&self, who: &str, month: &Month, has_means: bool) -> Findings {
        let mut findings = Findings::default();
        let all = Tally::of(&month.flights);
        // One that the killed publisher had begun counts as lost, and comes again from the second one.
        let unexplained = self.lost.saturating_sub(1);
        findings.equal(&format!("{who}: lost but for one at the kill"), &unexplained, &0);
        findings.equal(&format!("{who}: total"), &self.total, &all.total.into());
        findings.equal(&format!("{who}: carriers"), &self.carriers.len(), &all.carriers.len());
        for (carrier, delays) in all.carriers {
            let (what, name) = (format!("{who}: {carrier}"), carrier.to_string());
            findings.equal(&what, &self.carriers.get(&name).copied(), &Some(delays.into()));
            if has_means {
                let mean = Mean::of(delays).map(|mean| (mean.minutes, mean.departed));
                let what = format!("{who}: delays.mean({carrier})");
                findings.equal(&what, &self.means.get(&name).copied(), &mean);
            }
        }
        findings
    }
}
