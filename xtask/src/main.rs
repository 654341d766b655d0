//! The task runner of this repository: `cargo xtask VERB`.
//!
//! One file for each verb. What several verbs need stands beside them: [`run`] starts a program
//! under a time limit and counts test results, [`toolchains`] finds compilers and interpreters,
//! [`source`] reads Rust text, [`workspace`] knows where things are.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task runner talks to a terminal")]

mod bench;
mod c;
mod conformance;
mod cpp;
mod demo;
mod dist;
mod failures;
mod fuzz;
mod go;
mod headers;
mod kills;
mod lint;
mod loom;
mod miri;
mod node;
mod python;
mod readme;
mod run;
mod sanitize;
mod source;
mod suite;
mod test;
mod toolchains;
mod unsafe_sites;
mod workspace;

use std::process::ExitCode;

/// Why a verb did not succeed, in words for the person at the terminal.
pub(crate) type Failure = String;

struct Verb {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "demo",
        usage: "[--plain] [ARGS..]",
        about: "show the kernel at work on a month of real flights",
        run: demo::run,
    },
    Verb {
        name: "test",
        usage: "[rust c dist python go node conformance loom miri tsan fuzz]",
        about: "run every test, and quick forms of the checkers; or only the suites named",
        run: test::run,
    },
    Verb {
        name: "python",
        usage: "[--release]",
        about: "build the Python module in place: PYTHONPATH=bindings/python/python",
        run: python::run,
    },
    Verb {
        name: "go",
        usage: "[--release]",
        about: "put the library where the Go package finds it: bindings/go/lib",
        run: go::run,
    },
    Verb {
        name: "node",
        usage: "[--release]",
        about: "build the native half of the npm package in place: require('./bindings/node')",
        run: node::run,
    },
    Verb {
        name: "conformance",
        usage: "[LANGUAGE..]",
        about: "run one table of cases in every language and compare",
        run: conformance::run,
    },
    Verb {
        name: "dist",
        usage: "[--prefix DIR]",
        about: "install the command neo and the C library: header, libneo, pkg-config, CMake",
        run: dist::run,
    },
    Verb {
        name: "headers",
        usage: "[--check]",
        about: "write include/neo.h from the exports of neo-ffi",
        run: headers::run,
    },
    Verb {
        name: "lint",
        usage: "",
        about: "format, clippy, docs, unsafe allow-list, sizes, dependencies, licences",
        run: lint::run,
    },
    Verb {
        name: "bench",
        usage: "[ARGS..]",
        about: "measure against the peers; one table and target/bench/report.json",
        run: bench::run,
    },
    Verb {
        name: "loom",
        usage: "[FILTER]",
        about: "model-check the concurrent code, three preemptions",
        run: loom::run,
    },
    Verb {
        name: "miri",
        usage: "[--seeds N] [FILTER]",
        about: "interpret the tests, looking for undefined behaviour; unsafe sites covered",
        run: miri::run,
    },
    Verb {
        name: "tsan",
        usage: "[FILTER]",
        about: "run the tests under ThreadSanitizer",
        run: sanitize::run_thread,
    },
    Verb {
        name: "asan",
        usage: "[FILTER]",
        about: "run the tests under AddressSanitizer and LeakSanitizer",
        run: sanitize::run_address,
    },
    Verb {
        name: "kills",
        usage: "[N]",
        about: "kill processes that share a kernel, 10,000 times",
        run: kills::run,
    },
    Verb {
        name: "fuzz",
        usage: "[--seconds N] [TARGET..]",
        about: "run the fuzz targets, ten seconds each",
        run: fuzz::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print_help();
        return ExitCode::SUCCESS;
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print_help();
        return ExitCode::SUCCESS;
    }
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
        eprintln!("xtask: there is no verb `{name}`\n");
        print_help();
        return ExitCode::from(2);
    };
    // `cargo xtask demo -- --plain`: the manner of cargo's own verbs.
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    match (verb.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask {name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn print_help() {
    println!("cargo xtask VERB [ARGS..]\n");
    for verb in VERBS {
        println!("  {:<44}{}", format!("{} {}", verb.name, verb.usage), verb.about);
    }
    println!("\nStart with `cargo xtask demo`, then `cargo xtask test`.");
}
