//! An index of the patterns that have many `*`, as sets of bits.
//!
//! In a tree such patterns can make a match visit twice as many nodes with each level. Here a
//! pattern is one bit, the number of its route. Each level has the set of the patterns that take
//! any token there, and one set for each literal. What matches a topic is what accepts its number
//! of levels and, at each level, its token.
//!
//! **Cost of a match.** A set has one word for each 64 routes of which it has any. A match reads
//! each word of at most 1 + 2 × levels sets once, however the patterns were chosen: for 100,000
//! patterns at most 1,563 words a set.
//!
//! **Memory.** A pattern stands in one set for each level and in one for its length; one that ends
//! with `>` in those of all levels and lengths behind. Removal gives everything back.

use std::collections::HashMap;

use super::topic::{TOPIC_LEVELS_MAX, WILDCARD_ONE, WILDCARD_REST, tokens};

// Miri finds no unsafe code here, and these tests are long.
#[cfg(all(test, not(miri)))]
mod tests;

/// Numbers of levels that are told apart: those of patterns, and all above.
const LENGTHS: usize = TOPIC_LEVELS_MAX + 1;

/// Patterns by the numbers of their routes. A number stands for one pattern at a time.
#[derive(Debug)]
pub(crate) struct StarIndex {
    /// Patterns that accept topics of so many levels, from 1 on.
    lengths: [BitSet; LENGTHS],
    levels: [Level; TOPIC_LEVELS_MAX],
}

#[derive(Debug, Default)]
struct Level {
    any: BitSet,
    literals: HashMap<Box<str>, BitSet>,
}

/// Numbers as words of 64 bits in ascending order; a word without a bit is left out.
#[derive(Debug, Default)]
struct BitSet(Vec<(u32, u64)>);

impl Default for StarIndex {
    fn default() -> Self {
        Self {
            lengths: core::array::from_fn(|_| BitSet::default()),
            levels: core::array::from_fn(|_| Level::default()),
        }
    }
}

impl StarIndex {
    /// Adds a pattern, which is valid, under a number that stands for no other one.
    pub(crate) fn insert(&mut self, pattern: &str, number: u32) {
        self.for_each_set(
            pattern,
            |set| set.insert(number),
            |token, literals| {
                literals.entry(token.into()).or_default().insert(number);
            },
        );
    }

    /// Takes a pattern out, the same text that it was inserted with.
    pub(crate) fn remove(&mut self, pattern: &str, number: u32) {
        self.for_each_set(
            pattern,
            |set| set.remove(number),
            |token, literals| {
                let Some(set) = literals.get_mut(token) else { return };
                set.remove(number);
                if set.0.is_empty() {
                    literals.remove(token);
                    if literals.capacity() > 4 * literals.len() {
                        literals.shrink_to(2 * literals.len());
                    }
                }
            },
        );
    }

    /// Visits the sets that a pattern stands in.
    fn for_each_set(
        &mut self,
        pattern: &str,
        mut visit: impl FnMut(&mut BitSet),
        mut visit_literal: impl FnMut(&str, &mut HashMap<Box<str>, BitSet>),
    ) {
        let mut levels = 0;
        for (token, level) in tokens(pattern).zip(&mut self.levels) {
            match token {
                WILDCARD_REST => break,
                WILDCARD_ONE => visit(&mut level.any),
                literal => visit_literal(literal, &mut level.literals),
            }
            levels += 1;
        }
        if tokens(pattern).nth(levels).is_some() {
            self.levels[levels..].iter_mut().for_each(|level| visit(&mut level.any));
            self.lengths[levels..].iter_mut().for_each(visit);
        } else if let Some(length) = levels.checked_sub(1) {
            visit(&mut self.lengths[length]);
        }
    }

    /// Calls `found` for the number of every pattern that matches `topic`, in ascending order.
    /// Returns how many words it read, which the tests hold against the stated bound.
    pub(crate) fn for_each_match(&self, topic: &str, found: &mut dyn FnMut(u32)) -> usize {
        let levels = tokens(topic).count();
        let Some(fitting) = self.lengths.get(levels.min(LENGTHS) - 1) else { return 0 };
        if fitting.0.is_empty() {
            return 0;
        }
        let mut accepting: Vec<[Cursor<'_>; 2]> = tokens(topic)
            .zip(&self.levels)
            .map(|(token, level)| {
                [Cursor::new(Some(&level.any)), Cursor::new(level.literals.get(token))]
            })
            .collect();
        // What leaves the fewest patterns comes first.
        accepting.sort_by_key(|[any, literal]| any.words.len() + literal.words.len());
        let mut words_read = fitting.0.len();
        for &(word, bits) in &fitting.0 {
            let mut left = bits;
            for [any, literal] in &mut accepting {
                left &= any.bits(word) | literal.bits(word);
                if left == 0 {
                    break;
                }
            }
            while left != 0 {
                found(word * u64::BITS + left.trailing_zeros());
                left &= left - 1;
            }
        }
        words_read += accepting.iter().flatten().map(|cursor| cursor.passed).sum::<usize>();
        words_read
    }

    /// Whether there are no patterns.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.iter().all(|set| set.0.is_empty())
    }
}

impl BitSet {
    fn find(&self, number: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(number / u64::BITS), |(word, _)| *word)
    }

    fn insert(&mut self, number: u32) {
        let bit = 1 << (number % u64::BITS);
        match self.find(number) {
            Ok(index) => self.0[index].1 |= bit,
            Err(index) => self.0.insert(index, (number / u64::BITS, bit)),
        }
    }

    fn remove(&mut self, number: u32) {
        let Ok(index) = self.find(number) else { return };
        self.0[index].1 &= !(1 << (number % u64::BITS));
        if self.0[index].1 == 0 {
            self.0.remove(index);
            if self.0.capacity() > 4 * self.0.len() {
                self.0.shrink_to(2 * self.0.len());
            }
        }
    }
}

/// Reads a set at ascending words.
struct Cursor<'s> {
    words: &'s [(u32, u64)],
    passed: usize,
}

impl<'s> Cursor<'s> {
    fn new(set: Option<&'s BitSet>) -> Self {
        Self { words: set.map_or(&[], |set| &set.0), passed: 0 }
    }

    fn bits(&mut self, word: u32) -> u64 {
        while let Some((at, bits)) = self.words.get(self.passed) {
            if *at >= word {
                return if *at == word { *bits } else { 0 };
            }
            self.passed += 1;
        }
        0
    }
}
