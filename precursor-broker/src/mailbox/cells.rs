//! The shape of a mailbox in memory, and the only access to its payload cells.
//!
//! A [`Mailbox`] is borrowed slices: of a chunk of the region, or of boxed arrays in the models.
//! Exclusive access to a cell comes from the protocol (region.md R3.1.1, R3.1.4): between claim and
//! commit it is the claim owner's, between take and release the reader's.
#![allow(unsafe_code, reason = "the payload cells")]

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

// SAFETY: the bytes are reached only through the functions of `Mailbox` here, whose
// callers hold the slot exclusively by claim or by take; the words that grant this carry the
// release and acquire edges.
unsafe impl Sync for Cell {}

#[cfg(any(test, fuzzing))]
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
    /// Bytes in blocks that ever came in this life; see `bytes`.
    pub(crate) block_bytes_in: AtomicU64,
    /// `Latest`: replaced messages that a reader was told of.
    pub(crate) conflated: AtomicU64,
    /// `Latest`: keys in the ring that had no message any more.
    pub(crate) empty_keys: AtomicU64,
    /// `Latest`: topics kept, and who changes them.
    pub(crate) keys: AtomicU64,
}

/// Written by readers.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct ReaderLine {
    pub(crate) take: AtomicU64,
    pub(crate) reported: AtomicU64,
    /// Bytes in blocks that left again.
    pub(crate) block_bytes_out: AtomicU64,
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
    pub(crate) policy: AtomicU64,
    /// `Latest`: topics that it keeps.
    pub(crate) keys_max: AtomicU64,
    /// When this life lost its first message, on the monotonic clock; 0 = it has lost none.
    pub(crate) first_loss_ns: AtomicU64,
}

/// Publishers at work in the key table of one `Latest` mailbox at a time.
pub(crate) const VISITORS_MAX: usize = 14;

/// Publishers that wait for room, and those inside a `Latest` table.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct SpaceLine {
    pub(crate) sequence: WaitWord,
    pub(crate) waiters: AtomicU32,
    /// `topic hash:48 · owner:16`, 0 = none. The mailbox is not recycled while one is inside, and
    /// the key of that topic is not given to another.
    pub(crate) visitors: [AtomicU64; VISITORS_MAX],
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
    claims: &'a [AtomicU64],
    commits: &'a [AtomicU64],
    lost: &'a [AtomicU64],
    cells: &'a [Cell],
    /// `Latest`: the topics' words and their newest messages. Empty otherwise.
    pub(crate) table: Table<'a>,
    geometry: Geometry,
}

/// The key table of a `Latest` mailbox. The topic of key `k` lies in cell `k`, which its ring does
/// not use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Table<'a> {
    pub(crate) keys: &'a [AtomicU64],
    pub(crate) values: &'a [AtomicU64],
}

impl<'a> Mailbox<'a> {
    /// The arrays have `1 << log2` entries; `cells` may be empty if no frame is touched.
    pub(crate) fn new(
        header: &'a Header,
        readers: &'a [ReaderEntry],
        words: [&'a [AtomicU64]; 3],
        cells: &'a [Cell],
        table: Table<'a>,
        log2: u32,
    ) -> Self {
        let [claims, commits, lost] = words;
        let capacity = 1_usize << log2;
        assert!(words.iter().all(|array| array.len() == capacity));
        assert!(cells.len() == capacity || cells.is_empty());
        assert!((CAPACITY_LOG2_MIN..=CAPACITY_LOG2_MAX).contains(&log2));
        let geometry = Geometry::new(log2);
        Self { header, readers, claims, commits, lost, cells, table, geometry }
    }

    #[inline(always)]
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    #[inline(always)]
    pub(crate) fn claim_word(&self, position: u64) -> &'a AtomicU64 {
        // SAFETY: `new` checked that there is a word for every slot.
        unsafe { self.claims.get_unchecked(self.geometry.slot(position)) }
    }

    #[inline(always)]
    pub(crate) fn commit_word(&self, position: u64) -> &'a AtomicU64 {
        // SAFETY: `new` checked that there is a word for every slot.
        unsafe { self.commits.get_unchecked(self.geometry.slot(position)) }
    }

    #[inline(always)]
    pub(crate) fn lost_word(&self, position: u64) -> &'a AtomicU64 {
        // SAFETY: `new` checked that there is a word for every slot.
        unsafe { self.lost.get_unchecked(self.geometry.slot(position)) }
    }

    /// Asks for the lines that a reader will read at a position.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) fn prefetch_cell(&self, position: u64) {
        let Some(cell) = self.cells.get(self.geometry.slot(position)) else { return };
        let bytes = cell.0.with(<*const [u8; INLINE_BYTES]>::cast::<u8>);
        crate::sys::prefetch_read(bytes);
        crate::sys::prefetch_read(bytes.wrapping_add(64));
    }

    /// Lends the cell of a claimed position for writing, under the models' eyes.
    ///
    /// # Safety
    /// The caller owns the claim of `position` and has not committed it.
    #[cfg(precursor_loom)]
    pub(crate) unsafe fn write_cell(&self, position: u64, f: impl FnOnce(&mut [u8; INLINE_BYTES])) {
        self.cells[self.geometry.slot(position)].0.with_mut(|bytes| {
            // SAFETY: the claim makes the slot the caller's alone until the commit.
            f(unsafe { &mut *bytes });
        });
    }

    /// Lends the cell of a taken position for reading, under the models' eyes.
    ///
    /// # Safety
    /// A reader's pin covers `position`, it was taken by that reader and committed as inline.
    #[cfg(precursor_loom)]
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

    /// Writes the topic of key `key` of a `Latest` mailbox.
    ///
    /// # Safety
    /// The caller has the right to change keys, and this one is not published.
    pub(crate) unsafe fn write_topic(&self, key: usize, topic: &str) {
        self.cells[key].0.with_mut(|bytes| {
            // SAFETY: nobody else touches the cell of a key that is not published.
            let bytes = unsafe { &mut *bytes };
            let len = topic.len().min(INLINE_BYTES - 1);
            bytes[0] = len as u8;
            bytes[1..=len].copy_from_slice(&topic.as_bytes()[..len]);
        });
    }

    /// Whether key `key` of a `Latest` mailbox stands for `topic`.
    ///
    /// # Safety
    /// The key is published, and its topic's hash is that of `topic`, which the visitor word of the
    /// caller names: the cell does not change meanwhile.
    pub(crate) unsafe fn is_topic(&self, key: usize, topic: &str) -> bool {
        self.cells[key].0.with(|bytes| {
            // SAFETY: a published key is not written while a visitor for its topic is inside.
            let bytes = unsafe { &*bytes };
            bytes[1..=usize::from(bytes[0])] == *topic.as_bytes()
        })
    }

    /// The cell of a claimed position.
    ///
    /// # Safety
    /// The caller owns the claim of `position` and does not commit it for as long as the result
    /// lives.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) unsafe fn cell_mut(&self, position: u64) -> &'a mut [u8; INLINE_BYTES] {
        let bytes = self.cells[self.geometry.slot(position)].0.with_mut(|bytes| bytes);
        // SAFETY: the claim makes the slot the caller's alone until the commit.
        unsafe { &mut *bytes }
    }

    /// The cell of a taken position.
    ///
    /// # Safety
    /// A reader's pin covers `position`, which was taken by that reader and committed as inline, for
    /// as long as the result lives.
    #[cfg(not(precursor_loom))]
    #[inline(always)]
    pub(crate) unsafe fn cell(&self, position: u64) -> &'a [u8; INLINE_BYTES] {
        let bytes = self.cells[self.geometry.slot(position)].0.with(|bytes| bytes);
        // SAFETY: publishers leave the slot alone while the pin stands.
        unsafe { &*bytes }
    }
}
