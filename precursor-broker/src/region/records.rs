//! Records of the control tables: atomics only, all-zero is an empty record (R1.1, R3.3).
#![allow(unsafe_code, reason = "promises about the layout of the records")]

use crate::sync::{AtomicU32, AtomicU64, Ordering, WaitWord};

/// A type that may lie in a region: the region lends `&[T]` of memory that others write.
///
/// # Safety
///
/// The type consists of atomics only, at fixed offsets, without padding that is read, without
/// drop glue, and all-zero bytes are a valid value of it.
pub(crate) unsafe trait SharedWord {}

#[cfg(not(precursor_loom))]
// SAFETY: one atomic; zero is a value.
unsafe impl SharedWord for AtomicU64 {}
#[cfg(not(precursor_loom))]
// SAFETY: one atomic; zero is a value.
unsafe impl SharedWord for AtomicU32 {}

/// A counter on a line of its own, so that its writers disturb nobody else.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Line(pub(crate) AtomicU64);

/// What every participant checks first (R1.4).
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Header {
    /// Written last by the creator.
    pub(crate) magic: AtomicU64,
    pub(crate) layout_version: AtomicU64,
    /// Tells regions apart; the same in every mapping of one region.
    pub(crate) identity: AtomicU64,
    pub(crate) limits: [AtomicU64; 13],
    /// Raised after every change of a route: "look".
    pub(crate) routes_version: Line,
    /// One past the last route that was ever opened: bounds scans.
    pub(crate) routes_end: Line,
    /// One past the last poller that was ever used.
    pub(crate) pollers_end: Line,
    /// One past the last data segment that was ever a slab.
    pub(crate) slab_end: Line,
    /// Counters of the broker, one line each.
    pub(crate) counters: [Line; 12],
}

/// One process, or one handle of a private region.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct ParticipantRecord {
    /// `generation:32 · status:8 · pid:24`.
    pub(crate) state: AtomicU64,
    pub(crate) pid: AtomicU64,
    pub(crate) start: AtomicU64,
    /// Descriptor + 1 of the process's bell; 0 = it has none.
    pub(crate) bell: AtomicU64,
    /// Inode of the bell: the process may have closed it and have something else there.
    pub(crate) bell_inode: AtomicU64,
    /// 1: a key did not fit into the bell. The process looks at everything that waits.
    pub(crate) bell_missed: AtomicU64,
    /// 1: tasks of the process wait for room at some mailbox.
    pub(crate) room_tasks: AtomicU64,
    pub(crate) spare: AtomicU64,
}

impl ParticipantRecord {
    /// Forgets the bell of an earlier participant.
    pub(crate) fn clear_bell(&self) {
        for word in [&self.bell, &self.bell_inode, &self.bell_missed, &self.room_tasks] {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// A subscription, group or service. Its state word lies in the packed array of route states.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct RouteRecord {
    pub(crate) kind: AtomicU64,
    pub(crate) policy: AtomicU64,
    /// Offset of the mailbox in the arena.
    pub(crate) mailbox: AtomicU64,
    pub(crate) mailbox_generation: AtomicU64,
    pub(crate) fields: [AtomicU64; 4],
    pub(crate) pattern: [AtomicU64; 32],
    pub(crate) group: [AtomicU64; 8],
}

/// What a parked reader waits on.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct PollerRecord {
    pub(crate) word: WaitWord,
    pub(crate) armed: AtomicU32,
    pub(crate) state: AtomicU64,
    pub(crate) target: AtomicU64,
    pub(crate) spare: [AtomicU64; 5],
}

/// One call in flight.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct ReplyRecord {
    /// `generation:32 · status:16 · owner:16`.
    pub(crate) state: AtomicU64,
    /// What the caller waits at most, 0 = for ever.
    pub(crate) timeout_ns: AtomicU64,
    pub(crate) wait: WaitWord,
    pub(crate) poller: AtomicU32,
    pub(crate) block: AtomicU64,
    /// When its time is over, on the monotonic clock; 0 = its clock has not started.
    pub(crate) deadline_ns: AtomicU64,
    pub(crate) spare: [AtomicU64; 3],
}

macro_rules! shared_records {
    ($($record:ty => $bytes:literal),+ $(,)?) => {$(
        #[cfg(not(precursor_loom))]
        // SAFETY: repr(C), atomics and arrays of atomics only; zero is a value of each.
        unsafe impl SharedWord for $record {}
        #[cfg(not(precursor_loom))]
        const _: () = assert!(size_of::<$record>() == $bytes);
    )+};
}

shared_records! {
    Line => 128,
    Header => 2_176,
    ParticipantRecord => 64,
    RouteRecord => 384,
    PollerRecord => 64,
    ReplyRecord => 64,
}

/// Stores a text: its length in the first byte, its bytes behind. `false` if it does not fit.
///
/// Relaxed: the record's state word publishes it.
pub(crate) fn store_text(words: &[AtomicU64], text: &str) -> bool {
    let bytes = text.as_bytes();
    let Ok(length) = u8::try_from(bytes.len()) else { return false };
    if bytes.len() >= words.len() * 8 {
        return false;
    }
    let mut source = core::iter::once(length).chain(bytes.iter().copied());
    for word in words.iter().take(bytes.len() / 8 + 1) {
        let chunk: [u8; 8] = core::array::from_fn(|_| source.next().unwrap_or(0));
        word.store(u64::from_le_bytes(chunk), Ordering::Relaxed);
    }
    true
}

/// Copies a text into `buffer` and lends it; `None` if the copy is no text that fits.
///
/// The caller reads the record's state word again before it believes the text (R3.3).
pub(crate) fn load_text<'b>(words: &[AtomicU64], buffer: &'b mut [u8]) -> Option<&'b str> {
    let first = words.first()?.load(Ordering::Relaxed).to_le_bytes();
    let length = usize::from(first[0]);
    if length >= words.len() * 8 {
        return None;
    }
    let target = buffer.get_mut(..length)?;
    let bytes = words.iter().enumerate().flat_map(|(index, word)| {
        // The first word is copied once: its length and its bytes belong together.
        if index == 0 { first } else { word.load(Ordering::Relaxed).to_le_bytes() }
    });
    for (to, from) in target.iter_mut().zip(bytes.skip(1)) {
        *to = from;
    }
    core::str::from_utf8(target).ok()
}

#[cfg(test)]
#[cfg(not(precursor_loom))]
mod tests {
    use super::*;

    const PATTERN_BYTES_MAX: usize = 255;
    const GROUP_BYTES_MAX: usize = 63;

    #[test]
    fn texts_of_every_length_come_back() {
        let record = RouteRecord::default();
        let mut buffer = [0; PATTERN_BYTES_MAX];
        let step = if cfg!(miri) { 51 } else { 1 };
        for length in (0..=PATTERN_BYTES_MAX).step_by(step) {
            let text: String = (0..length).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
            assert!(store_text(&record.pattern, &text));
            assert_eq!(load_text(&record.pattern, &mut buffer), Some(text.as_str()));
        }
        assert!(!store_text(&record.pattern, &"x".repeat(256)));
        assert!(!store_text(&record.group, &"x".repeat(GROUP_BYTES_MAX + 1)));
    }

    #[test]
    fn foreign_bytes_are_no_text() {
        let record = RouteRecord::default();
        let mut buffer = [0; PATTERN_BYTES_MAX];
        record.group[0].store(u64::from_le_bytes([64, 0, 0, 0, 0, 0, 0, 0]), Ordering::Relaxed);
        assert_eq!(load_text(&record.group, &mut buffer), None, "longer than its words");
        record.group[0]
            .store(u64::from_le_bytes([2, 0xFF, 0xFE, 0, 0, 0, 0, 0]), Ordering::Relaxed);
        assert_eq!(load_text(&record.group, &mut buffer), None, "not UTF-8");
        record.group[0].store(7, Ordering::Relaxed);
        assert_eq!(load_text(&record.group, &mut buffer[..6]), None, "longer than the buffer");
    }
}
