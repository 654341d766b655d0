//! `cargo xtask loom`: every interleaving of the concurrent code, up to a number of preemptions.
//!
//! Models are unit tests whose path contains `loom`, and integration tests whose file name starts
//! with it, both in `precursor-broker`. `--cfg precursor_loom` replaces its `sync` module.

use core::time::Duration;
use std::process::Command;

use crate::run::Step;
use crate::suite::{self, Suite};
use crate::{Failure, toolchains, workspace};

const PACKAGE: &str = "precursor-broker";

/// How far to search.
#[derive(Debug)]
pub(crate) struct Depth {
    preemptions: u8,
    limit: Duration,
}

impl Depth {
    pub(crate) const QUICK: Self = Self { preemptions: 2, limit: Duration::from_secs(8 * 60) };
    const FULL: Self = Self { preemptions: 3, limit: Duration::from_secs(60 * 60) };
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (units, files) = commands(&Depth::FULL);
    let steps = [Some(units), files].into_iter().flatten().map(|mut command| {
        command.args(arguments);
        Step::new("loom", command, Depth::FULL.limit).run()
    });
    suite::close(&[("loom", Suite::of(steps).not_empty())])
}

pub(crate) fn suite(depth: &Depth) -> Suite {
    let (units, files) = commands(depth);
    let steps = [Some(units), files].into_iter().flatten();
    Suite::of(steps.map(|command| Step::new("loom", command, depth.limit).run())).not_empty()
}

/// One command for the models in the library and, if there are any, one for those in `tests/`.
fn commands(depth: &Depth) -> (Command, Option<Command>) {
    let base = || {
        let mut command = toolchains::cargo(false);
        command.args(["test", "--no-fail-fast", "--package", PACKAGE, "--profile", "loom"]);
        command.arg("--target-dir").arg(workspace::target_dir().join("loom"));
        command.env("RUSTFLAGS", "--cfg precursor_loom");
        command.env("LOOM_MAX_PREEMPTIONS", depth.preemptions.to_string());
        command
    };
    let mut units = base();
    units.args(["--lib", "--", "loom"]);
    let files = has_model_files().then(|| {
        let mut files = base();
        files.args(["--test", "loom*", "--"]);
        files
    });
    (units, files)
}

fn has_model_files() -> bool {
    let folder = workspace::root().join(PACKAGE).join("tests");
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("loom") && name.ends_with(".rs")
        })
    })
}
