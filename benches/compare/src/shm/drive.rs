//! Drivers that every contestant goes through: the same processes, content, clock and check.

use super::end::{Content, End, Shape, Side, Waits};
use super::neo::{self, Neo};
use super::process::{self, Process};
use crate::drive::{Tally, chunked, stamped, whole_chunks};
use crate::harness::Sample;
use crate::peers::iceoryx2::Iceoryx2;
use crate::peers::raw_shm::RawRing;
use crate::peers::zmq_ipc::ZmqIpc;
use crate::threads::{Cores, pin, settle};

/// The role of this file: the far end of a connection.
pub const ROLE: &str = "far end";

/// What the far end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Answers every message, on core 1.
    Echo,
    /// Sends one after the other, on core 0, once it was told to.
    Flood,
}

impl Act {
    const ALL: [Self; 2] = [Self::Echo, Self::Flood];
}

/// All that the far end needs to know.
#[derive(Clone, Debug)]
struct Task {
    end: String,
    place: String,
    act: Act,
    waits: Waits,
    content: Content,
    payload_bytes: usize,
    messages: u64,
}

impl Task {
    fn words(&self) -> Vec<String> {
        let act = format!("{:?}", self.act);
        let waits = format!("{:?}", self.waits);
        let content = format!("{:?}", self.content);
        let (bytes, messages) = (self.payload_bytes.to_string(), self.messages.to_string());
        [ROLE, &self.end, &self.place, &act, &waits, &content, &bytes, &messages]
            .map(str::to_owned)
            .into()
    }

    /// From what follows the role in [`Self::words`].
    fn parse(words: &mut impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            end: words.next()?,
            place: words.next()?,
            act: named(&Act::ALL, words)?,
            waits: named(&Waits::ALL, words)?,
            content: named(&Content::ALL, words)?,
            payload_bytes: words.next()?.parse().ok()?,
            messages: words.next()?.parse().ok()?,
        })
    }

    fn shape(&self) -> Shape {
        Shape { payload_bytes: self.payload_bytes, waits: self.waits }
    }

    fn check(&self, total: u64) {
        let expected = self.content.expected_sum(self.messages, self.payload_bytes);
        assert_eq!(total, expected, "content differs");
    }
}

fn named<T: Copy + core::fmt::Debug>(
    all: &[T],
    words: &mut impl Iterator<Item = String>,
) -> Option<T> {
    let word = words.next()?;
    all.iter().copied().find(|value| format!("{value:?}") == word)
}

/// Plays the role of this file; `None` if the words are not those of a task.
pub fn play(words: &mut impl Iterator<Item = String>) -> Option<()> {
    let task = Task::parse(words)?;
    match task.end.as_str() {
        Neo::NAME => act::<Neo>(&task),
        RawRing::<false>::NAME => act::<RawRing<false>>(&task),
        RawRing::<true>::NAME => act::<RawRing<true>>(&task),
        Iceoryx2::NAME => act::<Iceoryx2>(&task),
        ZmqIpc::NAME => act::<ZmqIpc>(&task),
        _ => return None,
    }
    Some(())
}

fn act<E: End>(task: &Task) {
    let mut end = E::open(&task.place, Side::Far, task.shape());
    process::ready();
    work(&mut end, task);
    process::done();
}

fn work<E: End>(end: &mut E, task: &Task) {
    let content = task.content;
    match task.act {
        Act::Echo => {
            pin(1);
            let mut total = 0u64;
            for sequence in 0..task.messages {
                total = total.wrapping_add(end.receive(|payload| content.sum(payload)));
                end.send(|payload| content.write(payload, sequence));
            }
            task.check(total);
        }
        Act::Flood => {
            pin(0);
            end.receive(|_| ());
            for sequence in 0..task.messages {
                end.send(|payload| content.write(payload, sequence));
            }
        }
    }
}

/// A round trip between two processes.
#[derive(Clone, Copy, Debug)]
pub struct Trip {
    /// The length of request and answer.
    pub payload_bytes: usize,
    /// How both processes wait.
    pub waits: Waits,
    /// What of the payloads they write and read.
    pub content: Content,
    /// How many.
    pub trips: u64,
}

impl Trip {
    fn task<E: End>(self, place: String) -> Task {
        let Self { payload_bytes, waits, content, trips } = self;
        let messages = whole_chunks(trips);
        Task { end: E::NAME.into(), place, act: Act::Echo, waits, content, payload_bytes, messages }
    }
}

/// Round trips between core 0 of this process and core 1 of another one, which sums the request
/// and writes the answer anew. The value is the p50 in ns, unstamped unless the ends park.
pub fn round_trip<E: End>(trip: Trip) -> Sample {
    let task = trip.task::<E>(process::new_name());
    let mut near = open_near::<E>(&task);
    let far = Process::start(&task.words()).watched();
    let sample = ask(&mut near, &task);
    far.finish();
    sample
}

/// The same between two threads of this process, over `mem://`.
pub fn round_trip_of_threads(trip: Trip) -> Sample {
    let task = trip.task::<Neo>(neo::in_memory(&process::new_name()));
    let mut near = open_near::<Neo>(&task);
    let mut far = Neo::open(&task.place, Side::Far, task.shape());
    std::thread::scope(|scope| {
        scope.spawn(|| work(&mut far, &task));
        ask(&mut near, &task)
    })
}

fn ask<E: End>(near: &mut E, task: &Task) -> Sample {
    pin(0);
    let mut total = 0u64;
    let trip = |sequence| {
        near.send(|payload| task.content.write(payload, sequence));
        total = total.wrapping_add(near.receive(|payload| task.content.sum(payload)));
    };
    let sample = match task.waits {
        Waits::Park => stamped(0..task.messages, trip),
        Waits::Spin | Waits::Adaptive => chunked(task.messages, trip),
    };
    task.check(total);
    sample
}

/// One way from core 0 of another process to core 1 of this one, one by one; the first quarter is
/// warm-up. M messages/s.
pub fn one_way<E: End>(payload_bytes: usize, waits: Waits, messages: u64) -> Sample {
    let (end, place) = (E::NAME.into(), process::new_name());
    let content = Content::Whole;
    let task = Task { end, place, act: Act::Flood, waits, content, payload_bytes, messages };
    let mut near = open_near::<E>(&task);
    let far = Process::start(&task.words()).watched();
    pin(1);
    near.send(|payload| payload.fill(0));
    let mut tally = Tally::new(messages);
    near.drain(&mut tally);
    far.finish();
    tally.finish(payload_bytes)
}

/// Opened before anything is pinned: threads that a contestant starts are on all cores.
fn open_near<E: End>(task: &Task) -> E {
    settle(Cores::Free);
    E::open(&task.place, Side::Near, task.shape())
}
