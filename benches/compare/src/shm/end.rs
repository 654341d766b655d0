//! What a contestant between two processes is, and what its messages are like.

use crate::drive::Tally;
use crate::peers::{DEPTH, DEPTH_64_KIB};

/// Which of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the process that measures. It is opened first, and makes what both use.
    Near,
    /// In the other one.
    Far,
}

/// How an end waits for the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Polls.
    Spin,
    /// As the contestant does unless told otherwise.
    Adaptive,
    /// Sleeps at once.
    Park,
}

impl Waits {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Spin, Self::Adaptive, Self::Park];
}

/// What of a payload the processes write and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// All of it is written, all of it is summed.
    Whole,
    /// Its first and its last word.
    Touched,
}

impl Content {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Whole, Self::Touched];

    /// Writes the payload of message `sequence`. Never inlined, nor is [`Self::sum`]: all run the
    /// same instructions, which the compiler else makes wider for one contestant than for another.
    #[inline(never)]
    pub fn write(self, payload: &mut [u8], sequence: u64) {
        match self {
            Self::Whole => crate::content::fill(payload, sequence),
            Self::Touched => {
                let (first, last) = ends(payload.len());
                payload[first].copy_from_slice(&sequence.to_le_bytes());
                payload[last].copy_from_slice(&(!sequence).to_le_bytes());
            }
        }
    }

    /// Sums what [`Self::write`] wrote.
    #[inline(never)]
    pub fn sum(self, payload: &[u8]) -> u64 {
        match self {
            Self::Whole => crate::content::sum(payload),
            Self::Touched => {
                let (first, last) = ends(payload.len());
                let word = |bytes: &[u8]| u64::from_le_bytes(*bytes.as_array().expect("8 bytes"));
                let sequence = word(&payload[first]);
                assert_eq!(sequence, !word(&payload[last]), "one payload has two messages");
                sequence
            }
        }
    }

    /// What the messages `0..messages` sum to.
    pub fn expected_sum(self, messages: u64, payload_bytes: usize) -> u64 {
        match self {
            Self::Whole => crate::content::expected_sum(messages, payload_bytes),
            Self::Touched => (0..messages).sum(),
        }
    }
}

/// Where the first and the last word of a payload are.
fn ends(len: usize) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
    (0..8, len - 8..len)
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The length of every payload.
    pub payload_bytes: usize,
    /// How both ends wait.
    pub waits: Waits,
}

impl Shape {
    /// Messages that each direction holds.
    pub fn depth(self) -> usize {
        match self.payload_bytes {
            0..=1024 => DEPTH,
            1025..=65_536 => DEPTH_64_KIB,
            _ => 8,
        }
    }
}

/// One end of a connection between two processes: what it sends, the other one receives.
pub trait End: Sized {
    /// The other process finds the contestant by it.
    const NAME: &'static str;

    /// Opens an end at `place`, which both sides are given, and nobody else.
    fn open(place: &str, side: Side, shape: Shape) -> Self;

    /// Sends one message that `write` writes, in place if the contestant can; again if the message
    /// was not taken.
    fn send(&mut self, write: impl Fn(&mut [u8]));

    /// Waits for one message, which `read` reads where it lies.
    fn receive<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R;

    /// Receives until nothing is missing.
    fn drain(&mut self, tally: &mut Tally) {
        while tally.missing() > 0 {
            self.receive(|payload| tally.add(payload));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_sum_is_that_of_the_payloads() {
        for content in Content::ALL {
            let mut payload = [0; 1024];
            let total = (0..77).fold(0u64, |total, sequence| {
                content.write(&mut payload, sequence);
                total.wrapping_add(content.sum(&payload))
            });
            assert_eq!(total, content.expected_sum(77, 1024), "{content:?}");
        }
    }
}
