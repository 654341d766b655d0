//! Where a kernel gets its time from: the system, or a hand that sets it.

use core::time::Duration;
use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering};
use crate::sys;

/// The time by which a kernel measures timeouts and stamps messages.
///
/// [`system`](Self::system), the default, is the machine's. A [`manual`](Self::manual) one stands
/// still until somebody moves it on: a run by it can be repeated, and an hour's timeout passes in a
/// test when the test says so. Who sleeps under it wakes every millisecond of real time to look at
/// it.
///
/// Clones are the same clock. Any thread may read and move it.
///
/// ```
/// use core::time::Duration;
/// use precursor_broker::Clock;
///
/// let clock = Clock::manual(1_700_000_000_000_000_000);
/// clock.advance(Duration::from_secs(3_600));
/// assert_eq!(clock.wall_ns(), 1_700_003_600_000_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Hand>>);

#[derive(Debug)]
struct Hand {
    /// Wall clock at the beginning, ns since 1970.
    begin_ns: u64,
    /// What was added since.
    passed_ns: AtomicU64,
}

impl Clock {
    pub(crate) const SYSTEM: Self = Self(None);

    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::SYSTEM
    }

    /// A clock that stands at `wall_ns` nanoseconds since 1970.
    #[must_use]
    pub fn manual(wall_ns: u64) -> Self {
        Self(Some(Arc::new(Hand { begin_ns: wall_ns, passed_ns: AtomicU64::new(0) })))
    }

    /// Moves a manual clock on; the machine's goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Some(hand) = &self.0 {
            let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            // Release: who sees the new time sees what was done before.
            hand.passed_ns.fetch_add(by, Ordering::AcqRel);
        }
    }

    /// Nanoseconds since some moment; never goes back.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        match &self.0 {
            None => sys::monotonic_ns(),
            Some(hand) => hand.passed_ns.load(Ordering::Acquire),
        }
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn wall_ns(&self) -> u64 {
        match &self.0 {
            None => sys::wall_ns(),
            Some(hand) => hand.begin_ns.saturating_add(hand.passed_ns.load(Ordering::Acquire)),
        }
    }

    /// Whether somebody moves it by hand.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.0.is_some()
    }
}

impl PartialEq for Clock {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Clock {}
