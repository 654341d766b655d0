//! `neo top`.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use neo_protocol::Policy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::world::{LONG, Names, World};

const ONCE: [&str; 5] = ["top", "URL", "--once", "--interval", "0.02"];

#[test]
fn one_table_tells_lag_losses_and_readers() {
    let world = World::new();
    let slow = world.kernel.subscribe("flights.*").policy(Policy::DropNewest).depth(16);
    let _slow = slow.open().unwrap();
    let _worker = world.kernel.serve("gates").open().unwrap();
    for _ in 0..20 {
        world.kernel.publish("flights.AA1", b"x").unwrap();
    }
    let ended = world.run(&ONCE);
    let lines: Vec<Vec<&str>> =
        ended.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(ended.stdout.starts_with(&format!("{}, up ", world.url())), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 participant, memory "), "{}", ended.stdout);
    assert_eq!(lines[1], ["TOPIC", "POLICY", "IN/S", "OUT/S", "LAG", "LOST", "LOST/S", "READERS"]);
    assert_eq!(lines[2], ["flights.*", "drop-newest", "0", "0", "16/16", "4", "0", "1"]);
    assert_eq!(lines[3], ["gates", "(service)", "block", "0", "0", "0/1,024", "0", "0", "1"]);
    assert_eq!(lines[4], ["ID", "PID", "PROGRAM", "STATE", "ROUTES", "CALLS", "BLOCKS"]);
    assert_eq!(lines[5][1], std::process::id().to_string());
    assert_eq!(lines[5][lines[5].len() - 4..], ["runs", "2", "0", "0"]);
}

#[test]
fn the_same_in_json() {
    let world = World::new();
    let mut work = world.kernel.subscribe("work").group("crew").open().unwrap();
    world.kernel.publish("work", &[7; 1_000]).unwrap();
    let _held = work.recv().unwrap();
    let model = world.run(&[&ONCE[..], &["--json"]].concat()).json();
    assert_eq!(model["url"], world.url());
    assert_eq!(model["memory"]["max_bytes"], 16 << 20);
    let route = &model["routes"][0];
    for (field, value) in [
        ("kind", json!("group")),
        ("pattern", json!("work")),
        ("group", json!("crew")),
        ("policy", json!("block")),
        ("depth", json!(1_024)),
        ("queued", json!(0)),
        ("accepted", json!(1)),
        ("delivered", json!(1)),
        ("lost", json!(0)),
        ("timed_out", json!(0)),
        ("accepted_per_s", json!(0.0)),
        ("readers", json!([1])),
    ] {
        assert_eq!(route[field], value, "{field}");
    }
    let participant = &model["participants"][0];
    assert_eq!((&participant["id"], &participant["blocks_held"]), (&json!(1), &json!(1)));
    assert_eq!(participant["is_dead"], false);
    assert!(route["open_s"].as_f64().unwrap() <= model["age_s"].as_f64().unwrap() + 1.0);
}

#[test]
fn rates_stand_for_the_time_between_two_looks() {
    let world = World::new();
    let mut inbox = world.kernel.subscribe("tick").open().unwrap();
    let mut top = world.start(&["top", "URL", "--interval", "0.02", "--json"]);
    let mut seen = top.lines();
    seen.next().unwrap();
    for _ in 0..100 {
        world.kernel.publish("tick", b"x").unwrap();
        inbox.recv().unwrap();
    }
    // Some look is the first to have all of them; the rates up to it account for each.
    let mut total = 0.0;
    for line in seen.by_ref() {
        let model: serde_json::Value = serde_json::from_str(&line).unwrap();
        let route = &model["routes"][0];
        total += route["delivered_per_s"].as_f64().unwrap() * model["interval_s"].as_f64().unwrap();
        if route["delivered"] == 100 {
            break;
        }
    }
    assert_eq!(total.round(), 100.0);
    // Its output is open still: closed, that would be its end as well.
    top.signal(Signal::INT);
    assert_eq!(top.finish().code(), 130);
    drop(seen);
}

#[test]
fn it_ends_with_the_kernel() {
    let names = Names::new();
    let kernel = names.subscriber("orders", "a");
    let mut top = names.start(&["top", "shm://orders", "--interval", "0.02"]);
    let mut lines = top.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("shm://orders, up "), "{first}");
    kernel.signal(Signal::INT);
    assert_eq!(kernel.finish().code(), 130);
    lines.for_each(drop);
    let ended = top.finish();
    assert_eq!(ended.code(), 0);
    assert_eq!(ended.stderr, "neo: shm://orders was closed by its last process\n");
    assert!(!names.path().join("orders").exists(), "looking on keeps no name");
}

#[test]
fn a_terminal_shows_a_live_table_and_is_left_as_it_was() {
    let world = World::new();
    let _inbox = world.kernel.subscribe("flights.*").open().unwrap();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap();
    let side = || File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap();
    let mut top = Command::new(env!("CARGO_BIN_EXE_neo"))
        .args(["top", &world.url(), "--interval", "0.02"])
        .stdin(side())
        .stdout(side())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut screen = Screen { terminal: File::from(terminal), shown: String::new() };
    screen.read_until("flights.*");
    screen.read_until("by lag");
    screen.press("s");
    screen.read_until("te)"); // of "lag)" only what differs is drawn again
    screen.press("q");
    screen.read_until("\x1b[?1049l"); // back from the other screen
    assert!(top.wait().unwrap().success());
}

/// The other side of a terminal.
struct Screen {
    terminal: File,
    shown: String,
}

impl Screen {
    fn read_until(&mut self, part: &str) {
        let mut bytes = [0; 4_096];
        let began = Instant::now();
        while !self.shown.contains(part) {
            let mut descriptors = [PollFd::new(&self.terminal, PollFlags::IN)];
            let limit = Timespec { tv_sec: LONG.as_secs() as i64, tv_nsec: 0 };
            assert_eq!(poll(&mut descriptors, Some(&limit)), Ok(1), "no {part} in {}", self.shown);
            assert!(began.elapsed() < LONG, "no {part} in {}", self.shown);
            let count = self.terminal.read(&mut bytes).unwrap();
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// What was shown before is forgotten.
    fn press(&mut self, key: &str) {
        self.shown.clear();
        self.terminal.write_all(key.as_bytes()).unwrap();
    }
}
