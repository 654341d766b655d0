//! What both prototypes offer, and the frame that they carry.

use crate::memory::LINE;

/// Bytes of the frame's header.
pub(crate) const HEADER: usize = 64;
/// Bytes of the payload of every message here.
pub(crate) const PAYLOAD: usize = 64;
/// Bytes of a frame.
pub(crate) const FRAME: usize = HEADER + PAYLOAD;
/// Cache lines of a frame.
pub(crate) const FRAME_LINES: usize = FRAME / LINE;

/// What a producer keeps to itself.
#[derive(Default)]
pub(crate) struct Producer {
    pub(crate) owner: u64,
    /// The last free position read from the reader's line.
    pub(crate) free: u64,
}

/// A bounded mailbox with many producers and one reader.
pub(crate) trait Mailbox: Send + Sync {
    fn with_depth(messages: usize) -> Self;

    /// Publishes one message; `None` when the mailbox is full, else whether a wake is due.
    fn publish(&self, producer: &mut Producer, payload: &[u8]) -> Option<bool>;

    /// Publishes a run of messages under one claim, all or nothing.
    fn publish_many(&self, producer: &mut Producer, payloads: &[[u8; PAYLOAD]]) -> Option<bool>;

    /// Lends up to `max` messages in place and gives the slots back; returns how many.
    fn poll(&self, next: &mut u64, max: u64, read: &mut impl FnMut(&[u8])) -> u64;
}

/// Writes a frame at `cell`.
///
/// # Safety
/// `cell` starts `FRAME` bytes, 8-aligned, that the caller has claimed and nobody else touches.
#[inline]
pub(crate) unsafe fn write_frame(cell: *mut u8, sequence: u64, payload: &[u8]) {
    let length = payload.len() as u64;
    let header: [u64; 8] = [0x5153_4951 | length << 32, sequence, 1, 2, 3, 4, 5, length ^ sequence];
    // SAFETY: the caller owns the cell, which is aligned for `u64` and has room for the header.
    unsafe { cell.cast::<[u64; 8]>().write(header) };
    // SAFETY: the payload follows the header inside the claimed cell.
    let body = unsafe { cell.add(HEADER) };
    // SAFETY: `payload` has `PAYLOAD` bytes, which fit behind the header, and cannot overlap a
    // cell that only this producer may touch.
    unsafe { body.copy_from_nonoverlapping(payload.as_ptr(), payload.len()) };
}

/// Lends the payload of the frame at `cell`.
///
/// # Safety
/// `cell` holds a committed frame that no producer may overwrite while `'a` lasts.
#[inline]
pub(crate) unsafe fn read_frame<'a>(cell: *const u8, sequence: u64) -> &'a [u8] {
    // SAFETY: the caller holds a committed, aligned frame.
    let header = unsafe { cell.cast::<[u64; 8]>().read() };
    let length = header[0] >> 32;
    assert!(header[7] == length ^ sequence && length as usize <= PAYLOAD, "a torn frame");
    // SAFETY: the payload follows the header inside the cell.
    let body = unsafe { cell.add(HEADER) };
    // SAFETY: `length` was checked against the room, and the frame is immutable while lent.
    unsafe { std::slice::from_raw_parts(body, length as usize) }
}
