//! A bare ring in the shape of a mailbox: a slot of 256 bytes of which a frame takes 128, a commit
//! word for each slot, one producer and one consumer. It has no topics, policies, wakes, losses or
//! claims, and does not survive anybody: what a broker over such slots cannot be faster than.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{DEPTH, MESSAGES};
use crate::content::small;
use crate::drive::{self, Tally};
use crate::harness::{Sample, Scale};

const WORDS: usize = 16;
const HEADER_WORDS: usize = 8;
/// Messages that the consumer reads before it gives their slots back.
const BATCH: u64 = 64;

/// 256 bytes, as a mailbox's slot.
#[derive(Debug, Default)]
#[repr(align(256))]
struct Slot([AtomicU64; WORDS]);

/// A word on a line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Alone(AtomicU64);

#[derive(Debug)]
struct Ring {
    slots: Vec<Slot>,
    commits: Vec<AtomicU64>,
    taken: Alone,
}

/// 64 B one by one, each byte of a frame stored once.
pub fn one_way(scale: Scale) -> Sample {
    run::<false>(scale)
}

/// The same, the second half of each frame stored twice.
pub fn one_way_stored_twice(scale: Scale) -> Sample {
    run::<true>(scale)
}

fn run<const TWICE: bool>(scale: Scale) -> Sample {
    let ring = Ring {
        slots: (0..DEPTH).map(|_| Slot::default()).collect(),
        commits: (0..DEPTH).map(|_| AtomicU64::new(0)).collect(),
        taken: Alone::default(),
    };
    let send = |messages| {
        let mut taken = 0;
        for position in 0..messages {
            while position - taken == DEPTH as u64 {
                std::hint::spin_loop();
                taken = ring.taken.0.load(Ordering::Acquire);
            }
            ring.put::<TWICE>(position);
        }
    };
    drive::one_way(scale.of(MESSAGES), 64, send, |tally| ring.drain(tally))
}

impl Ring {
    #[inline]
    fn put<const TWICE: bool>(&self, position: u64) {
        let place = position as usize % DEPTH;
        let words = &self.slots[place].0;
        let payload = small(position);
        let (payload, _) = payload.as_chunks::<8>();
        for (word, value) in words.iter().zip(position..).take(HEADER_WORDS) {
            word.store(value, Ordering::Relaxed);
        }
        for _ in 0..1 + usize::from(TWICE) {
            for (word, bytes) in words[HEADER_WORDS..].iter().zip(payload) {
                word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
            }
            // Else the compiler would see that the first time is in vain.
            std::sync::atomic::compiler_fence(Ordering::SeqCst);
        }
        self.commits[place].store(position + 1, Ordering::Release);
    }

    fn drain(&self, tally: &mut Tally) {
        let mut position = 0;
        while tally.missing() > 0 {
            let first = position;
            while position < first + BATCH && self.is_committed(position) {
                let words = &self.slots[position as usize % DEPTH].0;
                assert_eq!(words[0].load(Ordering::Relaxed), position, "another frame");
                let mut payload = [0; 64];
                let (chunks, _) = payload.as_chunks_mut::<8>();
                for (bytes, word) in chunks.iter_mut().zip(&words[HEADER_WORDS..]) {
                    *bytes = word.load(Ordering::Relaxed).to_le_bytes();
                }
                tally.add(&payload);
                position += 1;
            }
            if position == first {
                std::hint::spin_loop();
            } else {
                self.taken.0.store(position, Ordering::Release);
            }
        }
    }

    fn is_committed(&self, position: u64) -> bool {
        self.commits[position as usize % DEPTH].load(Ordering::Acquire) == position + 1
    }
}
