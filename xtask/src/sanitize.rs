//! `cargo xtask tsan` and `asan`: the tests under a sanitizer of the nightly compiler.
//!
//! The standard library is built again with the sanitizer in it: left as it comes, what it does
//! inside channels and threads would look like races.

use core::time::Duration;

use crate::run::{Outcome, Step};
use crate::suite::{self, Suite};
use crate::toolchains::{self, Extra};
use crate::{Failure, workspace};

/// What a sanitizer is called here, by the compiler and by its run-time library.
///
/// `precursor_tsan` replaces inline assembly that the thread sanitizer cannot see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sanitizer {
    name: &'static str,
    flags: &'static str,
    options: (&'static str, &'static str),
    /// Which tests: those of the libraries, and these integration tests or all of them.
    tests: &'static [&'static str],
    /// Parts of the names of tests that it cannot judge.
    skipped: &'static [&'static str],
}

pub(crate) const THREAD: Sanitizer = Sanitizer {
    name: "tsan",
    flags: "-Zsanitizer=thread --cfg precursor_tsan",
    options: ("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1"),
    // Not those that leave threads parked for ever, count allocations or start processes.
    tests: &["--test", "behaviour", "--test", "integration_tests"],
    // It knows memory by its address: what is synchronised through one mapping of a page and read
    // through another looks like a race to it. The same tests run on one mapping. And a child that
    // was forked beside other threads may not start threads under it.
    skipped: &["mapped_twice", "::named::", "fork_tests"],
};

const ADDRESS: Sanitizer = Sanitizer {
    name: "asan",
    flags: "-Zsanitizer=address",
    options: ("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1"),
    tests: &["--tests"],
    skipped: &[],
};

/// The packages whose tests start threads or touch memory themselves.
const PACKAGES: &[&str] = &["qiss-format", "precursor-broker", "neo-protocol", "neo-tests"];

const LIMIT: Duration = Duration::from_secs(20 * 60);

pub(crate) fn run_thread(arguments: &[String]) -> Result<(), Failure> {
    suite::close(&[(THREAD.name, suite(THREAD, arguments))])
}

pub(crate) fn run_address(arguments: &[String]) -> Result<(), Failure> {
    suite::close(&[(ADDRESS.name, suite(ADDRESS, arguments))])
}

/// Unit and integration tests; documentation tests are left to the plain run.
pub(crate) fn suite(sanitizer: Sanitizer, filter: &[String]) -> Suite {
    if let Err(reason) = Extra::LibrarySources.check() {
        return Suite::NotRun(reason);
    }
    Suite::of([tests(sanitizer, filter)]).not_empty()
}

fn tests(sanitizer: Sanitizer, filter: &[String]) -> Outcome {
    let triple = match workspace::host_triple() {
        Ok(triple) => triple,
        Err(reason) => return Outcome { failure: Some(reason), ..Outcome::default() },
    };
    let mut command = toolchains::cargo(true);
    command.args(["test", "-Zbuild-std", "--no-fail-fast", "--lib"]);
    command.args(sanitizer.tests);
    // The library and the tests are built with little optimization: without it they take minutes.
    command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    // Naming the target keeps the flags away from build scripts and macros.
    command.args(["--target", &triple, "--target-dir"]);
    command.arg(workspace::target_dir().join(sanitizer.name));
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command.arg("--").args(filter);
    for name in sanitizer.skipped {
        command.args(["--skip", name]);
    }
    let flags = format!("{} -Cunsafe-allow-abi-mismatch=sanitizer", sanitizer.flags);
    command.env("RUSTFLAGS", flags);
    command.env(sanitizer.options.0, sanitizer.options.1);
    Step::new(sanitizer.name, command, LIMIT).run()
}
