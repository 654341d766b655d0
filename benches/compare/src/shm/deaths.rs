//! What a survivor waits when a process is killed that holds everything there is to hold: a call
//! that it took, loans, unread messages, a place in a group.

use std::time::{Duration, Instant};

use neo_protocol::{ErrorKind, Kernel, Options, Policy, Reclaimed};

use super::neo::url;
use super::process::{self, Process};
use crate::harness::{Sample, Scale};
use crate::threads::{Cores, settle};

/// The role of the process that is killed.
pub const ROLE: &str = "victim";

/// Kills of a run, of which the longest wait counts.
const KILLS: usize = 8;
const LOANS: usize = 32;
const LOAN_BYTES: usize = 10_000;
const HOLDING: &str = "holding\n";
/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(60);

/// Both from the moment of the kill.
struct Waited {
    /// Until the call returned that the dead process had taken.
    noticed: Duration,
    /// Until nothing of it was left.
    reclaimed: Duration,
}

/// Until a survivor that sleeps in a call knows that its worker was killed, ns.
pub fn noticed(_: Scale) -> Sample {
    longest(|waited| waited.noticed)
}

/// Until everything that the dead process held is free again, ns.
pub fn reclaimed(_: Scale) -> Sample {
    longest(|waited| waited.reclaimed)
}

fn longest(pick: fn(Waited) -> Duration) -> Sample {
    settle(Cores::Free);
    let waits = (0..KILLS).map(|_| pick(kill_one()));
    Sample::new(waits.max().expect("some were killed").as_nanos() as f64)
}

fn open(place: &str) -> Kernel {
    Kernel::open_with(&url(place), &Options::new()).expect("a kernel opens")
}

fn kill_one() -> Waited {
    let place = process::new_name();
    let kernel = open(&place);
    let before = kernel.counters().memory_bytes;
    let mut victim = Process::start(&[ROLE.to_owned(), place]);
    let caller = std::thread::spawn({
        let kernel = kernel.clone();
        move || {
            let answer = kernel.call_timeout("silent", "any", b"", LONG);
            (Instant::now(), answer.expect_err("nobody answers").kind())
        }
    });
    assert_eq!(victim.next_line(), HOLDING, "the victim failed");
    let killed = Instant::now();
    victim.kill();
    let (at, kind) = caller.join().expect("a call does not panic");
    assert_eq!(kind, ErrorKind::PeerDied);
    // Routes go first; this returns when the rest is put right as well.
    while !kernel.counters().routes.is_empty() {
        assert!(killed.elapsed() < LONG, "what a dead process held is kept");
        std::thread::yield_now();
    }
    let rest = kernel.maintain().expect("the kernel is open");
    let reclaimed = killed.elapsed();
    assert_eq!(rest, Reclaimed::default(), "survivors do so unasked");
    kernel.trim();
    assert_eq!(kernel.counters().memory_bytes, before, "something is left behind");
    Waited { noticed: at - killed, reclaimed }
}

/// Plays the role of this file; `None` if the words are not those of it.
pub fn play(words: &mut impl Iterator<Item = String>) -> Option<()> {
    let kernel = open(&words.next()?);
    let mut worker = kernel.serve("silent").open().expect("a service opens");
    let unread = kernel.subscribe("unread").policy(Policy::Block).open();
    let unread = unread.expect("a subscription opens");
    let member = kernel.subscribe("unread").group("crew").open().expect("a group opens");
    let publisher = kernel.publisher("unread").open().expect("a publisher opens");
    publisher.publish(&[0; LOAN_BYTES]).expect("there is room");
    let loans: Vec<_> =
        (0..LOANS).map(|_| publisher.loan(LOAN_BYTES).expect("memory is there")).collect();
    process::ready();
    let request = worker.recv(None).expect("the kernel is open");
    process::say(HOLDING);
    process::wait_for_end();
    drop((request, loans, unread, member));
    Some(())
}
