//! Bytes of blocks that wait at a mailbox: a hint that keeps it within `mailbox_bytes_max`.
//!
//! What came in and what left are two counts on two lines, for publishers and for readers: with one
//! count, each message takes the line that holds `tail` from the publisher and back.

use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

use super::cells::Mailbox;

impl Mailbox<'_> {
    /// Bytes in blocks that wait here.
    pub(crate) fn block_bytes(&self) -> u64 {
        let left = self.header.readers.block_bytes_out.load(Ordering::Relaxed);
        waiting(self.header.publishers.block_bytes_in.load(Ordering::Relaxed), left)
    }

    /// Counts the bytes of a block in, if they fit into `max` beside what waits. A mailbox always
    /// takes one message, or a limit below a message's size would block for ever.
    ///
    /// `out_hint` is how many are known to have left, kept by the caller, so that the readers' line
    /// is looked at once in `max` bytes and not per message.
    #[inline(always)]
    pub(crate) fn reserve_block_bytes(&self, bytes: u64, max: u64, out_hint: &AtomicU64) -> bool {
        let before = self.header.publishers.block_bytes_in.fetch_add(bytes, Ordering::Relaxed);
        step!("publish.bytes_counted");
        let sum = before.wrapping_add(bytes);
        sum.wrapping_sub(out_hint.load(Ordering::Relaxed)) <= max
            || self.find_room_for_bytes(sum, bytes, max, out_hint)
    }

    #[inline(never)]
    fn find_room_for_bytes(&self, sum: u64, bytes: u64, max: u64, out_hint: &AtomicU64) -> bool {
        let left = self.header.readers.block_bytes_out.load(Ordering::Relaxed);
        out_hint.store(left, Ordering::Relaxed);
        let before = waiting(sum.wrapping_sub(bytes), left);
        if before == 0 && sum.wrapping_sub(bytes) != left {
            let sums = &self.header.publishers.block_bytes_in;
            let right = left.wrapping_add(bytes);
            let _ = sums.compare_exchange(sum, right, Ordering::Relaxed, Ordering::Relaxed);
        }
        let fits = before == 0 || before.saturating_add(bytes) <= max;
        if !fits {
            self.release_block_bytes(bytes);
        }
        fits
    }

    /// Bytes of a block left the mailbox.
    #[inline]
    pub(crate) fn release_block_bytes(&self, bytes: u64) {
        if bytes > 0 {
            self.header.readers.block_bytes_out.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Counts anew, `count` being what lies in the slots: the dead may have counted in what never
    /// came, and not have counted out what they took.
    pub(crate) fn recount_block_bytes(&self, count: impl FnOnce() -> u64) {
        let sum = &self.header.publishers.block_bytes_in;
        let left = self.header.readers.block_bytes_out.load(Ordering::Acquire);
        let before = sum.load(Ordering::Acquire);
        if before == left {
            return;
        }
        let after = left.wrapping_add(count());
        // If a live publisher changed it meanwhile, the next reclaim counts again.
        let _ = sum.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// More may have left than came in: a recount does not see what a live publisher is about to put,
/// or a live reader has just taken.
fn waiting(sum: u64, left: u64) -> u64 {
    u64::try_from(sum.wrapping_sub(left).cast_signed()).unwrap_or(0)
}

#[cfg(all(test, not(precursor_loom)))]
mod tests {
    use super::super::boxed::BoxedMailbox;
    use super::*;

    #[test]
    fn as_many_bytes_wait_as_fit_and_an_empty_mailbox_takes_one_message_of_any_size() {
        let boxed = BoxedMailbox::opened(16, 1);
        let (mailbox, hint) = (boxed.view(), AtomicU64::new(0));
        assert!(mailbox.reserve_block_bytes(500, 100, &hint), "the first, whatever its size");
        assert!(!mailbox.reserve_block_bytes(1, 100, &hint));
        mailbox.release_block_bytes(500);
        assert_eq!(mailbox.block_bytes(), 0);
        for _ in 0..2 {
            assert!(mailbox.reserve_block_bytes(40, 100, &hint));
        }
        assert!(!mailbox.reserve_block_bytes(40, 100, &hint), "beyond the limit");
        assert_eq!(mailbox.block_bytes(), 80, "what was refused is not counted");
        assert!(mailbox.reserve_block_bytes(20, 100, &hint));
    }

    #[test]
    fn a_publisher_that_looked_long_ago_and_one_that_never_looked_judge_alike() {
        let boxed = BoxedMailbox::opened(16, 1);
        let mailbox = boxed.view();
        let (old, new) = (AtomicU64::new(0), AtomicU64::new(0));
        for _ in 0..1_000 {
            assert!(mailbox.reserve_block_bytes(60, 100, &old));
            assert!(!mailbox.reserve_block_bytes(60, 100, &old));
            assert!(!mailbox.reserve_block_bytes(60, 100, &new));
            mailbox.release_block_bytes(60);
        }
    }

    #[test]
    fn a_recount_ends_what_the_dead_miscounted() {
        let boxed = BoxedMailbox::opened(16, 1);
        let (mailbox, hint) = (boxed.view(), AtomicU64::new(0));
        assert!(mailbox.reserve_block_bytes(50, 100, &hint));
        mailbox.release_block_bytes(50);
        assert!(mailbox.reserve_block_bytes(90, 100, &hint));
        mailbox.recount_block_bytes(|| 30);
        assert_eq!(mailbox.block_bytes(), 30);
        assert!(mailbox.reserve_block_bytes(70, 100, &hint));
        // A live reader had taken what the recount did not see, and counts it out now.
        mailbox.release_block_bytes(100 + 60);
        assert_eq!(mailbox.block_bytes(), 0);
        assert!(mailbox.reserve_block_bytes(70, 100, &hint));
        assert_eq!(mailbox.block_bytes(), 70, "no debt is left");
        assert!(!mailbox.reserve_block_bytes(31, 100, &hint));
    }
}
