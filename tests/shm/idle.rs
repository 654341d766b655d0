//! What a process takes that has a kernel open and does nothing with it.

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::time::Instant;

use neo_protocol::{Kernel, Observer};

use crate::process::{LONG, Name, is_readable, next, options};

/// Numbers behind a key of a file of `/proc`, summed.
fn sum(path: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(key));
    lines.map(|line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap()).sum()
}

fn process(pid: u32) -> std::path::PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// How often the threads of a process have gone to sleep.
fn sleeps(pid: u32) -> u64 {
    let tasks = fs::read_dir(process(pid).join("task")).unwrap().flatten();
    tasks.map(|task| sum(&task.path().join("status"), "voluntary_ctxt_switches:")).sum()
}

fn is_asleep(pid: u32) -> bool {
    let tasks = fs::read_dir(process(pid).join("task")).unwrap().flatten();
    let mut states = tasks.map(|task| fs::read_to_string(task.path().join("status")).unwrap());
    states.all(|status| status.contains("State:\tS"))
}

/// Resident bytes of the mappings of a kernel's memory.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(process(pid).join("smaps")).unwrap();
    let (mut is_ours, mut bytes) = (false, 0);
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if !first.ends_with(':') {
            is_ours = line.contains("memfd:neo");
        } else if first == "Rss:" && is_ours {
            bytes += line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10;
        }
    }
    bytes
}

/// Bytes that the system has given to a kernel.
fn backed(name: &Name) -> u64 {
    let observer = Observer::open(name.url().trim_start_matches("shm://")).unwrap();
    observer.look().resident_bytes
}

/// Lets memory grow, and takes everything out of it.
fn use_much(name: &Name, kernel: &Kernel) {
    let mut inbox = kernel.subscribe("load").mailbox_bytes_max(12 << 20).open().unwrap();
    for _ in 0..8 {
        kernel.publish("load", &vec![1; 1 << 20]).unwrap();
    }
    while inbox.try_recv().unwrap().is_some() {}
    assert!(backed(name) >= 8 << 20);
}

#[test]
fn memory_that_nothing_uses_is_given_back_without_a_call() {
    let name = Name::new();
    let kernel = name.open();
    let mut quiet = kernel.subscribe("quiet").open().unwrap();
    let little = backed(&name) + (1 << 20);
    use_much(&name, &kernel);
    let begun = Instant::now();
    while backed(&name) > little {
        assert!(begun.elapsed() < LONG, "it is kept");
        assert!(quiet.recv_timeout(Duration::from_millis(20)).unwrap().is_none());
    }
}

#[test]
fn without_a_thread_the_descriptor_tells_when_to_give_memory_back() {
    let name = Name::new();
    let kernel = Kernel::open_with(&name.url(), &options().without_thread()).unwrap();
    let little = backed(&name) + (1 << 20);
    kernel.maintain().unwrap();
    use_much(&name, &kernel);
    while backed(&name) > little {
        assert!(is_readable(kernel.maintain_fd().unwrap(), true), "it is kept");
        kernel.maintain().unwrap();
    }
}

#[test]
fn an_idle_process_runs_nothing_and_keeps_little() {
    let name = Name::new();
    let kernel = Kernel::open(&name.url()).unwrap();
    let mut ready = kernel.subscribe("ready").open().unwrap();
    let idle = name.start("idle");
    let pid = idle.id();
    assert_eq!(next(&mut ready), b"idle");
    // It has said so and goes to sleep; both know each other once its thread has nothing to do.
    let settled = || {
        let before = sleeps(pid);
        (0..200).for_each(|_| std::thread::yield_now());
        is_asleep(pid) && before == sleeps(pid)
    };
    while !settled() {}
    let mut busy = kernel.subscribe("busy").open().unwrap();
    let mut wakes = || {
        let before = sleeps(pid);
        for n in 0..20_000_u32 {
            kernel.publish("busy", &n.to_le_bytes()).unwrap();
            assert_eq!(next(&mut busy), n.to_le_bytes());
        }
        sleeps(pid) - before
    };
    // Its own timer wakes it some seconds after it opened the kernel.
    assert!((0..5).any(|_| wakes() == 0), "the work of others wakes it");
    let resident = resident(pid);
    assert!(0 < resident && resident <= 2 << 20, "{resident} bytes are resident");
    let threads = fs::read_dir(process(pid).join("task")).unwrap().count();
    // Its main thread, the one that the test runs on, and the library's.
    assert_eq!(threads, 3);
}

#[test]
fn memory_that_a_dead_process_used_is_given_back() {
    let name = Name::new();
    let kernel = name.open();
    let before = kernel.counters().committed_bytes;
    let mut ready = kernel.subscribe("ready").open().unwrap();
    let mut hoarder = name.start("hoarder");
    assert_eq!(next(&mut ready), b"full");
    assert!(kernel.counters().committed_bytes >= before + (8 << 20));
    hoarder.kill();
    let begun = Instant::now();
    while kernel.counters().committed_bytes >= before + (2 << 20) {
        assert!(begun.elapsed() < LONG, "it is kept");
        std::thread::yield_now();
    }
}
