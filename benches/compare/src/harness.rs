//! Repeats, interleaved contestant by contestant, and what becomes of them.

use crate::figures::{Bar, Figure};
use crate::stats::Summary;

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// A quick look: a quarter of the work.
    pub is_quick: bool,
}

impl Scale {
    /// `full`, or a quarter of it for a quick look.
    pub fn of(self, full: u64) -> u64 {
        if self.is_quick { full / 4 } else { full }
    }
}

/// The tail of a latency distribution.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// 99th percentile, ns.
    pub p99_ns: f64,
    /// 99.9th percentile, ns.
    pub p99_9_ns: f64,
}

/// What one run of one contestant yields, in the figure's unit.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The value that is compared.
    pub value: f64,
    /// For latencies.
    pub tail: Option<Tail>,
}

impl Sample {
    /// A value without a tail.
    pub fn new(value: f64) -> Self {
        Self { value, tail: None }
    }
}

/// A bar's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole confidence interval meets the bar.
    Met,
    /// The whole confidence interval misses the bar.
    Short,
    /// The interval holds the bar.
    Inconclusive,
}

impl Verdict {
    /// Judges the confidence interval of a ratio, or of a value against a limit.
    pub fn new(bar: Bar, measured: &Summary) -> Self {
        let (is_met, is_short) = match bar {
            Bar::AtLeast(need) | Bar::Aim(need) => (measured.low >= need, measured.high < need),
            Bar::AtMost(need) => (measured.high <= need, measured.low > need),
        };
        match (is_met, is_short) {
            (true, _) => Self::Met,
            (_, true) => Self::Short,
            _ => Self::Inconclusive,
        }
    }

    /// The word in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Short => "short",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A contestant's repeats.
#[derive(Debug)]
pub struct Measured {
    /// Its value.
    pub value: Summary,
    /// Medians of the tail's percentiles.
    pub tail: Option<Tail>,
    /// The subject's value over this one's, repeat by repeat.
    pub ratio: Summary,
}

/// Runs `repeats` rounds of `figure`. Every round runs each contestant once, and each round starts
/// with the next one, so that a drift of the machine favours nobody.
pub fn measure(figure: &Figure, repeats: usize, scale: Scale) -> Vec<Measured> {
    let count = figure.contestants.len();
    let mut samples: Vec<Vec<Sample>> = vec![Vec::with_capacity(repeats); count];
    for repeat in 0..repeats {
        for turn in 0..count {
            let index = (repeat + turn) % count;
            samples[index].push((figure.contestants[index].run)(scale));
        }
    }
    samples.iter().map(|runs| reduce(&samples[0], runs)).collect()
}

fn reduce(subject: &[Sample], runs: &[Sample]) -> Measured {
    let values: Vec<f64> = runs.iter().map(|run| run.value).collect();
    // Two zeros are the same as well.
    let over = |a: f64, b: f64| if a == b { 1.0 } else { a / b };
    let ratios: Vec<f64> =
        subject.iter().zip(runs).map(|(s, run)| over(s.value, run.value)).collect();
    let tails: Vec<Tail> = runs.iter().filter_map(|run| run.tail).collect();
    let median =
        |pick: fn(&Tail) -> f64| Summary::new(&tails.iter().map(pick).collect::<Vec<_>>()).median;
    let tail = (!tails.is_empty())
        .then(|| Tail { p99_ns: median(|t| t.p99_ns), p99_9_ns: median(|t| t.p99_9_ns) });
    Measured { value: Summary::new(&values), tail, ratio: Summary::new(&ratios) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: f64, high: f64) -> Summary {
        Summary { median: (low + high) / 2.0, min: low, max: high, low, high }
    }

    #[test]
    fn a_bar_inside_the_interval_is_inconclusive() {
        for bar in [Bar::AtLeast(1.3), Bar::AtMost(1.3), Bar::Aim(1.3)] {
            assert_eq!(Verdict::new(bar, &between(1.2, 1.4)), Verdict::Inconclusive);
        }
    }

    #[test]
    fn the_whole_interval_decides_between_met_and_short() {
        assert_eq!(Verdict::new(Bar::AtLeast(1.3), &between(1.31, 1.5)), Verdict::Met);
        assert_eq!(Verdict::new(Bar::AtLeast(1.3), &between(1.0, 1.29)), Verdict::Short);
        assert_eq!(Verdict::new(Bar::AtMost(3.0), &between(2.0, 2.9)), Verdict::Met);
        assert_eq!(Verdict::new(Bar::AtMost(3.0), &between(3.1, 3.2)), Verdict::Short);
    }

    #[test]
    fn ratios_are_taken_repeat_by_repeat() {
        let subject = [2.0, 20.0, 200.0].map(Sample::new);
        let peer = [1.0, 10.0, 100.0].map(Sample::new);
        let ratio = reduce(&subject, &peer).ratio;
        assert_eq!((ratio.min, ratio.median, ratio.max), (2.0, 2.0, 2.0));
    }
}
