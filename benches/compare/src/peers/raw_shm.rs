//! A raw ring in shared memory, one for each direction: slots that lie one after the other, a
//! commit word in front of each payload, one producer and one consumer. It has no topics,
//! policies or losses and does not survive anybody: the limit of what two processes can do.
//!
//! A payload that both processes write goes from cache to cache in fewer steps than two that one of
//! them only reads, so there is also a form of it for round trips that answers in place.

use core::ptr::NonNull;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::shm::end::{End, Shape, Side, Waits};

/// Two cache lines: neighbours are fetched in pairs.
const PAIR: usize = 128;
/// The commit word is in front of the payload, which begins with a cache line.
const LINE: usize = 64;
const WORD: usize = size_of::<AtomicU32>();

/// One end. With `IN_PLACE` the answer to a message is written over it, and nobody sends before
/// that.
#[derive(Debug)]
pub struct RawRing<const IN_PLACE: bool> {
    side: Side,
    map: Map,
    to: Direction,
    from: Direction,
    parks: bool,
}

/// One direction: a word that counts what was taken, then the slots.
#[derive(Debug)]
struct Direction {
    /// Where it begins.
    start: usize,
    depth: u32,
    slot_bytes: usize,
    payload_bytes: usize,
    /// Messages that this end has sent or received.
    position: u32,
    /// As last read, by the producer.
    taken: u32,
}

impl Direction {
    fn bytes(shape: Shape) -> usize {
        PAIR + depth(shape) as usize * slot_bytes(shape)
    }

    fn new(number: usize, shape: Shape) -> Self {
        Self {
            start: number * Self::bytes(shape),
            depth: depth(shape),
            slot_bytes: slot_bytes(shape),
            payload_bytes: shape.payload_bytes,
            position: 0,
            taken: 0,
        }
    }

    /// Where the commit word of the message at `position` is, and where its payload begins if the
    /// payloads are those of the direction that starts at `payloads`.
    #[inline]
    fn slot(&self, payloads: usize) -> (usize, usize) {
        let slot = PAIR + (self.position % self.depth) as usize * self.slot_bytes + LINE;
        (self.start + slot - WORD, payloads + slot)
    }
}

/// Large payloads go round in a few slots, which stay in the cache.
fn depth(shape: Shape) -> u32 {
    if shape.payload_bytes <= 1024 { shape.depth() as u32 } else { 2 }
}

fn slot_bytes(shape: Shape) -> usize {
    (LINE + shape.payload_bytes).next_multiple_of(PAIR)
}

impl<const IN_PLACE: bool> RawRing<IN_PLACE> {
    /// Whether every message before the next one to send was answered.
    fn is_my_turn(&self) -> bool {
        let received = match self.side {
            Side::Near => self.from.position,
            Side::Far => self.from.position.wrapping_sub(1),
        };
        self.to.position == received
    }
}

impl<const IN_PLACE: bool> End for RawRing<IN_PLACE> {
    const NAME: &'static str = if IN_PLACE { "raw ring, in place" } else { "raw ring" };

    fn open(place: &str, side: Side, shape: Shape) -> Self {
        let path = PathBuf::from("/dev/shm").join(place);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(side == Side::Near);
        let file = options.open(&path).expect("shared memory opens");
        let bytes = 2 * Direction::bytes(shape);
        match side {
            Side::Near => file.set_len(bytes as u64),
            // Both have it open: whoever is killed from here on leaves nothing.
            Side::Far => std::fs::remove_file(&path),
        }
        .expect("nobody else uses it");
        let (there, back) = (Direction::new(0, shape), Direction::new(1, shape));
        let (to, from) = match side {
            Side::Near => (there, back),
            Side::Far => (back, there),
        };
        let parks = shape.waits == Waits::Park;
        Self { side, map: Map::new(&file, bytes), to, from, parks }
    }

    #[inline]
    fn send(&mut self, write: impl Fn(&mut [u8])) {
        assert!(!IN_PLACE || self.is_my_turn(), "a message is not answered");
        let to = &mut self.to;
        while to.position.wrapping_sub(to.taken) == to.depth {
            core::hint::spin_loop();
            to.taken = self.map.word(to.start).load(Ordering::Acquire);
        }
        let (commit, payload) = to.slot(if IN_PLACE { 0 } else { to.start });
        // SAFETY: the consumer has given the slot back, and this is the only producer; in place, it
        // is this end's turn as asserted, so that the message there has been read.
        write(unsafe { self.map.bytes_mut(payload, to.payload_bytes) });
        to.position = to.position.wrapping_add(1);
        let commit = self.map.word(commit);
        commit.store(to.position, Ordering::Release);
        if self.parks {
            futex_wake(commit);
        }
    }

    #[inline]
    fn receive<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R {
        let from = &mut self.from;
        let (commit, payload) = from.slot(if IN_PLACE { 0 } else { from.start });
        let next = from.position.wrapping_add(1);
        let commit = self.map.word(commit);
        loop {
            let committed = commit.load(Ordering::Acquire);
            if committed == next {
                break;
            }
            if self.parks {
                futex_wait(commit, committed);
            } else {
                core::hint::spin_loop();
            }
        }
        // SAFETY: the producer has committed the slot, and does not write to it until it is given
        // back below, or in place until it is answered.
        let result = read(unsafe { self.map.bytes_mut(payload, from.payload_bytes) });
        from.position = next;
        self.map.word(from.start).store(next, Ordering::Release);
        result
    }
}

/// A file's memory, shared by all who map it.
#[derive(Debug)]
struct Map {
    start: NonNull<u8>,
    bytes: usize,
}

impl Map {
    fn new(file: &std::fs::File, bytes: usize) -> Self {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let (nowhere, shared) = (core::ptr::null_mut(), libc::MAP_SHARED);
        // SAFETY: a new mapping at an address that the system chooses.
        let start = unsafe { libc::mmap(nowhere, bytes, access, shared, file.as_raw_fd(), 0) };
        assert_ne!(start, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Self { start: NonNull::new(start.cast()).expect("nothing is mapped at null"), bytes }
    }

    #[inline]
    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset + WORD <= self.bytes && offset.is_multiple_of(WORD));
        // SAFETY: within the mapping, as asserted.
        let place = unsafe { self.start.add(offset) };
        // SAFETY: aligned, as asserted, mapped as long as `self`, and accessed atomically only.
        unsafe { place.cast().as_ref() }
    }

    /// # Safety
    /// Nobody else writes to these bytes as long as the slice lives, or reads what is written.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the bytes are not part of the value")]
    unsafe fn bytes_mut(&self, offset: usize, len: usize) -> &mut [u8] {
        assert!(offset + len <= self.bytes);
        // SAFETY: within the mapping, as asserted.
        let place = unsafe { self.start.add(offset) };
        // SAFETY: mapped as long as `self`, and nobody else's as the caller says.
        unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; whatever borrows of it borrows of `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Parks while `word`, which other processes share, holds `value`; may return early.
fn futex_wait(word: &AtomicU32, value: u32) {
    let forever = core::ptr::null::<libc::timespec>();
    // SAFETY: FUTEX_WAIT reads the live, aligned `word`, and a null timeout means none.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, forever) };
}

fn futex_wake(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE uses only the address of the live `word`.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}
