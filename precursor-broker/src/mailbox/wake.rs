//! Arming readers, waking them, and waiting for room (region.md R3.1.3, R3.1.8).

use core::time::Duration;

use crate::steps::step;
use crate::sync::{Ordering, full_fence};
use crate::sys::Scope;

use super::cells::{Mailbox, ReaderEntry};
use super::take::ReaderCursor;
use super::word::{NOTIFY, Tail};

impl Mailbox<'_> {
    /// Asks publishers to wake this reader. True: armed, and nothing is ready; the reader may
    /// sleep. False: something is ready, the reader is not armed.
    ///
    /// The flag is set by a read-modify-write of `tail`. A publisher commits before its own
    /// read-modify-write: if that comes later it sees the flag, if earlier this one sees its commit.
    pub(crate) fn arm(&self, entry: &ReaderEntry, cursor: &ReaderCursor) -> bool {
        entry.armed.store(1, Ordering::Release);
        let tail = Tail(self.header.publishers.tail.fetch_or(NOTIFY, Ordering::AcqRel));
        // A reader that goes to sleep leaves no publisher waiting for room it has already made.
        full_fence();
        if !tail.is_closed() && !self.is_ready(cursor) {
            return true;
        }
        self.disarm(entry);
        false
    }

    /// Takes the request back. False: a publisher was faster and its wake is on the way.
    pub(crate) fn disarm(&self, entry: &ReaderEntry) -> bool {
        entry.armed.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Wakes one armed reader, by the publisher that cleared the flag when `tail` stood at
    /// `cleared_at`. `notify` gets the reader's poller.
    #[cold]
    pub(crate) fn wake_one(&self, cleared_at: Tail, mut notify: impl FnMut(u32)) {
        let mut seen = cleared_at;
        loop {
            let Some(poller) = self.disarm_any() else { return };
            step!("wake.disarmed");
            notify(poller);
            if !self.any_armed() {
                return;
            }
            // More readers sleep: leave the flag for the next publisher, and stand in for those
            // that came while it was not set.
            let now = Tail(self.header.publishers.tail.fetch_or(NOTIFY, Ordering::AcqRel));
            if now.position() == seen.position() {
                return;
            }
            seen = now;
        }
    }

    /// Wakes every armed reader: the mailbox is closing.
    pub(crate) fn wake_all(&self, mut notify: impl FnMut(u32)) {
        while let Some(poller) = self.disarm_any() {
            notify(poller);
        }
    }

    /// Lets a further reader share a backlog that is longer than one wake can tell.
    pub(crate) fn pass_wake_on(&self, notify: impl FnMut(u32)) {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
        if tail.wants_notice() && self.queued() > 0 && self.any_armed() {
            let cleared = self.header.publishers.tail.fetch_and(!NOTIFY, Ordering::AcqRel);
            self.wake_one(Tail(cleared), notify);
        }
    }

    fn disarm_any(&self) -> Option<u32> {
        self.readers
            .iter()
            .find(|entry| entry.armed.load(Ordering::Relaxed) == 1 && self.disarm(entry))
            .map(|entry| entry.poller.load(Ordering::Relaxed))
    }

    fn any_armed(&self) -> bool {
        self.readers.iter().any(|entry| entry.armed.load(Ordering::Acquire) == 1)
    }

    /// Sleeps until a reader makes room, at most `timeout`. May return early. `is_blocked` is asked
    /// once more after the publisher has made itself known.
    pub(crate) fn wait_for_room(
        &self,
        timeout: Option<Duration>,
        scope: Scope,
        is_blocked: impl FnOnce() -> bool,
    ) {
        let space = &self.header.space;
        let sequence = space.sequence.value().load(Ordering::Acquire);
        space.waiters.store(1, Ordering::Release);
        // Partner of the fence in `release`: either the reader sees the waiter, or this look sees
        // the room.
        full_fence();
        if is_blocked() {
            space.sequence.wait(sequence, timeout, scope);
        }
    }

    /// Whether there is no room for one more message.
    pub(crate) fn is_full(&self) -> bool {
        let tail = Tail(self.header.publishers.tail.load(Ordering::Acquire));
        let depth = self.header.config.depth.load(Ordering::Relaxed);
        let end = tail.position() + 1;
        !tail.is_closed() && end.saturating_sub(self.free_position(tail.position())) > depth
    }

    /// Wakes the publishers that wait for room.
    #[cold]
    pub(crate) fn wake_publishers(&self, scope: Scope) {
        let space = &self.header.space;
        // A flag and not a count: one that died waiting leaves nothing to put right.
        space.waiters.store(0, Ordering::Release);
        space.sequence.value().fetch_add(1, Ordering::AcqRel);
        space.sequence.wake(u32::MAX, scope);
    }
}
