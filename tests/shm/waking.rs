//! Tasks and descriptors of one process, woken by another.

use std::thread;
use std::time::Instant;

use crate::process::{LONG, Name, is_apart, is_readable, next, options};

#[test]
fn a_task_is_woken_by_another_process() {
    let name = Name::new();
    let kernel = name.open();
    let mut replies = kernel.subscribe("from.task").open().unwrap();
    let _task = name.start("waiting task");
    assert_eq!(next(&mut replies), b"here");
    for n in 0..200_u8 {
        assert_eq!(kernel.publish("to.task", &[n]).unwrap().accepted, 1);
        assert_eq!(next(&mut replies), [n]);
    }
}

#[test]
fn a_call_of_a_task_is_answered_by_another_process() {
    let name = Name::new();
    let kernel = name.open();
    let mut worker = kernel.serve("twice").open().unwrap();
    let caller = name.start("waiting caller");
    for n in 0..100_u8 {
        let request = worker.recv(Some(LONG)).unwrap().expect("the next call");
        assert_eq!(request.payload(), [n]);
        request.reply(&[n, n]).unwrap();
    }
    caller.finish();
}

#[test]
fn a_task_that_waits_for_room_is_woken_by_another_process() {
    let name = Name::new();
    let kernel = name.open();
    let policy = neo_protocol::Policy::Block;
    let mut narrow = kernel.subscribe("narrow").policy(policy).depth(1).open().unwrap();
    let publisher = name.start("waiting for room");
    for n in 0..200_u8 {
        assert_eq!(next(&mut narrow), [n]);
    }
    publisher.finish();
}

#[test]
fn a_descriptor_is_signalled_by_another_process() {
    let name = Name::new();
    let kernel = name.open();
    let mut inbox = kernel.subscribe("from.*").open().unwrap();
    let event = inbox.event_fd().unwrap();
    let _task = name.start("waiting task");
    let mut seen = Vec::new();
    while seen.len() < 50 {
        if inbox.arm().unwrap() {
            assert!(is_readable(&event, true), "after {}", seen.len());
        }
        while let Some(message) = inbox.try_recv().unwrap() {
            seen.push(message.payload().to_vec());
            kernel.publish("to.task", b"again").unwrap();
        }
    }
    assert_eq!(seen[0], b"here");
}

#[test]
fn without_a_thread_the_host_is_told_to_wake_its_descriptors() {
    let name = Name::new();
    let kernel = neo_protocol::Kernel::open_with(&name.url(), &options().without_thread()).unwrap();
    let mut inbox = kernel.subscribe("from.task").open().unwrap();
    let event = inbox.event_fd().unwrap();
    assert!(inbox.arm().unwrap(), "nothing is there yet");
    let _task = name.start("waiting task");
    while !is_readable(&event, false) {
        assert!(is_readable(kernel.maintain_fd().unwrap(), true));
        kernel.maintain().unwrap();
    }
    assert_eq!(inbox.recv().unwrap().payload(), b"here");
}

#[test]
fn the_thread_ends_with_the_kernel() {
    if !is_apart(the_thread_ends_with_the_kernel, 0o700) {
        return;
    }
    let name = Name::new();
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|comm| comm.trim() == "neo-shm")
            .count()
    };
    let wait_for = |count| {
        let begun = Instant::now();
        while threads() != count {
            assert!(begun.elapsed() < LONG, "there are {} threads", threads());
            thread::yield_now();
        }
    };
    let kernel = name.open();
    // It has its name a moment after it was started.
    wait_for(1);
    drop(kernel);
    wait_for(0);
}
