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
    run_end: AtomicU64,
}

impl AllocHint {
    /// A hint that begins at a place chosen by `seed`, so that publishers do not meet in one line.
    pub(crate) fn new(seed: u32) -> Self {
        let cursors = core::array::from_fn(|_| AtomicU64::new(0));
        Self { seed, cursors, run_end: AtomicU64::new(0) }
    }

    /// The segment behind the last block of whole segments, 0 if there was none.
    pub(crate) fn run_end(&self) -> usize {
        self.run_end.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn set_run_end(&self, segment: usize) {
        self.run_end.store(segment as u64, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn load(&self, class: u32, shape: &Class) -> Option<Window> {
        let word = self.cursors.get(class as usize)?.load(Ordering::Relaxed);
        let mut window = Window::unpacked(word)?;
        // The hint may have served a region with other classes.
        window.length = window.length.clamp(1, shape.slots);
        window.base = window.base.min(shape.slots - 1);
        window.cursor = window.cursor.min(window.length - 1);
        Some(window)
    }

    #[inline]
    pub(crate) fn store(&self, class: u32, window: Window) {
        self.advance(class, window.packed());
    }

    /// The place whose turn it is, without a look at the rest of the window. `None`: no window, or
    /// not one of this shape.
    #[inline(always)]
    pub(crate) fn next(&self, class: u32, shape: &Class) -> Option<Next> {
        let word = self.cursors.get(class as usize)?.load(Ordering::Relaxed);
        let segment = (word & SEGMENT).checked_sub(1)? as usize;
        let cursor = field(word, CURSOR);
        let slot = wrap(field(word, BASE) + cursor, shape.slots);
        let is_last = cursor + 1 >= field(word, LENGTH);
        let behind = if is_last { turned(word) } else { word + (1 << CURSOR) };
        let begins_turn = cursor == 0;
        (slot < shape.slots).then_some(Next { segment, slot, begins_turn, behind })
    }

    /// Goes on at [`Next::behind`].
    #[inline(always)]
    pub(crate) fn advance(&self, class: u32, behind: u64) {
        if let Some(cursor) = self.cursors.get(class as usize) {
            cursor.store(behind, Ordering::Relaxed);
        }
    }

    /// A window in a segment that this publisher has not used yet.
    pub(crate) fn window_in(&self, segment: usize, shape: &Class) -> Window {
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

/// A window in one word: `grew:1 · cursor:11 · length:11 · base:11 · segment+1:20`, 0 = none.
const SEGMENT: u64 = 0xF_FFFF;
const BASE: u32 = 20;
const LENGTH: u32 = 31;
const CURSOR: u32 = 42;
const GREW: u32 = 53;

#[inline(always)]
fn field(word: u64, shift: u32) -> usize {
    (word >> shift & 0x7FF) as usize
}

/// The window behind its last place.
#[inline(never)]
fn turned(word: u64) -> u64 {
    Window::unpacked(word).map_or(0, |mut window| {
        window.turn_to(window.cursor);
        window.packed()
    })
}

/// One place to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    pub(crate) segment: usize,
    pub(crate) slot: usize,
    /// It is the first of the window.
    pub(crate) begins_turn: bool,
    /// The hint once the place was taken.
    pub(crate) behind: u64,
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
    #[inline]
    fn unpacked(word: u64) -> Option<Self> {
        Some(Self {
            segment: (word & SEGMENT).checked_sub(1)? as usize,
            base: field(word, BASE),
            length: field(word, LENGTH),
            cursor: field(word, CURSOR),
            grew: word >> GREW & 1 == 1,
        })
    }

    #[inline]
    fn packed(self) -> u64 {
        (self.segment as u64 + 1)
            | (self.base as u64) << BASE
            | (self.length as u64) << LENGTH
            | (self.cursor as u64) << CURSOR
            | u64::from(self.grew) << GREW
    }

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

    fn shape() -> Class {
        Class::new(3, 128, 682)
    }

    #[test]
    fn a_hint_keeps_its_window() {
        let hint = AllocHint::new(3);
        assert_eq!(hint.load(2, &shape()), None);
        let window = Window { segment: 1023, base: 681, length: 682, cursor: 600, grew: true };
        hint.store(2, window);
        assert_eq!(hint.load(2, &shape()), Some(window));
    }

    #[test]
    fn the_next_place_is_the_first_candidate_of_the_window() {
        let hint = AllocHint::new(3);
        assert!(hint.next(2, &shape()).is_none());
        for (base, length, cursor, grew) in
            [(0, 1, 0, false), (681, 8, 7, true), (680, 100, 99, false), (5, 682, 3, true)]
        {
            let window = Window { segment: 7, base, length, cursor, grew };
            hint.store(2, window);
            let next = hint.next(2, &shape()).unwrap();
            let (slot, behind) = window.candidate(0, 682).unwrap();
            assert_eq!((next.segment, next.slot, next.behind), (7, slot, behind.packed()));
        }
        assert!(hint.next(2, &Class::new(1_000, 128, 2)).is_none(), "a window of another shape");
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
        let mut window = AllocHint::new(0).window_in(0, &shape());
        let mut queue = std::collections::VecDeque::new();
        let mut run = |lag: usize, turns: usize| {
            for _ in 0..turns {
                while queue.len() > lag {
                    queue.pop_front();
                }
                let taken = (0..).map_while(|n| window.candidate(n, shape().slots));
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
