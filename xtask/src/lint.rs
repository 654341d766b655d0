//! `cargo xtask lint`: everything that is checked without running the libraries.

mod dependencies;
mod licences;
mod links;
mod rules;
mod sizes;

use core::time::Duration;
use std::process::Command;

use crate::run::Step;
use crate::{Failure, headers, toolchains, unsafe_sites, workspace};

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What a check found: failures that must be mended, and notes that may stay.
#[derive(Debug, Default)]
struct Findings {
    failures: Vec<String>,
    notes: Vec<String>,
}

/// A check written here, by the name under which it reports.
type Check = (&'static str, fn() -> Result<Findings, Failure>);

const CHECKS: &[Check] = &[
    ("unsafe allow-list", unsafe_places),
    ("rules of the sources", rules::check),
    ("sizes", sizes::check),
    ("dependency direction", dependencies::check),
    ("licences and sources", licences::check),
    ("links in documents", links::check),
    ("C header", header),
];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some(word) = arguments.first() {
        return Err(format!("lint takes no arguments, found `{word}`"));
    }
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        println!("\n── {name}");
        let findings = check()
            .unwrap_or_else(|failure| Findings { failures: vec![failure], ..Findings::default() });
        findings.notes.iter().for_each(|note| println!("note: {note}"));
        findings.failures.iter().for_each(|failure| println!("error: {failure}"));
        if findings.failures.is_empty() {
            println!("ok");
        } else {
            failed.push((*name).to_owned());
        }
    }
    for (name, command) in commands() {
        if Step::new(name, command, LIMIT).run().failure.is_some() {
            failed.push(name.to_owned());
        }
    }
    failed.extend(advisories());
    if failed.is_empty() {
        println!("\nlint: clean");
        return Ok(());
    }
    failed.dedup();
    Err(format!("failed: {}", failed.join(", ")))
}

/// The checks that are the toolchain's.
fn commands() -> Vec<(&'static str, Command)> {
    let cargo = |words: &[&str]| {
        let mut command = toolchains::cargo(false);
        command.args(words);
        command
    };
    let mut commands = vec![("format", cargo(&["fmt", "--all", "--check"]))];
    for apart in ["fuzz/Cargo.toml", "benches/compare/Cargo.toml"] {
        commands.push(("format", cargo(&["fmt", "--manifest-path", apart, "--check"])));
    }
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"];
    commands.push(("clippy", cargo(&clippy)));
    // The lists in each library's clippy.toml hold for the library alone: its tests are free.
    let mut strict = cargo(&["clippy", "--lib"]);
    for name in workspace::LAYERS {
        strict.args(["--package", name]);
    }
    strict.args(["--", "--deny=warnings", "--deny=clippy::disallowed_methods"]);
    commands.push(("clippy, libraries", strict));
    let mut peers = cargo(&["clippy", "--manifest-path", "benches/compare/Cargo.toml"]);
    peers.arg("--target-dir").arg(workspace::target_dir().join("compare"));
    peers.args(["--all-targets", "--", "--deny=warnings"]);
    commands.push(("clippy, peers", peers));
    let mut docs = cargo(&["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "--deny=warnings");
    commands.push(("docs", docs));
    commands
}

fn unsafe_places() -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    // A test or a bench may count allocations, which takes an unsafe trait.
    let crates = [workspace::LAYERS, &["neo-ffi", "xtask", "examples"]].concat();
    for site in unsafe_sites::find(&crates)?.iter().filter(|site| !site.is_allowed()) {
        let place = format!("{}:{}", site.file, site.line);
        findings.failures.push(format!("{place}: `unsafe` outside the modules that may hold it"));
    }
    Ok(findings)
}

fn header() -> Result<Findings, Failure> {
    headers::check(&headers::generate()?)?;
    Ok(Findings::default())
}

/// Known vulnerabilities come from a database that only cargo-deny reads.
fn advisories() -> Option<String> {
    let installed = crate::run::first_line("cargo", &["deny", "--version"]).is_some();
    if !installed {
        println!("\nadvisories: not run: cargo-deny (cargo install cargo-deny --locked)");
        return None;
    }
    let mut command = toolchains::cargo(false);
    command.args(["deny", "check"]);
    Step::new("cargo-deny", command, LIMIT).run().failure.map(|_| "cargo-deny".to_owned())
}
