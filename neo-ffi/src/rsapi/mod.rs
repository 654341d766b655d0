//! The safe facade that every language face shares.
//!
//! What a garbage-collected language needs and Rust's own API does not offer: every handle is used
//! by `&self` from any thread, `close` on one thread ends waits on another, nothing borrows from
//! anything, and waiting comes in three forms: not at all (`try_*`), by blocking with a hook for
//! signals (`*_with`), and by a [`Poller`].
//!
//! ```
//! use neo::rsapi::{Kernel, Options, SubscribeOptions};
//!
//! let kernel = Kernel::open("mem://", &Options::new())?;
//! let readings = kernel.subscribe("readings.*", &SubscribeOptions::default())?;
//! kernel.publish("readings.indoor", b"20.5")?;
//! let message = readings.try_recv()?.expect("it was published");
//! assert_eq!((message.topic(), message.data()), ("readings.indoor", b"20.5".as_slice()));
//! kernel.close();
//! # Ok::<(), neo::rsapi::Error>(())
//! ```
#![forbid(unsafe_code)]

mod batch;
mod call;
mod error;
mod fork;
mod inlet;
mod kernel;
mod live;
mod loan;
mod message;
mod poller;
mod publisher;
mod service;
mod signal;
mod subscription;
mod trace;
mod wake;

pub use batch::OwnedBatch;
pub use call::PendingCall;
pub use error::{CODES, Code, Error, OUTCOMES, Outcome, Result};
pub use fork::{generation, is_forked_since};
pub use inlet::{Lent, Lock};
pub use kernel::Kernel;
pub(crate) use live::Live;
pub use live::{KINDS, Kind, live, live_total};
pub use loan::Loan;
pub use message::{Message, Reply};
pub use neo_protocol::{
    Batch, Counters, MessageHeaders, MessageRef, Options, Policy, Published, Reclaimed,
    RouteCounters, Wait,
};
pub use poller::{Armed, Pollable, Poller};
pub use publisher::{Publisher, PublisherOptions, Room, Run};
pub use service::{Request, Service, ServiceOptions};
pub use signal::Interrupt;
pub use subscription::{SubscribeOptions, Subscription};
pub use trace::{TRACEPARENT_LETTERS, parse_traceparent, traceparent};
