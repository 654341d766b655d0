//! Subscriptions.

use core::time::Duration;

use neo::rsapi::{self, Code};
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::{self, IntoPyResult as _};
use crate::message::Received;
use crate::ready::ready;
use crate::wait::{self, Turn};

/// The receiving end of a pattern. Any thread may use it; a message goes to one caller.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Subscription {
    pub(crate) inner: rsapi::Subscription,
    turn: Mutex<Turn>,
}

impl Subscription {
    pub(crate) fn new(inner: rsapi::Subscription) -> Self {
        Self { inner, turn: Mutex::default() }
    }

    fn take_in_turn(&self) -> rsapi::Result<Option<rsapi::Message>> {
        let mut turn = self.turn.lock();
        if !turn.goes_on() {
            return Ok(None);
        }
        let taken = self.inner.try_recv()?;
        turn.count(usize::from(taken.is_some()));
        Ok(taken)
    }

    fn batch<'py>(py: Python<'py>, messages: Vec<rsapi::Message>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, messages.into_iter().map(Received))
    }
}

#[pymethods]
impl Subscription {
    /// The next message; waits for at most `timeout` seconds, None is for ever. Raises
    /// TimeoutError if the time passed, Closed when nothing will come any more.
    #[pyo3(signature = (timeout=None))]
    fn recv(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Received> {
        let limit = wait::timeout(timeout)?;
        if let Some(message) = self.inner.try_recv().or_raise(py)? {
            return Ok(Received(message));
        }
        let came = wait::blocking(py, |hook| self.inner.recv_with(limit, Some(hook)))?;
        came.map(Received).ok_or_else(|| {
            let text = format!("no message on {:?} came in time", self.inner.pattern());
            error::raise(py, &rsapi::Error::new(Code::Timeout, text))
        })
    }

    /// The next message, or None if none is there.
    fn try_recv(&self, py: Python<'_>) -> PyResult<Option<Received>> {
        Ok(self.inner.try_recv().or_raise(py)?.map(Received))
    }

    /// At most `max` messages that are there; waits for the first one for at most `timeout`
    /// seconds, None is for ever. An empty list: the time passed.
    #[pyo3(signature = (max=256, timeout=None))]
    fn recv_batch<'py>(
        &self,
        py: Python<'py>,
        max: usize,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let limit = wait::timeout(timeout)?;
        let mut messages = Vec::new();
        let now = Some(Duration::ZERO);
        if self.inner.recv_batch(&mut messages, max, now, None).or_raise(py)? == 0 && max > 0 {
            wait::blocking(py, |hook| {
                self.inner.recv_batch(&mut messages, max, limit, Some(hook))
            })?;
        }
        Self::batch(py, messages)
    }

    /// For asyncio: as `try_recv`, but None as well when the turn of this consumer is over.
    fn _take(&self, py: Python<'_>) -> PyResult<Option<Received>> {
        Ok(self.take_in_turn().or_raise(py)?.map(Received))
    }

    /// For asyncio: as `recv_batch` without waiting, None when nothing is there or the turn is over.
    fn _take_batch<'py>(
        &self,
        py: Python<'py>,
        max: usize,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        if !self.turn.lock().goes_on() {
            return Ok(None);
        }
        let mut messages = Vec::new();
        let now = Some(Duration::ZERO);
        if self.inner.recv_batch(&mut messages, max, now, None).or_raise(py)? == 0 {
            return Ok(None);
        }
        self.turn.lock().count(messages.len());
        Self::batch(py, messages).map(Some)
    }

    /// For asyncio: ends a turn. True if it was used up, and there may be more to take.
    fn _end_turn(&self) -> bool {
        self.turn.lock().end()
    }

    /// Losses since the last message that no message has told.
    fn take_lost(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.take_lost().or_raise(py)
    }

    /// Messages that wait to be received.
    #[getter]
    fn queued(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.queued().or_raise(py)
    }

    /// The pattern that it was opened with.
    #[getter]
    fn pattern(&self) -> &str {
        self.inner.pattern()
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Unsubscribes: nothing arrives any more, what is queued is given up, whoever waits returns.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Ends when the subscription or its kernel is closed and nothing is left.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Received>> {
        let taken = match self.inner.try_recv() {
            Ok(None) => wait::blocking(py, |hook| match self.inner.recv_with(None, Some(hook)) {
                Err(error) if error.code() == Code::Closed => Ok(None),
                outcome => outcome,
            })?,
            Err(error) if error.code() == Code::Closed => None,
            outcome => outcome.or_raise(py)?,
        };
        Ok(taken.map(Received))
    }

    fn __repr__(&self) -> String {
        let closed = if self.inner.is_closed() { " closed" } else { "" };
        format!("<Subscription pattern={:?}{closed}>", self.inner.pattern())
    }
}

/// Iterates over a subscription in an asyncio loop: while messages are there each is handed over at
/// once; for the rest it calls `wait`, a coroutine function.
#[pyclass(frozen, module = "neo_protocol")]
pub(crate) struct Messages {
    subscription: Py<Subscription>,
    wait: Py<PyAny>,
}

#[pymethods]
impl Messages {
    #[new]
    fn new(subscription: Py<Subscription>, wait: Py<PyAny>) -> Self {
        Self { subscription, wait }
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.subscription.get().take_in_turn() {
            Ok(Some(message)) => ready(Received(message).into_pyobject(py)?.into_any()),
            // An error comes again there, where the end is told from other errors.
            _ => self.wait.bind(py).call0(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.subscription)?;
        visit.call(&self.wait)
    }
}
