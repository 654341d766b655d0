//! Counters of a kernel.

use neo::rsapi;
use pyo3::prelude::*;

use crate::options::policy_name;

/// Counters of one subscription, group or service:
/// accepted + refused = delivered + lost + timed out + queued.
#[pyclass(frozen, get_all, module = "neo_protocol")]
#[derive(Clone)]
pub(crate) struct RouteCounters {
    pattern: String,
    group: String,
    policy: &'static str,
    depth: u64,
    accepted: u64,
    delivered: u64,
    lost: u64,
    timed_out: u64,
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
    routes: Vec<RouteCounters>,
    late_replies: u64,
    expired_requests: u64,
    memory_bytes: u64,
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
