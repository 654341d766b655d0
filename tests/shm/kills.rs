//! Processes are killed at moments that nobody chose, again and again, and the accounts are right.
//!
//! `cargo xtask kills 10000` is the long form. A run prints its seed; the same seed starts the same
//! processes with the same choices, killed at other instructions.

use core::hash::{BuildHasher as _, Hasher as _};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::hash::RandomState;
use std::thread;
use std::time::Instant;

use neo_protocol::{Kernel, Message, Policy, Reclaimed, Subscription};

use crate::content::{Choices, HEAD_BYTES, checked, filled};
use crate::process::{LONG, Name, Process};
use crate::victims::{TRADES, call_once};

/// Victims that are alive at a time.
const CREW: usize = 4;
/// Kills between two looks at the survivor's threads.
const WATCH: usize = 20;

/// How many kills of each test: 500 together, unless the environment asks for more.
fn kills(share: usize) -> usize {
    let asked = std::env::var("NEO_SHM_KILLS").map_or(500, |kills| kills.parse().unwrap());
    asked * share / 100
}

#[allow(clippy::print_stdout, reason = "whoever sees a failure needs it")]
fn seed() -> u64 {
    let seed = std::env::var("NEO_SHM_SEED")
        .map_or_else(|_| RandomState::new().build_hasher().finish(), |seed| seed.parse().unwrap());
    println!("NEO_SHM_SEED={seed}");
    seed
}

/// What the survivor's threads have done, so that one which is stuck is noticed.
#[derive(Debug, Default)]
struct Progress {
    is_over: AtomicBool,
    taken: AtomicU64,
    called: AtomicU64,
    published: AtomicU64,
}

/// Dropped, and be it by a failure, the threads end.
struct Ending<'p>(&'p Progress);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

impl Progress {
    fn counts(&self) -> [u64; 3] {
        [&self.taken, &self.called, &self.published].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A process that lives on: its main thread reads, the others take, call, serve and publish.
struct Survivor<'p> {
    kernel: Kernel,
    load: Subscription,
    received: u64,
    lost: u64,
    newest: HashMap<u64, u64>,
    progress: &'p Progress,
}

impl Survivor<'_> {
    /// Reads until `count` more messages have come.
    fn read(&mut self, count: u64) {
        for _ in 0..count {
            let message = self.load.recv_timeout(LONG).unwrap().expect("somebody publishes");
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Message) {
        let (publisher, number) = checked(message.payload());
        let before = self.newest.insert(publisher, number);
        assert!(before.is_none_or(|before| before < number), "{before:?}, then {number}");
        self.received += 1;
        self.lost += message.lost_before();
    }

    /// Waits until each thread has gone on.
    fn see_all_at_work(&mut self) {
        let before = self.progress.counts();
        let until = Instant::now() + LONG;
        while before.iter().zip(self.progress.counts()).any(|(before, now)| now <= *before) {
            assert!(Instant::now() < until, "stuck: {before:?}, {:?}", self.progress.counts());
            self.read(1);
        }
    }

    /// After the last death: what was delivered and what was lost is all there was.
    fn close_accounts(mut self, memory_bytes: u64) {
        while self.kernel.counters().routes.len() != 1 {
            thread::yield_now();
        }
        // Routes go first; this returns when the rest is put right as well.
        self.kernel.maintain().unwrap();
        assert_eq!(self.kernel.maintain().unwrap(), Reclaimed::default());
        while let Some(message) = self.load.try_recv().unwrap() {
            self.note(&message);
        }
        self.lost += self.load.take_lost();
        let counters = self.kernel.counters();
        let load = &counters.routes[0];
        assert_eq!(
            (load.delivered, load.lost, load.queued),
            (self.received, self.lost, 0),
            "delivered, lost, queued"
        );
        self.kernel.trim();
        assert_eq!(self.kernel.counters().memory_bytes, memory_bytes, "memory is left behind");
    }
}

fn take(kernel: &Kernel, progress: &Progress) {
    let mut member = kernel.subscribe("load").group("crew").depth(64).open().unwrap();
    while !progress.is_over.load(Ordering::Relaxed) {
        if let Some(message) = member.recv_timeout(LONG).unwrap() {
            checked(message.payload());
        }
        progress.taken.fetch_add(1, Ordering::Relaxed);
    }
}

fn call(kernel: &Kernel, progress: &Progress) {
    let mut numbers = 0_u64..;
    while !progress.is_over.load(Ordering::Relaxed) {
        let number = numbers.next().unwrap();
        let len = HEAD_BYTES + if number.is_multiple_of(2) { 10 } else { 2_000 };
        call_once(kernel, "work", 1, number, len);
        progress.called.fetch_add(1, Ordering::Relaxed);
    }
}

/// Publishes to whoever wants to be waited for, and to everybody.
fn publish(kernel: &Kernel, progress: &Progress) {
    let tasks = kernel.publisher("tasks").send_timeout(LONG).open().unwrap();
    let load = kernel.publisher("load").open().unwrap();
    let mut numbers = 0_u64..;
    while !progress.is_over.load(Ordering::Relaxed) {
        let number = numbers.next().unwrap();
        let len = HEAD_BYTES + if number.is_multiple_of(3) { 4_000 } else { 30 };
        let sent = tasks.publish(&filled(2, number, len));
        assert!(sent.is_ok_and(|sent| sent.timed_out == 0), "blocked for {LONG:?}");
        let _ = load.publish(&filled(3, number, len));
        progress.published.fetch_add(1, Ordering::Relaxed);
    }
}

fn serve(kernel: &Kernel, progress: &Progress) {
    let mut worker = kernel.serve("echo").open().unwrap();
    while !progress.is_over.load(Ordering::Relaxed) {
        if let Some(request) = worker.recv(Some(Duration::from_millis(10))).unwrap() {
            let payload = request.payload().to_vec();
            let _ = request.reply(&payload);
        }
    }
}

fn start(name: &Name, choices: &mut Choices) -> Process {
    let trade = choices.one_of(TRADES);
    name.start(&format!("{trade} {}", choices.next()))
}

#[test]
fn killed_processes_leave_nothing_and_keep_nobody() {
    let mut choices = Choices::new(seed());
    let (name, progress) = (Name::new(), Progress::default());
    let kernel = name.open();
    let load = kernel.subscribe("load").policy(Policy::DropOldest).depth(64).open().unwrap();
    let memory_bytes = kernel.counters().memory_bytes;
    let (progress, newest) = (&progress, HashMap::new());
    let mut survivor = Survivor { kernel, load, received: 0, lost: 0, newest, progress };
    thread::scope(|scope| {
        for run in [take, call, publish, serve] {
            let kernel = survivor.kernel.clone();
            scope.spawn(move || run(&kernel, progress));
        }
        let _ending = Ending(progress);
        let mut crew: Vec<Process> = (0..CREW).map(|_| start(&name, &mut choices)).collect();
        for kill in 1..=kills(80) {
            survivor.read(choices.below(60));
            let victim = crew.swap_remove(choices.below(CREW as u64) as usize);
            victim.kill_at_work();
            crew.push(start(&name, &mut choices));
            if kill.is_multiple_of(WATCH) {
                survivor.see_all_at_work();
                name.start("opener").finish();
            }
        }
        crew.into_iter().for_each(Process::kill_at_work);
    });
    survivor.close_accounts(memory_bytes);
    assert!(!name.file().exists(), "the name is gone with its last process");
}

#[test]
fn a_name_is_free_however_all_its_processes_were_killed() {
    let mut choices = Choices::new(seed());
    let names = [Name::new(), Name::of_group(rustix::process::getegid().as_raw())];
    for name in names.iter().cycle().take(kills(20) / 2) {
        let crew = [start(name, &mut choices), start(name, &mut choices)];
        let is_opened = || std::fs::metadata(name.file()).is_ok_and(|file| file.len() > 0);
        while !is_opened() {
            thread::yield_now();
        }
        // Anywhere: in its first steps, or at work.
        for _ in 0..choices.below(100_000) {
            core::hint::spin_loop();
        }
        crew.into_iter().for_each(Process::kill_at_work);
        let kernel = name.open();
        assert_eq!(kernel.counters().routes.len(), 0, "the memory is new");
        drop(kernel);
        assert!(!name.file().exists());
    }
}
