//! The Go package: `cargo xtask go` puts the archive and the header where it finds them; the suite `go`
//! vets it and tests it, plainly, under the race detector, and with cgo's own checks.

use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use std::hash::DefaultHasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c::{quiet, verdict};
use crate::dist;
use crate::run::{Counts, Outcome, Step, first_line};
use crate::suite::Suite;
use crate::unsafe_sites::read;
use crate::{Failure, toolchains, workspace};

/// What programs import.
pub(crate) const PACKAGE: &str = "github.com/neo-qiss/messaging-kernel/bindings/go";

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What Go calls a test that has ended; an indented one is part of another.
const MARK: &str = "--- ";

/// The plain run starts many processes; those beside it look for something else.
const FEWER: (&str, &str) = ("NEO_TEST_PROCESSES", "5");

/// Puts the library where the package finds it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => build_in_place(false),
        [word] if word == "--release" => build_in_place(true),
        [word, ..] => Err(format!("go takes --release, found `{word}`")),
    }
}

pub(crate) fn package() -> PathBuf {
    workspace::root().join("bindings/go")
}

/// Builds the archive for this machine, and copies it and the header into the package.
pub(crate) fn build_in_place(release: bool) -> Result<(), Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--package", "neo-ffi"]).args(release.then_some("--release"));
    if let Some(failure) = Step::new("go", command, LIMIT).run().failure {
        return Err(failure);
    }
    put_in_place(release)
}

/// Copies what was built, and the header, into the package.
pub(crate) fn put_in_place(release: bool) -> Result<(), Failure> {
    let profile = if release { "release" } else { "debug" };
    let place = package().join("lib");
    let folder = place.join(target()?);
    for folder in [&folder, &place.join("include")] {
        std::fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    }
    dist::copy(&workspace::root().join("include/neo.h"), &place.join("include/neo.h"))?;
    let archive = folder.join("libneo.a");
    dist::localise(&workspace::target_dir().join(profile).join("libneo.a"), &archive)?;
    stamp(&archive)
}

/// Go's cache of builds does not look into archives, but at the sources: one of them names it.
fn stamp(archive: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(archive).map_err(|error| told(archive, &error))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let source = package().join("archive.go");
    let text = format!(
        "//go:build cgo && !neo_dynamic\n\npackage neo\n\n// archive tells Go's cache of builds which \
         archive was linked.\nvar archive = \"{:016x}\"\n",
        hasher.finish()
    );
    std::fs::write(&source, text).map_err(|error| told(&source, &error))
}

/// The folder of this machine's archive, by Go's names.
pub(crate) fn target() -> Result<String, Failure> {
    let name = |variable: &str| {
        first_line("go", &["env", variable]).ok_or_else(|| toolchains::wanted("Go"))
    };
    Ok(format!("{}_{}", name("GOOS")?, name("GOARCH")?))
}

/// What keeps the suites of Go from running here, if anything does.
pub(crate) fn lacking() -> Option<String> {
    if toolchains::lacks("Go") {
        return Some(toolchains::wanted("Go"));
    }
    first_line("gcc", &["-dumpversion"]).is_none().then(|| "gcc (apt-get install gcc)".to_owned())
}

pub(crate) fn suite() -> Suite {
    if let Some(lacking) = lacking() {
        return Suite::NotRun(lacking);
    }
    let built = verdict("the library is built and put in place", build_in_place(false));
    if built.failure.is_some() {
        return Suite::of([built]);
    }
    let mut steps = vec![
        built,
        verdict("every file is as gofmt writes it", formatted()),
        verdict("go vet has nothing to say", vetted()),
    ];
    steps.extend(workspace::TOPICS.iter().map(|topic| {
        verdict(&format!("the example {topic} prints what every language prints"), example(topic))
    }));
    steps.extend([
        test("go", &[], &[]),
        test("go, race", &["-race"], &[FEWER]),
        test(
            "go, cgocheck2",
            &[],
            &[("GOEXPERIMENT", "cgocheck2"), ("GODEBUG", "clobberfree=1"), FEWER],
        ),
    ]);
    Suite::of(steps).not_empty()
}

/// Folders of Go sources.
const FOLDERS: &[&str] = &["bindings/go", "bindings/conformance/go", "examples/go"];

fn formatted() -> Result<(), Failure> {
    let mut command = Command::new("gofmt");
    command.arg("-l").args(FOLDERS).current_dir(workspace::root());
    let output = command.output().map_err(|error| format!("gofmt: {error}"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() && said.is_empty() { Ok(()) } else { Err(format!("gofmt: {said}")) }
}

fn vetted() -> Result<(), Failure> {
    FOLDERS.iter().try_for_each(|folder| {
        let mut command = Command::new("go");
        command.arg("-C").arg(workspace::root().join(folder)).args(["vet", "./..."]);
        quiet(command)
    })
}

fn example(topic: &str) -> Result<(), Failure> {
    let folder = workspace::root().join("examples");
    let program = built(&folder.join("go").join(topic), topic)?;
    prints(program, &read(&folder.join(topic).join("expected.txt"))?)
}

/// Builds the program of a folder.
fn built(folder: &Path, name: &str) -> Result<Command, Failure> {
    let program = workspace::target_dir().join("go").join(name);
    let mut build = Command::new("go");
    build.arg("-C").arg(folder).args(["build", "-o"]).arg(&program).arg(".");
    quiet(build)?;
    Ok(Command::new(program))
}

/// What a measurement needs: the program that measures the package as it is released.
pub(crate) fn for_bench() -> Result<PathBuf, Failure> {
    if let Some(lacking) = lacking() {
        return Err(lacking);
    }
    build_in_place(true)?;
    Ok(built(&package().join("bench"), "bench")?.get_program().into())
}

/// Builds a program that is not in the repository.
pub(crate) fn built_from(code: &str) -> Result<Command, Failure> {
    build_in_place(false)?;
    let folder = workspace::target_dir().join("go/readme");
    std::fs::create_dir_all(&folder).map_err(|error| told(&folder, &error))?;
    let module = format!(
        "module readme\n\ngo 1.24\n\nrequire {PACKAGE} v0.0.0\n\nreplace {PACKAGE} => {}\n",
        package().display()
    );
    for (name, text) in [("main.go", format!("{code}\n")), ("go.mod", module)] {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| told(&file, &error))?;
    }
    built(&folder, "readme.program")
}

/// The program ends well and prints this.
pub(crate) fn prints(mut command: Command, wanted: &str) -> Result<(), Failure> {
    let output = command.output().map_err(|error| format!("it does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.trim_end() == wanted.trim_end() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("it ended with {} and printed {said:?} {errors}", output.status))
}

/// Runs the tests and counts them.
fn test(title: &str, flags: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new("go");
    command.arg("-C").arg(package()).args(["test", "-count=1", "-v", "-timeout=14m"]).args(flags);
    command.arg("./...").envs(variables.iter().copied());
    let mut outcome = Step::new(title, command, LIMIT).collecting(MARK).run();
    let counts = counts(&outcome.collected);
    // A crash has been counted, and ends the list.
    let crashed = u64::from(outcome.failure.is_some() && counts.failed == 0);
    outcome.counts = Counts { failed: counts.failed + crashed, ..counts };
    if counts == Counts::default() && outcome.failure.is_none() {
        outcome.failure = Some(format!("{title}: no test ran"));
    }
    outcome
}

/// The results in lines such as `PASS: TestClosing (0.00s)`.
fn counts(lines: &[String]) -> Counts {
    let with = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count() as u64;
    Counts { passed: with("PASS: "), failed: with("FAIL: "), skipped: with("SKIP: ") }
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    format!("{}: {error}", workspace::shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_by_their_words() {
        let lines = ["PASS: TestA (0.00s)", "SKIP: TestB (0.00s)", "FAIL: TestC (1.00s)", "other"];
        let lines = lines.map(str::to_owned);
        assert_eq!(counts(&lines), Counts { passed: 1, failed: 1, skipped: 1 });
    }
}
