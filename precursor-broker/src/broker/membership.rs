//! The right to change who reads shared mailboxes, and to put right what a dead participant left
//! (region.md R3.4.1).

use core::time::Duration;

use crate::region::owners::Owner;
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};
use crate::sys;

use super::core::Core;

/// Number of the region's word: `asked:1 · reserved:15 · generation:32 · owner:16`, 0 = free.
const MEMBERSHIP: usize = 1;

/// A survivor has left the dead to whoever holds the right.
const ASKED: u64 = 1 << 63;

/// The right. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Membership<'c>(&'c Core);

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        let held = self.0.membership_word().swap(0, Ordering::AcqRel);
        if held & ASKED != 0 {
            self.0.look_for_dead();
        }
    }
}

impl Core {
    fn membership_word(&self) -> &AtomicU64 {
        &self.region.header().counters[MEMBERSHIP].0
    }

    /// Makes this participant the one that opens, joins or leaves shared mailboxes, or reclaims.
    /// `None`: another one has held the right for seconds, and is not known to be dead.
    ///
    /// The word names its owner: a survivor takes it over from the dead. Nothing on the data path
    /// looks at it.
    pub(crate) fn membership(&self) -> Option<Membership<'_>> {
        const TURNS_MAX: u32 = 2_000;
        let word = self.membership_word();
        let mine = u64::from(self.owner.generation) << 16 | u64::from(self.owner_id());
        for turn in 0..TURNS_MAX {
            let holder = match word.compare_exchange(0, mine, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    step!("membership.held");
                    return Some(Membership(self));
                }
                Err(holder) => holder,
            };
            let taken_over = mine | holder & ASKED;
            if self.is_gone(holder)
                && word
                    .compare_exchange(holder, taken_over, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
            {
                return Some(Membership(self));
            }
            if turn < 100 {
                std::thread::yield_now();
            } else {
                sys::pause(Duration::from_millis(1));
            }
        }
        None
    }

    /// As [`Self::membership`], to reclaim. `None`: whoever holds the right looks for the dead when
    /// it lets go, if that is attended to.
    pub(crate) fn membership_or_ask(&self) -> Option<Membership<'_>> {
        let word = self.membership_word();
        loop {
            if let Some(membership) = self.membership() {
                return Some(membership);
            }
            let holder = word.load(Ordering::Acquire);
            let asked = holder | ASKED;
            if holder != 0
                && word.compare_exchange(holder, asked, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return None;
            }
        }
    }

    fn is_gone(&self, holder: u64) -> bool {
        let owner = Owner { id: holder as u16, generation: (holder >> 16) as u32 };
        !self.region.is_live(owner)
    }

    /// Has this process look for dead participants, in its thread or when it maintains.
    #[cold]
    fn look_for_dead(&self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.attendant.get() {
            attendant.look_again();
        }
    }
}
