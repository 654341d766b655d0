//! The native half of the Python package `neo_protocol`.
//!
//! Thin over `neo::rsapi`: it converts arguments and errors, releases the interpreter's lock
//! wherever something may block, and lends memory by the buffer protocol. The asyncio half is Python,
//! in `neo_protocol/aio.py` and what that imports. All classes are frozen and hold their state behind
//! locks or atomics, so the module does not depend on a global interpreter lock.

mod buffer;
mod call;
mod counters;
mod error;
mod kernel;
mod loan;
mod message;
mod options;
mod payload;
mod poller;
mod publisher;
mod ready;
mod service;
mod subscription;
mod wait;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Live objects by kind, those that are zero left out; tests end with an empty dictionary.
#[pyfunction]
fn live() -> std::collections::BTreeMap<&'static str, u64> {
    let counts = neo::rsapi::KINDS.iter().map(|kind| (kind.name(), neo::rsapi::live(*kind)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Takes a payload and does nothing: what the crossing itself costs. Benchmarks divide by it.
#[pyfunction]
fn _noop(_payload: &Bound<'_, PyAny>) {}

/// Classes and cached objects are shared by the process, so one interpreter has them: the first that
/// imports the module. It is told from others by its `sys`.
fn require_one_interpreter(py: Python<'_>) -> PyResult<()> {
    static FIRST: OnceLock<usize> = OnceLock::new();
    let this = py.import("sys")?.as_ptr().addr();
    if *FIRST.get_or_init(|| this) == this {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "neo_protocol does not support subinterpreters: import it in one interpreter of the \
         process, or use processes",
    ))
}

#[pymodule(gil_used = false)]
mod _neo {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        _noop,
        call::PendingCall,
        counters::{Counters, Reclaimed, RouteCounters},
        error::codes,
        kernel::{Kernel, close_all, open},
        live,
        loan::Loan,
        message::Message,
        poller::Poller,
        publisher::{Published, Publisher, Room, Run},
        service::{Request, Service},
        subscription::{Messages, Subscription},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::require_one_interpreter(module.py())
    }
}
