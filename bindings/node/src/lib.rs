//! The native half of the npm package `neo-protocol`.
//!
//! Thin over `neo::rsapi`: every function returns at once, converts arguments and errors, and never
//! calls JavaScript. Handles are numbers, kept in a `table` of each thread: a call of a function
//! costs half of what a method costs, and objects are JavaScript's own. Promises, iterators and
//! timeouts are JavaScript, in `js/`; what they wait for is told by one `poller` of each
//! environment.

mod call;
mod counters;
mod error;
mod external;
mod kernel;
mod loan;
mod options;
mod poller;
mod publisher;
mod service;
mod slab;
mod subscription;
mod table;

use std::collections::BTreeMap;

use napi_derive::napi;
use neo::rsapi::{self, CODES};

/// Live objects by kind, those that are zero left out; tests end with an empty object.
#[napi(catch_unwind)]
pub(crate) fn live() -> BTreeMap<String, f64> {
    let counts = rsapi::KINDS.iter().map(|kind| (kind.name(), rsapi::live(*kind)));
    let alive = counts.filter(|(_, count)| *count > 0);
    alive.map(|(name, count)| (name.to_owned(), count as f64)).collect()
}

/// One entry of the table of error codes.
#[napi(object, object_from_js = false)]
pub(crate) struct CodeEntry {
    /// Negative and frozen.
    pub number: i32,
    /// `NEO_E_…`.
    pub symbol: &'static str,
}

/// The table of error codes.
#[napi(catch_unwind)]
pub(crate) fn codes() -> Vec<CodeEntry> {
    let entry = |code: &rsapi::Code| CodeEntry { number: code.number(), symbol: code.symbol() };
    CODES.iter().map(entry).collect()
}

/// Takes nothing and does nothing: what the crossing itself costs. Benchmarks divide by it.
#[napi(catch_unwind)]
pub(crate) fn noop() {}
