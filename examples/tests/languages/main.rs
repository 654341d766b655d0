//! Builds and runs the demo's programs in every language on a few flights, and compares what they
//! print with a plain count; and has any two languages talk to each other.
#![allow(clippy::unwrap_used, reason = "a failure of what a test needs is a failure of the test")]

mod programs;

use core::sync::atomic::{AtomicU32, Ordering};
use std::env::temp_dir;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use programs::{FOLDER, Programs, printed};

const REPEATS: u64 = 3;
const FLIGHTS: usize = 2_000;

#[test]
fn c_counts_what_the_file_holds() {
    programs::C.as_ref().map(counts_what_the_file_holds);
}

#[test]
fn cpp_counts_what_the_file_holds() {
    programs::CPP.as_ref().map(counts_what_the_file_holds);
}

#[test]
fn python_counts_what_the_file_holds() {
    programs::PYTHON.as_ref().map(counts_what_the_file_holds);
}

#[test]
fn go_counts_what_the_file_holds() {
    programs::GO.as_ref().map(counts_what_the_file_holds);
}

#[test]
fn node_counts_what_the_file_holds() {
    programs::NODE.as_ref().map(counts_what_the_file_holds);
}

fn counts_what_the_file_holds(programs: &Programs) {
    compare(programs);
    adds_up_what_another_process_publishes(programs.command("processes"));
    for words in [&[][..], &["no-such-file", "1"], &["x", "0"], &["x", "1x"]] {
        let output = programs.command("flights").args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{} {words:?}", programs.language);
        assert!(!output.stderr.is_empty(), "{} {words:?}", programs.language);
    }
}

#[test]
fn any_two_languages_share_a_kernel() {
    for serve in programs::all() {
        for ask in programs::all() {
            converse(serve, ask);
        }
    }
}

/// Runs both sides of the example of shared memory, under a name that no other test sees.
fn converse(serve: &Programs, ask: &Programs) {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let folder = Folder::new("converse");
    let names = folder.0.join("names");
    let program = |of: &Programs, role| {
        let mut command = of.command("shared_memory");
        command.arg(role).env("NEO_SHM_DIR", &names);
        command
    };
    let who = format!("{} serves {}", serve.language, ask.language);
    let mut serving = program(serve, "serve");
    let mut serving = Ended(serving.stdout(Stdio::piped()).spawn().unwrap());
    let output = serving.0.stdout.take().unwrap();
    let first = BufReader::new(output).lines().next().unwrap().unwrap();
    assert_eq!(first, "serving on shm://example-users", "{who}");
    assert_eq!(printed(&mut program(ask, "ask")), "42 is Ada\nusers.asked: 42\n", "{who}");
    assert!(serving.0.wait().unwrap().success(), "{who}");
    assert!(!names.exists(), "{who}: names are left");
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
    // The message that the killed publisher had begun counts as lost; the second sends it again.
    assert!(found["lost"].as_u64().unwrap() <= 1, "more than the begun one is lost: {found}");
}

/// A process of a test, killed with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the demo's program on the first flights of the month.
fn compare(programs: &Programs) {
    let text = first_flights();
    let folder = Folder::new("flights");
    let file = folder.0.join("flights.csv");
    fs::write(&file, &text).unwrap();
    let printed = printed(programs.command("flights").arg(&file).arg(REPEATS.to_string()));
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

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("neo-languages-{name}-{}-{number}", std::process::id());
        let folder = temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
