//! The poller: one descriptor for an event loop, many sources.

use std::os::fd::AsRawFd as _;

use neo::rsapi::{self, Armed};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::call::PendingCall;
use crate::error::IntoPyResult as _;
use crate::publisher::Room;
use crate::service::Service;
use crate::subscription::Subscription;

/// Watches subscriptions, services, calls and rooms, and makes one descriptor readable when the
/// first of them is ready. For event loops; `neo_protocol.aio` is made of it.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Poller {
    inner: rsapi::Poller,
}

#[pymethods]
impl Poller {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { inner: rsapi::Poller::new().or_raise(py)? })
    }

    /// The descriptor: to be watched for reading, never to be read or closed.
    fn fileno(&self) -> i32 {
        self.inner.fd().map_or(-1, |fd| fd.as_raw_fd())
    }

    /// Watches a source under a number of the caller's.
    fn add(&self, py: Python<'_>, source: &Bound<'_, PyAny>, token: u64) -> PyResult<()> {
        if let Ok(subscription) = source.cast::<Subscription>() {
            self.inner.add(&subscription.get().inner, token)
        } else if let Ok(call) = source.cast::<PendingCall>() {
            self.inner.add(&call.get().inner, token)
        } else if let Ok(service) = source.cast::<Service>() {
            self.inner.add(&service.get().inner, token)
        } else if let Ok(room) = source.cast::<Room>() {
            self.inner.add(&room.get().inner, token)
        } else {
            let text = "a poller watches subscriptions, services, pending calls and rooms";
            return Err(PyTypeError::new_err(text));
        }
        .or_raise(py)
    }

    /// Stops watching. False: there was no such source.
    fn remove(&self, py: Python<'_>, token: u64) -> PyResult<bool> {
        self.inner.remove(token).or_raise(py)
    }

    /// Asks for one wake. False: something is ready already, take that first.
    fn arm(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(matches!(self.inner.arm().or_raise(py)?, Armed::Armed))
    }

    /// The numbers of the sources that are ready.
    fn take(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        let mut tokens = Vec::new();
        self.inner.take(&mut tokens).or_raise(py)?;
        Ok(tokens)
    }
}
