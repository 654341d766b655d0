//! A mailbox in boxed arrays, for tests, models and fuzzing.
#![allow(clippy::unwrap_used, reason = "what goes wrong here is the test's failure")]

use crate::sync::AtomicU64;

use super::cells::{Cell, Header, Mailbox, ReaderEntry, Table};
use super::life::Opening;
use super::take::ReaderCursor;

pub(crate) const OWNER: u16 = 1;

#[derive(Debug)]
pub(crate) struct BoxedMailbox {
    header: Box<Header>,
    readers: Box<[ReaderEntry]>,
    words: [Box<[AtomicU64]>; 3],
    cells: Box<[Cell]>,
    /// Keys and values; empty unless it keeps the newest messages.
    table: [Box<[AtomicU64]>; 2],
    log2: u32,
}

impl BoxedMailbox {
    pub(crate) fn new(log2: u32, readers: usize) -> Self {
        let words = || (0..1 << log2).map(|_| AtomicU64::default()).collect();
        Self {
            header: Box::default(),
            readers: (0..readers).map(|_| ReaderEntry::default()).collect(),
            words: [words(), words(), words()],
            cells: (0..1 << log2).map(|_| Cell::default()).collect(),
            table: Default::default(),
            log2,
        }
    }

    /// A mailbox of 16 slots, open for the newest messages of `keys_max` topics, with one reader.
    #[cfg(precursor_loom)]
    pub(crate) fn latest(keys_max: u64) -> Self {
        let mut boxed = Self::new(4, 1);
        let words = || (0..16).map(|_| AtomicU64::default()).collect();
        boxed.table = [words(), words()];
        boxed.open_for(&Opening { depth: 16, block_bytes_max: u64::MAX, policy: 2, keys_max });
        boxed.view().join(OWNER).unwrap();
        boxed
    }

    /// A mailbox of 16 slots, open for `depth` messages, and `readers` who have joined.
    pub(crate) fn opened(depth: u64, readers: usize) -> Self {
        let boxed = Self::new(4, readers.max(1));
        boxed.open(depth);
        for _ in 0..readers {
            boxed.view().join(OWNER).unwrap();
        }
        boxed
    }

    pub(crate) fn open(&self, depth: u64) -> u32 {
        self.open_for(&Opening { depth, block_bytes_max: u64::MAX, policy: 0, keys_max: 0 })
    }

    fn open_for(&self, opening: &Opening) -> u32 {
        let view = self.view();
        let generation = view.reserve(OWNER).unwrap();
        view.open(OWNER, generation, opening);
        generation
    }

    pub(crate) fn view(&self) -> Mailbox<'_> {
        let [claims, commits, lost] = &self.words;
        let words: [&[AtomicU64]; 3] = [claims, commits, lost];
        let [keys, values] = &self.table;
        let table = Table { keys, values };
        Mailbox::new(&self.header, &self.readers, words, &self.cells, table, self.log2)
    }

    pub(crate) fn cursor(&self) -> ReaderCursor {
        ReaderCursor::new(&self.view())
    }
}

/// A message that shows whether it was torn: the value, and the value again at the end.
pub(crate) fn write_value(cell: &mut [u8; 256], value: u64) {
    cell[..8].copy_from_slice(&value.to_le_bytes());
    cell[248..].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn read_value(cell: &[u8; 256]) -> u64 {
    let first = u64::from_le_bytes(cell[..8].try_into().unwrap());
    let last = u64::from_le_bytes(cell[248..].try_into().unwrap());
    assert_eq!(first, last, "a torn message");
    first
}
