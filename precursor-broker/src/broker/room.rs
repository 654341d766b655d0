//! Waiting for room as a task: publishers that cannot block their thread.
//!
//! A thread sleeps on the mailbox's futex; a task leaves its waker here and raises the same flag, so
//! that a reader which makes room finds both by the one look that it takes anyway.

use core::task::{Context, Poll, Waker};
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Result;
use crate::mailbox::cells::Mailbox;
use crate::sync::{Ordering, full_fence};
use crate::sys::Scope;

use super::core::Core;
use super::deliver::is_inline;
use super::per_region::PerRegion;
use super::policy::Policy;
use super::poller::KEY_ROOM;
use super::publisher::Publisher;
use super::route::{self, Route, Target};

/// Tasks of this process that wait for room, by mailbox.
#[derive(Debug, Default)]
pub(crate) struct RoomWaiters(Mutex<HashMap<u64, Vec<Waker>>>);

impl RoomWaiters {
    /// The table for the region with identity `region`.
    pub(crate) fn of(region: u64) -> Arc<Self> {
        static TABLES: PerRegion<RoomWaiters> = PerRegion::new();
        TABLES.get(region)
    }

    fn add(&self, mailbox: u64, waker: &Waker) {
        let mut tasks = self.0.lock();
        let tasks = tasks.entry(mailbox).or_default();
        if !tasks.iter().any(|known| known.will_wake(waker)) {
            tasks.push(waker.clone());
        }
    }

    fn remove(&self, waker: &Waker) {
        self.0.lock().retain(|_, tasks| {
            tasks.retain(|known| !known.will_wake(waker));
            !tasks.is_empty()
        });
    }

    /// The lock is released before foreign code runs.
    fn fire(&self, mailbox: u64) {
        let tasks = self.0.lock().remove(&mailbox);
        tasks.into_iter().flatten().for_each(Waker::wake);
    }

    /// Fires the tasks of every mailbox: a reader of another process does not say which has room.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn fire_all(&self) {
        let tasks = core::mem::take(&mut *self.0.lock());
        tasks.into_values().flatten().for_each(Waker::wake);
    }
}

/// Names an open mailbox in every mapping of its region: its cells, which no other one has.
fn number(mailbox: &Mailbox<'_>) -> u64 {
    mailbox.header.config.cells_block.load(Ordering::Acquire)
}

impl Core {
    /// Wakes the threads and tasks that wait for room at a mailbox.
    #[cold]
    pub(crate) fn wake_publishers(&self, mailbox: &Mailbox<'_>) {
        // Lowers the flag first: a task that comes after it raises it again.
        mailbox.wake_publishers(self.region.futex_scope());
        self.rooms.fire(number(mailbox));
        self.wake_rooms_elsewhere();
    }

    /// Wakes the tasks of other processes that wait for room, at whichever mailbox.
    fn wake_rooms_elsewhere(&self) {
        if self.region.futex_scope() == Scope::Private {
            return;
        }
        for (id, record) in (1_u16..).zip(self.region.participants()) {
            let is_waiting = id != self.owner_id()
                && record.room_tasks.load(Ordering::Acquire) != 0
                && record.room_tasks.swap(0, Ordering::AcqRel) != 0;
            if is_waiting {
                self.wake_targets.ring(&self.region, id, KEY_ROOM);
            }
        }
    }
}

/// Whether a message of `block_bytes` would have to wait at this mailbox.
fn is_blocked(core: &Core, target: &Target, block_bytes: u64) -> bool {
    let view = target.mailbox.get(&core.region);
    if target.policy != Policy::Block
        || view.is_closed()
        || !view.is_life(target.mailbox.generation())
    {
        return false;
    }
    let used = view.block_bytes();
    let is_over = used > 0 && used.saturating_add(block_bytes) > target.block_bytes_max;
    view.is_full() || (block_bytes > 0 && is_over)
}

/// Registers the task if the mailbox has no room. True: it waits.
fn wait_at(core: &Core, target: &Target, block_bytes: u64, waker: &Waker) -> bool {
    if !is_blocked(core, target, block_bytes) {
        return false;
    }
    let view = target.mailbox.get(&core.region);
    core.rooms.add(number(view), waker);
    if let Some(record) = core.region.participant(core.owner_id()) {
        record.room_tasks.store(1, Ordering::Relaxed);
    }
    // Release: who sees the flag sees that a task waits.
    view.header.space.waiters.store(1, Ordering::Release);
    // Partner of the fence in `Taken::release`: either the reader sees the flag, or this look sees
    // the room.
    full_fence();
    is_blocked(core, target, block_bytes)
}

impl Publisher {
    /// Ready when no subscription with [`Policy::Block`] would make a message of `payload_bytes`
    /// wait; else the task is woken when one of them has room again. Others may take the room first:
    /// publish, and poll again if it was [`Full`](crate::ErrorKind::Full).
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn poll_room(&self, payload_bytes: usize, context: &mut Context<'_>) -> Poll<Result<()>> {
        let core = &self.core;
        if let Err(closed) = core.check_open() {
            return Poll::Ready(Err(closed));
        }
        let route = route::cached(core, self.shape.number, &self.shape.topic);
        let block_bytes = self.block_bytes(&route, payload_bytes);
        let mut is_waiting = false;
        for target in &route.targets {
            is_waiting |= wait_at(core, target, block_bytes, context.waker());
        }
        // A close between the first look and the registration wakes nobody.
        match core.check_open() {
            Err(closed) => Poll::Ready(Err(closed)),
            Ok(()) if is_waiting => Poll::Pending,
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    /// Whether [`poll_room`](Self::poll_room) would be ready, told without asking for a wake: for a
    /// thread that looks again and again before it sleeps. Readers do nothing more for it.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn has_room(&self, payload_bytes: usize) -> Result<bool> {
        let core = &self.core;
        core.check_open()?;
        let route = route::cached(core, self.shape.number, &self.shape.topic);
        let block_bytes = self.block_bytes(&route, payload_bytes);
        Ok(!route.targets.iter().any(|target| is_blocked(core, target, block_bytes)))
    }

    /// What a message takes of a mailbox's bytes: nothing if it fits into a slot.
    fn block_bytes(&self, route: &Route, payload_bytes: usize) -> u64 {
        let template = if route.needs_topic { &self.shape.named } else { &self.shape.plain };
        let frame_len = template.frame_len(payload_bytes);
        if is_inline(frame_len) { 0 } else { frame_len as u64 }
    }

    /// Forgets a task that [`poll_room`](Self::poll_room) registered and that waits no longer.
    pub fn cancel_room(&self, waker: &Waker) {
        self.core.rooms.remove(waker);
    }
}
