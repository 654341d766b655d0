//! The packed words of segments and blocks (R3.2): pure bit arithmetic.

/// State of a block's word. `Retired` is zero: untouched memory holds no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockState {
    /// No block begins here.
    Retired,
    /// A block that anybody may take.
    Free,
    /// A block that its owner alone may touch.
    Owned,
    /// An immutable frame with a count of references.
    Shared,
    /// The cells of a mailbox.
    Ring,
    /// A value that no transition produces.
    Invalid,
}

/// `generation:20 · state:4 · owner:16 · refs:24`.
///
/// While `Shared`, the owner bits count the references that were added (R3.2.2): a scan that
/// finds the word unchanged knows that no reference was born meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockWord(pub(crate) u64);

const GENERATION_20: u64 = (1 << 20) - 1;
pub(crate) const REFS_MAX: u32 = (1 << 24) - 1;

impl BlockWord {
    pub(crate) const fn new(generation: u32, state: BlockState, owner: u16, refs: u32) -> Self {
        let state = match state {
            BlockState::Retired => 0,
            BlockState::Free => 1,
            BlockState::Owned => 2,
            BlockState::Shared => 3,
            BlockState::Ring => 4,
            BlockState::Invalid => 15,
        };
        Self(
            (generation as u64 & GENERATION_20) << 44
                | state << 40
                | (owner as u64) << 24
                | (refs & REFS_MAX) as u64,
        )
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 44) as u32
    }

    #[inline]
    pub(crate) const fn state(self) -> BlockState {
        match self.0 >> 40 & 15 {
            0 => BlockState::Retired,
            1 => BlockState::Free,
            2 => BlockState::Owned,
            3 => BlockState::Shared,
            4 => BlockState::Ring,
            _ => BlockState::Invalid,
        }
    }

    #[inline]
    pub(crate) const fn owner(self) -> u16 {
        (self.0 >> 24) as u16
    }

    #[inline]
    pub(crate) const fn refs(self) -> u32 {
        self.0 as u32 & REFS_MAX
    }

    #[inline]
    pub(crate) const fn is_owned_by(self, owner: u16) -> bool {
        matches!(self.state(), BlockState::Owned) && self.owner() == owner
    }

    /// The same life of the block in another state.
    #[inline]
    pub(crate) const fn with(self, state: BlockState, owner: u16, refs: u32) -> Self {
        Self::new(self.generation(), state, owner, refs)
    }

    /// The next life of the block, owned.
    #[inline]
    pub(crate) const fn taken(self, owner: u16) -> Self {
        Self::new(self.generation().wrapping_add(1), BlockState::Owned, owner, 0)
    }
}

/// State of a segment's word. `Free` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentState {
    /// Nothing in it; anybody may claim it.
    Free,
    /// Blocks, or chunks, of one class.
    Slab,
    /// First segment of a large block; the class bits hold the number of segments.
    Large,
    /// A later segment of a run; the class bits hold the distance to the first.
    Tail,
    /// On its way from `Free` to `Slab` or back, in the hands of its owner.
    Moving,
    /// First segment of a run that its owner is claiming or giving back.
    RunMoving,
    /// A value that no transition produces.
    Invalid,
}

/// `generation:24 · state:4 · resident:1 · class, length or distance:19 · owner:16`.
///
/// `resident` says that memory backs the segment; it is kept wherever a segment may become
/// `Free` without having been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentWord(pub(crate) u64);

const VALUE_19: u32 = (1 << 19) - 1;

impl SegmentWord {
    pub(crate) const fn new(generation: u32, state: SegmentState, value: u32, owner: u16) -> Self {
        let state = match state {
            SegmentState::Free => 0,
            SegmentState::Slab => 1,
            SegmentState::Large => 2,
            SegmentState::Tail => 3,
            SegmentState::Moving => 4,
            SegmentState::RunMoving => 5,
            SegmentState::Invalid => 15,
        };
        Self(
            (generation as u64) << 40
                | state << 36
                | ((value & VALUE_19) as u64) << 16
                | owner as u64,
        )
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 40) as u32
    }

    #[inline]
    pub(crate) const fn state(self) -> SegmentState {
        match self.0 >> 36 & 15 {
            0 => SegmentState::Free,
            1 => SegmentState::Slab,
            2 => SegmentState::Large,
            3 => SegmentState::Tail,
            4 => SegmentState::Moving,
            5 => SegmentState::RunMoving,
            _ => SegmentState::Invalid,
        }
    }

    #[inline]
    pub(crate) const fn is(self, state: SegmentState) -> bool {
        self.state() as u8 == state as u8
    }

    /// Whether it is a slab of this class.
    #[inline(always)]
    pub(crate) const fn is_slab_of(self, class: u32) -> bool {
        const STATE_AND_VALUE: u64 = 15 << 36 | (VALUE_19 as u64) << 16;
        let slab = Self::new(0, SegmentState::Slab, class, 0);
        self.0 & STATE_AND_VALUE == slab.0 && class <= VALUE_19
    }

    /// Class of a slab, length of a run, or distance of a tail to its head.
    #[inline]
    pub(crate) const fn value(self) -> u32 {
        (self.0 >> 16) as u32 & VALUE_19
    }

    pub(crate) const fn owner(self) -> u16 {
        self.0 as u16
    }

    /// Whether memory backs the segment. Slabs and large blocks always are.
    pub(crate) const fn is_resident(self) -> bool {
        match self.state() {
            SegmentState::Slab | SegmentState::Large => true,
            _ => self.0 >> 35 & 1 == 1,
        }
    }

    pub(crate) const fn with_resident(self, resident: bool) -> Self {
        Self(self.0 & !(1 << 35) | (resident as u64) << 35)
    }

    /// The same life in another state; residency is kept.
    pub(crate) const fn with(self, state: SegmentState, value: u32, owner: u16) -> Self {
        Self::new(self.generation(), state, value, owner).with_resident(self.is_resident())
    }

    /// Free again, in the next life.
    pub(crate) const fn freed(self) -> Self {
        Self::new(self.generation().wrapping_add(1), SegmentState::Free, 0, 0)
            .with_resident(self.is_resident())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_an_empty_state_of_both_words() {
        assert_eq!(BlockWord(0).state(), BlockState::Retired);
        assert_eq!(SegmentWord(0).state(), SegmentState::Free);
        assert!(!SegmentWord(0).is_resident());
    }

    #[test]
    fn fields_keep_their_values_and_wrap_at_their_widths() {
        let word = BlockWord::new(0xF_FFFF, BlockState::Shared, 0xABCD, REFS_MAX);
        assert_eq!((word.generation(), word.owner(), word.refs()), (0xF_FFFF, 0xABCD, REFS_MAX));
        assert_eq!(word.taken(7), BlockWord::new(0, BlockState::Owned, 7, 0));
        let word = SegmentWord::new(0xFF_FFFF, SegmentState::Tail, VALUE_19, 0x1234);
        assert_eq!((word.value(), word.owner()), (VALUE_19, 0x1234));
        let freed = word.with_resident(true).freed();
        assert_eq!((freed.generation(), freed.state()), (0, SegmentState::Free));
        assert!(freed.is_resident());
    }
}
