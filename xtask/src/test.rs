//! `cargo xtask test`: every test, then the quick forms of the checkers.

use core::time::Duration;

use crate::run::Step;
use crate::suite::{self, Suite};
use crate::{
    Failure, c, conformance, cpp, dist, fuzz, go, loom, miri, node, python, readme, sanitize,
    toolchains,
};

const LIMIT: Duration = Duration::from_secs(25 * 60);

/// A suite by its name on the command line and in the results.
type Named = (&'static str, fn() -> Suite);

/// The suites in the order in which they run; a failure stops none of those behind it.
const SUITES: &[Named] = &[
    ("rust", rust),
    ("c", c::suite),
    ("cpp", cpp::suite),
    ("dist", dist::suite),
    ("python", python::suite),
    ("go", go::suite),
    ("node", node::suite),
    ("readme", readme::suite),
    ("conformance", || conformance::suite(&[])),
    ("pairs", conformance::pairs::suite),
    ("loom", || loom::suite(&loom::Depth::QUICK)),
    ("miri", miri::quick),
    ("tsan", || sanitize::suite(sanitize::THREAD, &[])),
    ("fuzz", fuzz::quick),
];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let known = || SUITES.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    if let Some(unknown) = arguments.iter().find(|name| !known().contains(&name.as_str())) {
        return Err(format!("there is no suite `{unknown}`; known: {}", known().join(" ")));
    }
    toolchains::require_all_in_ci()?;
    let chosen = |name: &str| arguments.is_empty() || arguments.iter().any(|word| word == name);
    let results: Vec<(&str, Suite)> = SUITES
        .iter()
        .filter(|(name, _)| chosen(name))
        .map(|(name, suite)| (*name, suite()))
        .collect();
    suite::close(&results)
}

/// Unit, integration and documentation tests; the README's programs are among the last.
fn rust() -> Suite {
    let mut command = toolchains::cargo(false);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    Suite::of([Step::new("rust", command, LIMIT).run()]).not_empty()
}
