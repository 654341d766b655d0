//! Mailboxes in a region: the chunk's layout and the borrow that routes keep.
#![allow(unsafe_code, reason = "casts of mapped memory")]

use crate::region::blocks::BlockId;
use crate::region::map::Region;
use crate::region::records::SharedWord;
use crate::sync::AtomicU64;

use super::cells::{
    CAPACITY_LOG2_MAX, CAPACITY_LOG2_MIN, Cell, Header, INLINE_BYTES, MEMBERS_MAX, Mailbox,
    ReaderEntry, Table,
};

// SAFETY: made of atomics only; all-zero is a free mailbox.
unsafe impl SharedWord for Header {}
// SAFETY: made of atomics only; all-zero is a free entry.
unsafe impl SharedWord for ReaderEntry {}

/// What a chunk has besides its ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChunkKind {
    /// One reader.
    Single,
    /// Up to [`MEMBERS_MAX`] readers.
    Shared,
    /// One reader and a key table.
    Latest,
}

/// What fixes the shape of a chunk for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChunkClass {
    log2: u32,
    kind: ChunkKind,
}

impl ChunkClass {
    const KINDS: [ChunkKind; 3] = [ChunkKind::Single, ChunkKind::Shared, ChunkKind::Latest];

    /// The smallest class for `depth` messages. The ring of a `Latest` mailbox has twice the room:
    /// keys that a reader has taken and not released may be queued again.
    pub(crate) fn new(depth: u64, kind: ChunkKind) -> Self {
        let slots = if kind == ChunkKind::Latest { depth * 2 } else { depth };
        let log2 = slots.next_power_of_two().trailing_zeros();
        Self { log2: log2.clamp(CAPACITY_LOG2_MIN, CAPACITY_LOG2_MAX), kind }
    }

    /// The class's number in the arena; 0 is none.
    pub(crate) fn number(self) -> u16 {
        (self.log2 as u16) << 2 | self.kind as u16
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        let log2 = u32::from(number >> 2);
        let kind = *Self::KINDS.get(usize::from(number & 3))?;
        (CAPACITY_LOG2_MIN..=CAPACITY_LOG2_MAX).contains(&log2).then_some(Self { log2, kind })
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (CAPACITY_LOG2_MIN..=CAPACITY_LOG2_MAX)
            .flat_map(|log2| Self::KINDS.map(|kind| Self { log2, kind }))
    }

    /// Whether it has several readers.
    pub(crate) fn is_shared(self) -> bool {
        self.kind == ChunkKind::Shared
    }

    pub(crate) fn capacity(self) -> usize {
        1 << self.log2
    }

    fn readers(self) -> usize {
        if self.kind == ChunkKind::Shared { MEMBERS_MAX } else { 1 }
    }

    /// Bytes of a chunk in the control arena.
    pub(crate) fn chunk_bytes(self) -> usize {
        let bytes = size_of::<Header>()
            + self.readers() * size_of::<ReaderEntry>()
            + self.capacity() * self.arrays() * 8;
        bytes.next_multiple_of(align_of::<Header>())
    }

    /// Word arrays: claims, commits, lost, and for `Latest` keys and values.
    fn arrays(self) -> usize {
        if self.kind == ChunkKind::Latest { 5 } else { 3 }
    }

    /// Bytes of the block that holds the cells.
    pub(crate) fn cells_bytes(self) -> usize {
        self.capacity() * INLINE_BYTES
    }
}

/// Borrows the mailbox at `offset`. With no `cells` it has words only: enough to open, close and
/// reclaim it, and no frame can be read or written. `None`: the offset or the block is not valid.
pub(crate) fn map(
    region: &Region,
    class: ChunkClass,
    offset: usize,
    cells: Option<BlockId>,
) -> Option<Mailbox<'_>> {
    let capacity = class.capacity();
    let header: &[Header] = region.control_slice(offset, 1)?;
    let mut at = offset + size_of::<Header>();
    let readers: &[ReaderEntry] = region.control_slice(at, class.readers())?;
    at += class.readers() * size_of::<ReaderEntry>();
    let mut words = [&[] as &[AtomicU64]; 5];
    for array in &mut words[..class.arrays()] {
        *array = region.control_slice(at, capacity)?;
        at += capacity * 8;
    }
    let [claims, commits, lost, keys, values] = words;
    let cells = match cells {
        Some(block) => cells_of(region, block, class)?,
        None => &[],
    };
    let table = Table { keys, values };
    let words = [claims, commits, lost];
    Some(Mailbox::new(header.first()?, readers, words, cells, table, class.log2))
}

fn cells_of(region: &Region, block: BlockId, class: ChunkClass) -> Option<&[Cell]> {
    let start = region.block_ptr(block, class.cells_bytes())?.cast::<Cell>();
    if !start.is_aligned() {
        return None;
    }
    // SAFETY: `block_ptr` checked that the range lies in the data mapping, which lives as long as
    // the region; the alignment was checked; any bytes are valid cells, and cells are interior
    // mutable.
    Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), class.capacity()) })
}

/// A mailbox that a handle or a cached route keeps, without keeping the region alive.
#[derive(Debug)]
pub(crate) struct MailboxRef {
    region: u64,
    mailbox: Mailbox<'static>,
    class: ChunkClass,
    offset: usize,
    generation: u32,
}

impl MailboxRef {
    pub(crate) fn new(
        region: &Region,
        class: ChunkClass,
        offset: usize,
        cells: BlockId,
        generation: u32,
    ) -> Option<Self> {
        let mailbox = map(region, class, offset, Some(cells))?;
        // SAFETY: the borrow is lent by `get` only together with the region it came from, whose
        // mappings stay where they are until it is dropped; region numbers are never used again.
        let mailbox = unsafe { core::mem::transmute::<Mailbox<'_>, Mailbox<'static>>(mailbox) };
        Some(Self { region: region.number(), mailbox, class, offset, generation })
    }

    /// The mailbox, for as long as its region is borrowed.
    #[inline(always)]
    pub(crate) fn get<'r>(&'r self, region: &'r Region) -> &'r Mailbox<'r> {
        assert!(region.number() == self.region, "a mailbox of another region");
        &self.mailbox
    }

    pub(crate) fn class(&self) -> ChunkClass {
        self.class
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }
}
