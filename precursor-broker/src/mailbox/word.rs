//! The bits of a mailbox's words (region.md R3.1) and the arithmetic of its cursors. Pure.

use super::extent::{EXTENT_BITS, Extent};

/// Bits of a lap in claim words.
const LAP_BITS: u32 = 39;
const LAP_MASK: u64 = (1 << LAP_BITS) - 1;

/// Flag of `tail`: an armed reader wants to be woken by the next publisher.
pub(crate) const NOTIFY: u64 = 1;
/// Flag of `tail`: this life of the mailbox is over.
pub(crate) const CLOSED: u64 = 2;
/// Flag of `tail`, beside [`CLOSED`]: it was closed by `Detach`, because it was full.
pub(crate) const DETACHED: u64 = 4;
const TAIL_FLAG_BITS: u32 = 8;

/// `position:56 · flags:8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail(pub u64);

impl Tail {
    pub(crate) fn new(position: u64) -> Self {
        Self(position << TAIL_FLAG_BITS)
    }

    #[inline(always)]
    pub(crate) fn position(self) -> u64 {
        self.0 >> TAIL_FLAG_BITS
    }

    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }

    #[inline(always)]
    pub(crate) fn wants_notice(self) -> bool {
        self.0 & NOTIFY != 0
    }

    /// Moved on by `span` positions, flags kept.
    #[inline(always)]
    pub(crate) fn advanced(self, span: u64) -> Self {
        Self(self.0.wrapping_add(span << TAIL_FLAG_BITS))
    }

    #[inline(always)]
    pub(crate) fn without_notice(self) -> Self {
        Self(self.0 & !NOTIFY)
    }
}

/// `position:40 · evicted:24`. One compare-and-swap moves both, so that what was evicted is known
/// exactly whoever dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take(pub u64);

const TAKE_POSITION_BITS: u32 = 40;
const TAKE_POSITION_MASK: u64 = (1 << TAKE_POSITION_BITS) - 1;
/// Evictions counted in `take` itself; the rest stands in `evicted_high`.
pub(crate) const EVICTED_BITS: u32 = 24;
const EVICTED_MASK: u64 = (1 << EVICTED_BITS) - 1;

impl Take {
    pub(crate) fn new(position: u64, evicted: u64) -> Self {
        Self(position << EVICTED_BITS | evicted & EVICTED_MASK)
    }

    /// The full position, given any full position that is not newer and less than 2^40 older.
    #[inline(always)]
    pub(crate) fn position_after(self, known: u64) -> u64 {
        known.wrapping_add((self.0 >> EVICTED_BITS).wrapping_sub(known) & TAKE_POSITION_MASK)
    }

    /// The full position, given that of `tail`. A reader may be a run ahead of it: messages are
    /// committed before `tail` moves.
    #[inline(always)]
    pub(crate) fn position_near(self, tail: u64) -> u64 {
        const AHEAD_MAX: u64 = 1 << 20;
        let known = tail + AHEAD_MAX;
        let behind = known.wrapping_sub(self.0 >> EVICTED_BITS) & TAKE_POSITION_MASK;
        // A take that is ahead of everything is nobody's who keeps to the rules.
        known.saturating_sub(behind)
    }

    #[inline(always)]
    pub(crate) fn evicted(self) -> u64 {
        self.0 & EVICTED_MASK
    }

    #[inline(always)]
    pub(crate) fn taken(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count << EVICTED_BITS))
    }

    /// `count` messages lost at this point. The count wraps on its own.
    #[inline(always)]
    pub(crate) fn losing(self, count: u64) -> Self {
        Self(self.0 & !EVICTED_MASK | (self.evicted() + count) & EVICTED_MASK)
    }

    pub(crate) fn wraps_when_losing(self, count: u64) -> bool {
        self.evicted() + count > EVICTED_MASK
    }
}

/// `lap:39 · span:9 · owner:16`. The claim is the compare-and-swap that stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClaimWord(pub u64);

const SPAN_BITS: u32 = 9;
const OWNER_BITS: u32 = 16;

impl ClaimWord {
    #[inline(always)]
    pub(crate) fn new(lap: u64, span: u32, owner: u16) -> Self {
        let lap = lap & LAP_MASK;
        Self(lap << (SPAN_BITS + OWNER_BITS) | u64::from(span) << OWNER_BITS | u64::from(owner))
    }

    #[inline(always)]
    pub(crate) fn lap(self) -> u64 {
        self.0 >> (SPAN_BITS + OWNER_BITS)
    }

    #[inline(always)]
    pub(crate) fn span(self) -> u64 {
        self.0 >> OWNER_BITS & ((1 << SPAN_BITS) - 1)
    }

    pub(crate) fn owner(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

/// What a committed slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Nothing yet.
    Empty = 0,
    /// The frame lies in the slot's cell.
    Inline = 1,
    /// The frame lies in a block.
    Block = 2,
    /// The index of an entry of the `Latest` table.
    Key = 3,
    /// Nothing, and nothing was lost: the claim was given back.
    Aborted = 4,
    /// A message whose publisher died between claim and commit.
    Dead = 5,
}

/// `lap:14 · extent:25 · lost:1 · kind:3 · block:21`.
///
/// The lap tells a message from the one before it in the slot: nobody commits the next but one
/// before this one was taken (region.md R3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitWord(pub u64);

const BLOCK_BITS: u32 = 21;
const BLOCK_MASK: u64 = (1 << BLOCK_BITS) - 1;
const KIND_BITS: u32 = 3;
const LOST: u64 = 1 << (BLOCK_BITS + KIND_BITS);
const EXTENT_SHIFT: u32 = BLOCK_BITS + KIND_BITS + 1;
const COMMIT_LAP_SHIFT: u32 = EXTENT_SHIFT + EXTENT_BITS;

impl CommitWord {
    #[inline(always)]
    pub(crate) fn new(lap: u64, kind: Kind, block: u32) -> Self {
        let block = u64::from(block) & BLOCK_MASK;
        Self(lap << COMMIT_LAP_SHIFT | (kind as u64) << BLOCK_BITS | block)
    }

    /// With where the payload lies in the frame of a block.
    #[inline(always)]
    pub(crate) fn with_extent(self, extent: Extent) -> Self {
        Self(self.0 | extent.to_bits() << EXTENT_SHIFT)
    }

    /// Where the payload lies in the frame of a block; `None` if the header tells it.
    #[inline(always)]
    pub(crate) fn extent(self) -> Option<Extent> {
        Extent::from_bits(self.0 >> EXTENT_SHIFT)
    }

    /// The slot's `lost` word holds the count of refused messages at the claim.
    #[inline(always)]
    pub(crate) fn marked_lost(self, marked: bool) -> Self {
        Self(self.0 | if marked { LOST } else { 0 })
    }

    #[inline(always)]
    pub(crate) fn is_marked_lost(self) -> bool {
        self.0 & LOST != 0
    }

    /// Whether it was stored in this lap, and not in the one before.
    #[inline(always)]
    pub(crate) fn is_of(self, lap: u64) -> bool {
        (self.0 ^ lap << COMMIT_LAP_SHIFT) >> COMMIT_LAP_SHIFT == 0
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> Kind {
        match self.0 >> BLOCK_BITS & ((1 << KIND_BITS) - 1) {
            1 => Kind::Inline,
            2 => Kind::Block,
            3 => Kind::Key,
            4 => Kind::Aborted,
            5 => Kind::Dead,
            _ => Kind::Empty,
        }
    }

    #[inline(always)]
    pub(crate) fn block(self) -> u32 {
        (self.0 & BLOCK_MASK) as u32
    }
}

/// Slot and lap of positions in a ring of `1 << log2` slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    mask: u64,
    log2: u32,
}

impl Geometry {
    pub(crate) fn new(log2: u32) -> Self {
        Self { mask: (1 << log2) - 1, log2 }
    }

    #[inline(always)]
    pub(crate) fn capacity(self) -> u64 {
        self.mask + 1
    }

    /// Less than the capacity, whatever the position.
    #[inline(always)]
    pub(crate) fn slot(self, position: u64) -> usize {
        (position & self.mask) as usize
    }

    /// Positions from this one to the end of its lap.
    #[inline(always)]
    pub(crate) fn left_in_lap(self, position: u64) -> u64 {
        self.capacity() - (position & self.mask)
    }

    #[inline(always)]
    pub(crate) fn lap(self, position: u64) -> u64 {
        position >> self.log2 & LAP_MASK
    }

    /// Whether `lap` was used before `reference`, laps being numbers modulo 2^39.
    #[inline(always)]
    pub(crate) fn lap_is_before(lap: u64, reference: u64) -> bool {
        let distance = reference.wrapping_sub(lap) & LAP_MASK;
        distance != 0 && distance < 1 << (LAP_BITS - 1)
    }
}

/// Life of a mailbox: `generation:32 · log2:8 · status:8 · owner:16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Free = 0,
    Opening = 1,
    Open = 2,
    Closing = 3,
}

impl State {
    pub(crate) fn new(generation: u32, status: Status, owner: u16) -> Self {
        Self(u64::from(generation) << 32 | (status as u64) << 16 | u64::from(owner))
    }

    #[inline(always)]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn status(self) -> Status {
        match self.0 >> 16 & 0xFF {
            0 => Status::Free,
            1 => Status::Opening,
            2 => Status::Open,
            _ => Status::Closing,
        }
    }

    pub(crate) fn owner(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_expands_to_the_full_position_from_either_side() {
        for position in [0_u64, 5, (1 << 40) - 1, 1 << 40, (1 << 55) + 12_345] {
            let take = Take::new(position, 7);
            assert_eq!(take.position_after(position.saturating_sub(9_999)), position);
            assert_eq!(take.position_near(position + 9_999), position);
            assert_eq!(take.position_near(position.saturating_sub(255)), position, "ahead of tail");
            assert_eq!(take.evicted(), 7);
        }
    }

    #[test]
    fn eviction_count_wraps_without_touching_the_position() {
        let take = Take::new(41, EVICTED_MASK);
        assert!(take.wraps_when_losing(1));
        let next = take.taken(1).losing(1);
        assert_eq!((next.position_after(0), next.evicted()), (42, 0));
    }

    #[test]
    fn claim_and_commit_words_keep_their_fields() {
        let claim = ClaimWord::new(LAP_MASK, 256, 0xFFFF);
        assert_eq!((claim.lap(), claim.span(), claim.owner()), (LAP_MASK, 256, 0xFFFF));
        let extent = Extent { offset: 960, len: 0x1F_FFFF };
        let commit = CommitWord::new(LAP_MASK - 1, Kind::Block, BLOCK_MASK as u32)
            .with_extent(extent)
            .marked_lost(true);
        assert!(commit.is_of(LAP_MASK - 1) && !commit.is_of(LAP_MASK) && !commit.is_of(0));
        assert_eq!((commit.kind(), commit.block()), (Kind::Block, BLOCK_MASK as u32));
        assert_eq!(commit.extent(), Some(extent));
        assert!(commit.is_marked_lost());
        assert_eq!(CommitWord::new(LAP_MASK, Kind::Dead, BLOCK_MASK as u32).extent(), None);
    }

    #[test]
    fn laps_are_ordered_across_their_wrap() {
        assert!(Geometry::lap_is_before(LAP_MASK, 0));
        assert!(!Geometry::lap_is_before(0, LAP_MASK));
        assert!(!Geometry::lap_is_before(3, 3));
    }
}
