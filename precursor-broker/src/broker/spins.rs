//! How a reader spends the time until something comes.

use crate::sync::spin_loop;

/// How long spinning pays at this reader, and whether it should let the publisher get ahead.
#[derive(Debug)]
pub(crate) struct Spins {
    /// Turns before it yields.
    pub(crate) limit: u32,
    /// Receives in a row that found messages at once: the reader is at the publisher's heels.
    at_heels: u32,
    /// Turns that such a reader lets pass before it looks.
    back_off: u32,
    /// Messages that it aims to find then.
    pub(crate) aim: u32,
}

impl Spins {
    pub(crate) const MIN: u32 = 64;
    pub(crate) const MAX: u32 = 4_096;
    /// Turns within which a message comes if the publisher is busy with the next one.
    const HEELS_TURNS: u32 = 4;
    const HEELS_MIN: u32 = 16;
    const BACK_OFF_MIN: u32 = 8;
    /// A few microseconds.
    const BACK_OFF_MAX: u32 = 256;
    const AIM: u32 = 64;

    pub(crate) fn new(depth: u32) -> Self {
        Self { limit: Self::MAX, at_heels: 0, back_off: 0, aim: Self::AIM.min(depth / 4) }
    }

    pub(crate) fn ended(&mut self, turns: u32) {
        if turns <= Self::HEELS_TURNS {
            self.at_heels = self.at_heels.saturating_add(1);
        } else {
            self.at_heels = 0;
        }
    }

    /// A reader at the publisher's heels takes the lines away that the publisher is about to write.
    /// It lets it get ahead, by as much as makes a good batch.
    #[inline]
    pub(crate) fn back_off(&self) {
        if self.at_heels >= Self::HEELS_MIN {
            for _ in 0..self.back_off {
                spin_loop();
            }
        }
    }

    #[inline]
    pub(crate) fn took(&mut self, messages: u32) {
        if self.at_heels < Self::HEELS_MIN {
            return;
        }
        if messages < self.aim {
            self.back_off = (self.back_off * 2).clamp(Self::BACK_OFF_MIN, Self::BACK_OFF_MAX);
        } else if messages > self.aim * 2 {
            self.back_off /= 2;
        }
    }
}
