//! The index against the direct matcher, its memory, and the stated bound on a match.

use proptest::prelude::*;

use super::*;
use crate::broker::topic::{matches, validate_pattern};

fn found(index: &StarIndex, topic: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    index.for_each_match(topic, &mut |number| numbers.push(number));
    numbers
}

/// A pattern of `levels` tokens, `*` where `number` has a bit and `a` elsewhere, and one more.
fn half_stars(number: u32, levels: usize, last: &str) -> String {
    let tokens = (0..levels).map(|level| if number >> level & 1 == 0 { "a." } else { "*." });
    tokens.chain([last]).collect()
}

proptest! {
    #[test]
    fn any_history_of_insertions_and_removals_matches_as_the_direct_matcher(
        operations in prop::collection::vec(
            ("([ab*]\\.){0,4}[ab*>]", 0..300_u32, any::<bool>()),
            1..100,
        ),
        topics in prop::collection::vec("([abc]\\.){0,5}[abc]", 1..10),
    ) {
        let mut index = StarIndex::default();
        let mut model: std::collections::BTreeMap<u32, String> = Default::default();
        for (pattern, number, is_removed) in operations {
            if let Some(old) = model.remove(&number) {
                index.remove(&old, number);
            }
            if !is_removed {
                index.insert(&pattern, number);
                model.insert(number, pattern);
            }
        }
        for topic in &topics {
            let expected: Vec<u32> = model
                .iter()
                .filter(|(_, pattern)| matches(pattern, topic))
                .map(|(number, _)| *number)
                .collect();
            prop_assert_eq!(found(&index, topic), expected);
        }
        for (number, pattern) in &model {
            index.remove(pattern, *number);
        }
        prop_assert!(index.is_empty());
        let levels = &index.levels;
        prop_assert!(levels.iter().all(|l| l.any.0.is_empty() && l.literals.is_empty()));
    }
}

#[test]
fn patterns_of_every_length_match_topics_of_every_length_as_the_direct_matcher() {
    let stars = |levels: usize| vec!["*"; levels].join(".");
    let patterns: Vec<String> = (1..=TOPIC_LEVELS_MAX)
        .flat_map(|levels| {
            let rest = if levels == 1 { ">".into() } else { format!("{}.>", stars(levels - 1)) };
            [stars(levels), rest]
        })
        .collect();
    let mut index = StarIndex::default();
    for (number, pattern) in (0_u32..).zip(&patterns) {
        assert_eq!(validate_pattern(pattern), Ok(()));
        index.insert(pattern, number);
    }
    for levels in 1..=TOPIC_LEVELS_MAX + 3 {
        let topic = vec!["a"; levels].join(".");
        let expected: Vec<u32> = (0_u32..)
            .zip(&patterns)
            .filter(|(_, pattern)| matches(pattern, &topic))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(found(&index, &topic), expected, "{levels} levels");
    }
}

#[test]
fn hostile_patterns_cost_a_match_no_more_than_their_words() {
    const LEVELS: usize = 16;
    let patterns = 65_536;
    let mut index = StarIndex::default();
    for number in 0..patterns {
        // Each ends as no topic does: a tree finds out at its last level only.
        index.insert(&half_stars(number, LEVELS, &format!("z{number}")), number);
        index.insert(&half_stars(number, LEVELS, "*"), patterns + number);
    }
    let topic = format!("{}q", "a.".repeat(LEVELS));
    let mut matched = 0;
    let words_read = index.for_each_match(&topic, &mut |_| matched += 1);
    assert_eq!(matched, patterns);
    let words = (2 * patterns).div_ceil(u64::BITS) as usize;
    assert!(words_read <= words * (1 + 2 * (LEVELS + 1)), "{words_read} words of {words}");
}
