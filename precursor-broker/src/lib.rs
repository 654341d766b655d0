//! The core of Neo: a region of memory that participants share, lock-free mailboxes in it, and the
//! broker that routes messages between them.
//!
//! Programs depend on `neo-protocol`, which builds the `Kernel` on this crate; what is public here
//! is what it and the language bindings need. The data plane is specified in
//! `docs/spec/region.md`, frames in `docs/spec/qiss.md`.
//!
//! ```
//! use precursor_broker::{Broker, Limits, SubscribeOptions};
//!
//! let broker = Broker::private(&Limits::new())?;
//! let mut jfk = broker.subscribe("flights.JFK.>", &SubscribeOptions::default())?;
//! let published = broker.publish("flights.JFK.AA.LAX", b"departed")?;
//! assert_eq!(published.accepted, 1);
//! assert_eq!(jfk.recv()?.topic(), "flights.JFK.AA.LAX");
//! # Ok::<(), precursor_broker::Error>(())
//! ```

#![cfg_attr(
    precursor_loom,
    allow(dead_code, unused_imports, reason = "the models use a part of the crate")
)]

#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
mod attach;
#[cfg(not(precursor_loom))]
pub mod broker;
#[cfg(not(precursor_loom))]
mod clock;
#[cfg(not(precursor_loom))]
mod error;
mod mailbox;
mod region;
pub mod steps;
mod sync;
mod sys;

#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub use attach::names::listing::{
    CleanedName, NamedProcess, SharedName, SharedNames, clean_name, shared_names,
    shared_names_of_group,
};
#[cfg(not(precursor_loom))]
pub use broker::{
    Batch, Broker, CALL_DEPTH_MAX, Call, CallFuture, Counters, DEATHS_TOPIC, Failure,
    InlineService, Loan, Message, MessageHeaders, MessageRef, Policy, PublishOptions, PublishRun,
    Published, Publisher, Reclaimed, Reply, Request, Responder, RouteCounters, RouteKind, Service,
    SubscribeOptions, Subscription, Upkeep, Wait, WeakBroker,
};
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub use broker::{
    Observation, ObservedParticipant, ObservedReader, ObservedRoute, ObservedSender, Observer,
};
#[cfg(not(precursor_loom))]
pub use clock::Clock;
#[cfg(not(precursor_loom))]
pub use error::{Error, ErrorKind, Result};
#[cfg(any(test, fuzzing))]
pub use mailbox::ops;
pub use mailbox::{INLINE_BYTES, MEMBERS_MAX, RUN_MAX};
pub use region::{Limits, LimitsError};
