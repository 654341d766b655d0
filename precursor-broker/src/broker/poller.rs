//! Pollers: what sleeps, and what publishers wake (region.md R3.3).
//!
//! A poller's word is `IDLE`, `NOTIFIED` or `PARKED`. The waiter clears it, arms its mailboxes, and
//! parks by IDLE → PARKED; a publisher sets NOTIFIED by a swap and makes a system call only if it
//! read PARKED. So a wake that comes between arming and parking is never lost and never costs one.

use core::task::Waker;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::region::map::Region;
use crate::region::records::PollerRecord;
use crate::steps::step;
use crate::sync::Ordering;
use crate::sys::EventFd;

use super::per_region::PerRegion;

const IDLE: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

/// What a wake does, once the word says that someone is parked.
#[derive(Clone, Debug)]
pub(crate) enum WakeTarget {
    /// A task of an executor.
    Task(Waker),
    /// A descriptor that the host's event loop watches.
    Descriptor(Arc<EventFd>),
}

/// The wake targets of this process for one region; every kernel on that region shares them.
#[derive(Debug, Default)]
pub(crate) struct WakeTargets {
    targets: Mutex<HashMap<u64, WakeTarget>>,
    /// How those of other processes are reached.
    #[cfg(all(target_os = "linux", not(miri)))]
    bells: crate::attach::bell::Bells,
    /// Who answers this process's bell, if the region has a name.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(super) attendant: Mutex<std::sync::Weak<super::attendant::Attendant>>,
}

impl WakeTargets {
    /// The table for the region with identity `region`.
    pub(crate) fn of(region: u64) -> Arc<Self> {
        static TABLES: PerRegion<WakeTargets> = PerRegion::new();
        TABLES.get(region)
    }

    pub(crate) fn set(&self, key: u64, target: WakeTarget) {
        self.targets.lock().insert(key, target);
    }

    /// Sets a task; keeps the waker that is there if it wakes the same one.
    pub(crate) fn set_task(&self, key: u64, waker: &Waker) {
        let mut targets = self.targets.lock();
        match targets.get_mut(&key) {
            Some(WakeTarget::Task(known)) => known.clone_from(waker),
            _ => drop(targets.insert(key, WakeTarget::Task(waker.clone()))),
        }
    }

    pub(crate) fn remove(&self, key: u64) {
        self.targets.lock().remove(&key);
    }

    /// Fires what is registered, if anything is. The lock is released before foreign code runs.
    pub(crate) fn fire(&self, key: u64) -> bool {
        let target = self.targets.lock().get(&key).cloned();
        match target {
            Some(WakeTarget::Task(waker)) => waker.wake(),
            Some(WakeTarget::Descriptor(descriptor)) => descriptor.signal(),
            None => return false,
        }
        true
    }

    /// Fires everything: a key was lost, and nobody knows which.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn fire_all(&self) {
        let keys: Vec<u64> = self.targets.lock().keys().copied().collect();
        keys.into_iter().for_each(|key| _ = self.fire(key));
    }

    /// Fires what `participant` has registered at `key`, in this process or in its own.
    pub(crate) fn fire_of(&self, region: &Region, participant: u16, key: u64) {
        if !self.fire(key) {
            self.ring(region, participant, key);
        }
    }

    /// Rings the bell of a participant's process.
    pub(crate) fn ring(&self, region: &Region, participant: u16, key: u64) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if region.futex_scope() == crate::sys::Scope::Shared {
            self.bells.ring(region, participant, key);
        }
        #[cfg(not(all(target_os = "linux", not(miri))))]
        let _ = (region, participant, key);
    }

    /// Whether the process of a participant has closed its bell.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn is_bell_lost(&self, region: &Region, participant: u16) -> bool {
        self.bells.is_lost(region, participant)
    }
}

/// What a bell says that is no poller and no call: somebody joined, there is room at some mailbox.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) const KEY_JOINED: u64 = u64::MAX;
pub(crate) const KEY_ROOM: u64 = u64::MAX - 1;
// One less asks for the memory: `attach::door`.

/// How a parked poller is woken, in `PollerRecord::target`.
pub(crate) const TARGET_FUTEX: u64 = 0;
pub(crate) const TARGET_TABLE: u64 = 1;

/// Starts a round of waiting: forgets old wakes. Everything must be armed or looked at after it.
pub(crate) fn begin(record: &PollerRecord, target: u64) {
    record.word.value().store(IDLE, Ordering::Relaxed);
    record.target.store(target, Ordering::Release);
}

/// Declares the waiter asleep. False: a wake came already.
pub(crate) fn park(record: &PollerRecord) -> bool {
    record.word.value().compare_exchange(IDLE, PARKED, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// Sleeps on the futex after [`park`]. Returns on a wake, at the timeout, or for no reason.
pub(crate) fn sleep(region: &Region, record: &PollerRecord, timeout: Option<Duration>) {
    record.word.wait(PARKED, timeout, region.futex_scope());
    record.word.value().swap(IDLE, Ordering::AcqRel);
}

/// Wakes the poller whether or not it said that it sleeps: whoever cleared its word may have died
/// before waking it.
pub(crate) fn force_notify(region: &Region, targets: &WakeTargets, index: u32) {
    let Some(record) = region.pollers().get(index as usize) else { return };
    record.word.value().store(NOTIFIED, Ordering::Release);
    record.word.wake(1, region.futex_scope());
    if record.target.load(Ordering::Acquire) != TARGET_FUTEX {
        targets.fire_of(region, owner(record), u64::from(index));
    }
}

/// Wakes the poller: at most one system call for each time it parked.
pub(crate) fn notify(region: &Region, targets: &WakeTargets, index: u32) {
    let Some(record) = region.pollers().get(index as usize) else { return };
    if record.word.value().swap(NOTIFIED, Ordering::AcqRel) != PARKED {
        return;
    }
    step!("wake.notified");
    match record.target.load(Ordering::Acquire) {
        TARGET_FUTEX => record.word.wake(1, region.futex_scope()),
        _ => targets.fire_of(region, owner(record), u64::from(index)),
    }
}

fn owner(record: &PollerRecord) -> u16 {
    record.state.load(Ordering::Acquire) as u16
}
