//! The suite `c`: the C ABI as C programs see it. Needs gcc; g++, clang and valgrind are used where
//! they are.

pub(crate) mod golden;

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failures::{self, SAID_MAX};
use crate::run::{Counts, Outcome, Step, first_line};
use crate::suite::Suite;
use crate::{Failure, headers, toolchains, workspace};

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Warnings that are errors, in the header and in the tests.
const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const C_WARNINGS: &[&str] = &["-Wstrict-prototypes", "-Wc++-compat"];
const C_STANDARDS: &[&str] = &["c99", "c11", "c17"];
const CXX_STANDARDS: &[&str] = &["c++11", "c++14", "c++17", "c++20", "c++2b"];

/// What a static libneo needs beside it; `neo.pc` and the CMake package say the same.
pub(crate) fn native_libraries() -> Result<Vec<String>, Failure> {
    let path = workspace::root().join("neo-ffi/packaging/native-static-libs.txt");
    Ok(crate::unsafe_sites::read(&path)?.split_whitespace().map(str::to_owned).collect())
}

pub(crate) fn suite() -> Suite {
    if first_line("gcc", &["-dumpversion"]).is_none() {
        return Suite::NotRun("gcc (apt-get install gcc)".to_owned());
    }
    let built = build();
    let mut steps = vec![];
    let libraries = match built {
        Ok(libraries) => libraries,
        Err(failure) => return Suite::of([verdict("the library is built", Err(failure))]),
    };
    steps.extend(check_header());
    steps.push(verdict("only what the list names is exported", golden::symbols(&libraries.shared)));
    steps.push(verdict("structs are laid out as the list says", golden::layout(&libraries.folder)));
    steps.extend(run_tests(&libraries));
    Suite::of(steps).not_empty()
}

/// The built libraries, where the tests look for them.
struct Libraries {
    folder: PathBuf,
    shared: PathBuf,
    archive: PathBuf,
}

/// Builds the libraries; the folder that they are in, under the names that programs ask for.
pub(crate) fn built_libraries() -> Result<PathBuf, Failure> {
    Ok(build()?.folder)
}

/// Builds with the export that panics, and gives the shared library the name that programs ask for.
fn build() -> Result<Libraries, Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--package", "neo-ffi", "--features", "test-hooks"]);
    if let Some(failure) = Step::new("c", command, LIMIT).run().failure {
        return Err(failure);
    }
    let folder = workspace::target_dir().join("c");
    let told = |error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(told)?;
    let built = workspace::target_dir().join("debug");
    let libraries = Libraries {
        shared: folder.join("libneo.so.0"),
        archive: folder.join("libneo.a"),
        folder: folder.clone(),
    };
    std::fs::copy(built.join("libneo.so"), &libraries.shared).map_err(told)?;
    std::fs::copy(built.join("libneo.a"), &libraries.archive).map_err(told)?;
    std::fs::copy(built.join("libneo.so"), folder.join("libneo.so")).map_err(told)?;
    Ok(libraries)
}

/// The header compiles alone, as the first include, in every standard that it promises.
fn check_header() -> Vec<Outcome> {
    let mut steps = Vec::new();
    for (compiler, standards, more) in [
        ("gcc", C_STANDARDS, C_WARNINGS),
        ("clang", C_STANDARDS, &C_WARNINGS[..1]),
        ("g++", CXX_STANDARDS, &[]),
        ("clang++", CXX_STANDARDS, &[]),
    ] {
        if first_line(compiler, &["-dumpversion"]).is_none() {
            println!("header with {compiler}: not run: it is not installed");
            continue;
        }
        for standard in standards {
            let language = if standard.starts_with("c++") { "c++" } else { "c" };
            let mut command = Command::new(compiler);
            command.args(["-x", language, &format!("-std={standard}")]).args(WARNINGS).args(more);
            command.args(["-I", "include", "-fsyntax-only", "neo-ffi/tests/c/header.h"]);
            let name = format!("the header compiles with {compiler} as {standard}");
            steps.push(verdict(&name, quiet(command)));
        }
    }
    steps.push(verdict(
        "the header is what the sources say",
        headers::generate().and_then(|text| headers::check(&text)),
    ));
    steps
}

/// The tests with the shared library, with the archive, under AddressSanitizer and valgrind.
fn run_tests(libraries: &Libraries) -> Vec<Outcome> {
    let folder = libraries.folder.display().to_string();
    let shared = || {
        let found = [format!("-L{folder}"), "-lneo".to_owned(), "-lpthread".to_owned()];
        found.into_iter().chain([format!("-Wl,-rpath,{folder}")]).collect::<Vec<_>>()
    };
    let archive = || {
        let mut words = vec![libraries.archive.display().to_string()];
        words.extend(native_libraries()?);
        Ok::<_, Failure>(words)
    };
    let sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
    let mut steps = Vec::new();
    steps.push(run_test(&folder, "shared", &[], Ok(shared()), &[]));
    steps.push(run_test(&folder, "static", &[], archive(), &[]));
    steps.push(run_test(&folder, "asan", &sanitized, Ok(shared()), &[]));
    for leak in ["leak", "leak-handle"] {
        steps.push(verdict(
            &format!("AddressSanitizer finds a planted {leak}"),
            finds_leak(&Path::new(&folder).join("tests-asan"), leak),
        ));
    }
    if first_line("valgrind", &["--version"]).is_some() {
        let valgrind = "valgrind --quiet --error-exitcode=9 --leak-check=full \
                        --errors-for-leak-kinds=definite --show-leak-kinds=definite";
        let words: Vec<&str> = valgrind.split(' ').filter(|word| !word.is_empty()).collect();
        steps.push(run_test(&folder, "shared", &[], Ok(shared()), &words));
    } else {
        println!("c under valgrind: not run: it is not installed");
    }
    steps
}

/// Compiles the tests under a name and runs them, perhaps by another program.
fn run_test(
    folder: &str,
    name: &str,
    flags: &[&str],
    link: Result<Vec<String>, Failure>,
    by: &[&str],
) -> Outcome {
    let program = format!("{folder}/tests-{name}");
    let compiled = link.and_then(|link| {
        let mut command = Command::new("gcc");
        command.args(["-std=gnu11", "-g", "-O1"]).args(WARNINGS).args(&C_WARNINGS[..1]).args(flags);
        command.args(["-I", "include", "-o", &program]);
        let sources = workspace::root().join("neo-ffi/tests/c");
        let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "c");
        command.args(workspace::files(&sources, &is_source)).args(link);
        quiet(command)
    });
    if let Err(failure) = compiled {
        return verdict(&format!("the tests compile: {name}"), Err(failure));
    }
    let words: Vec<&str> = by.iter().copied().chain([program.as_str()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    Step::new(&format!("c, {name} {}", by.first().unwrap_or(&"")), command, LIMIT).run()
}

/// A detector that finds nothing where something is would pass every test.
fn finds_leak(program: &Path, leak: &str) -> Result<(), Failure> {
    let output = Command::new(program).args(["plant", leak]).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && report.contains("LeakSanitizer") {
        return Ok(());
    }
    Err(format!("it ended with {} and said: {}", output.status, report.trim()))
}

/// Runs a program that is to say nothing.
pub(crate) fn quiet(mut command: Command) -> Result<(), Failure> {
    command.current_dir(workspace::root());
    let output = command
        .output()
        .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Err(format!("{:?} ended with {}:\n{}", command.get_program(), output.status, said.concat()))
}

/// One more test, which was made here.
pub(crate) fn verdict(name: &str, result: Result<(), Failure>) -> Outcome {
    let mut outcome = Outcome::default();
    match result {
        Ok(()) => {
            println!("test {name} ... ok");
            outcome.counts = Counts { passed: 1, ..Counts::default() };
        }
        Err(failure) => {
            println!("test {name} ... FAILED\n  {failure}");
            outcome.counts = Counts { failed: 1, ..Counts::default() };
            let mut lines = failure.lines().filter(|line| !line.is_empty());
            outcome.failure = Some(format!("{name}: {}", lines.next().unwrap_or("")));
            outcome.failures = lines.take(SAID_MAX).map(failures::detail).collect();
        }
    }
    outcome
}
