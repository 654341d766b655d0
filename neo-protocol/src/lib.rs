//! Neo: an embeddable messaging kernel.
//!
//! One library gives a program publish/subscribe, queue groups and request/reply services, with no
//! server to install. A [`Kernel`] is opened by a URL; `mem://` is the embedded default.
//!
//! ```
//! use neo_protocol::{Kernel, Policy};
//!
//! let kernel = Kernel::open("mem://")?;
//! let mut arrivals = kernel.subscribe("flights.*.arrived").policy(Policy::DropOldest).open()?;
//! kernel.publish("flights.AA1.arrived", b"LAX")?;
//! assert_eq!(arrivals.recv()?.payload(), b"LAX");
//!
//! let _clock = kernel.serve_inline("clock", |call| Ok(format!("{} o'clock", call.method()).into()))?;
//! assert_eq!(&kernel.call("clock", "five", b"")?[..], b"five o'clock");
//! # Ok::<(), neo_protocol::Error>(())
//! ```
//!
//! The contract, in short: order is kept per publisher handle and subscription; events are
//! delivered at most once; every subscription states what happens when it is full ([`Policy`]);
//! every lost message is counted and told to its reader ([`Message::lost_before`]) and to its
//! publisher ([`Published`]). Handles may be used from any thread. The library prints nothing and
//! installs no signal handler; it starts no thread but the one of `shm://`, which an option forgoes.
#![forbid(unsafe_code)]

mod builder;
mod kernel;
mod options;
mod registry;
mod url;

pub use builder::{PublisherBuilder, ServiceBuilder, SubscribeBuilder};
pub use kernel::Kernel;
pub use options::Options;
pub use precursor_broker::{
    Batch, CALL_DEPTH_MAX, Call, CallFuture, Clock, Counters, DEATHS_TOPIC, Error, ErrorKind,
    Failure, INLINE_BYTES, InlineService, Loan, Message, MessageHeaders, MessageRef, Policy,
    PublishRun, Published, Publisher, Reclaimed, Reply, Request, Responder, Result, RouteCounters,
    RouteKind, Service, Subscription, Upkeep, Wait,
};
#[cfg(all(target_os = "linux", not(miri)))]
pub use precursor_broker::{
    CleanedName, NamedProcess, Observation, ObservedParticipant, ObservedReader, ObservedRoute,
    ObservedSender, Observer, SharedName, SharedNames, clean_name, shared_names,
    shared_names_of_group,
};
pub use qiss_format as format;
pub use url::{Address, Transport};

/// The README's programs, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The program of this crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct CrateReadme;

/// The programs of the guide to shared memory.
#[cfg(all(doctest, target_os = "linux"))]
#[doc = include_str!("../../docs/guide/shared-memory.md")]
pub struct SharedMemoryGuide;
