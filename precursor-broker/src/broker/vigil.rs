//! Waits that look around meanwhile: for deaths, where no thread of the library does, and at a
//! clock that is set by hand.
//!
//! A thread that waits for another participant sleeps in naps then, and looks between two of them:
//! what the dead keep from it is given back by the sleeper. Where the thread runs, or memory has no
//! name, a wait is one sleep.

use core::time::Duration;

use super::core::Core;

/// Longest sleep of a thread that looks for deaths itself.
const NAP: Duration = Duration::from_millis(5);
/// Sleep of a thread whose timeout passes by another clock than the system's.
const GLANCE: Duration = Duration::from_millis(1);

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
        if let Some(attendant) = self.attendant.get().filter(|_| self.looks_for_deaths()) {
            attendant.look(NAP);
        }
    }

    fn looks_for_deaths(&self) -> bool {
        #[cfg(all(target_os = "linux", not(miri)))]
        return self.attendant.get().is_some_and(|attendant| !attendant.has_thread());
        #[cfg(not(all(target_os = "linux", not(miri))))]
        false
    }
}
