//! Counters of a kernel.

use napi_derive::napi;
use neo::rsapi;

use crate::options::policy_name;

/// Counters of one subscription, group or service.
#[napi(object, object_from_js = false)]
pub(crate) struct RouteCounters {
    /// Its pattern, or the service's name.
    pub pattern: String,
    /// Its group; empty if it is none.
    pub group: String,
    /// What happens when it is full.
    pub policy: &'static str,
    /// Messages that it holds at most.
    pub depth: f64,
    /// Messages that entered the mailbox.
    pub accepted: f64,
    /// Messages that a reader took.
    pub delivered: f64,
    /// Messages that were refused, evicted or replaced.
    pub lost: f64,
    /// Messages whose publishers gave up waiting for room.
    pub timed_out: f64,
    /// Messages in the mailbox.
    pub queued: f64,
}

impl From<rsapi::RouteCounters> for RouteCounters {
    fn from(route: rsapi::RouteCounters) -> Self {
        Self {
            pattern: route.pattern,
            group: route.group,
            policy: policy_name(route.policy),
            depth: route.depth as f64,
            accepted: route.accepted as f64,
            delivered: route.delivered as f64,
            lost: route.lost as f64,
            timed_out: route.timed_out as f64,
            queued: route.queued as f64,
        }
    }
}

/// What happened in a kernel so far.
#[napi(object, object_from_js = false)]
pub(crate) struct Counters {
    /// One entry for each open subscription, group and service with workers.
    pub routes: Vec<RouteCounters>,
    /// Replies that came after their callers had given up.
    pub late_replies: f64,
    /// Requests that workers passed over because their callers had given up.
    pub expired_requests: f64,
    /// Bytes of payload memory in use, in whole segments.
    pub memory_bytes: f64,
    /// Bytes of payload memory that are backed.
    pub committed_bytes: f64,
}

impl From<rsapi::Counters> for Counters {
    fn from(counters: rsapi::Counters) -> Self {
        Self {
            routes: counters.routes.into_iter().map(RouteCounters::from).collect(),
            late_replies: counters.late_replies as f64,
            expired_requests: counters.expired_requests as f64,
            memory_bytes: counters.memory_bytes as f64,
            committed_bytes: counters.committed_bytes as f64,
        }
    }
}

/// What `maintain` restored.
#[napi(object, object_from_js = false)]
pub(crate) struct Reclaimed {
    /// Processes that were dead.
    pub participants: f64,
    /// Subscriptions, groups and services that were closed.
    pub routes: f64,
    /// Messages that were begun and not sent; each counts as lost.
    pub claims: f64,
    /// Blocks of memory that nothing referred to any more.
    pub blocks: f64,
}

impl From<rsapi::Reclaimed> for Reclaimed {
    fn from(reclaimed: rsapi::Reclaimed) -> Self {
        let rsapi::Reclaimed { participants, routes, claims, blocks, .. } = reclaimed;
        Self {
            participants: participants as f64,
            routes: routes as f64,
            claims: claims as f64,
            blocks: blocks as f64,
        }
    }
}
