//! Counters, read from the region without disturbing anyone (invariant 12).

use crate::mailbox::cells::Mailbox;
use crate::mailbox::word::{EVICTED_BITS, Tail, Take};
use crate::region::map::Region;
use crate::sync::Ordering;

use super::core::Core;
use super::policy::Policy;
use super::router::{RouteEntry, RouteKind};

/// What happened at one subscription, group or service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteCounters {
    /// What it is.
    pub kind: RouteKind,
    /// Its pattern, or the service's name.
    pub pattern: String,
    /// Its group; empty if it is none.
    pub group: String,
    /// What happens when it is full.
    pub policy: Policy,
    /// Messages that it holds at most.
    pub depth: u64,
    /// Messages that entered the mailbox.
    pub accepted: u64,
    /// Messages that a reader took.
    pub delivered: u64,
    /// Messages that were refused, evicted, replaced, or died with their publishers.
    pub lost: u64,
    /// Messages that waited for room until their publishers gave up.
    pub timed_out: u64,
    /// Messages in the mailbox.
    pub queued: u64,
}

impl RouteCounters {
    pub(crate) fn of(entry: &RouteEntry, view: &Mailbox<'_>) -> Self {
        let publishers = &view.header.publishers;
        let base = view.header.config.base.load(Ordering::Relaxed);
        let base = base.max(view.geometry().capacity());
        let take = Take(view.header.readers.take.load(Ordering::Acquire));
        let tail = Tail(publishers.tail.load(Ordering::Acquire)).position();
        let high = publishers.evicted_high.load(Ordering::Acquire);
        // Sums of words that a broken participant may have written: they may be wrong, not overflow.
        let evicted = (high << EVICTED_BITS).wrapping_add(take.evicted());
        let conflated = view.conflation();
        let empty = publishers.empty_keys.load(Ordering::Relaxed);
        let taken = take.position_near(tail);
        Self {
            kind: entry.kind,
            pattern: entry.pattern.to_string(),
            group: entry.group.to_string(),
            policy: entry.policy,
            depth: entry.depth,
            accepted: tail
                .max(taken)
                .saturating_sub(base.saturating_add(empty))
                .saturating_add(conflated),
            delivered: taken.saturating_sub(base.saturating_add(evicted).saturating_add(empty)),
            lost: evicted
                .saturating_add(publishers.dropped.load(Ordering::Acquire))
                .saturating_add(conflated),
            timed_out: publishers.timed_out.load(Ordering::Acquire),
            queued: tail.saturating_sub(taken),
        }
    }

    /// Of a service that runs on its callers' threads: nothing is queued, and nothing counted.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn without_mailbox(entry: &RouteEntry) -> Self {
        Self {
            kind: entry.kind,
            pattern: entry.pattern.to_string(),
            group: entry.group.to_string(),
            policy: entry.policy,
            depth: 0,
            accepted: 0,
            delivered: 0,
            lost: 0,
            timed_out: 0,
            queued: 0,
        }
    }
}

/// Counters of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// One entry for each open subscription, group and service with workers.
    pub routes: Vec<RouteCounters>,
    /// Replies that came after their callers had given up.
    pub late_replies: u64,
    /// Requests that workers passed over because their callers had given up: their time was over,
    /// the call was cancelled, or its caller died and was reclaimed.
    pub expired_requests: u64,
    /// Bytes of payload memory in use, in whole segments.
    pub memory_bytes: u64,
    /// Bytes of payload memory that are backed.
    pub committed_bytes: u64,
}

/// Number of the region's counter for late replies.
const LATE_REPLIES: usize = 0;
/// Number of the region's counter for expired requests.
const EXPIRED_REQUESTS: usize = 2;

impl Core {
    pub(crate) fn count_late_reply(&self) {
        self.region.header().counters[LATE_REPLIES].0.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(crate) fn count_expired_request(&self) {
        self.region.header().counters[EXPIRED_REQUESTS].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut router = self.router.lock();
        router.refresh(&self.region);
        let routes = router
            .routes()
            .filter_map(|(_, entry)| {
                let mailbox = entry.mailbox_ref(&self.region)?;
                Some(RouteCounters::of(entry, mailbox.get(&self.region)))
            })
            .collect();
        Counters::of(&self.region, routes)
    }
}

impl Counters {
    pub(crate) fn of(region: &Region, routes: Vec<RouteCounters>) -> Self {
        let blocks = region.blocks();
        let counted = |number: usize| region.header().counters[number].0.load(Ordering::Relaxed);
        Self {
            routes,
            late_replies: counted(LATE_REPLIES),
            expired_requests: counted(EXPIRED_REQUESTS),
            memory_bytes: blocks.bytes_in_use() as u64,
            committed_bytes: blocks.committed_bytes() as u64,
        }
    }
}
