//! The abandon harness: a participant stops for ever at every labelled step of everything that it
//! can do, and a survivor's reclaim puts right what it left (region.md R4).
//!
//! Each scenario is run once without a death, to see which steps it passes, and then once for every
//! step: the victim's thread parks there and never goes on. Services on their callers' threads are
//! left out: they end with their process, and what they hold is not in the region.
// Under Miri there is no shared memory to map twice.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod publishing;
mod reclaiming;
mod requests;
mod stalled;
mod subscribing;
mod taking;

use core::cell::Cell;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use precursor_broker::{Broker, Limits, steps};

/// Longer than anything that ends as it should.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Participants of the harness's kernels at one time.
pub(crate) const PARTICIPANTS: u32 = 4;

/// What survivors look at when the dead has been put right.
pub(crate) type Check = Box<dyn FnOnce()>;

/// One thing that a participant may die of.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What a survivor has open, and how it sees that all is well again.
    pub(crate) stage: fn(&Broker) -> Check,
    /// What the victim does. Steps count from where it calls the function that it is given; the
    /// second broker is the survivor's, for what must happen before.
    pub(crate) act: fn(&Broker, &Broker, &dyn Fn()),
}

/// Where the victim's participant lives.
#[derive(Clone, Copy, Debug)]
enum Place {
    Joined,
    MappedTwice,
}

/// What the victim's thread tells.
enum Told {
    Passed(&'static str),
    Stopped(&'static str),
    Finished,
}

fn limits() -> Limits {
    Limits::new()
        .with_memory_bytes_max(16 << 20)
        .with_participants_max(PARTICIPANTS)
        .with_routes_max(checks::ROUTES)
        .with_calls_in_flight_max(checks::CALLS)
}

/// Runs a scenario whose victim stops at step `stop` (never, if there are fewer). The steps that it
/// passed, and the one at which it stopped.
fn run(
    scenario: &Scenario,
    place: Place,
    stop: usize,
) -> (Vec<&'static str>, Option<&'static str>) {
    let (survivor, victim) = match place {
        Place::Joined => {
            let survivor = Broker::private(&limits()).unwrap();
            (survivor.clone(), survivor.join().unwrap())
        }
        Place::MappedTwice => {
            let survivor = Broker::shared(&limits()).unwrap();
            (survivor.clone(), survivor.attach_again().unwrap())
        }
    };
    let check = (scenario.stage)(&survivor);
    let id = victim.participant();
    let (teller, told) = channel();
    let (act, before) = (scenario.act, survivor.clone());
    let thread = thread::spawn(move || {
        watch(stop, teller.clone());
        act(&victim, &before, &|| BEGUN.set(true));
        drop(victim);
        let _ = teller.send(Told::Finished);
    });
    let (passed, stopped) = listen(&told);
    if stopped.is_some() {
        // The victim, and what it was about to join as.
        assert!((1..=2).contains(&declare_others_dead(&survivor)), "the dead are found");
        assert_eq!(declare_others_dead(&survivor), 0, "nothing is left to do a second time");
    } else {
        thread.join().unwrap();
    }
    check();
    checks::everything_is_free(&survivor, id);
    (passed, stopped)
}

/// Declares everybody but the survivor dead. How many there were.
fn declare_others_dead(survivor: &Broker) -> usize {
    (1..=PARTICIPANTS as u16)
        .filter(|id| *id != survivor.participant())
        .map(|id| survivor.declare_dead(id).participants)
        .sum()
}

thread_local! {
    static BEGUN: Cell<bool> = const { Cell::new(false) };
}

/// Makes this thread tell every step from the beginning on, and end at step `stop`.
fn watch(stop: usize, teller: Sender<Told>) {
    let steps_passed = Cell::new(0);
    steps::set_hook(move |label| {
        if !BEGUN.get() {
            return;
        }
        if steps_passed.get() == stop {
            let _ = teller.send(Told::Stopped(label));
            loop {
                thread::park();
            }
        }
        steps_passed.set(steps_passed.get() + 1);
        let _ = teller.send(Told::Passed(label));
    });
}

fn listen(told: &Receiver<Told>) -> (Vec<&'static str>, Option<&'static str>) {
    let mut passed = Vec::new();
    loop {
        match told.recv_timeout(LONG).expect("the victim stops or finishes") {
            Told::Passed(label) => passed.push(label),
            Told::Stopped(label) => return (passed, Some(label)),
            Told::Finished => return (passed, None),
        }
    }
}

/// Runs every scenario with a death at every step. What failed, and the labels that were covered.
fn run_all(place: Place, covered: &mut BTreeSet<&'static str>) -> Vec<String> {
    let mut failures = Vec::new();
    let scenarios = [
        publishing::SCENARIOS,
        taking::SCENARIOS,
        subscribing::SCENARIOS,
        requests::SCENARIOS,
        reclaiming::SCENARIOS,
    ];
    for scenario in scenarios.into_iter().flatten() {
        for stop in 0.. {
            let attempt = std::panic::catch_unwind(|| run(scenario, place, stop));
            match attempt {
                Ok((_, Some(label))) => {
                    covered.insert(label);
                }
                Ok((_, None)) => break,
                Err(_) => {
                    let Some(label) = label_at(scenario, place, stop) else {
                        failures.push(format!("{} without a death ({place:?})", scenario.name));
                        break;
                    };
                    covered.insert(label);
                    let failure = format!("{} at {label}, step {stop} ({place:?})", scenario.name);
                    failures.push(failure);
                }
            }
        }
    }
    failures
}

/// The label of a step, from a run in which nobody dies.
fn label_at(scenario: &Scenario, place: Place, stop: usize) -> Option<&'static str> {
    let (passed, _) = std::panic::catch_unwind(|| run(scenario, place, usize::MAX)).ok()?;
    passed.get(stop).copied()
}

#[test]
fn survivors_put_right_what_the_dead_left_at_every_step() {
    let mut covered = BTreeSet::new();
    let mut failures = run_all(Place::Joined, &mut covered);
    failures.extend(run_all(Place::MappedTwice, &mut covered));
    println!("abandon: covered {} of {} labels", covered.len(), steps::LABELS.len());
    // Attaching and leaving by name is the life of a process: see `attach_steps.rs`.
    let is_elsewhere = |label: &str| label.starts_with("attach.") || label.starts_with("leave.");
    let missed: Vec<_> = steps::LABELS
        .iter()
        .filter(|label| !covered.contains(*label) && !is_elsewhere(label))
        .collect();
    assert!(missed.is_empty(), "no scenario reaches {missed:?}");
    assert!(failures.is_empty(), "{} deaths:\n{}", failures.len(), failures.join("\n"));
}
