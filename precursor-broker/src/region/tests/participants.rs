//! Participants, tables and the arena.

use super::{region, small};
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::error::{AllocError, RegionError};
use crate::region::holders::HolderTable;
use crate::region::layout::ARENA_SEGMENT_BYTES;
use crate::region::limits::HOLDERS;
use crate::region::map::Region;
use crate::region::owners::{Owner, Status};
use crate::region::segments::From;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::collections::BTreeSet;

#[test]
fn participants_get_ids_of_their_own_until_the_limit() {
    let region = region();
    let owners: Vec<_> = core::iter::from_fn(|| region.join().ok()).collect();
    assert_eq!(owners.iter().map(|owner| owner.id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let error = region.join().unwrap_err();
    assert!(matches!(error, RegionError::ParticipantsFull { participants_max: 4 }), "{error}");
    assert!(region.leave(owners[1]));
    assert!(!region.leave(owners[1]), "once");
    assert_eq!(region.join().unwrap(), Owner { id: 2, generation: 1 });
    assert!(!region.mark_dead(owners[1]), "the id belongs to another life");
}

#[test]
fn the_dead_are_found_until_they_are_reclaimed() {
    let region = region();
    let (owner, other) = (region.join().unwrap(), region.join().unwrap());
    assert!(region.is_live(owner));
    assert_eq!(region.dead_participants().count(), 0);
    assert!(region.mark_dead(owner));
    assert!(region.mark_dead(owner), "every survivor may say so");
    assert!(!region.is_live(owner) && region.is_live(other));
    assert_eq!(region.dead_participants().collect::<Vec<_>>(), [owner]);
    assert_eq!(region.status(owner.id), Some((owner, Status::Dead)));
    assert!(region.leave(owner), "reclaim ends with a free record");
    assert_eq!(region.dead_participants().count(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "asks for the identity of processes")]
fn a_participant_whose_process_is_gone_is_dead_even_while_it_joined() {
    let region = region();
    let owner = region.join().unwrap();
    let record = &region.participants()[0];
    record.start.fetch_add(1, Ordering::Relaxed);
    assert!(!region.is_live(owner), "the process id belongs to a later process");
    // Died between naming its process and writing its start time; no process has this id.
    record.state.store(1 << 24 | 0xFF_FFFF, Ordering::Relaxed);
    assert_eq!(region.dead_participants().collect::<Vec<_>>(), [owner]);
}

#[test]
fn slices_outside_the_control_memory_or_misaligned_are_refused() {
    let region = region();
    let end = region.layout().control_bytes;
    assert_eq!(region.control_slice::<AtomicU64>(end - 8, 1).unwrap().len(), 1);
    assert!(region.control_slice::<AtomicU64>(end - 8, 2).is_none());
    assert!(region.control_slice::<AtomicU64>(4, 1).is_none());
    assert!(region.control_slice::<AtomicU32>(4, 1).is_some());
    assert!(region.control_slice::<AtomicU64>(usize::MAX - 7, 1).is_none());
    assert!(region.control_slice::<AtomicU64>(0, usize::MAX / 4).is_none());
    assert_eq!(region.route_states().len(), 64);
    assert_eq!(region.routes().len(), 64);
    assert_eq!(region.pollers().len(), 64 + 1_024);
    // Four may join, and one clears up.
    assert_eq!(region.replies(5).len(), 8);
    assert_eq!((region.replies(0).len(), region.replies(6).len()), (0, 0));
    assert_eq!((region.holders(5).len(), region.holders(6).len()), (HOLDERS, 0));
}

#[test]
fn reply_cells_lie_apart_from_each_other_and_from_the_blocks() {
    let region = region();
    let mut cells: Vec<_> = (1..=5)
        .flat_map(|participant| (0..8).map(move |call| (participant, call)))
        .map(|(participant, call)| region.reply_cell(participant, call).unwrap().addr().get())
        .collect();
    cells.sort_unstable();
    assert!(cells.windows(2).all(|pair| pair[1] - pair[0] >= 256));
    assert!(cells.len() * 256 <= region.layout().data_offset);
    assert!(region.reply_cell(5, 8).is_none() && region.reply_cell(6, 0).is_none());
}

#[test]
fn chunks_of_a_class_stay_its_own_and_are_found_again() {
    let region = region();
    let mut all = BTreeSet::new();
    for (class, bytes) in [(1, 1_024), (2, 24_576), (1, 1_024), (u16::MAX, 100_096)] {
        let chunks: Vec<_> = region.arena_grow(class, bytes, 1).unwrap().collect();
        assert_eq!(chunks.len(), (ARENA_SEGMENT_BYTES / bytes).max(1));
        for chunk in chunks {
            assert!(region.control_slice::<AtomicU64>(chunk, bytes / 8).is_some());
            assert!(
                (0..bytes)
                    .step_by(if cfg!(miri) { 1_024 } else { 128 })
                    .all(|offset| all.insert(chunk + offset)),
                "overlap"
            );
        }
    }
    assert_eq!(region.arena_chunks(1, 1_024).count(), 128);
    assert_eq!(region.arena_chunks(2, 24_576).count(), 2);
    assert_eq!(region.arena_chunks(u16::MAX, 100_096).count(), 1);
    assert_eq!(region.arena_chunks(3, 1_024).count(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "searches the whole arena for each of its segments")]
fn a_full_arena_refuses_and_a_death_while_it_grew_leaves_no_gap() {
    let region = region();
    let table = region.arena_table();
    table.claim_run(3, 1, From::Bottom).unwrap();
    region.arena_reclaim(1, 2);
    assert_eq!(table.census().0, 0);
    let segments = table.len();
    for _ in 0..segments {
        region.arena_grow(1, 128, 2).unwrap();
    }
    let cap = segments * ARENA_SEGMENT_BYTES;
    let full = AllocError::Full { requested: 128, cap, in_use: cap };
    assert_eq!(region.arena_grow(1, 128, 2), Err(full));
}

#[test]
fn a_holder_table_gives_every_entry_once_and_takes_it_back() {
    let region = Region::create_private(&small()).unwrap();
    let owner = region.join().unwrap();
    let table = HolderTable::new(region, owner.id);
    let block = BlockRef { id: BlockId((1 << 21) - 1), generation: (1 << 20) - 1 };
    let entries: Vec<_> = core::iter::from_fn(|| table.hold(block)).collect();
    assert_eq!(entries.len(), HOLDERS);
    assert_eq!(entries.iter().collect::<std::collections::HashSet<_>>().len(), HOLDERS);
    table.release(entries[7]);
    assert_eq!(table.hold(block), Some(entries[7]));
}

#[test]
fn a_thread_that_ends_gives_the_entry_back_that_it_kept() {
    let region = Region::create_private(&small()).unwrap();
    let owner = region.join().unwrap();
    let table = HolderTable::new(region, owner.id);
    let block = BlockRef { id: BlockId(1), generation: 1 };
    let hold_and_release = || {
        let entry = table.hold(block).unwrap();
        table.release(entry);
        assert_eq!(table.hold(block), Some(entry), "kept by its thread");
        table.release(entry);
    };
    std::thread::scope(|scope| scope.spawn(hold_and_release).join()).unwrap();
    assert_eq!(core::iter::from_fn(|| table.hold(block)).count(), HOLDERS);
}

#[test]
fn entries_of_two_tables_on_one_thread_stay_apart() {
    let block = BlockRef { id: BlockId(1), generation: 1 };
    let [first, second, third] = [(); 3].map(|()| {
        let region = Region::create_private(&small()).unwrap();
        let owner = region.join().unwrap();
        HolderTable::new(region, owner.id)
    });
    let turn = |table: &HolderTable| table.release(table.hold(block).unwrap());
    let count = |table: &HolderTable| core::iter::from_fn(|| table.hold(block)).count();
    turn(&first);
    turn(&second);
    assert_eq!((count(&second), count(&first)), (HOLDERS, HOLDERS));
    // The thread's place is free for another table once the first is gone.
    drop(first);
    turn(&third);
    assert_eq!(count(&third), HOLDERS);
}

#[test]
fn impossible_limits_make_no_region() {
    let error = Region::create_private(&small().with_memory_bytes_max(1)).unwrap_err();
    assert!(error.to_string().contains("memory_bytes_max = 1 is too small"), "{error}");
}
