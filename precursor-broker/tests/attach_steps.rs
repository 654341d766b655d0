//! A process is killed at every step of opening a shared kernel by name, using it and leaving it:
//! the name can be used, what the process held is put right, and nothing stays.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(target_os = "linux", not(miri)))]

use core::cell::Cell;
use core::time::Duration;
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use precursor_broker::{Broker, Limits, SubscribeOptions, steps};
use rustix::process::{Signal, getegid, geteuid, getpid, kill_process};

/// `NAME STEP`: the child dies when it reaches that step, counted from 0.
const DEATH: &str = "PRECURSOR_TEST_DEATH";
const LONG: Duration = Duration::from_secs(60);
/// More steps than a life has.
const STEPS_MAX: usize = 1_000;

fn limits() -> Limits {
    Limits::new().with_memory_bytes_max(4 << 20).with_participants_max(2).with_routes_max(8)
}

fn open(name: &str) -> Broker {
    let broker = Broker::open_shared(name, &limits()).unwrap();
    broker.start_thread().unwrap();
    broker
}

/// The file of a name, `NAME` or `NAME?group=GROUP`.
fn file(address: &str) -> PathBuf {
    let user = format!("neo-{}", geteuid().as_raw());
    let (name, directory) = match address.split_once("?group=") {
        None => (address, user),
        Some((name, group)) => (name, format!("neo-group-{group}")),
    };
    PathBuf::from("/dev/shm").join(directory).join(name)
}

/// Whether a socket lies beside the file of a name.
fn has_door(file: &Path) -> bool {
    let first = format!(".{}.", file.file_name().unwrap().to_str().unwrap());
    let Ok(beside) = file.parent().unwrap().read_dir() else { return false };
    beside.flatten().any(|other| other.file_name().to_str().unwrap().starts_with(&first))
}

/// What the child does; it does nothing in a run of the tests.
#[test]
fn life_of_a_process() {
    let Ok(death) = std::env::var(DEATH) else { return };
    let (name, step) = death.split_once(' ').unwrap();
    let left = Cell::new(step.parse::<usize>().unwrap());
    steps::set_hook(move |label| {
        if left.get() == 0 {
            eprintln!("{label}");
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        left.set(left.get() - 1);
    });
    let broker = open(name);
    let subscription = broker.subscribe("own", &SubscribeOptions::default()).unwrap();
    broker.publish("seen", &[7; 1_000]).unwrap();
    drop((subscription, broker));
}

/// The label at which the child died; `None` if it lived to its end.
fn live(name: &str, step: usize) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "life_of_a_process", "--nocapture"])
        .env(DEATH, format!("{name} {step}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut label = String::new();
    child.stderr.take().unwrap().read_to_string(&mut label).unwrap();
    let status = child.wait().unwrap();
    if status.success() {
        return None;
    }
    assert_eq!(status.signal(), Some(9), "step {step}: {label}");
    Some(label.trim().into())
}

fn is_attaching(label: &str) -> bool {
    label.starts_with("attach.") || label.starts_with("leave.")
}

#[test]
fn a_process_may_die_at_every_step_of_opening_and_leaving_a_name() {
    if std::env::var(DEATH).is_ok() {
        return;
    }
    let mut seen = BTreeSet::new();
    let of_group = format!("?group={}", getegid().as_raw());
    for (beside_another, group) in [(true, ""), (false, ""), (true, &*of_group), (false, &of_group)]
    {
        for step in 0..STEPS_MAX {
            let name = format!("steps-{}-{step}-{beside_another}{group}", std::process::id());
            let survivor = beside_another.then(|| open(&name));
            let label = live(&name, step);
            let broker = survivor.unwrap_or_else(|| open(&name));
            check(&broker, &name, label.as_deref().unwrap_or("the end"));
            drop(broker);
            assert!(!file(&name).exists(), "the name stays after a death at {label:?}");
            assert!(!has_door(&file(&name)), "a socket stays after a death at {label:?}");
            match label {
                Some(label) => drop(seen.insert(label)),
                None => break,
            }
        }
    }
    let missed: Vec<_> = steps::LABELS
        .iter()
        .filter(|label| is_attaching(label) && !seen.contains(**label))
        .collect();
    assert!(missed.is_empty(), "nobody died at {missed:?}");
}

/// The place of the dead is free, its subscription gone, and everything flows.
fn check(broker: &Broker, name: &str, label: &str) {
    let other = Broker::open_shared(name, &limits());
    let other = other.unwrap_or_else(|error| panic!("after {label}: {error}"));
    assert!(broker.counters().routes.is_empty(), "after {label}");
    let mut subscription = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
    assert_eq!(other.publish("t", &[1; 5_000]).unwrap().accepted, 1, "after {label}");
    let message = subscription.recv_timeout(LONG).unwrap().expect("it flows");
    assert_eq!(message.payload(), [1; 5_000], "after {label}");
    drop((message, subscription, other));
    // The thread that attends to the death may be giving memory back still: this returns after it.
    broker.maintain().unwrap();
    broker.trim();
    assert_eq!(broker.counters().memory_bytes, 0, "after {label}");
}
