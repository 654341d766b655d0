//! Variable spans: 64-byte cells, the tail claimed by compare-and-swap, a commit word per cell.
//!
//! `commit {lap:40 | kind:3 | span:21}` of a run's first cell. A dead claim is a gap whose length
//! and owner stand nowhere; what it would take to repair one is not in these figures.

use std::sync::atomic::{AtomicU64, Ordering::*};

use crate::mailbox::{FRAME, FRAME_LINES, Mailbox, PAYLOAD, Producer, read_frame, write_frame};
use crate::memory::{Cells, LINE, Lone, Words, prefetch_write};

const FRAME_KIND: u64 = 1 << 21;
const PADDING_KIND: u64 = 2 << 21;
const KIND: u64 = 7 << 21;
const SPAN: u64 = (1 << 21) - 1;
const CELLS_PER_FRAME: u64 = FRAME.div_ceil(LINE) as u64;

/// `STRIDE`: words between two commit words; `AHEAD`: messages asked for in advance, 0 for none.
pub(crate) struct Variable<const STRIDE: usize, const AHEAD: u64> {
    tail: Lone,
    free: Lone,
    shift: u32,
    commit: Words,
    cells: Cells,
}

impl<const STRIDE: usize, const AHEAD: u64> Variable<STRIDE, AHEAD> {
    #[inline]
    fn cell(&self, position: u64) -> usize {
        (position & ((1 << self.shift) - 1)) as usize
    }

    #[inline]
    fn lap(&self, position: u64) -> u64 {
        (position >> self.shift) + 1
    }

    #[inline]
    fn commit(&self, position: u64) -> &AtomicU64 {
        self.commit.at(self.cell(position) * STRIDE)
    }

    #[inline]
    fn frame(&self, position: u64) -> *mut u8 {
        self.cells.at(self.cell(position) * LINE)
    }

    #[inline]
    fn store_commit(&self, position: u64, kind: u64, span: u64) {
        self.commit(position).store(self.lap(position) << 24 | kind | span, Release);
    }

    /// Claims `span` cells that do not wrap, padding over the end of the ring where they would.
    #[inline]
    fn claim_run(&self, producer: &mut Producer, span: u64) -> Option<u64> {
        let size = 1u64 << self.shift;
        let mut tail = self.tail.0.load(Relaxed);
        loop {
            let to_end = size - self.cell(tail) as u64;
            let padding = if to_end < span { to_end } else { 0 };
            let end = tail + padding + span;
            if end.saturating_sub(producer.free) > size {
                producer.free = self.free.0.load(Acquire);
                if end.saturating_sub(producer.free) > size {
                    return None;
                }
            }
            match self.tail.0.compare_exchange_weak(tail, end, AcqRel, Relaxed) {
                Ok(_) if padding == 0 => return Some(tail),
                Ok(_) => {
                    self.store_commit(tail, PADDING_KIND, padding);
                    return Some(tail + padding);
                }
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn fill(&self, position: u64, payload: &[u8]) {
        // SAFETY: the tail's compare-and-swap gave these cells to this producer alone.
        unsafe { write_frame(self.frame(position), position, payload) };
        self.store_commit(position, FRAME_KIND, CELLS_PER_FRAME);
    }

    #[inline]
    fn prefetch(&self, position: u64) {
        for line in 0..FRAME_LINES as u64 * AHEAD.min(1) {
            prefetch_write(self.frame(position + AHEAD * CELLS_PER_FRAME + line));
        }
    }
}

impl<const STRIDE: usize, const AHEAD: u64> Mailbox for Variable<STRIDE, AHEAD> {
    fn with_depth(messages: usize) -> Self {
        let cells = (messages * CELLS_PER_FRAME as usize).next_power_of_two();
        Self {
            tail: Lone::default(),
            free: Lone::default(),
            shift: cells.trailing_zeros(),
            commit: Words::new(cells * STRIDE),
            cells: Cells::new(cells * LINE),
        }
    }

    #[inline]
    fn publish(&self, producer: &mut Producer, payload: &[u8]) -> Option<bool> {
        let position = self.claim_run(producer, CELLS_PER_FRAME)?;
        self.fill(position, payload);
        self.prefetch(position);
        Some(false)
    }

    #[inline]
    fn publish_many(&self, producer: &mut Producer, payloads: &[[u8; PAYLOAD]]) -> Option<bool> {
        let mut position = self.claim_run(producer, CELLS_PER_FRAME * payloads.len() as u64)?;
        for payload in payloads {
            self.fill(position, payload);
            self.prefetch(position);
            position += CELLS_PER_FRAME;
        }
        Some(false)
    }

    #[inline]
    fn poll(&self, next: &mut u64, max: u64, read: &mut impl FnMut(&[u8])) -> u64 {
        let mut count = 0;
        let mut at = *next;
        while count < max {
            let word = self.commit(at).load(Acquire);
            if word >> 24 != self.lap(at) {
                break;
            }
            if word & KIND == FRAME_KIND {
                // SAFETY: committed in this lap, and `free` is not moved past it before the end.
                read(unsafe { read_frame(self.frame(at), at) });
                count += 1;
            }
            at += word & SPAN;
        }
        if at != *next {
            self.free.0.store(at, Release);
            *next = at;
        }
        count
    }
}
