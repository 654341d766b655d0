//! Drivers that every contestant goes through: the same threads, content, clock and check.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::content::{expected_sum, small, sum};
use crate::harness::{Sample, Tail};
use crate::threads::{Cores, StartLine, pin, settle};

/// Windows of a rate run. The median one is the value: when another program takes a core away, it
/// is the window that stands out, and a window is longer than any queue is deep.
const WINDOWS: u64 = 24;

/// What a receiver has read so far.
#[derive(Debug)]
pub struct Tally {
    messages: u64,
    received: u64,
    total: u64,
    window: u64,
    /// The message that ends the warm-up or a window.
    next: u64,
    ends: Vec<Instant>,
}

impl Tally {
    pub(crate) fn new(messages: u64) -> Self {
        let warm_up = messages / 4;
        let window = (messages - warm_up) / WINDOWS;
        let ends = Vec::with_capacity(WINDOWS as usize + 1);
        Self { messages, received: 0, total: 0, window, next: warm_up, ends }
    }

    /// Counts and sums one message.
    #[inline]
    pub fn add(&mut self, payload: &[u8]) {
        self.received += 1;
        self.total = self.total.wrapping_add(sum(payload));
        if self.received == self.next {
            self.ends.push(Instant::now());
            self.next += self.window;
        }
    }

    /// How many messages are still to come.
    #[inline]
    pub fn missing(&self) -> u64 {
        self.messages - self.received
    }

    /// The rate, once all has come and is what was sent.
    pub(crate) fn finish(&self, payload_bytes: usize) -> Sample {
        assert_eq!(self.total, expected_sum(self.messages, payload_bytes), "content differs");
        Sample::new(self.rate())
    }

    /// M messages/s in the median window after the warm-up.
    fn rate(&self) -> f64 {
        let seconds = |ends: &[Instant]| (ends[1] - ends[0]).as_secs_f64();
        let mut windows: Vec<f64> = self.ends.windows(2).map(seconds).collect();
        windows.sort_by(f64::total_cmp);
        self.window as f64 / windows[windows.len() / 2] / 1e6
    }
}

/// One way, sender on core 0, receiver on core 1; the first quarter is warm-up. M messages/s.
///
/// `send` sends `messages` messages, `receive` reads until nothing is missing.
pub fn one_way(
    messages: u64,
    payload_bytes: usize,
    send: impl FnOnce(u64) + Send,
    receive: impl FnOnce(&mut Tally),
) -> Sample {
    let line = StartLine::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(0);
            line.wait();
            send(messages);
        });
        pin(1);
        let mut tally = Tally::new(messages);
        line.wait();
        receive(&mut tally);
        tally.finish(payload_bytes)
    })
}

/// Round trips of 64 bytes between core 0, which runs `ask`, and core 1, which runs `echo` as
/// often. The value is the p50 in ns, unstamped: a clock read per trip would weigh a fifth of it.
/// The tail comes from as many stamped trips.
pub fn round_trip(
    trips: u64,
    mut ask: impl FnMut(&[u8; 64]) -> [u8; 64],
    mut echo: impl FnMut() + Send,
) -> Sample {
    let trips = whole_chunks(trips);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(1);
            (0..trips).for_each(|_| echo());
        });
        pin(0);
        let mut total = 0u64;
        let trip = |sequence| total = total.wrapping_add(sum(&ask(&small(sequence))));
        let sample = chunked(trips, trip);
        assert_eq!(total, expected_sum(trips, 64), "content differs");
        sample
    })
}

/// Trips between two readings of the clock.
const CHUNK: u64 = 16;

/// As many trips as [`chunked`] makes of `trips`, which is no more.
pub fn whole_chunks(trips: u64) -> u64 {
    trips / (2 * CHUNK) * (2 * CHUNK)
}

/// Steps `0..trips`, a number of [`whole_chunks`]: the value is the p50 in ns of the first half,
/// unstamped, the tail that of the second half, each stamped.
pub fn chunked(trips: u64, mut step: impl FnMut(u64)) -> Sample {
    let plain = trips / 2;
    let mut means: Vec<f64> = Vec::with_capacity((plain / CHUNK) as usize);
    for first in (0..plain).step_by(CHUNK as usize) {
        let start = Instant::now();
        (first..first + CHUNK).for_each(&mut step);
        means.push(start.elapsed().as_nanos() as f64 / CHUNK as f64);
    }
    let stamped = stamped(plain..trips, step);
    means.sort_by(f64::total_cmp);
    Sample { value: means[means.len() / 2], ..stamped }
}

/// Round trips of 64 bytes between core 0, which runs `ask`, and `echo_core`, every trip stamped:
/// for trips that take long beside a clock read. p50 and tail in ns.
pub fn round_trip_stamped(
    echo_core: usize,
    trips: u64,
    mut ask: impl FnMut(&[u8; 64]) -> [u8; 64],
    mut echo: impl FnMut() + Send,
) -> Sample {
    std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(echo_core);
            (0..trips).for_each(|_| echo());
        });
        pin(0);
        let mut total = 0u64;
        let sample = stamped(0..trips, |n| total = total.wrapping_add(sum(&ask(&small(n)))));
        assert_eq!(total, expected_sum(trips, 64), "content differs");
        sample
    })
}

/// Ten seconds: what takes longer counts as that long.
pub const LONGEST_NS: u64 = 10_000_000_000;

/// Stamps every step; p50 and tail in ns.
pub fn stamped(steps: core::ops::Range<u64>, mut step: impl FnMut(u64)) -> Sample {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("allowed bounds");
    let mut before = Instant::now();
    for sequence in steps {
        step(sequence);
        let now = Instant::now();
        histogram.saturating_record((now - before).as_nanos() as u64);
        before = now;
    }
    summary_of(&histogram)
}

/// p50 and tail of what was recorded in ns.
pub fn summary_of(histogram: &Histogram<u64>) -> Sample {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64;
    Sample { value: at(0.5), tail: Some(Tail { p99_ns: at(0.99), p99_9_ns: at(0.999) }) }
}

/// A sender of a crowd: sends the messages of the given range.
pub type Sender = Box<dyn FnOnce(core::ops::Range<u64>) + Send>;
/// A receiver of a crowd: reads until its share is done, adds up each payload, returns the sum.
pub type Receiver = Box<dyn FnOnce() -> u64 + Send>;

/// Several senders and receivers on `cores`. The senders share `0..messages`; `copies` is how
/// often each message arrives. M published messages/s, thread start excluded.
pub fn crowd(
    cores: Cores,
    messages: u64,
    copies: u64,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
) -> Sample {
    let line = StartLine::new(senders.len() + receivers.len() + 1);
    let share = messages / senders.len() as u64;
    let messages = share * senders.len() as u64;
    let line = &line;
    std::thread::scope(|scope| {
        for (index, send) in (0..).zip(senders) {
            scope.spawn(move || {
                settle(cores);
                line.wait();
                send(index * share..(index + 1) * share);
            });
        }
        let start_receiver = |receive: Receiver| {
            scope.spawn(move || {
                settle(cores);
                line.wait();
                receive()
            })
        };
        let running: Vec<_> = receivers.into_iter().map(start_receiver).collect();
        settle(cores);
        line.wait();
        let start = Instant::now();
        let sums = running.into_iter().map(|thread| thread.join().expect("a receiver panicked"));
        let total = sums.fold(0, u64::wrapping_add);
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(total, expected_sum(messages, 64).wrapping_mul(copies), "content differs");
        Sample::new(messages as f64 / seconds / 1e6)
    })
}
