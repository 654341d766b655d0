//! Where every table of a region lies: computed from the limits, never read from memory (R1.3).

use super::classes::{Geometry, SEGMENT_BYTES};
use super::limits::{CELL_BYTES, HOLDERS, Limits};
use super::records::{Header, ParticipantRecord, PollerRecord, ReplyRecord, RouteRecord};
use crate::sync::AtomicU64;
use core::marker::PhantomData;

/// Raised with every change of the layout.
pub(crate) const LAYOUT_VERSION: u64 = 1;
/// "NeoRegn1" in memory order of a little-endian host.
pub(crate) const MAGIC: u64 = 0x316E_6765_526F_654E;
/// Bytes of a segment of the arena.
pub(crate) const ARENA_SEGMENT_BYTES: usize = 64 << 10;
const ARENA_BYTES_MIN: usize = 64 << 20;
/// Tables begin on pages of their own, so that each can be committed alone.
const PAGE: usize = 4096;

const _: () = assert!(usize::BITS == 64, "a region needs a 64-bit address space");

/// `length` records of one type from `offset` of the control mapping on.
#[derive(Debug)]
pub(crate) struct Table<T> {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    record: PhantomData<fn() -> T>,
}

impl<T> Table<T> {
    /// Byte range of records `first` … `first + count − 1`, for a commit.
    pub(crate) fn range(&self, first: usize, count: usize) -> (usize, usize) {
        (self.offset + first * size_of::<T>(), count * size_of::<T>())
    }
}

/// Offsets of the control mapping and of the data mapping.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) participants: Table<ParticipantRecord>,
    pub(crate) segments: Table<AtomicU64>,
    pub(crate) arena_segments: Table<AtomicU64>,
    pub(crate) route_states: Table<AtomicU64>,
    /// Bytes from the start that are committed when the region is created.
    pub(crate) eager_bytes: usize,
    pub(crate) routes: Table<RouteRecord>,
    pub(crate) pollers: Table<PollerRecord>,
    pub(crate) replies: Table<ReplyRecord>,
    pub(crate) holders: Table<AtomicU64>,
    pub(crate) blocks: Table<AtomicU64>,
    pub(crate) arena_offset: usize,
    pub(crate) control_bytes: usize,
    /// Reply cells lie at the start of the data mapping, blocks behind them.
    pub(crate) data_offset: usize,
    pub(crate) data_bytes: usize,
    pub(crate) geometry: Geometry,
}

impl Layout {
    /// The layout of valid limits.
    pub(crate) fn new(limits: &Limits) -> Self {
        let memory = limits.memory_bytes_max as usize;
        // One more than may join: whoever clears up when all places are the dead's.
        let participants = limits.participants_max as usize + 1;
        let calls = participants * limits.calls_in_flight_max as usize;
        let geometry = Geometry::new(memory, limits.frame_bytes_max() as usize);
        let arena_bytes = (memory / 4).max(ARENA_BYTES_MIN.min(memory));
        let arena_count = arena_bytes / ARENA_SEGMENT_BYTES;

        let mut end = 0;
        // The header is what every participant finds at offset 0.
        let _: Table<Header> = place(&mut end, 1);
        let participant_table = place(&mut end, participants);
        let segments = place(&mut end, geometry.segments);
        let arena_segments = place(&mut end, arena_count);
        let route_states = place(&mut end, limits.routes_max as usize);
        let eager_bytes = end;
        let routes = place(&mut end, limits.routes_max as usize);
        let pollers = place(&mut end, limits.pollers() as usize);
        let replies = place(&mut end, calls);
        let holders = place(&mut end, participants * HOLDERS);
        let blocks = place(&mut end, geometry.blocks());
        let data_offset = (calls * CELL_BYTES).next_multiple_of(SEGMENT_BYTES);
        Self {
            participants: participant_table,
            segments,
            arena_segments,
            route_states,
            eager_bytes,
            routes,
            pollers,
            replies,
            holders,
            blocks,
            arena_offset: end,
            control_bytes: end + arena_count * ARENA_SEGMENT_BYTES,
            data_offset,
            data_bytes: data_offset + geometry.bytes(),
            geometry,
        }
    }
}

fn place<T>(end: &mut usize, length: usize) -> Table<T> {
    let offset = *end;
    *end = (offset + length * size_of::<T>()).next_multiple_of(PAGE);
    Table { offset, length, record: PhantomData }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_limits_have_a_layout() {
        let mut limits = Limits::new();
        for field in 0..=4 {
            match field {
                1 => limits.memory_bytes_max = 64 << 30,
                2 => limits.participants_max = 1_024,
                3 => limits.routes_max = 1_048_576,
                4 => limits.calls_in_flight_max = 4_096,
                _ => {}
            }
            limits.validate().unwrap();
            let layout = Layout::new(&limits);
            assert!(layout.control_bytes > layout.arena_offset);
            assert!(layout.data_bytes - layout.data_offset == limits.memory_bytes_max as usize);
            assert!(layout.control_bytes + layout.data_bytes < 1 << 40);
        }
    }
}
