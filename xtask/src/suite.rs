//! The closing lines of a test run: one for each suite, then the sum.

use crate::Failure;
use crate::run::{Counts, Outcome};

/// How many lines about the failures of a suite are repeated.
const FAILURES_MAX: usize = 60;

/// A suite that was asked for: it ran, or the machine lacks something that it needs.
#[derive(Debug)]
pub(crate) enum Suite {
    Ran(Outcome),
    NotRun(String),
}

impl Suite {
    /// Runs steps one after another and adds up their results.
    pub(crate) fn of(steps: impl IntoIterator<Item = Outcome>) -> Self {
        let mut total = Outcome::default();
        for step in steps {
            total.counts.add(step.counts);
            if let (Some(_), Some(failure)) = (&total.failure, &step.failure) {
                total.failures.push(failure.clone());
            }
            total.failure = total.failure.or(step.failure);
            total.failures.extend(step.failures);
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
            Suite::Ran(outcome) => told(name, outcome),
        }
        println!("{name}: {}", line(counts));
    }
    println!("{}", line(total));
    let failed: Vec<&str> =
        suites.iter().filter(|(_, suite)| suite.failed()).map(|(name, _)| *name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Why a suite failed, and which tests: what stands far above may not be kept.
fn told(name: &str, outcome: &Outcome) {
    if let Some(failure) = &outcome.failure {
        println!("{name}: {failure}");
    }
    for line in outcome.failures.iter().take(FAILURES_MAX) {
        println!("{name}:   {line}");
    }
    if outcome.failures.len() > FAILURES_MAX {
        println!("{name}:   and {} lines more", outcome.failures.len() - FAILURES_MAX);
    }
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
    fn no_failure_of_a_step_is_lost() {
        let failed = |what: &str| Outcome {
            failure: Some(what.to_owned()),
            failures: vec![format!("test of {what}")],
            ..Outcome::default()
        };
        let Suite::Ran(outcome) = Suite::of([failed("a"), Outcome::default(), failed("b")]) else {
            unreachable!("it was run")
        };
        assert_eq!(outcome.failure.as_deref(), Some("a"));
        assert_eq!(outcome.failures, ["test of a", "b", "test of b"]);
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
