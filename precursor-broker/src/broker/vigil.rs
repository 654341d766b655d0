//! Waits that look around meanwhile: for deaths, where no thread of the library does, and at a
//! clock that is set by hand.
//!
//! A thread that waits for another participant sleeps in naps then, and looks between two of them:
//! what the dead keep from it is given back by the sleeper. Where the thread runs, or memory has no
//! name, a wait is one sleep.

use core::time::Duration;
#[cfg(all(target_os = "linux", not(miri)))]
use std::sync::{Arc, Weak};

#[cfg(all(target_os = "linux", not(miri)))]
use super::attendant::Attendant;
use super::core::Core;

/// Longest sleep of a thread that looks for deaths itself.
const NAP: Duration = Duration::from_millis(5);
/// Sleep of a thread whose timeout passes by another clock than the system's.
const GLANCE: Duration = Duration::from_millis(1);

/// What a thread does while it waits for a kernel by a waker, and no thread of the library attends
/// to that kernel: it [looks](Self::look) after each [nap](Self::NAP).
///
/// It keeps nothing open. [`maintain`](super::Broker::maintain) is for event loops, which learn from
/// a descriptor when to look.
#[derive(Clone, Debug)]
pub struct Upkeep {
    #[cfg(all(target_os = "linux", not(miri)))]
    attendant: Weak<Attendant>,
}

/// Those of one process at one name are equal: one look is enough.
impl PartialEq for Upkeep {
    fn eq(&self, other: &Self) -> bool {
        #[cfg(all(target_os = "linux", not(miri)))]
        return self.attendant.ptr_eq(&other.attendant);
        #[cfg(not(all(target_os = "linux", not(miri))))]
        matches!((self, other), (Self {}, Self {}))
    }
}

impl Eq for Upkeep {}

impl Upkeep {
    /// Longest sleep between two looks.
    pub const NAP: Duration = NAP;

    /// Fires the wakes that other processes asked for, and puts right what the dead left, unless
    /// somebody did within the last [`NAP`](Self::NAP) or is at it. Wakers run in it: hold no lock
    /// that one of them needs. Does not wait.
    pub fn look(&self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.attendant.upgrade() {
            attendant.look(NAP);
        }
    }
}

impl Core {
    /// How long a thread may sleep that wants to sleep for `timeout` (`None`: for ever).
    pub(crate) fn nap(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.clock().is_manual() {
            return Some(GLANCE);
        }
        if !self.looks_for_deaths() {
            return timeout;
        }
        Some(timeout.map_or(NAP, |timeout| timeout.min(NAP)))
    }

    /// Looks for deaths, if nobody else does, at most once in a nap's time.
    pub(crate) fn notice_deaths(&self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.unattended() {
            attendant.look(NAP);
        }
    }

    /// `None`: the library's thread does it, or there are no other processes.
    pub(super) fn upkeep(&self) -> Option<Upkeep> {
        #[cfg(all(target_os = "linux", not(miri)))]
        return self.unattended().map(|attendant| Upkeep { attendant: Arc::downgrade(attendant) });
        #[cfg(not(all(target_os = "linux", not(miri))))]
        None
    }

    fn looks_for_deaths(&self) -> bool {
        #[cfg(all(target_os = "linux", not(miri)))]
        return self.unattended().is_some();
        #[cfg(not(all(target_os = "linux", not(miri))))]
        false
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    fn unattended(&self) -> Option<&Arc<Attendant>> {
        self.attendant.get().filter(|attendant| !attendant.has_thread())
    }
}
