//! Builds and runs the demo's programs in C and Python on a few flights, and compares what they
//! print with a plain count.
#![allow(clippy::unwrap_used, reason = "a failure of what a test needs is a failure of the test")]

use core::sync::atomic::{AtomicU32, Ordering};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::env::{current_exe, temp_dir, var_os};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const REPEATS: u64 = 3;
const FLIGHTS: usize = 2_000;

/// The examples, which lie in the root of the repository.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn c_counts_what_the_file_holds() {
    let Some(compiler) = find(&["cc", "gcc", "clang"], "-dumpversion", "C") else { return };
    let folder = Folder::new("c");
    let library = folder.0.join("libneo.so.0");
    build("neo-ffi", "neo", &library);
    let compile = |name: &str, sources: &[&str]| {
        let program = folder.0.join(format!("{name}{EXE_SUFFIX}"));
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", "../include"]);
        command.args(sources.iter().copied());
        command.args(["-lpthread", "-Wl,-rpath,$ORIGIN", "-o"]);
        printed(command.arg(&program).arg(&library).current_dir(FOLDER));
        program
    };
    let program = compile("flights", &["c/flights.c", "c/month.c"]);
    compare(Command::new(&program), &folder);
    let processes = compile("processes", &["c/processes.c", "c/month.c"]);
    adds_up_what_another_process_publishes(Command::new(processes));
    let shared = compile("shared", &["shared_memory/main.c"]);
    converse(Command::new(&shared), rust_example());
    converse(rust_example(), Command::new(&shared));
    for words in [&[][..], &["no-such-file", "1"], &["x", "0"], &["x", "1x"]] {
        let output = Command::new(&program).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(output.stderr.starts_with(b"flights (C): "), "{words:?}");
    }
}

#[test]
fn python_counts_what_the_file_holds() {
    let Some(python) = find(&["python3"], "--version", "Python") else { return };
    let folder = Folder::new("python");
    let package = folder.0.join("neo_protocol");
    fs::create_dir(&package).unwrap();
    for file in
        fs::read_dir(Path::new(FOLDER).join("../bindings/python/python/neo_protocol")).unwrap()
    {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "py") {
            fs::copy(&file, package.join(file.file_name().unwrap())).unwrap();
        }
    }
    build("neo-python", "_neo", &package.join("_neo.abi3.so"));
    let mut command = Command::new(python);
    command.env("PYTHONPATH", &folder.0).arg(Path::new(FOLDER).join("python/flights.py"));
    compare(command, &folder);
    let mut command = Command::new(python);
    command.env("PYTHONPATH", &folder.0).arg(Path::new(FOLDER).join("python/processes.py"));
    adds_up_what_another_process_publishes(command);
    let shared = || {
        let mut command = Command::new(python);
        command.env("PYTHONPATH", &folder.0);
        command.arg(Path::new(FOLDER).join("shared_memory/main.py"));
        command
    };
    converse(shared(), rust_example());
    converse(rust_example(), shared());
}

#[test]
fn the_example_of_shared_memory_talks_to_itself() {
    converse(rust_example(), rust_example());
}

/// Cargo builds the examples together with the tests, into the folder beside theirs.
fn rust_example() -> Command {
    let test = current_exe().unwrap();
    let folder = test.ancestors().nth(2).expect("a build directory").join("examples");
    Command::new(folder.join(format!("shared_memory{EXE_SUFFIX}")))
}

/// Runs both sides of the example of shared memory, under a name that no other test sees.
fn converse(mut serve: Command, mut ask: Command) {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let names = temp_dir().join(format!("neo-example-{}-{number}", std::process::id()));
    let mut serving = Ended(
        serve.arg("serve").env("NEO_SHM_DIR", &names).stdout(Stdio::piped()).spawn().unwrap(),
    );
    let output = serving.0.stdout.take().unwrap();
    let first = BufReader::new(output).lines().next().unwrap().unwrap();
    assert_eq!(first, "serving on shm://example-users");
    let said = printed(ask.arg("ask").env("NEO_SHM_DIR", &names));
    assert_eq!(said, "42 is Ada\nusers.asked: 42\n");
    assert!(serving.0.wait().unwrap().success());
    assert!(!names.exists(), "names are left");
}

#[test]
fn the_demo_adds_up_what_another_process_publishes() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg("read");
    adds_up_what_another_process_publishes(command);
}

/// Runs a reader of the demo's part across processes beside its publisher, which says on the way
/// that it publishes a day again.
fn adds_up_what_another_process_publishes(mut reader: Command) {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let url = format!("shm://demo-test-{}-{number}", std::process::id());
    let mut reader =
        Ended(reader.arg(&url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(reader.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let publish = |first: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.args(["publish", &url, first]).stdout(Stdio::piped());
        Ended(command.spawn().unwrap())
    };
    let mut killed = publish("20");
    let output = killed.0.stdout.take().unwrap();
    assert_eq!(BufReader::new(output).lines().map(Result::unwrap).nth(1).as_deref(), Some("21"));
    drop(killed);
    assert!(publish("20").0.wait().unwrap().success());
    let found: Value = serde_json::from_str(&lines.next().unwrap()).expect("one line of JSON");
    drop(reader.0.stdin.take());
    assert!(reader.0.wait().unwrap().success());
    let late = |row: &Vec<&str>| row[2].parse::<u32>().unwrap() > 20;
    let text = month();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let rows: Vec<Vec<&str>> = rows.into_iter().filter(late).collect();
    assert_eq!(found["total"], sum(&rows, |_| true, 1));
    assert_eq!(found["carriers"]["UA"], sum(&rows, |row| row[9] == "UA", 1));
    assert!(found["received"].as_u64().unwrap() > rows.len() as u64, "some came again: {found}");
    assert_eq!(found["lost"], 0);
}

/// A process of a test, killed with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program of the demo on the first flights of the month.
fn compare(mut command: Command, folder: &Folder) {
    let text = first_flights();
    let file = folder.0.join("flights.csv");
    fs::write(&file, &text).unwrap();
    let printed = printed(command.arg(&file).arg(REPEATS.to_string()));
    let found: Value = serde_json::from_str(&printed).expect("one line of JSON");
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let jfk = rows.iter().filter(|row| row[12] == "JFK").count() as u64 * REPEATS;
    let all = FLIGHTS as u64 * REPEATS;
    assert_eq!(found["published"], all);
    assert_eq!(found["jfk"]["total"][0], jfk);
    assert_eq!(found["desks"]["total"], sum(&rows, |_| true, REPEATS));
    for carrier in ["UA", "B6", "HA"] {
        let sum = sum(&rows, |row| row[9] == carrier, REPEATS);
        assert_eq!(found["desks"]["carriers"][carrier], sum, "{carrier}");
        let mean = sum[2].as_i64().unwrap() as f64 / sum[1].as_i64().unwrap() as f64;
        let answer = &found["means"][carrier];
        assert_eq!((answer[0].as_f64(), &answer[1]), (Some(mean), &sum[1]), "{carrier}");
    }
    for (name, routed) in [("jfk", jfk), ("desks", all), ("board", all), ("slow", all)] {
        let account = &found["accounts"][name];
        let count = |what: &str| account[what].as_u64().unwrap();
        let total = count("delivered") + count("lost") + count("timed_out") + count("queued");
        assert_eq!(total, routed, "{name}: {account}");
        assert_eq!(count("received"), count("delivered"), "{name}: {account}");
        assert_eq!(count("told_lost"), count("lost"), "{name}: {account}");
    }
}

/// Flights, departures and minutes of some rows, as often as they are published.
fn sum(rows: &[Vec<&str>], is_one: impl Fn(&[&str]) -> bool, repeats: u64) -> Value {
    let delays: Vec<Option<i64>> =
        rows.iter().filter(|row| is_one(row)).map(|row| row[5].parse().ok()).collect();
    let departed: Vec<i64> = delays.iter().copied().flatten().collect();
    json!([
        delays.len() as u64 * repeats,
        departed.len() as u64 * repeats,
        departed.iter().sum::<i64>() * repeats.cast_signed()
    ])
}

fn month() -> String {
    let path = Path::new(FOLDER).join("data/flights-2013-01.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn first_flights() -> String {
    month().split_inclusive('\n').take(1 + FLIGHTS).collect()
}

/// The first of these programs that is there. Where none is, the test says that it did not run, and
/// fails where a CI run counts on it.
fn find<'p>(programs: &[&'p str], version: &str, language: &str) -> Option<&'p str> {
    let answers = |program: &&&str| {
        Command::new(program).arg(version).output().is_ok_and(|output| output.status.success())
    };
    let found = programs.iter().find(answers).copied();
    if found.is_none() {
        // Not `eprintln!`, which is shown for failed tests only.
        let _ = writeln!(std::io::stderr(), "{language}: not run: no {}", programs.join(", no "));
        let in_ci = var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        assert!(!in_ci, "CI needs {language}");
    }
    found
}

/// Builds the shared library of a package and copies it.
fn build(package: &str, library: &str, place: &Path) {
    let test = current_exe().unwrap();
    // Tests lie in `TARGET/PROFILE/deps`.
    let target = test.ancestors().nth(3).expect("a build directory");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", package, "--target-dir"]).arg(target);
    printed(command.current_dir(FOLDER));
    let name = format!("{DLL_PREFIX}{library}{DLL_SUFFIX}");
    fs::copy(target.join("debug").join(name), place).unwrap();
}

/// What a program prints until it ends well.
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("the programs print text")
}

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = temp_dir().join(format!("neo-languages-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
