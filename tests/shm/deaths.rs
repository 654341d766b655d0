//! Processes that are killed or stopped while they hold everything there is to hold.

use std::thread;
use std::time::Instant;

use neo_protocol::{DEATHS_TOPIC, ErrorKind, Kernel, Policy, Reclaimed, Wait};
use rustix::process::Signal;

use crate::process::{LONG, Name, Process, is_readable, next, options};

#[test]
fn a_survivor_loses_nothing_when_processes_are_killed_in_the_middle() {
    let name = Name::new();
    let kernel = name.open();
    let _echo = kernel.serve("echo").open().map(|mut worker| {
        thread::spawn(move || worker.run(|call| Ok(call.payload().to_vec().into())))
    });
    let mut inbox = kernel.subscribe("load").policy(Policy::DropOldest).depth(16).open().unwrap();
    let before = kernel.counters().memory_bytes;
    let (mut received, mut lost) = (0, 0);
    for round in 0..30 {
        let mut flood = name.start("flood");
        // In the middle: some messages have come, another number in each round.
        for _ in 0..50 + 37 * (round % 30) {
            let message = inbox.recv_timeout(LONG).unwrap().expect("the process publishes");
            let payload = message.payload();
            assert!(payload[8..].iter().all(|byte| *byte == payload[8]), "no torn message");
            received += 1;
            lost += message.lost_before();
        }
        flood.kill();
        // Noticed without a call: its subscription and its place in the group go.
        while kernel.counters().routes.len() != 2 {
            thread::yield_now();
        }
        // Routes go first; this returns when the rest is put right as well.
        kernel.maintain().unwrap();
        while let Some(message) = inbox.try_recv().unwrap() {
            received += 1;
            lost += message.lost_before();
        }
        lost += inbox.take_lost();
        let counters = kernel.counters();
        let route = counters.routes.iter().find(|route| route.pattern == "load").unwrap();
        assert_eq!((route.delivered, route.lost, route.queued), (received, lost, 0), "{round}");
        for n in 0..20_u8 {
            let payload = vec![n; if n.is_multiple_of(2) { 5_000 } else { 20 }];
            assert_eq!(kernel.publish("load", &payload).unwrap().accepted, 1);
            assert_eq!(next(&mut inbox), payload, "it flows again");
            received += 1;
        }
    }
    assert_eq!(kernel.maintain().unwrap(), Reclaimed::default());
    kernel.trim();
    assert_eq!(kernel.counters().memory_bytes, before, "nothing is left behind");
    kernel.close();
}

#[test]
fn a_call_ends_when_the_process_that_took_it_is_killed() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("ready").open().unwrap();
    let mut worker = name.start("silent worker");
    assert_eq!(next(&mut ready), b"serving");
    let caller = thread::spawn({
        let kernel = kernel.clone();
        move || kernel.call_timeout("silent", "m", b"", LONG)
    });
    assert_eq!(next(&mut ready), b"taken");
    worker.kill();
    assert_eq!(caller.join().unwrap().unwrap_err().kind(), ErrorKind::PeerDied);
    assert_eq!(kernel.call("silent", "m", b"").unwrap_err().kind(), ErrorKind::NoResponder);
}

#[test]
fn a_caller_without_a_thread_notices_itself_that_the_worker_was_killed() {
    let name = Name::new();
    let kernel = Kernel::open_with(&name.url(), &options().without_thread()).unwrap();
    let mut ready = kernel.subscribe("ready").open().unwrap();
    for wait in [Wait::Adaptive, Wait::Spin, Wait::Park] {
        let mut worker = name.start("silent worker");
        assert_eq!(next(&mut ready), b"serving");
        let caller = thread::spawn({
            let options = options().without_thread().with_call_wait(wait);
            let kernel = Kernel::open_with(&name.url(), &options).unwrap();
            move || kernel.call_timeout("silent", "m", b"", LONG)
        });
        assert_eq!(next(&mut ready), b"taken");
        worker.kill();
        assert_eq!(caller.join().unwrap().unwrap_err().kind(), ErrorKind::PeerDied, "{wait:?}");
    }
}

#[test]
fn whoever_asks_is_told_that_a_publisher_died_behind_all_that_it_published() {
    let name = Name::new();
    let kernel = name.open();
    let mut deaths = kernel.subscribe(DEATHS_TOPIC).open().unwrap();
    let mut load = kernel.subscribe("load").policy(Policy::DropOldest).open().unwrap();
    let mut told = kernel.subscribe("told").open().unwrap();
    let mut others = [name.start("watcher"), name.start("watcher")];
    for _ in &others {
        assert_eq!(next(&mut told), b"watching");
    }
    let mut flood = name.start("publisher 7");
    let pid = flood.id().to_string();
    let message = load.recv_timeout(LONG).unwrap().expect("it publishes");
    let (mut received, mut lost) = (1, message.lost_before());
    flood.kill();
    assert_eq!(next(&mut deaths), pid.as_bytes());
    let published = load.counters();
    while let Some(message) = load.try_recv().unwrap() {
        received += 1;
        lost += message.lost_before();
    }
    lost += load.take_lost();
    let read = load.counters();
    assert_eq!((read.delivered, read.lost, read.queued), (received, lost, 0));
    assert_eq!(
        (read.accepted, read.lost),
        (published.accepted, published.lost),
        "none came behind"
    );
    for _ in &others {
        assert_eq!(next(&mut told), pid.as_bytes(), "in every process");
    }
    others.iter_mut().for_each(Process::kill);
    assert!(deaths.recv_timeout(LONG).unwrap().is_some());
    assert!(deaths.recv_timeout(LONG).unwrap().is_some());
    assert!(deaths.try_recv().unwrap().is_none(), "each death is told once");
}

#[test]
fn a_publisher_without_a_thread_does_not_wait_for_the_dead() {
    let name = Name::new();
    let kernel = Kernel::open_with(&name.url(), &options().without_thread()).unwrap();
    let mut ready = kernel.subscribe("ready").open().unwrap();
    let mut reader = name.start("full reader");
    assert_eq!(next(&mut ready), b"full");
    let publisher = kernel.publisher("narrow").send_timeout(LONG).open().unwrap();
    reader.kill();
    let sent = publisher.publish(b"nobody reads it").unwrap();
    assert_eq!((sent.accepted, sent.timed_out), (0, 0), "its mailbox is gone");
    // Nor does one that does not wait find it full for ever.
    let mut reader = name.start("full reader");
    assert_eq!(next(&mut ready), b"full");
    reader.kill();
    let hasty = kernel.publisher("narrow").open().unwrap();
    while hasty.publish(b"nobody reads it").is_err() {
        thread::yield_now();
    }
}

#[test]
fn a_stopped_process_is_not_dead() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let holder = name.start("holder");
    assert_eq!(next(&mut ready), b"holding");
    holder.signal(Signal::STOP);
    assert_eq!(kernel.maintain().unwrap(), Reclaimed::default());
    assert_eq!(kernel.publish("to.holder", b"kept").unwrap().accepted, 1);
    drop((ready, kernel));
    // The only process that has the memory runs no instruction, and it can be opened all the same.
    let kernel = name.open();
    let route = kernel.counters().routes.into_iter().find(|route| route.pattern == "to.holder");
    assert_eq!(route.map(|route| route.accepted), Some(1));
    holder.signal(Signal::CONT);
}

#[test]
fn who_is_not_attended_to_notices_deaths_when_it_looks() {
    let name = Name::new();
    let options = options().without_thread();
    let kernel = Kernel::open_with(&name.url(), &options).unwrap();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let mut holder = name.start("holder");
    assert_eq!(next(&mut ready), b"holding");
    // Of whom it hears by its descriptor.
    kernel.maintain().unwrap();
    holder.kill();
    // It is readable now and then for memory to be given back as well.
    let reclaimed = loop {
        assert!(is_readable(kernel.maintain_fd().unwrap(), true), "it does not hear of it");
        let reclaimed = kernel.maintain().unwrap();
        if reclaimed != Reclaimed::default() {
            break reclaimed;
        }
    };
    assert_eq!((reclaimed.participants, reclaimed.routes), (1, 1));
    assert_eq!(kernel.counters().routes.len(), 1);
}

#[test]
fn the_places_of_the_dead_are_free_although_nobody_attended_to_their_deaths() {
    let name = Name::new();
    let options = options().without_thread();
    let kernel = Kernel::open_with(&name.url(), &options).unwrap();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let mut holders: Vec<_> = (0..7).map(|_| name.start("holder")).collect();
    holders.iter().for_each(|_| assert_eq!(next(&mut ready), b"holding"));
    let open = || Kernel::open_with(&name.url(), &options);
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Full, "all are alive");
    holders.iter_mut().for_each(|holder| holder.kill());
    drop(holders);
    let opened: Vec<_> = (0..7).map(|_| open().unwrap()).collect();
    assert_eq!(opened[6].counters().routes.len(), 1);
}

#[test]
fn a_process_that_runs_another_program_now_has_left() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.reborn").open().unwrap();
    let reborn = name.start("reborn");
    assert_eq!(next(&mut ready), b"here");
    reborn.wait_to_become("sleep");
    // Its descriptors go a moment after its program, and nothing tells of that.
    let begun = Instant::now();
    while kernel.counters().routes.len() != 1 {
        assert!(begun.elapsed() < LONG, "it is taken for alive");
        kernel.maintain().unwrap();
    }
}
