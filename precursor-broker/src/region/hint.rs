//! Where one publisher last found a block: private memory that makes allocation one probe.

use super::classes::{CLASSES_MAX, Class};
use crate::sync::{AtomicU64, Ordering};

/// Free blocks are looked for in this many places of the window before it grows.
pub(crate) const PROBES: usize = 4;
const WINDOW_MIN: usize = 8;

/// Starting points for [`BlockTable::alloc`](super::blocks::BlockTable::alloc), one per class.
///
/// Blocks are taken in turn from a *window* of neighbouring slots, as few as keep up with the
/// readers, so that the same cache-warm memory is written again. A hint may be shared by threads
/// and may be stale: it only decides where the search begins.
#[derive(Debug)]
pub(crate) struct AllocHint {
    seed: u32,
    cursors: [AtomicU64; CLASSES_MAX],
}

impl AllocHint {
    /// A hint that begins at a place chosen by `seed`, so that publishers do not meet in one line.
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, cursors: core::array::from_fn(|_| AtomicU64::new(0)) }
    }

    #[inline]
    pub(crate) fn load(&self, class: u32, shape: Class) -> Option<Window> {
        let word = self.cursors.get(class as usize)?.load(Ordering::Relaxed);
        let segment = (word & 0xF_FFFF).checked_sub(1)? as usize;
        let field = |shift: u32| (word >> shift & 0x7FF) as usize;
        let length = field(31).clamp(1, shape.slots);
        Some(Window {
            segment,
            base: field(20).min(shape.slots - 1),
            length,
            cursor: field(42).min(length - 1),
            grew: word >> 53 & 1 == 1,
        })
    }

    #[inline]
    pub(crate) fn store(&self, class: u32, window: Window) {
        let word = (window.segment as u64 + 1)
            | (window.base as u64) << 20
            | (window.length as u64) << 31
            | (window.cursor as u64) << 42
            | u64::from(window.grew) << 53;
        if let Some(cursor) = self.cursors.get(class as usize) {
            cursor.store(word, Ordering::Relaxed);
        }
    }

    /// A window in a segment that this publisher has not used yet.
    pub(crate) fn window_in(&self, segment: usize, shape: Class) -> Window {
        let spread = self.seed.wrapping_mul(0x9E37_79B9) >> 8;
        Window {
            segment,
            base: spread as usize % shape.slots,
            length: WINDOW_MIN.min(shape.slots),
            cursor: 0,
            grew: false,
        }
    }
}

/// A run of slots of one segment, from `base` around its end, and the next one to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) segment: usize,
    base: usize,
    length: usize,
    cursor: usize,
    grew: bool,
}

impl Window {
    /// Whether the next try begins a turn.
    #[inline]
    pub(crate) fn is_at_its_start(self) -> bool {
        self.cursor == 0
    }

    /// The slot of the `attempt`-th try, and the window if that slot is free. `None` when every
    /// slot of the segment was tried.
    ///
    /// First the next [`PROBES`] of the window in turn, then the slots behind the window, which
    /// grows over them, then the rest of the window.
    #[inline]
    pub(crate) fn candidate(self, attempt: usize, slots: usize) -> Option<(usize, Self)> {
        let probes = PROBES.min(self.length);
        let beyond = slots - self.length;
        let mut next = self;
        let position = if attempt < probes {
            next.turn_to(wrap(self.cursor + attempt, self.length))
        } else if attempt < probes + beyond {
            next.length = self.length + attempt - probes + 1;
            next.grew = true;
            next.length - 1
        } else if attempt < slots {
            next.turn_to(wrap(self.cursor + attempt - beyond, self.length))
        } else {
            return None;
        };
        Some((wrap(self.base + position, slots), next))
    }

    /// Moves the cursor behind `position`; a full turn without growth lets the window shrink.
    fn turn_to(&mut self, position: usize) -> usize {
        self.cursor = position + 1;
        if self.cursor >= self.length {
            self.cursor = 0;
            if !self.grew && self.length > WINDOW_MIN {
                self.length -= self.length / WINDOW_MIN;
            }
            self.grew = false;
        }
        position
    }
}

/// `position` modulo `length`, for less than two turns; a division would cost more than a probe.
#[inline]
fn wrap(position: usize, length: usize) -> usize {
    if position < length { position } else { position - length }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Class = Class { bytes: 384, granules: 3, slots: 682 };

    #[test]
    fn a_hint_keeps_its_window() {
        let hint = AllocHint::new(3);
        assert_eq!(hint.load(2, SHAPE), None);
        let window = Window { segment: 1023, base: 681, length: 682, cursor: 600, grew: true };
        hint.store(2, window);
        assert_eq!(hint.load(2, SHAPE), Some(window));
    }

    #[test]
    fn the_attempts_try_every_slot_once() {
        let most = if cfg!(miri) { 12 } else { 100 };
        for slots in [1, 2, 3, 8, most] {
            for length in 1..=slots {
                for cursor in 0..length {
                    let window =
                        Window { segment: 0, base: slots / 2, length, cursor, grew: false };
                    let mut tried: Vec<_> =
                        (0..).map_while(|n| window.candidate(n, slots)).map(|c| c.0).collect();
                    tried.sort_unstable();
                    assert_eq!(tried, (0..slots).collect::<Vec<_>>(), "{window:?}");
                }
            }
        }
    }

    #[test]
    fn a_window_grows_only_when_its_next_slots_are_taken_and_shrinks_when_they_are_not() {
        let mut window = AllocHint::new(0).window_in(0, SHAPE);
        let mut queue = std::collections::VecDeque::new();
        let mut run = |lag: usize, turns: usize| {
            for _ in 0..turns {
                while queue.len() > lag {
                    queue.pop_front();
                }
                let taken = (0..).map_while(|n| window.candidate(n, SHAPE.slots));
                let (slot, next) = taken.into_iter().find(|c| !queue.contains(&c.0)).unwrap();
                queue.push_back(slot);
                window = next;
            }
            window.length
        };
        let (lag, turns) = if cfg!(miri) { (20, 100) } else { (100, 1_000) };
        assert_eq!(run(4, turns), WINDOW_MIN);
        assert!(run(lag, turns) >= lag);
        assert!(run(4, 5 * turns) <= 2 * WINDOW_MIN);
    }
}
