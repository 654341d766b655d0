//! Blocks of whole segments: what waits, for whom, and what a death leaves behind.

use super::region;
use crate::region::blocks::{BlockId, BlockTable};
use crate::region::classes::SEGMENT_BYTES;
use crate::region::hint::AllocHint;
use crate::region::words::{BlockState, SegmentState};

fn free(blocks: &BlockTable<'_>, block: BlockId) {
    assert!(blocks.free_owned(blocks.owned_reference(block), 1));
}

#[test]
fn a_freed_run_waits_for_the_next_block_of_its_length() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let first = blocks.alloc(1, SEGMENT_BYTES, &hint).unwrap();
    free(&blocks, first);
    let word = blocks.segments.load(blocks.geometry.segment_of(first.index()));
    assert_eq!(blocks.alloc(1, SEGMENT_BYTES, &hint), Ok(first));
    let again = blocks.segments.load(blocks.geometry.segment_of(first.index()));
    assert_eq!(again, word, "the segment was not claimed anew");
    let stale = blocks.owned_reference(first);
    free(&blocks, first);
    assert_eq!(blocks.alloc(1, SEGMENT_BYTES, &AllocHint::new(0)), Ok(first), "without a hint");
    assert!(!blocks.free_owned(stale, 1), "that life is over");
}

#[test]
fn a_publisher_goes_round_the_runs_of_a_reader_that_lags() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let mut queue = std::collections::VecDeque::new();
    let mut used = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let block = blocks.alloc(1, SEGMENT_BYTES - 5, &hint).unwrap();
        used.insert(block);
        queue.push_back(block);
        if queue.len() > 2 {
            free(&blocks, queue.pop_front().unwrap());
        }
    }
    assert_eq!(used.len(), 3);
}

#[test]
fn runs_that_wait_give_way_to_other_lengths_and_to_slabs() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let short = [(); 4].map(|()| blocks.alloc(1, SEGMENT_BYTES, &hint).unwrap());
    short.iter().for_each(|block| free(&blocks, *block));
    let long = [(); 2].map(|()| blocks.alloc(1, 2 * SEGMENT_BYTES, &hint).unwrap());
    assert!(blocks.alloc(1, 500, &hint).is_err(), "no memory is left");
    free(&blocks, long[0]);
    assert_eq!(
        blocks.alloc(1, SEGMENT_BYTES, &hint).map(|block| blocks.capacity(block)),
        Ok(Some(SEGMENT_BYTES)),
        "half of a run is not kept from others"
    );
    blocks.alloc(1, 500, &hint).unwrap();
    assert_eq!(blocks.state(long[1]), BlockState::Owned);
}

#[test]
fn what_waits_goes_back_to_the_system_and_what_is_used_does_not() {
    let region = region();
    let blocks = region.blocks();
    let hint = AllocHint::new(0);
    let [waiting, used] = [(); 2].map(|()| blocks.alloc(1, 2 * SEGMENT_BYTES, &hint).unwrap());
    free(&blocks, waiting);
    assert_eq!(blocks.committed_bytes(), 4 * SEGMENT_BYTES);
    assert_eq!(blocks.trim(2), 2 * SEGMENT_BYTES);
    assert_eq!(
        (blocks.state(waiting), blocks.state(used)),
        (BlockState::Retired, BlockState::Owned)
    );
    assert_eq!(blocks.bytes_in_use(), 2 * SEGMENT_BYTES);
    assert!(region.block_ptr(used, 2 * SEGMENT_BYTES).is_some());
}

#[test]
fn a_death_at_any_step_of_a_claim_leaves_nothing_behind() {
    let region = region();
    let blocks = region.blocks();
    let table = blocks.segments;
    // The head, some tails, all tails, the block.
    for tails in 0..4 {
        let head = table.load(0);
        table.publish(0, head.with(SegmentState::RunMoving, 3, 1));
        for distance in 1..=tails.min(2) {
            let tail = table.load(distance).with(SegmentState::Tail, distance as u32, 0);
            table.publish(distance, tail);
        }
        if tails == 3 {
            blocks.store(BlockId(0), blocks.load(BlockId(0)).taken(1));
        }
        blocks.reclaim(1, 2);
        assert_eq!(blocks.bytes_in_use(), 0, "{tails} tails");
    }
}

#[test]
fn a_death_at_any_step_of_giving_a_run_back_leaves_a_run_that_waits_or_nothing() {
    let region = region();
    let blocks = region.blocks();
    let block = blocks.alloc(1, 2 * SEGMENT_BYTES, &AllocHint::new(0)).unwrap();
    let head = blocks.geometry.segment_of(block.index());
    // The collector has the block.
    assert_eq!(blocks.reclaim(1, 2), 1);
    assert_eq!(blocks.state(block), BlockState::Free);
    assert_eq!(blocks.alloc(1, 2 * SEGMENT_BYTES, &AllocHint::new(0)), Ok(block));
    // It has the block and the segments.
    let word = blocks.segments.load(head);
    blocks.segments.publish(head, word.with(SegmentState::RunMoving, 2, 1));
    blocks.reclaim(1, 2);
    assert_eq!(blocks.state(block), BlockState::Retired);
    assert_eq!(blocks.bytes_in_use(), 0);
}
