//! Claiming segments and runs of segments, and putting them right after a death (R3.2).
//!
//! A run is anchored by its first segment: it is claimed before the others and given back after
//! them, so that whoever finds it `RunMoving` in the hands of a dead owner can free the rest.

use super::words::{SegmentState, SegmentWord};
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

/// Searches that met a run in motion start again at most this often.
const SEARCHES_MAX: usize = 8;

/// The order in which free segments are looked for.
///
/// Slabs grow from the bottom and large runs from the top, so that neither cuts up the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Bottom,
    Top,
}

/// One word per segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentTable<'a> {
    words: &'a [AtomicU64],
}

/// A run claimed by [`SegmentTable::claim_run`] and not yet published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) head: usize,
    pub(crate) length: usize,
    /// Memory backs every segment of it.
    pub(crate) resident: bool,
}

enum Search {
    Found(Run),
    /// Nothing now, but a run in motion was met.
    Busy,
    None,
}

impl<'a> SegmentTable<'a> {
    pub(crate) fn new(words: &'a [AtomicU64]) -> Self {
        Self { words }
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    #[inline]
    pub(crate) fn load(&self, segment: usize) -> SegmentWord {
        SegmentWord(self.words.get(segment).map_or(0, |word| word.load(Ordering::Acquire)))
    }

    /// Changes a word if it is still `from`; the transition is a right that one caller gets.
    pub(crate) fn change(&self, segment: usize, from: SegmentWord, to: SegmentWord) -> bool {
        self.words.get(segment).is_some_and(|word| {
            word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }

    /// Publishes a word that the caller holds exclusively.
    pub(crate) fn publish(&self, segment: usize, to: SegmentWord) {
        if let Some(word) = self.words.get(segment) {
            word.store(to.0, Ordering::Release);
        }
    }

    /// Every segment in use, with its word; tails are passed over with their heads.
    pub(crate) fn heads(self) -> impl Iterator<Item = (usize, SegmentWord)> + 'a {
        (0..self.len())
            .map(move |segment| (segment, self.load(segment)))
            .filter(|(_, word)| !matches!(word.state(), SegmentState::Free | SegmentState::Tail))
    }

    /// Segments that hold something, and segments that memory backs.
    pub(crate) fn census(&self) -> (usize, usize) {
        (0..self.len()).map(|segment| self.load(segment)).fold((0, 0), |(used, resident), word| {
            let is_used = !word.is(SegmentState::Free);
            (used + usize::from(is_used), resident + usize::from(word.is_resident()))
        })
    }

    /// Claims one free segment for `state`, one that memory backs already if there is one.
    pub(crate) fn claim_one(&self, class: u32, owner: u16) -> Option<(usize, SegmentWord)> {
        for wanted_resident in [true, false] {
            for segment in 0..self.len() {
                let word = self.load(segment);
                if !word.is(SegmentState::Free) || word.is_resident() != wanted_resident {
                    continue;
                }
                let claimed = word.with(SegmentState::Moving, class, owner);
                if self.change(segment, word, claimed) {
                    step!("segment.claimed");
                    return Some((segment, claimed));
                }
            }
        }
        None
    }

    /// Claims `length` neighbouring free segments: head `RunMoving`, the others `Tail`.
    pub(crate) fn claim_run(&self, length: usize, owner: u16, from: From) -> Option<Run> {
        for _ in 0..SEARCHES_MAX {
            match self.search(length, owner, from) {
                Search::Found(run) => return Some(run),
                Search::Busy => crate::sync::spin_loop(),
                Search::None => return None,
            }
        }
        None
    }

    fn search(&self, length: usize, owner: u16, from: From) -> Search {
        let last = match self.len().checked_sub(length) {
            Some(last) if length > 0 => last,
            _ => return Search::None,
        };
        let mut busy = false;
        let mut steps = 0;
        while steps <= last {
            let head = if from == From::Bottom { steps } else { last - steps };
            match self.first_used(head, length, from) {
                None => match self.try_claim(head, length, owner) {
                    Some(run) => return Search::Found(run),
                    None => {
                        busy = true;
                        steps += 1;
                    }
                },
                Some((offset, word)) => {
                    busy |= matches!(word.state(), SegmentState::RunMoving | SegmentState::Moving);
                    // No run that contains the segment in use can be free.
                    steps += if from == From::Bottom { offset + 1 } else { length - offset };
                }
            }
        }
        if busy { Search::Busy } else { Search::None }
    }

    /// The segment in use nearest to the end at which the search arrives last.
    fn first_used(&self, head: usize, length: usize, from: From) -> Option<(usize, SegmentWord)> {
        (0..length)
            .map(|step| if from == From::Bottom { length - 1 - step } else { step })
            .map(|offset| (offset, self.load(head + offset)))
            .find(|(_, word)| !word.is(SegmentState::Free))
    }

    fn try_claim(&self, head: usize, length: usize, owner: u16) -> Option<Run> {
        let word = self.load(head);
        let mut resident = word.is_resident();
        let claimed = word.with(SegmentState::RunMoving, length as u32, owner);
        if !word.is(SegmentState::Free) || !self.change(head, word, claimed) {
            return None;
        }
        step!("segment.run_begun");
        for distance in 1..length {
            let word = self.load(head + distance);
            let tail = word.with(SegmentState::Tail, distance as u32, 0);
            if !word.is(SegmentState::Free) || !self.change(head + distance, word, tail) {
                self.release_run(head, claimed);
                return None;
            }
            resident &= word.is_resident();
        }
        step!("segment.run_claimed");
        Some(Run { head, length, resident })
    }

    /// Makes a claimed run what it was claimed for; from here on it is resident.
    pub(crate) fn publish_run(&self, run: Run, state: SegmentState, value: u32) {
        for distance in 1..run.length {
            let segment = run.head + distance;
            self.publish(segment, self.load(segment).with_resident(true));
        }
        let head = self.load(run.head);
        self.publish(run.head, head.with(state, value, 0));
    }

    /// Frees a run whose head the caller holds as `RunMoving`: the tails, then the head.
    ///
    /// How far the run got is told by the tails themselves, so that half a run can be freed, and
    /// a second time after a death in the middle.
    pub(crate) fn release_run(&self, head: usize, held: SegmentWord) {
        for distance in (1..held.value() as usize).rev() {
            let word = self.load(head + distance);
            if word.is(SegmentState::Tail) && word.value() as usize == distance {
                self.change(head + distance, word, word.freed());
            }
        }
        step!("segment.tails_freed");
        self.change(head, held, held.freed());
    }

    /// Takes a segment in motion over from a dead owner; one survivor succeeds.
    pub(crate) fn take_over(
        &self,
        segment: usize,
        word: SegmentWord,
        by: u16,
    ) -> Option<SegmentWord> {
        let held = word.with(word.state(), word.value(), by);
        self.change(segment, word, held).then_some(held)
    }
}

#[cfg(test)]
#[cfg(not(precursor_loom))]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn runs_come_from_the_end_asked_for_and_never_overlap() {
        let words = words(10);
        let table = SegmentTable::new(&words);
        assert_eq!(table.claim_run(3, 1, From::Top).unwrap().head, 7);
        assert_eq!(table.claim_run(2, 1, From::Bottom).unwrap().head, 0);
        assert_eq!(table.claim_run(5, 1, From::Top).unwrap().head, 2);
        assert_eq!(table.claim_run(1, 1, From::Top), None);
        assert_eq!(table.claim_run(11, 1, From::Top), None);
    }

    #[test]
    fn a_run_fits_exactly_between_segments_in_use() {
        for from in [From::Bottom, From::Top] {
            let words = words(8);
            let table = SegmentTable::new(&words);
            for segment in [0, 3, 7] {
                table.publish(segment, SegmentWord::new(0, SegmentState::Slab, 1, 0));
            }
            assert_eq!(table.claim_run(4, 1, from), None);
            assert_eq!(table.claim_run(3, 1, from).unwrap().head, 4);
            assert_eq!(table.claim_run(2, 1, from).unwrap().head, 1);
        }
    }

    #[test]
    fn half_a_run_is_freed_and_what_others_hold_is_not() {
        let words = words(4);
        let table = SegmentTable::new(&words);
        let head = SegmentWord(0).with(SegmentState::RunMoving, 4, 9);
        table.publish(0, head);
        table.publish(1, SegmentWord(0).with(SegmentState::Tail, 1, 0));
        let foreign = [(2, SegmentState::RunMoving, 2), (3, SegmentState::Tail, 1)]
            .map(|(segment, state, value)| (segment, SegmentWord::new(0, state, value, 0)));
        for (segment, word) in foreign {
            table.publish(segment, word);
        }
        table.release_run(0, head);
        assert_eq!(table.census().0, 2);
        assert!(foreign.iter().all(|(segment, word)| table.load(*segment) == *word));
    }

    #[test]
    fn residency_survives_a_life() {
        let words = words(2);
        let table = SegmentTable::new(&words);
        let run = table.claim_run(2, 1, From::Bottom).unwrap();
        assert!(!run.resident);
        table.publish_run(run, SegmentState::Large, 2);
        let head = table.load(0);
        let held = head.with(SegmentState::RunMoving, head.value(), 1);
        assert!(table.change(0, head, held));
        table.release_run(0, held);
        assert_eq!(table.census(), (0, 2));
        assert!(table.claim_run(2, 1, From::Top).unwrap().resident);
    }
}
