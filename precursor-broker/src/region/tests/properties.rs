//! Blocks against an oracle that knows who holds what.

use super::small;
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::hint::AllocHint;
use crate::region::map::Region;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Alloc {
        owner: u16,
        bytes: usize,
    },
    Free {
        pick: usize,
    },
    Share {
        pick: usize,
        refs: u32,
    },
    Release {
        pick: usize,
        count: u32,
    },
    /// A holder dies with its reference: the place is gone, the count stays.
    Leak {
        pick: usize,
    },
    Die {
        owner: u16,
    },
    Recount,
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let pick = any::<usize>();
    let bytes = prop_oneof![1_usize..2_000, 20_000_usize..110_000, 200_000_usize..600_000];
    prop_oneof![
        6 => (1_u16..4, bytes).prop_map(|(owner, bytes)| Step::Alloc { owner, bytes }),
        2 => pick.prop_map(|pick| Step::Free { pick }),
        3 => (pick, 1_u32..4).prop_map(|(pick, refs)| Step::Share { pick, refs }),
        3 => (pick, 1_u32..3).prop_map(|(pick, count)| Step::Release { pick, count }),
        1 => pick.prop_map(|pick| Step::Leak { pick }),
        1 => (1_u16..4).prop_map(|owner| Step::Die { owner }),
        1 => Just(Step::Recount),
        1 => Just(Step::Trim),
    ]
}

#[derive(Debug, Default)]
struct Oracle {
    owned: BTreeMap<BlockId, u16>,
    /// References by block: what the count says, and how many places there are.
    shared: BTreeMap<BlockId, (BlockRef, u32, u32)>,
}

fn nth<K: Copy, V: Copy>(map: &BTreeMap<K, V>, pick: usize) -> Option<(K, V)> {
    let index = pick.checked_rem(map.len())?;
    map.iter().nth(index).map(|(key, value)| (*key, *value))
}

fn apply(region: &Region, hint: &AllocHint, oracle: &mut Oracle, step: &Step) {
    let blocks = region.blocks();
    match *step {
        Step::Alloc { owner, bytes } => {
            if let Ok(block) = blocks.alloc(owner, bytes, hint) {
                assert!(blocks.capacity(block).unwrap() >= bytes);
                assert!(!oracle.shared.contains_key(&block), "in use");
                assert_eq!(oracle.owned.insert(block, owner), None, "in use");
            }
        }
        Step::Free { pick } => {
            if let Some((block, owner)) = nth(&oracle.owned, pick) {
                assert!(!blocks.free_owned(blocks.owned_reference(block), owner + 1));
                assert!(blocks.free_owned(blocks.owned_reference(block), owner));
                oracle.owned.remove(&block);
            }
        }
        Step::Share { pick, refs } => {
            if let Some((block, owner)) = nth(&oracle.owned, pick) {
                let shared = blocks.share(block, owner, refs).unwrap();
                oracle.owned.remove(&block);
                oracle.shared.insert(block, (shared, refs, refs));
            }
        }
        Step::Release { pick, count } => {
            if let Some((block, (shared, refs, places))) = nth(&oracle.shared, pick) {
                let count = count.min(places);
                let freed = count > 0 && blocks.release_refs(shared, count);
                assert_eq!(freed, count > 0 && refs == count);
                oracle.shared.insert(block, (shared, refs - count, places - count));
                if freed {
                    oracle.shared.remove(&block);
                }
            }
        }
        Step::Leak { pick } => {
            if let Some((block, (shared, refs, places))) = nth(&oracle.shared, pick) {
                oracle.shared.insert(block, (shared, refs, places.saturating_sub(1)));
            }
        }
        Step::Die { owner } => {
            let held = oracle.owned.values().filter(|held| **held == owner).count();
            assert_eq!(blocks.reclaim(owner, 9), held);
            oracle.owned.retain(|_, held| *held != owner);
        }
        Step::Recount => recount(region, oracle),
        Step::Trim => {
            blocks.trim(9);
            assert_eq!(blocks.committed_bytes(), blocks.bytes_in_use());
        }
    }
}

fn recount(region: &Region, oracle: &mut Oracle) {
    let leaked = oracle.shared.values().filter(|(_, _, places)| *places == 0).count();
    let freed = region.recount(&mut |visit| {
        let placed = oracle.shared.iter().filter(|(_, (_, _, places))| *places > 0);
        placed.for_each(|(block, _)| visit(*block));
    });
    assert_eq!(freed, leaked, "exactly the leaked");
    oracle.shared.retain(|_, (_, _, places)| *places > 0);
}

fn check(region: &Region, oracle: &Oracle) {
    let blocks = region.blocks();
    let granule = region.layout().geometry.granule_bytes;
    let live: Vec<_> = oracle.owned.keys().chain(oracle.shared.keys()).copied().collect();
    let mut ranges: Vec<_> = live
        .iter()
        .map(|block| (block.0 as usize * granule, blocks.capacity(*block).unwrap()))
        .collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "blocks overlap");
    }
    let bytes: usize = ranges.iter().map(|range| range.1).sum();
    assert!(bytes <= blocks.bytes_in_use() && blocks.bytes_in_use() <= 1 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    #[cfg_attr(miri, ignore = "hours; the unit tests take the same steps")]
    fn live_blocks_never_overlap_and_the_leaked_are_found(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let region = Region::create_private(&small()).unwrap();
        let hint = AllocHint::new(5);
        let mut oracle = Oracle::default();
        for step in &steps {
            apply(&region, &hint, &mut oracle, step);
            check(&region, &oracle);
        }
        // Whatever happened, everything comes back.
        for owner in 1..4 {
            region.blocks().reclaim(owner, 9);
        }
        region.recount(&mut |_| {});
        region.blocks().trim(9);
        prop_assert_eq!(region.blocks().bytes_in_use(), 0);
    }
}
