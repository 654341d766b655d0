//! The closing lines of a test run: one for each suite, then the sum.

use crate::Failure;
use crate::run::{Counts, Outcome};

/// A suite that was asked for: it ran, or the machine lacks something that it needs.
#[derive(Debug)]
pub(crate) enum Suite {
    Ran(Outcome),
    NotRun(String),
}

impl Suite {
    /// Runs steps one after another and adds up their results; the first failure is kept.
    pub(crate) fn of(steps: impl IntoIterator<Item = Outcome>) -> Self {
        let mut total = Outcome::default();
        for step in steps {
            total.counts.add(step.counts);
            total.failure = total.failure.or(step.failure);
            total.collected.extend(step.collected);
        }
        Self::Ran(total)
    }

    /// Turns a suite in which no test ran into a failed one: a filter that matches nothing, or
    /// tests that were configured away, must not pass for success.
    pub(crate) fn not_empty(mut self) -> Self {
        if let Self::Ran(outcome) = &mut self
            && outcome.counts == Counts::default()
        {
            outcome.counts.failed = 1;
            outcome.failure = Some("not a single test ran".to_owned());
        }
        self
    }

    fn counts(&self) -> Counts {
        match self {
            Self::Ran(outcome) => outcome.counts,
            Self::NotRun(_) => Counts { skipped: 1, ..Counts::default() },
        }
    }

    fn failed(&self) -> bool {
        matches!(self, Self::Ran(outcome) if outcome.failure.is_some() || outcome.counts.failed > 0)
    }
}

/// Prints a line for each suite and the sum; an error names the suites that failed.
pub(crate) fn close(suites: &[(&str, Suite)]) -> Result<(), Failure> {
    println!("\n── results");
    let mut total = Counts::default();
    for (name, suite) in suites {
        let counts = suite.counts();
        total.add(counts);
        match suite {
            Suite::NotRun(reason) => println!("{name}: not run: {reason}"),
            Suite::Ran(Outcome { failure: Some(failure), .. }) => println!("{name}: {failure}"),
            Suite::Ran(_) => {}
        }
        println!("{name}: {}", line(counts));
    }
    println!("{}", line(total));
    let failed: Vec<&str> =
        suites.iter().filter(|(_, suite)| suite.failed()).map(|(name, _)| *name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn line(Counts { passed, failed, skipped }: Counts) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(passed: u64, failed: u64) -> Suite {
        let counts = Counts { passed, failed, skipped: 0 };
        Suite::Ran(Outcome { counts, ..Outcome::default() })
    }

    #[test]
    fn a_suite_in_which_nothing_ran_has_failed() {
        assert!(close(&[("loom", ran(0, 0).not_empty())]).is_err());
        assert!(close(&[("loom", ran(1, 0).not_empty())]).is_ok());
    }

    #[test]
    fn one_failed_suite_fails_the_whole_and_is_named() {
        let result = close(&[("rust", ran(5, 0)), ("miri", ran(3, 1))]);
        assert_eq!(result, Err("failed: miri".to_owned()));
    }

    #[test]
    fn a_suite_that_could_not_run_counts_as_skipped_not_as_passed() {
        let suite = Suite::NotRun("no nightly".to_owned());
        assert_eq!(suite.counts(), Counts { passed: 0, failed: 0, skipped: 1 });
        assert!(close(&[("miri", suite)]).is_ok());
    }
}
