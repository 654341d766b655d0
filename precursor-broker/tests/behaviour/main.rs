//! What users of the broker rely on, wherever publishers and subscribers live: on one broker, as two
//! participants of one mapping, on one memory that is mapped at two addresses, and on one name that
//! is opened twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod world;

mod accounting;
mod bad_input;
mod batches;
mod closing;
mod delivery;
#[cfg(target_os = "linux")]
mod descriptors;
mod executors;
mod expiry;
mod groups;
mod inline;
mod loans;
mod policies;
mod services;
mod topics;
