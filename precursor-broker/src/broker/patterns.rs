//! The patterns of all subscriptions and groups: a tree for most of them, sets of bits for those
//! with many `*`, so that no choice of patterns makes a match expensive.

use super::stars::StarIndex;
use super::topic::{TopicError, WILDCARD_ONE, tokens, validate_pattern};
use super::trie::PatternTrie;

/// `*` of a pattern in the tree. From each node a match goes on to the literal and to the `*`, so
/// this bounds the nodes that it visits: 6,017 for a topic of 32 levels.
const STARS_IN_TREE_MAX: usize = 2;

/// Which patterns match a topic. A number stands for one pattern at a time.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    tree: PatternTrie<u32>,
    stars: StarIndex,
}

fn has_many_stars(pattern: &str) -> bool {
    tokens(pattern).filter(|token| *token == WILDCARD_ONE).nth(STARS_IN_TREE_MAX).is_some()
}

impl Patterns {
    /// Adds a pattern under a number that stands for no other one.
    ///
    /// # Errors
    ///
    /// [`TopicError`] if the pattern is not valid; nothing changes.
    pub(crate) fn insert(&mut self, pattern: &str, number: u32) -> Result<(), TopicError> {
        if !has_many_stars(pattern) {
            return self.tree.insert(pattern, number).map(drop);
        }
        validate_pattern(pattern)?;
        self.stars.insert(pattern, number);
        Ok(())
    }

    /// Takes a pattern out, the same text that it was inserted with.
    pub(crate) fn remove(&mut self, pattern: &str, number: u32) {
        if has_many_stars(pattern) {
            self.stars.remove(pattern, number);
        } else {
            self.tree.remove(pattern, &number);
        }
    }

    /// Calls `found` for the number of every pattern that matches `topic`, once. The order depends
    /// only on the topic and on the patterns, not on their history.
    pub(crate) fn for_each_match(&self, topic: &str, found: &mut dyn FnMut(u32)) {
        self.tree.for_each_match(topic, &mut |number| found(*number));
        self.stars.for_each_match(topic, found);
    }
}
