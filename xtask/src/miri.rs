//! `cargo xtask miri`: the unit tests under an interpreter that reports undefined behaviour. The tests
//! in `tests/` use threads by the thousand and real time; the sanitizers run those.
//!
//! It also tells how much of the unsafe code that was: every `unsafe` block must run, or be listed
//! with a reason in `xtask/unsafe-outside-miri.txt` (blocks that only call the operating system;
//! `cargo xtask asan` runs those).

mod coverage;
mod probes;

use core::time::Duration;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::run::{Outcome, Step};
use crate::suite::{self, Suite};
use crate::toolchains::{self, Extra};
use crate::{Failure, unsafe_sites, workspace};

/// The crates that are run. The quick form keeps to the modules with unsafe code.
const PACKAGES: &[&str] = &["qiss-format", "precursor-broker"];
const LIMIT: Duration = Duration::from_secs(60 * 60);
const SEEDS: u64 = 4;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut seeds = SEEDS;
    let mut filter = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seeds" {
            let number = words.next().and_then(|number| number.parse().ok());
            seeds = number.ok_or("`--seeds` needs a whole number")?;
        } else {
            filter.push(word.clone());
        }
    }
    if let Err(reason) = Extra::Miri.check() {
        return suite::close(&[("miri", Suite::NotRun(reason))]);
    }
    let mut steps = Vec::new();
    if filter.is_empty() {
        steps.push(covered_run(PACKAGES, &[]));
    }
    let first_seed = u64::from(filter.is_empty());
    for seed in first_seed..seeds {
        let command = command(workspace::root(), PACKAGES, seed, &filter);
        steps.push(Step::new(&format!("miri seed {seed}"), command, LIMIT).run());
    }
    suite::close(&[("miri", Suite::of(steps).not_empty())])
}

/// One run of the modules with unsafe code, and the coverage of it: their own tests must reach it.
pub(crate) fn quick() -> Suite {
    if let Err(reason) = Extra::Miri.check() {
        return Suite::NotRun(reason);
    }
    let sites = match unsafe_sites::find(PACKAGES) {
        Ok(sites) => sites,
        Err(failure) => return Suite::of([failed(failure)]),
    };
    let holds_unsafe = |name: &&str| sites.iter().any(|site| site.package() == *name);
    let packages: Vec<&str> = PACKAGES.iter().copied().filter(holds_unsafe).collect();
    let modules: BTreeSet<String> =
        sites.iter().map(|site| format!("{}::", site.module())).collect();
    let modules: Vec<String> = modules.into_iter().collect();
    Suite::of([covered_run(&packages, &modules)]).not_empty()
}

/// Runs a copy of the sources in which every unsafe block reports that it was reached, and adds
/// the verdict on the coverage to the counts as one more test.
fn covered_run(packages: &[&str], filter: &[String]) -> Outcome {
    let probed = match probes::Probed::new(packages, &workspace::target_dir().join("miri-probed")) {
        Ok(probed) => probed,
        Err(failure) => return failed(failure),
    };
    let command = command(&probed.root, packages, 0, filter);
    let step = Step::new("miri", command, LIMIT).collecting(probes::MARKER);
    let mut outcome = step.run();
    if outcome.failure.is_some() {
        println!("── no verdict on the unsafe blocks: the run under Miri failed");
        return outcome;
    }
    match coverage::verdict(&probed.sites, &outcome.collected) {
        Ok(()) => outcome.counts.passed += 1,
        Err(failure) => {
            outcome.counts.failed += 1;
            outcome.failure = Some(failure);
        }
    }
    outcome
}

fn failed(failure: Failure) -> Outcome {
    let mut outcome = Outcome { failure: Some(failure), ..Outcome::default() };
    outcome.counts.failed = 1;
    outcome
}

fn command(root: &Path, packages: &[&str], seed: u64, filter: &[String]) -> Command {
    let mut command = toolchains::cargo(true);
    command.args(["miri", "test", "--no-fail-fast", "--lib", "--manifest-path"]);
    command.arg(root.join("Cargo.toml"));
    command.arg("--target-dir").arg(workspace::target_dir().join("miri"));
    for package in packages {
        command.args(["--package", package]);
    }
    command.arg("--").args(filter);
    command.env("MIRIFLAGS", flags(seed));
    // Property tests: few cases, and no file of failures, which isolation forbids.
    command.env("PROPTEST_CASES", "8").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    command
}

/// No symbolic alignment check: the checksum crate aligns by address, which that check refuses.
/// Isolation stays on: clock and randomness are the interpreter's own, so a seed repeats a run.
/// Even seeds use Tree Borrows, odd ones the default model of aliasing. That one looks at every word
/// of a slice of atomics whenever the slice is made, which takes twenty times as long; Tree Borrows
/// is told to take such a slice as a whole.
fn flags(seed: u64) -> String {
    let aliasing = match seed % 2 {
        0 => " -Zmiri-tree-borrows -Zmiri-tree-borrows-no-precise-interior-mut",
        _ => "",
    };
    format!(
        "-Zmiri-strict-provenance -Zmiri-seed={seed}{aliasing} \
         -Zmiri-env-forward=PROPTEST_CASES \
         -Zmiri-env-forward=PROPTEST_DISABLE_FAILURE_PERSISTENCE"
    )
}
