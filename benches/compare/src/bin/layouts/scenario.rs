//! The scenarios that every layout goes through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use neo_compare::content::{expected_sum, small as content, sum};
use neo_compare::threads::{Cores, StartLine, pin, settle};

use crate::mailbox::{Mailbox, PAYLOAD, Producer};

/// What is measured; rates in M messages/s, the round trip in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Two mailboxes, both sides spinning, p50.
    RoundTrip,
    /// One producer, the reader waits this way when it finds nothing.
    OneWay(Wait),
    /// One producer that claims 32 at a time; the reader waits adaptively.
    Batches,
    /// Producers on both cores, one of which also reads: two claims really race.
    TwoProducersPinned,
    /// Two producers and a reader, free on both cores.
    TwoProducersFree,
}

/// What the reader does when it finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Poll,
    Pauses(u32),
    Adaptive,
}

/// Pauses per empty poll. Adaptive: none while messages come one by one; when data keeps coming
/// within one short wait, longer pauses let the writer get a run ahead.
struct Backoff {
    wait: Wait,
    pauses: u32,
    empty_polls: u32,
}

const ADAPTIVE_PAUSES_MAX: u32 = 32;
const CATCHING_UP_POLLS: u32 = 4;

impl Backoff {
    fn new(wait: Wait) -> Self {
        let pauses = if let Wait::Pauses(n) = wait { n } else { 1 };
        Self { wait, pauses, empty_polls: 0 }
    }

    #[inline]
    fn received(&mut self) {
        if self.wait == Wait::Adaptive && self.empty_polls > 0 {
            let quick = self.empty_polls * self.pauses <= CATCHING_UP_POLLS.max(self.pauses);
            self.pauses = match quick {
                true => (self.pauses * 2).min(ADAPTIVE_PAUSES_MAX),
                false => (self.pauses / 2).max(1),
            };
        }
        self.empty_polls = 0;
    }

    #[inline]
    fn empty(&mut self) {
        self.empty_polls += 1;
        for _ in 0..self.pauses {
            std::hint::spin_loop();
        }
    }
}

/// Runs `scenario` once.
pub(crate) fn run<M: Mailbox>(scenario: Scenario, depth: usize, messages: u64) -> f64 {
    match scenario {
        Scenario::RoundTrip => round_trip::<M>(depth, messages / 8),
        Scenario::OneWay(wait) => one_way::<M>(depth, messages, wait, 1),
        Scenario::Batches => one_way::<M>(depth, messages, Wait::Adaptive, 32),
        Scenario::TwoProducersPinned => two_pinned::<M>(depth, messages),
        Scenario::TwoProducersFree => two_free::<M>(depth, messages),
    }
}

#[inline]
fn send<M: Mailbox>(mailbox: &M, producer: &mut Producer, payload: &[u8]) {
    while mailbox.publish(producer, payload).is_none() {
        std::hint::spin_loop();
    }
}

#[inline]
fn receive_one<M: Mailbox>(mailbox: &M, next: &mut u64) -> [u8; PAYLOAD] {
    let mut payload = [0; PAYLOAD];
    while mailbox.poll(next, 1, &mut |bytes| payload.copy_from_slice(bytes)) == 0 {
        std::hint::spin_loop();
    }
    payload
}

fn round_trip<M: Mailbox>(depth: usize, trips: u64) -> f64 {
    const CHUNK: u64 = 16;
    let (there, back) = (M::with_depth(depth), M::with_depth(depth));
    let chunks = trips / CHUNK;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            let (mut producer, mut next) = (Producer::default(), 0);
            for _ in 0..chunks * CHUNK {
                let payload = receive_one(&there, &mut next);
                send(&back, &mut producer, &payload);
            }
        });
        pin(0);
        let (mut producer, mut next, mut total) = (Producer::default(), 0, 0u64);
        let mut nanoseconds: Vec<f64> = Vec::with_capacity(chunks as usize);
        for chunk in 0..chunks {
            let start = Instant::now();
            for trip in 0..CHUNK {
                send(&there, &mut producer, &content(chunk * CHUNK + trip));
                total = total.wrapping_add(sum(&receive_one(&back, &mut next)));
            }
            nanoseconds.push(start.elapsed().as_nanos() as f64 / CHUNK as f64);
        }
        assert_eq!(total, expected_sum(chunks * CHUNK, PAYLOAD), "content differs");
        nanoseconds.sort_by(f64::total_cmp);
        nanoseconds[nanoseconds.len() / 2]
    })
}

/// Reads `messages` after a warm-up of a quarter, checks the sum of all, returns M/s.
fn drain<M: Mailbox>(mailbox: &M, messages: u64, wait: Wait, free: bool) -> (f64, u64) {
    let (mut next, mut total, mut count) = (0, 0u64, 0);
    let mut backoff = Backoff::new(wait);
    let mut measured: Option<(Instant, u64)> = None;
    while count < messages {
        match mailbox.poll(&mut next, 256, &mut |bytes| total = total.wrapping_add(sum(bytes))) {
            0 if free && backoff.empty_polls > 64 => std::thread::yield_now(),
            0 => backoff.empty(),
            n => {
                backoff.received();
                count += n;
            }
        }
        if measured.is_none() && count >= messages / 4 {
            measured = Some((Instant::now(), count));
        }
    }
    let (start, before) = measured.expect("the warm-up is shorter than the run");
    ((count - before) as f64 / start.elapsed().as_secs_f64() / 1e6, total)
}

fn one_way<M: Mailbox>(depth: usize, messages: u64, wait: Wait, batch: u64) -> f64 {
    let mailbox = M::with_depth(depth);
    let line = StartLine::new(2);
    let messages = messages / batch * batch;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(0);
            let mut producer = Producer::default();
            let mut run = vec![[0; PAYLOAD]; batch as usize];
            line.wait();
            for first in (0..messages).step_by(batch as usize) {
                if batch == 1 {
                    send(&mailbox, &mut producer, &content(first));
                    continue;
                }
                for (sequence, payload) in (first..).zip(&mut run) {
                    *payload = content(sequence);
                }
                while mailbox.publish_many(&mut producer, &run).is_none() {
                    std::hint::spin_loop();
                }
            }
        });
        pin(1);
        line.wait();
        let (rate, total) = drain(&mailbox, messages, wait, false);
        assert_eq!(total, expected_sum(messages, PAYLOAD), "content differs");
        rate
    })
}

fn two_pinned<M: Mailbox>(depth: usize, messages: u64) -> f64 {
    let mailbox = M::with_depth(depth);
    let line = StartLine::new(2);
    let half = messages / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            let mut producer = Producer { owner: 2, free: 0 };
            line.wait();
            for sequence in half..2 * half {
                send(&mailbox, &mut producer, &content(sequence));
            }
        });
        pin(0);
        line.wait();
        let (mut producer, mut next, mut total) = (Producer { owner: 1, free: 0 }, 0, 0u64);
        let (mut sent, mut received) = (0, 0);
        let start = Instant::now();
        while received < 2 * half {
            if sent < half && mailbox.publish(&mut producer, &content(sent)).is_some() {
                sent += 1;
            }
            let add = &mut |bytes: &[u8]| total = total.wrapping_add(sum(bytes));
            received += mailbox.poll(&mut next, 4, add);
        }
        assert_eq!(total, expected_sum(2 * half, PAYLOAD), "content differs");
        2.0 * half as f64 / start.elapsed().as_secs_f64() / 1e6
    })
}

fn two_free<M: Mailbox>(depth: usize, messages: u64) -> f64 {
    let mailbox = M::with_depth(depth);
    let line = StartLine::new(3);
    let half = messages / 2;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for owner in 0..2 {
            let (mailbox, line, done) = (&mailbox, &line, &done);
            scope.spawn(move || {
                settle(Cores::Free);
                let mut producer = Producer { owner: owner + 1, free: 0 };
                line.wait();
                for sequence in owner * half..(owner + 1) * half {
                    let payload = content(sequence);
                    let mut tries = 0u32;
                    while mailbox.publish(&mut producer, &payload).is_none() {
                        tries += 1;
                        if tries.is_multiple_of(64) {
                            std::thread::yield_now();
                        }
                        std::hint::spin_loop();
                    }
                }
                assert!(!done.load(Ordering::Relaxed), "the reader left before its producers");
            });
        }
        settle(Cores::Free);
        line.wait();
        let (rate, total) = drain(&mailbox, 2 * half, Wait::Adaptive, true);
        assert_eq!(total, expected_sum(2 * half, PAYLOAD), "content differs");
        rate
    })
}
