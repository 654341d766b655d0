//! An index of subscription patterns that finds all that match a topic.
//!
//! A tree with one level per token. Each node keeps what follows it: literal tokens, the subtree
//! of `*`, and the values of the patterns that end here or with `>` after it.
//!
//! **Cost of a match.** From a node the search enters at most two children, the literal one and
//! that of `*`. A node has one parent, so it is entered at most once: for a topic of *n* levels the
//! search visits at most min(number of nodes, 2^(n+1) - 1) of them, however the patterns were
//! chosen, and *n* + 1 if none of them has a `*`. Patterns with more than two `*` are not kept here
//! but in [`stars`](super::stars), so that 6,017 visits are the most.
//!
//! **Memory.** A pattern adds at most one node per token, all shared with other patterns of the
//! same prefix, and each token's text is stored once per node. Removal gives everything back:
//! nodes that lead nowhere go at once, and tables that became mostly empty shrink.

use core::{fmt, mem};
use std::collections::{BTreeSet, HashMap};

use super::topic::{TopicError, WILDCARD_ONE, WILDCARD_REST, tokens, validate_pattern};

// Miri finds no unsafe code here, and these tests are long.
#[cfg(all(test, not(miri)))]
mod tests;

/// Literal children up to this number are searched one by one, without a hash table.
const FEW_MAX: usize = 8;

/// A set of (pattern, value) pairs, made to be asked which values match a topic.
///
/// Values are small identifiers, such as the index of a subscription. It is an ordinary single
/// owner structure: no locks, no threads, never blocks. Insertion and removal cost O(levels) hash
/// lookups plus O(log *k*) for the *k* values of the same pattern, amortised over the resizing of
/// tables. Depth, and with it every recursion, is bounded by
/// [`TOPIC_LEVELS_MAX`](super::topic::TOPIC_LEVELS_MAX). Hash tables are seeded at random, so that
/// chosen tokens cannot make them degenerate; the seed has no influence on results or their order.
pub(crate) struct PatternTrie<V> {
    root: Node<V>,
    len: usize,
}

struct Node<V> {
    /// Values of the patterns whose last token leads here.
    exact: BTreeSet<V>,
    /// Values of the patterns that continue with `>`.
    rest: BTreeSet<V>,
    /// What follows a `*`.
    any: Option<Box<Self>>,
    literals: Literals<V>,
}

/// The children of a node by their token. Most nodes have one or two, some have 100,000.
enum Literals<V> {
    Few(Vec<(Box<str>, Node<V>)>),
    #[expect(clippy::box_collection, reason = "inline it would add 24 bytes to every node")]
    Many(Box<HashMap<Box<str>, Node<V>>>),
}

impl<V: Copy + Ord> PatternTrie<V> {
    /// An empty set; allocates nothing.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { root: Node::new(), len: 0 }
    }

    /// Adds `value` under `pattern`. Returns whether the pair is new; if not, nothing changes.
    ///
    /// # Errors
    ///
    /// [`TopicError`] if the pattern is not valid; nothing changes.
    pub(crate) fn insert(&mut self, pattern: &str, value: V) -> Result<bool, TopicError> {
        validate_pattern(pattern)?;
        let added = self.root.insert(pattern, value);
        self.len += usize::from(added);
        Ok(added)
    }

    /// Takes `value` from under `pattern`, the same text that it was inserted with. Returns
    /// whether the pair was there.
    pub(crate) fn remove(&mut self, pattern: &str, value: &V) -> bool {
        let removed = self.root.remove(Some(pattern), value);
        self.len -= usize::from(removed);
        removed
    }

    /// Calls `found` for the value of every pair whose pattern matches `topic`.
    ///
    /// A value under several matching patterns is reported once for each. The order depends only
    /// on the topic and on the set, not on its history. A topic that is not valid gives what
    /// [`matches`](super::topic::matches) gives. The module says what it costs at worst.
    pub(crate) fn for_each_match(&self, topic: &str, found: &mut dyn FnMut(&V)) {
        self.root.visit(Some(topic), found);
    }

    /// Number of (pattern, value) pairs.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no pairs.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<V: Copy + Ord> Default for PatternTrie<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for PatternTrie<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternTrie").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<V: Copy + Ord> Node<V> {
    fn new() -> Self {
        Self {
            exact: BTreeSet::new(),
            rest: BTreeSet::new(),
            any: None,
            literals: Literals::Few(Vec::new()),
        }
    }

    fn leads_nowhere(&self) -> bool {
        self.exact.is_empty()
            && self.rest.is_empty()
            && self.any.is_none()
            && self.literals.is_empty()
    }

    fn insert(&mut self, pattern: &str, value: V) -> bool {
        let mut node = self;
        for token in tokens(pattern) {
            node = match token {
                WILDCARD_REST => return node.rest.insert(value),
                WILDCARD_ONE => node.any.get_or_insert_with(|| Box::new(Self::new())),
                literal => node.literals.child_or_new(literal),
            };
        }
        node.exact.insert(value)
    }

    /// `pattern` is what follows this node. Goes no deeper than the tree, whatever the text.
    fn remove(&mut self, pattern: Option<&str>, value: &V) -> bool {
        let Some(pattern) = pattern else {
            return self.exact.remove(value);
        };
        let (token, following) = split_first(pattern);
        match token {
            WILDCARD_REST => following.is_none() && self.rest.remove(value),
            WILDCARD_ONE => {
                let Some(child) = &mut self.any else { return false };
                let removed = child.remove(following, value);
                if child.leads_nowhere() {
                    self.any = None;
                }
                removed
            }
            literal => {
                let Some(child) = self.literals.child_mut(literal) else { return false };
                let removed = child.remove(following, value);
                if child.leads_nowhere() {
                    self.literals.remove(literal);
                }
                removed
            }
        }
    }

    /// `topic` is what follows this node. Returns the number of nodes visited, which the tests
    /// hold against the stated bound.
    fn visit(&self, topic: Option<&str>, found: &mut dyn FnMut(&V)) -> usize {
        let Some(topic) = topic else {
            self.exact.iter().for_each(found);
            return 1;
        };
        self.rest.iter().for_each(&mut *found);
        let (token, following) = split_first(topic);
        let literal = self.literals.child(token);
        let children = self.any.as_deref().into_iter().chain(literal);
        1 + children.map(|child| child.visit(following, found)).sum::<usize>()
    }
}

impl<V: Copy + Ord> Literals<V> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Few(children) => children.is_empty(),
            Self::Many(children) => children.is_empty(),
        }
    }

    fn child(&self, token: &str) -> Option<&Node<V>> {
        match self {
            Self::Few(children) => index_of(children, token).map(|index| &children[index].1),
            Self::Many(children) => children.get(token),
        }
    }

    fn child_mut(&mut self, token: &str) -> Option<&mut Node<V>> {
        match self {
            Self::Few(children) => index_of(children, token).map(|index| &mut children[index].1),
            Self::Many(children) => children.get_mut(token),
        }
    }

    fn child_or_new(&mut self, token: &str) -> &mut Node<V> {
        if let Self::Few(children) = self
            && children.len() == FEW_MAX
            && index_of(children, token).is_none()
        {
            *self = Self::Many(Box::new(mem::take(children).into_iter().collect()));
        }
        match self {
            Self::Few(children) => {
                let index = index_of(children, token).unwrap_or_else(|| {
                    // Most nodes keep a single child; doubling would hold room for four.
                    children.reserve_exact(1);
                    children.push((token.into(), Node::new()));
                    children.len() - 1
                });
                &mut children[index].1
            }
            Self::Many(children) => children.entry(token.into()).or_insert_with(Node::new),
        }
    }

    /// Drops the child. Tables shrink at a quarter of their capacity, to half: the cost of
    /// moving what is left is paid by the removals before, and the next insertion needs no room.
    fn remove(&mut self, token: &str) {
        match self {
            Self::Few(children) => {
                if let Some(index) = index_of(children, token) {
                    children.swap_remove(index);
                    children.shrink_to_fit();
                }
            }
            Self::Many(children) => {
                children.remove(token);
                let len = children.len();
                if len <= FEW_MAX / 2 {
                    *self = Self::Few(mem::take(&mut **children).into_iter().collect());
                } else if children.capacity() > 4 * len {
                    children.shrink_to(2 * len);
                }
            }
        }
    }
}

fn index_of<V>(children: &[(Box<str>, Node<V>)], token: &str) -> Option<usize> {
    children.iter().position(|(name, _)| **name == *token)
}

/// The first token of a name, and what follows its dot, if it has one.
fn split_first(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        Some((token, following)) => (token, Some(following)),
        None => (name, None),
    }
}
