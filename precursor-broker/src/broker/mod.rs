//! The broker: topics, routing, subscriptions, groups, services and calls, on one region.
//!
//! Publishing: `shape` (a topic's encoded headers) → `route` (its mailboxes, cached per thread) →
//! `deliver` (one frame into each, by policy; `latest` for tables of newest messages). Receiving:
//! `reader` under `subscription` and `service`. `router` holds the shared table of routes and the
//! private trie. `call` sends requests, `reply` holds the calls in flight, `answer` ends one. `core`
//! is what all handles share; `observer` looks on from outside; `room` tells tasks that a full mailbox
//! has room; `reclaim` puts right what the dead left.

mod answer;
#[cfg(all(target_os = "linux", not(miri)))]
mod attendant;
mod batch;
mod call;
mod core;
mod counters;
mod deliver;
mod handle;
mod headers;
mod held;
#[cfg(all(target_os = "linux", not(miri)))]
mod idle;
mod inline;
mod joining;
mod latest;
mod loan;
mod mailboxes;
mod membership;
mod message;
#[cfg(all(target_os = "linux", not(miri)))]
mod observer;
mod patterns;
mod per_region;
mod policy;
mod poller;
mod publisher;
mod reader;
mod reclaim;
mod reply;
mod room;
mod route;
mod router;
mod service;
mod shape;
mod spins;
mod stars;
mod subscription;
pub mod topic;
pub(crate) mod trie;
mod vigil;
#[cfg(all(target_os = "linux", not(miri)))]
mod visitors;
mod waiting;

pub use batch::{Batch, Iter};
pub use call::CALL_DEPTH_MAX;
pub use counters::{Counters, RouteCounters};
pub use handle::{Broker, CallFuture, WeakBroker};
pub use headers::MessageHeaders;
pub use inline::InlineService;
pub use loan::Loan;
pub use message::{Message, MessageRef};
#[cfg(all(target_os = "linux", not(miri)))]
pub use observer::{
    Observation, ObservedParticipant, ObservedReader, ObservedRoute, ObservedSender, Observer,
};
pub use policy::{Policy, PublishOptions, Published, SubscribeOptions, Wait};
pub use publisher::{PublishRun, Publisher};
pub use reclaim::{DEATHS_TOPIC, Reclaimed};
pub use router::RouteKind;
pub use service::{Call, Failure, Reply, Request, Responder, Service};
pub use subscription::Subscription;
pub use vigil::Upkeep;
