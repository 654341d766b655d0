//! The trie against the direct matcher, its memory, and the stated bound on a match.

use proptest::prelude::*;

use super::*;
use crate::broker::topic::{TOPIC_LEVELS_MAX, TopicErrorKind, matches};

impl<V: Copy + Ord> Node<V> {
    fn node_count(&self) -> usize {
        let literals: usize = match &self.literals {
            Literals::Few(children) => children.iter().map(|(_, child)| child.node_count()).sum(),
            Literals::Many(children) => children.values().map(Self::node_count).sum(),
        };
        1 + literals + self.any.as_deref().map_or(0, Self::node_count)
    }

    /// Literal children that this node has room for.
    fn literal_capacity(&self) -> usize {
        match &self.literals {
            Literals::Few(children) => children.capacity(),
            Literals::Many(children) => children.capacity(),
        }
    }
}

fn trie_of<'a>(patterns: impl IntoIterator<Item = (&'a str, u32)>) -> PatternTrie<u32> {
    let mut trie = PatternTrie::new();
    for (pattern, value) in patterns {
        assert_eq!(trie.insert(pattern, value), Ok(true), "{pattern} {value}");
    }
    trie
}

fn found(trie: &PatternTrie<u32>, topic: &str) -> Vec<u32> {
    let mut values = Vec::new();
    trie.for_each_match(topic, &mut |&value| values.push(value));
    values
}

fn sorted(mut values: Vec<u32>) -> Vec<u32> {
    values.sort_unstable();
    values
}

fn nodes_visited(trie: &PatternTrie<u32>, topic: &str) -> usize {
    trie.root.visit(Some(topic), &mut |_| {})
}

/// A name of `levels` tokens, each `one` or `zero` by the bits of `number`.
fn binary_name(number: u32, levels: usize, zero: &str, one: &str) -> String {
    let tokens: Vec<&str> =
        (0..levels).map(|level| if number >> level & 1 == 0 { zero } else { one }).collect();
    tokens.join(".")
}

#[derive(Debug, Clone)]
enum Operation {
    Insert(String, u32),
    Remove(String, u32),
    Match(String),
}

fn operation() -> impl Strategy<Value = Operation> {
    let pattern = "([abc*]\\.){0,4}[abc*>]";
    // Twelve tokens at one level take the table of children beyond FEW_MAX and back.
    let wide = "(a\\.)?[a-l](\\.\\*)?";
    // Topics that no validation has seen must be matched as the oracle does, too.
    let topic =
        prop_oneof![6 => "([abc]\\.){0,4}[abc]", 3 => "(a\\.)?[a-l](\\.a)?", 1 => "[a.*>]{0,6}"];
    prop_oneof![
        3 => (prop_oneof![pattern, wide], 0..3_u32).prop_map(|(p, v)| Operation::Insert(p, v)),
        2 => (prop_oneof![pattern, wide], 0..3_u32).prop_map(|(p, v)| Operation::Remove(p, v)),
        2 => topic.prop_map(Operation::Match),
    ]
}

proptest! {
    #[test]
    fn any_history_of_insertions_and_removals_matches_as_the_direct_matcher(
        operations in prop::collection::vec(operation(), 1..200),
    ) {
        let mut trie = PatternTrie::new();
        let mut model: BTreeSet<(String, u32)> = BTreeSet::new();
        for operation in operations {
            match operation {
                Operation::Insert(pattern, value) => {
                    let added = trie.insert(&pattern, value).expect("a valid pattern");
                    prop_assert_eq!(added, model.insert((pattern, value)));
                }
                Operation::Remove(pattern, value) => {
                    let removed = trie.remove(&pattern, &value);
                    prop_assert_eq!(removed, model.remove(&(pattern, value)));
                }
                Operation::Match(topic) => {
                    let wanted = model.iter().filter(|(pattern, _)| matches(pattern, &topic));
                    let wanted = sorted(wanted.map(|&(_, value)| value).collect());
                    prop_assert_eq!(sorted(found(&trie, &topic)), wanted, "topic {:?}", topic);
                }
            }
            prop_assert_eq!(trie.len(), model.len());
        }
        for (pattern, value) in model {
            prop_assert!(trie.remove(&pattern, &value));
        }
        prop_assert!(trie.is_empty());
        prop_assert_eq!(trie.root.node_count(), 1);
    }

    #[test]
    fn order_of_matches_does_not_depend_on_history(
        patterns in prop::collection::btree_set("([ab*]\\.){0,2}[ab*>]", 1..20),
        extra in prop::collection::vec("([ab*]\\.){0,2}[ab*>]", 0..20),
    ) {
        let patterns: Vec<(&str, u32)> = patterns.iter().map(|p| &**p).zip(0..).collect();
        let straight = trie_of(patterns.iter().copied());
        let mut winding = PatternTrie::new();
        for pattern in &extra {
            winding.insert(pattern, u32::MAX).expect("a valid pattern");
        }
        for &(pattern, value) in patterns.iter().rev() {
            winding.insert(pattern, value).expect("a valid pattern");
        }
        for pattern in &extra {
            winding.remove(pattern, &u32::MAX);
        }
        for topic in ["a", "b", "a.a", "a.b", "b.a.b", "a.a.a"] {
            prop_assert_eq!(found(&straight, topic), found(&winding, topic));
        }
    }

    #[test]
    fn no_text_makes_it_panic(texts in prop::collection::vec("\\PC{0,12}|[a.*>]{0,8}", 0..20)) {
        let mut trie = PatternTrie::new();
        for text in &texts {
            let valid = validate_pattern(text).is_ok();
            prop_assert_eq!(trie.insert(text, 0).is_ok(), valid);
            found(&trie, text);
        }
        for text in &texts {
            trie.remove(text, &0);
        }
        prop_assert_eq!(trie.root.node_count(), 1);
    }
}

#[test]
fn wildcards_match_as_the_vocabulary_says() {
    let trie = trie_of([
        ("flights.JFK.AA.LAX", 1),
        ("flights.*.AA.LAX", 2),
        ("flights.>", 3),
        (">", 4),
        ("*", 5),
        ("flights.JFK", 6),
    ]);
    assert_eq!(sorted(found(&trie, "flights.JFK.AA.LAX")), [1, 2, 3, 4]);
    assert_eq!(sorted(found(&trie, "flights.JFK")), [3, 4, 6]);
    assert_eq!(sorted(found(&trie, "flights")), [4, 5]);
    assert_eq!(found(&trie, "Flights.JFK"), [4]);
}

#[test]
fn a_pair_is_held_once_and_a_value_is_reported_for_each_pattern() {
    let mut trie = trie_of([("a.b", 7), ("a.*", 7), ("a.b", 8)]);
    assert_eq!(trie.insert("a.b", 7), Ok(false));
    assert_eq!(trie.len(), 3);
    assert_eq!(sorted(found(&trie, "a.b")), [7, 7, 8]);
    assert!(trie.remove("a.b", &7));
    assert!(!trie.remove("a.b", &7));
    assert_eq!(sorted(found(&trie, "a.b")), [7, 8]);
}

#[test]
fn an_invalid_pattern_is_refused_and_leaves_no_trace() {
    let mut trie = trie_of([("a.b", 1)]);
    let error = trie.insert("a.>.b", 2).expect_err("'>' is not last");
    assert_eq!(error.kind(), TopicErrorKind::RestNotLast { position: 2 });
    assert!(trie.insert(&"x.".repeat(1_000_000), 2).is_err());
    assert_eq!((trie.len(), trie.root.node_count()), (1, 3));
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut trie = trie_of([("a.b.c", 1), ("a.*", 2), ("a.>", 3)]);
    let nodes = trie.root.node_count();
    let long = "a.".repeat(1_000_000);
    for pattern in ["", "a", "a.b", "a.b.c.d", "b.>", ">", "*", "a.>.c", "a.*.c", "a..c", &long] {
        assert!(!trie.remove(pattern, &1), "{pattern}");
    }
    assert!(!trie.remove("a.>.c", &3), "'>' is not last");
    assert!(!trie.remove("a.b.c", &2) && !trie.remove("a.*", &1) && !trie.remove("a.>", &1));
    assert_eq!((trie.len(), trie.root.node_count()), (3, nodes));
}

#[test]
fn removal_prunes_the_nodes_that_lead_nowhere_and_no_others() {
    let mut trie = trie_of([("a.b.c.d", 1), ("a.b", 2), ("a.*.x", 3), ("a.b.c.>", 4)]);
    assert_eq!(trie.root.node_count(), 7);
    assert!(trie.remove("a.b.c.d", &1));
    assert_eq!(trie.root.node_count(), 6, "only 'd' went: 'c' still has its '>'");
    assert!(trie.remove("a.b.c.>", &4));
    assert_eq!(trie.root.node_count(), 5);
    assert!(trie.remove("a.*.x", &3));
    assert_eq!(trie.root.node_count(), 3, "'x' and the '*' above it went");
    assert_eq!(found(&trie, "a.b"), [2]);
    assert!(trie.remove("a.b", &2));
    assert_eq!(trie.root.node_count(), 1);
}

#[test]
fn a_wide_level_gives_its_table_back_as_it_empties() {
    let names: Vec<String> = (0..10_000).map(|number| format!("topic-{number}")).collect();
    let mut trie = trie_of(names.iter().map(|name| &**name).zip(0..));
    assert!(trie.root.literal_capacity() >= 10_000);
    for (removed, name) in (0..).zip(&names) {
        assert!(trie.remove(name, &removed));
        let left = trie.len();
        // Tables come in powers of two, so that one shrunk to twice its length may hold four.
        let capacity = trie.root.literal_capacity();
        assert!(capacity <= (4 * left).max(FEW_MAX), "room for {capacity}, {left} left");
    }
    assert_eq!((trie.root.node_count(), trie.root.literal_capacity()), (1, 0));
}

#[test]
fn few_children_cost_room_for_no_more() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    assert_eq!(names.len(), FEW_MAX);
    let mut trie = PatternTrie::new();
    for (name, value) in names.iter().zip(1..) {
        assert_eq!(trie.insert(name, value), Ok(true));
        assert_eq!(trie.root.literal_capacity(), value as usize);
    }
    assert_eq!(trie.insert("a.b", 0), Ok(true));
    assert_eq!(trie.root.literal_capacity(), FEW_MAX, "'a' was there already");
}

#[test]
fn children_are_found_on_both_sides_of_the_switch_to_a_table() {
    let names: Vec<String> = (0..=2 * FEW_MAX).map(|number| format!("x.t{number}")).collect();
    let mut trie = PatternTrie::new();
    for (name, value) in names.iter().zip(0..) {
        assert_eq!(trie.insert(name, value), Ok(true));
        for (present, wanted) in names.iter().zip(0..=value) {
            assert_eq!(found(&trie, present), [wanted]);
        }
    }
    for (name, value) in names.iter().zip(0..) {
        assert!(trie.remove(name, &value));
        assert_eq!(found(&trie, name), []);
        for (present, wanted) in names.iter().zip(0..).skip(value as usize + 1) {
            assert_eq!(found(&trie, present), [wanted]);
        }
    }
}

#[test]
fn a_hundred_thousand_mixed_patterns_match_exactly() {
    const PER_KIND: u32 = 25_000;
    let patterns: Vec<String> = (0..PER_KIND)
        .flat_map(|n| {
            let (region, desk, symbol) = (n % 10, n % 100, n);
            [
                format!("orders.r{region}.d{desk}.s{symbol}"),
                format!("orders.*.d{desk}.s{symbol}"),
                format!("orders.r{region}.*.s{symbol}"),
                format!("orders.r{region}.d{desk}.s{symbol}.>"),
            ]
        })
        .collect();
    let mut trie = trie_of(patterns.iter().map(|pattern| &**pattern).zip(0..));
    assert_eq!(trie.len(), 100_000);
    for n in (0..PER_KIND).step_by(997) {
        let topic = format!("orders.r{}.d{}.s{n}", n % 10, n % 100);
        assert_eq!(sorted(found(&trie, &topic)), [4 * n, 4 * n + 1, 4 * n + 2]);
        assert_eq!(found(&trie, &format!("{topic}.filled.part")), [4 * n + 3]);
        assert_eq!(found(&trie, &format!("{topic}-")), []);
        assert!(nodes_visited(&trie, &topic) <= 1 + 1 + 2 + 4 + 8);
    }
    for (pattern, value) in patterns.iter().zip(0..) {
        assert!(trie.remove(pattern, &value), "{pattern}");
    }
    assert_eq!((trie.len(), trie.root.node_count()), (0, 1));
}

#[test]
fn a_hundred_thousand_values_of_one_pattern_are_all_found_in_order() {
    let mut trie = trie_of((0..100_000).map(|value| ("prices.>", value)));
    assert!(trie.remove("prices.>", &50_000));
    let values = found(&trie, "prices.EURUSD");
    assert_eq!(values.len(), 99_999);
    assert!(values.is_sorted() && !values.contains(&50_000));
}

#[test]
fn without_stars_a_match_visits_one_node_per_level() {
    let deep = ["a"; TOPIC_LEVELS_MAX].join(".");
    let shorter: Vec<&str> = deep.match_indices('.').map(|(end, _)| &deep[..end]).collect();
    let trie = trie_of(shorter.into_iter().chain([&*deep]).zip(0..));
    assert_eq!(nodes_visited(&trie, &deep), TOPIC_LEVELS_MAX + 1);
    assert_eq!(found(&trie, &deep), [31]);
}

#[test]
fn hostile_stars_make_a_match_visit_no_node_twice() {
    // Every choice of 'a' or '*' on 12 levels, and an end that the topic lacks: the search has
    // to look everywhere and finds nothing.
    const LEVELS: usize = 12;
    let names: Vec<String> =
        (0..1 << LEVELS).map(|number| binary_name(number, LEVELS, "a", "*") + ".end").collect();
    let trie = trie_of(names.iter().map(|name| &**name).zip(0..));
    let topic = ["a"; LEVELS + 1].join(".");
    let inner_nodes = (2 << LEVELS) - 1;
    assert_eq!(trie.root.node_count(), inner_nodes + (1 << LEVELS));
    assert_eq!(nodes_visited(&trie, &topic), inner_nodes);
    assert_eq!(found(&trie, &topic), []);
}

#[test]
fn hostile_stars_at_full_depth_are_bounded_by_the_number_of_nodes() {
    // 2^32 paths would match; the trie holds 1,000 of them.
    let names: Vec<String> = (0..1_000_u32)
        .map(|number| binary_name(number.wrapping_mul(2_654_435_761), TOPIC_LEVELS_MAX, "a", "*"))
        .collect();
    let trie = trie_of(names.iter().map(|name| &**name).zip(0..));
    let topic = ["a"; TOPIC_LEVELS_MAX].join(".");
    let visited = nodes_visited(&trie, &topic);
    assert_eq!(visited, trie.root.node_count(), "each node leads to a match here");
    assert_eq!(found(&trie, &topic).len(), 1_000);
    // A shorter topic ends the search at its own depth.
    assert!(nodes_visited(&trie, "a.a.a") < 1 << 4);
}

#[test]
fn two_stars_a_pattern_bound_a_match_whatever_the_patterns() {
    let names: Vec<String> = (0..TOPIC_LEVELS_MAX)
        .flat_map(|one| (one..TOPIC_LEVELS_MAX).map(move |other| (1_u32 << one) | (1 << other)))
        .chain([0])
        .map(|stars| binary_name(stars, TOPIC_LEVELS_MAX, "a", "*"))
        .collect();
    let trie = trie_of(names.iter().map(|name| &**name).zip(0..));
    assert_eq!(nodes_visited(&trie, &["a"; TOPIC_LEVELS_MAX].join(".")), 6_017);
}
