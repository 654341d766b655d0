//! `cargo xtask fuzz`: the targets of `fuzz/fuzz_targets`, without a tool to install.
//!
//! The flags are those of cargo-fuzz: coverage feedback for libFuzzer and AddressSanitizer. What
//! libFuzzer finds goes to `target/fuzz`. Seeds are read from `fuzz/corpus/TARGET`, and the target
//! that reads frames starts from the golden vectors.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::run::{Counts, Outcome, Step};
use crate::suite::{self, Suite};
use crate::toolchains::{self, Extra};
use crate::{Failure, unsafe_sites, workspace};

/// The target whose input is a frame as it stands.
const READS_FRAMES: &str = "frame_verify";

const SECONDS: u64 = 10;
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

const FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer \
    -Cdebug-assertions --cfg fuzzing";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut seconds = SECONDS;
    let mut chosen = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let number = words.next().and_then(|number| number.parse().ok());
            seconds = number.ok_or("`--seconds` needs a whole number")?;
        } else {
            chosen.push(word.clone());
        }
    }
    let known = targets();
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no fuzz target `{unknown}`; known: {}", known.join(" ")));
    }
    let chosen = if chosen.is_empty() { known } else { chosen };
    suite::close(&[("fuzz", suite(&chosen, seconds))])
}

pub(crate) fn quick() -> Suite {
    suite(&targets(), SECONDS)
}

/// The names of the target files.
fn targets() -> Vec<String> {
    workspace::rust_files(&folder().join("fuzz_targets"))
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

fn suite(targets: &[String], seconds: u64) -> Suite {
    if let Err(reason) = Extra::Nightly.check() {
        return Suite::NotRun(reason);
    }
    let triple = match workspace::host_triple() {
        Ok(triple) => triple,
        Err(failure) => {
            return Suite::of([Outcome { failure: Some(failure), ..Outcome::default() }]);
        }
    };
    let built = build(&triple);
    if built.failure.is_some() {
        return Suite::of([built]);
    }
    Suite::of(targets.iter().map(|target| fuzz(target, &triple, seconds))).not_empty()
}

fn build(triple: &str) -> Outcome {
    let mut command = toolchains::cargo(true);
    command.args(["build", "--release", "--bins", "--target", triple]);
    command.arg("--manifest-path").arg(folder().join("Cargo.toml"));
    command.arg("--target-dir").arg(output());
    command.env("RUSTFLAGS", FLAGS);
    Step::new("fuzz build", command, BUILD_LIMIT).run()
}

/// One target for some seconds: passed if libFuzzer found nothing.
fn fuzz(target: &str, triple: &str, seconds: u64) -> Outcome {
    let seeds = folder().join("corpus").join(target);
    let found = output().join("corpus").join(target);
    let artifacts = output().join("artifacts").join(target);
    if let Err(failure) = prepare(target, &found, &artifacts) {
        return Outcome { failure: Some(failure), ..Outcome::default() };
    }
    let mut command = Command::new(output().join(triple).join("release").join(target));
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/", artifacts.display()),
    ]);
    // By the clock on the wall, on which a busy machine may stop a program for a while.
    command.args(["-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1", "-print_funcs=0"]);
    command.arg("-verbosity=0");
    // libFuzzer writes to the first folder and reads them all.
    command.arg(found).args(seeds.is_dir().then_some(seeds));
    let title = format!("fuzz {target}");
    let mut outcome = Step::new(&title, command, Duration::from_secs(seconds * 2 + 180)).run();
    outcome.counts = match outcome.failure {
        None => Counts { passed: 1, ..Counts::default() },
        Some(_) => Counts { failed: 1, ..Counts::default() },
    };
    if outcome.failure.is_some() {
        println!("── inputs that fail are in {}; run the target on one", artifacts.display());
    }
    outcome
}

/// Makes the folders, with the golden vectors as seeds where frames are read.
fn prepare(target: &str, found: &Path, artifacts: &Path) -> Result<(), Failure> {
    let say = |error: std::io::Error| format!("cannot write the seeds of {target}: {error}");
    std::fs::create_dir_all(found).map_err(say)?;
    std::fs::create_dir_all(artifacts).map_err(say)?;
    if target == READS_FRAMES {
        for (name, bytes) in golden_frames()? {
            std::fs::write(found.join(name), bytes).map_err(say)?;
        }
    }
    Ok(())
}

/// Name and bytes of every golden vector, valid or not.
fn golden_frames() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let text = unsafe_sites::read(&workspace::root().join("tests/vectors/frames.json"))?;
    let vectors: Value =
        serde_json::from_str(&text).map_err(|error| format!("tests/vectors: {error}"))?;
    let all = ["valid", "invalid"].into_iter().filter_map(|list| vectors[list].as_array());
    all.flatten()
        .map(|vector| {
            let name = vector["name"].as_str().ok_or("a golden vector has no name")?;
            let bytes = vector["hex"].as_str().and_then(from_hex);
            let bytes = bytes.ok_or_else(|| format!("golden vector {name} is not hexadecimal"))?;
            Ok((name.to_owned(), bytes))
        })
        .collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect())
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

fn output() -> PathBuf {
    workspace::target_dir().join("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors_become_seeds() {
        let frames = golden_frames().expect("the vectors of the repository");
        assert!(frames.iter().any(|(_, bytes)| bytes.len() >= 64));
    }

    #[test]
    fn hexadecimal_is_read_whole_or_not_at_all() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
    }
}
