//! Counters of a kernel.

use neo::rsapi;
use pyo3::prelude::*;

use crate::options::policy_name;

/// Counters of one subscription, group or service.
#[pyclass(frozen, get_all, module = "neo_protocol")]
#[derive(Clone)]
pub(crate) struct RouteCounters {
    /// Its pattern, or the service's name.
    pattern: String,
    /// Its group; empty if it is none.
    group: String,
    /// What happens when it is full.
    policy: &'static str,
    /// Messages that it holds at most.
    depth: u64,
    /// Messages that entered the mailbox.
    accepted: u64,
    /// Messages that a reader took.
    delivered: u64,
    /// Messages that were refused, evicted or replaced.
    lost: u64,
    /// Messages whose publishers gave up waiting for room.
    timed_out: u64,
    /// Messages in the mailbox.
    queued: u64,
}

impl From<rsapi::RouteCounters> for RouteCounters {
    fn from(route: rsapi::RouteCounters) -> Self {
        Self {
            pattern: route.pattern,
            group: route.group,
            policy: policy_name(route.policy),
            depth: route.depth,
            accepted: route.accepted,
            delivered: route.delivered,
            lost: route.lost,
            timed_out: route.timed_out,
            queued: route.queued,
        }
    }
}

#[pymethods]
impl RouteCounters {
    fn __repr__(&self) -> String {
        let Self { pattern, accepted, delivered, lost, queued, .. } = self;
        format!(
            "<RouteCounters {pattern:?} accepted={accepted} delivered={delivered} lost={lost} \
             queued={queued}>"
        )
    }
}

/// What happened in a kernel so far.
#[pyclass(frozen, get_all, module = "neo_protocol")]
pub(crate) struct Counters {
    /// One entry for each open subscription, group and service with workers.
    routes: Vec<RouteCounters>,
    /// Replies that came after their callers had given up.
    late_replies: u64,
    /// Requests that workers passed over because their callers had given up.
    expired_requests: u64,
    /// Bytes of payload memory in use, in whole segments.
    memory_bytes: u64,
    /// Bytes of payload memory that are backed.
    committed_bytes: u64,
}

impl From<rsapi::Counters> for Counters {
    fn from(counters: rsapi::Counters) -> Self {
        Self {
            routes: counters.routes.into_iter().map(RouteCounters::from).collect(),
            late_replies: counters.late_replies,
            expired_requests: counters.expired_requests,
            memory_bytes: counters.memory_bytes,
            committed_bytes: counters.committed_bytes,
        }
    }
}

#[pymethods]
impl Counters {
    fn __repr__(&self) -> String {
        let Self { routes, memory_bytes, .. } = self;
        format!("<Counters {} routes, memory_bytes={memory_bytes}>", routes.len())
    }
}

/// What `Kernel.maintain` restored.
#[pyclass(frozen, get_all, eq, module = "neo_protocol")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reclaimed {
    /// Processes that were dead.
    participants: usize,
    /// Subscriptions, groups and services that were closed.
    routes: usize,
    /// Messages that were begun and not sent; each counts as lost.
    claims: u64,
    /// Blocks of memory that nothing referred to any more.
    blocks: usize,
}

impl From<rsapi::Reclaimed> for Reclaimed {
    fn from(reclaimed: rsapi::Reclaimed) -> Self {
        let rsapi::Reclaimed { participants, routes, claims, blocks, .. } = reclaimed;
        Self { participants, routes, claims, blocks }
    }
}

#[pymethods]
impl Reclaimed {
    fn __repr__(&self) -> String {
        let Self { participants, routes, claims, blocks } = self;
        format!(
            "Reclaimed(participants={participants}, routes={routes}, claims={claims}, \
             blocks={blocks})"
        )
    }
}
