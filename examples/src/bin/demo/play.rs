//! One part of the demo: publishes the month by a plan while the stage works on it.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use neo_protocol::Publisher;

use crate::data::{Failure, MINUTES, Month};
use crate::stage::{Outcome, Sent, Stage};
use crate::view::{Snapshot, View};

/// How the month is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How often the whole month is published.
    pub(crate) repeats: u64,
    /// The time in which a month passes, each flight at its scheduled moment; `None`: flat out.
    pub(crate) month_takes: Option<Duration>,
    /// How long the slow subscriber pauses after each message.
    pub(crate) pause: Duration,
}

/// Publishes everything, shows it meanwhile, and returns when all have finished.
pub(crate) fn play(month: &Month, plan: &Plan, view: &mut View) -> Result<Outcome, Failure> {
    let mut stage = Stage::open(plan.name, month, plan.pause)?;
    let publishers = stage.publishers(month)?;
    let published = AtomicU64::new(0);
    let start = Instant::now();
    let sent = thread::scope(|scope| {
        // Nothing is sent: the channel ends with the publisher, which wakes the loop at once.
        let (running, ended) = mpsc::channel::<()>();
        let publishing = scope.spawn(|| {
            let _running = running;
            publish(month, plan, &publishers, start, &published)
        });
        while ended.recv_timeout(view.period()) == Err(RecvTimeoutError::Timeout) {
            view.show(&Snapshot::take(&mut stage, month, plan, start, &published)?)?;
        }
        publishing.join().map_err(|_| "the publisher panicked")?
    })?;
    stage.settle()?;
    let took = start.elapsed();
    view.end(&Snapshot::take(&mut stage, month, plan, start, &published)?)?;
    stage.finish(sent, took)
}

fn publish(
    month: &Month,
    plan: &Plan,
    publishers: &[Publisher],
    start: Instant,
    published: &AtomicU64,
) -> Result<Sent, Failure> {
    let mut sent = Sent::default();
    for _ in 0..plan.repeats {
        for (flight, topic) in month.flights.iter().zip(&month.topic_of) {
            if let Some(length) = plan.month_takes {
                wait_until(start + length * flight.scheduled / MINUTES);
            }
            let outcome = publishers[*topic].publish(&flight.encode())?;
            sent.messages += 1;
            sent.dropped += u64::from(outcome.dropped);
            sent.timed_out += u64::from(outcome.timed_out);
            published.store(sent.messages, Ordering::Relaxed);
        }
    }
    Ok(sent)
}

pub(crate) fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        thread::sleep(left);
    }
}
