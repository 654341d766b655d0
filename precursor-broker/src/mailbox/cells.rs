//! The shape of a mailbox in memory, and the only access to its payload cells.
//!
//! A [`Mailbox`] is borrowed slices: of a chunk of the region, or of boxed arrays in the models.
//! Exclusive access to a cell comes from the protocol (region.md R3.1.1, R3.1.4): between claim and
//! commit it is the claim owner's, between take and release the reader's.

use crate::sync::{AtomicU32, AtomicU64, UnsafeCell, WaitWord};

use super::word::Geometry;

/// Bytes of a frame that travels in the slot itself.
pub const INLINE_BYTES: usize = 256;
/// Fewest slots of a ring: two lines of commit words.
pub(crate) const CAPACITY_LOG2_MIN: u32 = 4;
/// Most slots of a ring.
pub(crate) const CAPACITY_LOG2_MAX: u32 = 16;
/// Readers of one shared mailbox (members of a group, workers of a service).
pub const MEMBERS_MAX: usize = 64;
/// Positions that one claim may take.
pub const RUN_MAX: usize = 255;

/// No slot is pinned.
pub(crate) const UNPINNED: u64 = u64::MAX;

/// A slot's payload.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Cell(UnsafeCell<[u8; INLINE_BYTES]>);

// SAFETY: the bytes are reached only through `Mailbox::write_cell` and `Mailbox::read_cell`, whose
// callers hold the slot exclusively by claim or by take; the words that grant this carry the
// release and acquire edges.
unsafe impl Sync for Cell {}

#[cfg(test)]
impl Default for Cell {
    fn default() -> Self {
        Self(UnsafeCell::new([0; INLINE_BYTES]))
    }
}

/// Written by publishers.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct PublisherLine {
    pub(crate) tail: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) evicted_high: AtomicU64,
    pub(crate) block_bytes: AtomicU64,
}

/// Written by readers.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct ReaderLine {
    pub(crate) take: AtomicU64,
    pub(crate) reported: AtomicU64,
}

/// Written at open and close, read by all.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct ConfigLine {
    pub(crate) state: AtomicU64,
    pub(crate) depth: AtomicU64,
    pub(crate) block_bytes_max: AtomicU64,
    /// First position of this life, and the first one that the next life may use.
    pub(crate) base: AtomicU64,
    /// Block id + 1 of the cells, 0 = none.
    pub(crate) cells_block: AtomicU64,
    /// `Latest`: block id + 1 of the key table, 0 = none.
    pub(crate) table_block: AtomicU64,
    pub(crate) policy: AtomicU64,
    /// The route that this mailbox serves, +1.
    pub(crate) route: AtomicU64,
}

/// Publishers that wait for room.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct SpaceLine {
    pub(crate) sequence: WaitWord,
    pub(crate) waiters: AtomicU32,
}

/// A mailbox's header. All-zero is a free mailbox that was never used.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Header {
    pub(crate) publishers: PublisherLine,
    pub(crate) readers: ReaderLine,
    pub(crate) config: ConfigLine,
    pub(crate) space: SpaceLine,
}

/// One reader of a mailbox.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct ReaderEntry {
    /// `generation:32 · status:16 · owner:16`, status 1 = open.
    pub(crate) state: AtomicU64,
    pub(crate) pin: AtomicU64,
    pub(crate) armed: AtomicU32,
    pub(crate) poller: AtomicU32,
}

/// A mailbox, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mailbox<'a> {
    pub(crate) header: &'a Header,
    pub(crate) readers: &'a [ReaderEntry],
    pub(crate) claims: &'a [AtomicU64],
    pub(crate) commits: &'a [AtomicU64],
    pub(crate) lost: &'a [AtomicU64],
    cells: &'a [Cell],
    pub(crate) geometry: Geometry,
}

impl<'a> Mailbox<'a> {
    /// All arrays have `1 << log2` entries.
    pub(crate) fn new(
        header: &'a Header,
        readers: &'a [ReaderEntry],
        words: [&'a [AtomicU64]; 3],
        cells: &'a [Cell],
        log2: u32,
    ) -> Self {
        let [claims, commits, lost] = words;
        let capacity = 1_usize << log2;
        assert!(words.iter().all(|array| array.len() == capacity) && cells.len() == capacity);
        assert!((CAPACITY_LOG2_MIN..=CAPACITY_LOG2_MAX).contains(&log2));
        Self { header, readers, claims, commits, lost, cells, geometry: Geometry::new(log2) }
    }

    #[inline(always)]
    pub(crate) fn claim_word(&self, position: u64) -> &'a AtomicU64 {
        &self.claims[self.geometry.slot(position)]
    }

    #[inline(always)]
    pub(crate) fn commit_word(&self, position: u64) -> &'a AtomicU64 {
        &self.commits[self.geometry.commit_index(self.geometry.slot(position))]
    }

    #[inline(always)]
    pub(crate) fn lost_word(&self, position: u64) -> &'a AtomicU64 {
        &self.lost[self.geometry.slot(position)]
    }

    /// Lends the cell of a claimed position for writing.
    ///
    /// # Safety
    /// The caller owns the claim of `position` and has not committed it.
    #[inline(always)]
    pub(crate) unsafe fn write_cell<R>(
        &self,
        position: u64,
        f: impl FnOnce(&mut [u8; INLINE_BYTES]) -> R,
    ) -> R {
        self.cells[self.geometry.slot(position)].0.with_mut(|bytes| {
            // SAFETY: the claim makes the slot the caller's alone until the commit.
            f(unsafe { &mut *bytes })
        })
    }

    /// Lends the cell of a taken position for reading.
    ///
    /// # Safety
    /// A reader's pin covers `position`, it was taken by that reader and committed as inline.
    #[inline(always)]
    pub(crate) unsafe fn read_cell<R>(
        &self,
        position: u64,
        f: impl FnOnce(&[u8; INLINE_BYTES]) -> R,
    ) -> R {
        self.cells[self.geometry.slot(position)].0.with(|bytes| {
            // SAFETY: publishers leave the slot alone while the pin stands.
            f(unsafe { &*bytes })
        })
    }

    /// The cell of a taken position.
    ///
    /// # Safety
    /// As for [`Self::read_cell`], for as long as the result lives.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) unsafe fn cell(&self, position: u64) -> &'a [u8; INLINE_BYTES] {
        let bytes = self.cells[self.geometry.slot(position)].0.with(|bytes| bytes);
        // SAFETY: publishers leave the slot alone while the pin stands.
        unsafe { &*bytes }
    }
}
