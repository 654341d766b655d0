//! Publishers, and what became of what they published.

use core::time::Duration;

use neo::rsapi;
use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString, PyTuple};

use crate::error::{self, IntoPyResult as _};
use crate::loan::Loan;
use crate::payload::{Payload, buffer};
use crate::wait::{self, Turn};

/// Payloads at least this long are copied without the interpreter's lock.
const LARGE: usize = 64 << 10;

/// What became of a message.
#[pyclass(frozen, get_all, eq, hash, module = "neo_protocol")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Published {
    /// Mailboxes that took the message.
    accepted: u32,
    /// This message where a mailbox refused it, and older messages that made room for it.
    dropped: u32,
    /// Mailboxes that had no room until the `send_timeout` had passed.
    timed_out: u32,
}

/// The results that nearly every publish has, made once: few mailboxes, nothing lost.
const COMMON: usize = 9;
static COMMON_RESULTS: PyOnceLock<[Py<Published>; COMMON]> = PyOnceLock::new();

impl Published {
    #[inline]
    pub(crate) fn new(py: Python<'_>, result: rsapi::Published) -> PyResult<Py<Self>> {
        let rsapi::Published { accepted, dropped, timed_out, .. } = result;
        if dropped == 0 && timed_out == 0 && (accepted as usize) < COMMON {
            return Self::accepted(py, accepted as usize);
        }
        Py::new(py, Self { accepted, dropped, timed_out })
    }

    /// The result of fewer than [`COMMON`] mailboxes that took the message, and none that did not.
    #[inline]
    fn accepted(py: Python<'_>, mailboxes: usize) -> PyResult<Py<Self>> {
        let common = COMMON_RESULTS.get_or_try_init(py, || Self::common(py))?;
        Ok(common[mailboxes].clone_ref(py))
    }

    fn common(py: Python<'_>) -> PyResult<[Py<Self>; COMMON]> {
        let made: Vec<Py<Self>> = (0..COMMON as u32)
            .map(|accepted| Py::new(py, Self { accepted, dropped: 0, timed_out: 0 }))
            .collect::<PyResult<_>>()?;
        Ok(made.try_into().unwrap_or_else(|_| unreachable!("{COMMON} were made")))
    }
}

#[pymethods]
impl Published {
    fn __repr__(&self) -> String {
        let Self { accepted, dropped, timed_out } = self;
        format!("Published(accepted={accepted}, dropped={dropped}, timed_out={timed_out})")
    }
}

/// How far `publish_many` came.
#[pyclass(frozen, get_all, module = "neo_protocol")]
pub(crate) struct Run {
    /// Messages that were published, from the first on.
    messages: usize,
    /// Mailboxes that took them, added up.
    accepted: u32,
    /// Messages dropped, added up.
    dropped: u32,
    /// Mailboxes that had no room in time, added up.
    timed_out: u32,
    /// What the next message met; None if all were published.
    error: Option<Py<PyAny>>,
}

#[pymethods]
impl Run {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let Self { messages, accepted, dropped, timed_out, error } = self;
        let error = match error {
            Some(error) => error.bind(py).repr()?.to_string(),
            None => "None".to_owned(),
        };
        Ok(format!(
            "Run(messages={messages}, accepted={accepted}, dropped={dropped}, \
             timed_out={timed_out}, error={error})"
        ))
    }
}

/// A topic made ready for publishing. Any thread may use it.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Publisher {
    inner: rsapi::Publisher,
    /// For how long a publish may wait at full mailboxes; here, so that the wait notices signals.
    send_timeout: Option<Duration>,
    turn: Mutex<Turn>,
}

impl Publisher {
    pub(crate) fn open(
        kernel: &rsapi::Kernel,
        topic: &str,
        send_timeout: Option<Duration>,
        options: &rsapi::PublisherOptions,
    ) -> rsapi::Result<Self> {
        let inner = kernel.publisher(topic, options)?;
        Ok(Self { inner, send_timeout, turn: Mutex::default() })
    }

    fn publish_bytes(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Py<Published>> {
        // It neither waits nor copies much, so the lock is kept whatever the send timeout.
        if self.inner.publish_at_once(bytes) {
            return Published::accepted(py, 1);
        }
        let result = if self.send_timeout != Some(Duration::ZERO) {
            let timeout = self.send_timeout;
            wait::blocking(py, |hook| self.inner.publish_with(bytes, timeout, Some(hook)))
        } else if bytes.len() >= LARGE {
            py.detach(|| self.inner.publish_otherwise(bytes)).or_raise(py)
        } else {
            self.inner.publish_otherwise(bytes).or_raise(py)
        };
        Published::new(py, result?)
    }

    /// A mutable buffer that never waits goes straight into the kernel's memory.
    fn publish_buffer(
        &self,
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Published>> {
        let buffer = buffer(payload)?;
        if buffer.len_bytes() < LARGE || self.send_timeout != Some(Duration::ZERO) {
            return self.publish_bytes(py, &buffer.to_vec(py)?);
        }
        let mut loan = self.inner.loan(buffer.len_bytes()).or_raise(py)?;
        buffer.copy_to_slice(py, loan.data_mut().or_raise(py)?)?;
        Published::new(py, loan.send().or_raise(py)?)
    }

    /// One after the other, so that each waits for its own room.
    fn publish_waiting(&self, py: Python<'_>, payloads: &[&[u8]]) -> PyResult<rsapi::Run> {
        let mut run = self.inner.publish_many(&[]).or_raise(py)?;
        let timeout = self.send_timeout;
        for payload in payloads {
            if self.inner.publish_at_once(payload) {
                run.messages += 1;
                run.published.accepted += 1;
                continue;
            }
            let one = wait::blocking(py, |hook| {
                let outcome = self.inner.publish_with(payload, timeout, Some(hook));
                // An end by a signal is raised, any other is told beside what was published.
                match outcome {
                    Err(error) if error.code() == rsapi::Code::Interrupted => Err(error),
                    outcome => Ok(outcome),
                }
            })?;
            match one {
                Ok(one) => {
                    run.messages += 1;
                    run.published.accepted += one.accepted;
                    run.published.dropped += one.dropped;
                    run.published.timed_out += one.timed_out;
                }
                Err(error) => {
                    run.error = Some(error);
                    break;
                }
            }
        }
        Ok(run)
    }
}

/// What a run did, as an object; raises if the first message already met an error.
pub(crate) fn told(py: Python<'_>, run: &rsapi::Run) -> PyResult<Run> {
    let error = match &run.error {
        Some(error) if run.messages == 0 => return Err(error::raise(py, error)),
        Some(error) => Some(error::exception(py, error)?.unbind()),
        None => None,
    };
    let rsapi::Published { accepted, dropped, timed_out, .. } = run.published;
    Ok(Run { messages: run.messages, accepted, dropped, timed_out, error })
}

/// Calls `publish` with the bytes of every payload.
pub(crate) fn with_payloads<T>(
    payloads: &Bound<'_, PyAny>,
    publish: impl FnOnce(&[&[u8]]) -> PyResult<T>,
) -> PyResult<T> {
    let is_one = payloads.is_instance_of::<PyBytes>()
        || payloads.is_instance_of::<PyByteArray>()
        || payloads.is_instance_of::<PyMemoryView>();
    if is_one || payloads.is_instance_of::<PyString>() {
        let text = "publish_many takes a list of payloads: for one message call publish";
        return Err(PyTypeError::new_err(text));
    }
    // A tuple of its own: nobody changes it while the bytes in it are read.
    let payloads =
        payloads.py().get_type::<PyTuple>().call1((payloads,))?.cast_into::<PyTuple>()?;
    let mut objects: Vec<Borrowed<'_, '_, PyBytes>> = Vec::with_capacity(payloads.len());
    objects.extend(payloads.iter_borrowed().map_while(|payload| payload.cast().ok()));
    if objects.len() == payloads.len() {
        let bytes: Vec<&[u8]> = objects.iter().map(|bytes| bytes.as_bytes()).collect();
        return publish(&bytes);
    }
    let objects: Vec<Bound<'_, PyAny>> = payloads.iter().collect();
    let owned: Vec<Payload<'_>> = objects.iter().map(Payload::new).collect::<PyResult<_>>()?;
    let bytes: Vec<&[u8]> = owned.iter().map(Payload::bytes).collect();
    publish(&bytes)
}

#[pymethods]
impl Publisher {
    /// Publishes one message. Waits at full mailboxes for at most `send_timeout`.
    fn publish(&self, py: Python<'_>, payload: &Bound<'_, PyAny>) -> PyResult<Py<Published>> {
        match payload.cast::<PyBytes>() {
            Ok(bytes) => self.publish_bytes(py, bytes.as_bytes()),
            Err(_) => self.publish_buffer(py, payload),
        }
    }

    /// Publishes each payload as a message of its own, in order.
    fn publish_many(&self, py: Python<'_>, payloads: &Bound<'_, PyAny>) -> PyResult<Run> {
        let run = with_payloads(payloads, |payloads| match self.send_timeout {
            Some(Duration::ZERO) => self.inner.publish_many(payloads).or_raise(py),
            _ => self.publish_waiting(py, payloads),
        })?;
        told(py, &run)
    }

    /// Lends `len` bytes of the kernel's memory to write a message in place.
    fn loan(&self, py: Python<'_>, len: usize) -> PyResult<Loan> {
        self.inner.loan(len).and_then(Loan::new).or_raise(py)
    }

    /// For asyncio: publishes if no full mailbox would have to wait, else returns the room to await.
    /// None: the turn of this publisher is over.
    fn _offer(&self, py: Python<'_>, payload: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        if !self.turn.lock().goes_on() {
            return Ok(None);
        }
        let payload = Payload::new(payload)?;
        let room = self.inner.room(payload.bytes().len()).or_raise(py)?;
        if !room.is_ready().or_raise(py)? {
            return Ok(Some(Py::new(py, Room { inner: room })?.into_any()));
        }
        self.turn.lock().count(1);
        let published = self.inner.publish(payload.bytes()).or_raise(py)?;
        Ok(Some(Published::new(py, published)?.into_any()))
    }

    /// For asyncio: publishes without waiting.
    fn _publish_now(&self, py: Python<'_>, payload: &Bound<'_, PyAny>) -> PyResult<Py<Published>> {
        let payload = Payload::new(payload)?;
        Published::new(py, self.inner.publish(payload.bytes()).or_raise(py)?)
    }

    /// For asyncio: ends a turn.
    fn _end_turn(&self) {
        self.turn.lock().end();
    }

    /// Room for a message of so many bytes, to be awaited with a `Poller`.
    fn room(&self, py: Python<'_>, payload_bytes: usize) -> PyResult<Room> {
        Ok(Room { inner: self.inner.room(payload_bytes).or_raise(py)? })
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        self.inner.topic()
    }

    /// For how many seconds a publish may wait at full mailboxes; None is for ever.
    #[getter]
    fn send_timeout(&self) -> Option<f64> {
        self.send_timeout.map(|timeout| timeout.as_secs_f64())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {}

    fn __repr__(&self) -> String {
        format!("<Publisher topic={:?}>", self.inner.topic())
    }
}

/// Room for one more message, awaited with a `Poller`.
#[pyclass(frozen, module = "neo_protocol")]
pub(crate) struct Room {
    pub(crate) inner: rsapi::Room,
}

#[pymethods]
impl Room {
    /// Whether there is room now.
    fn is_ready(&self, py: Python<'_>) -> PyResult<bool> {
        self.inner.is_ready().or_raise(py)
    }

    /// Waits for room, for at most `timeout` seconds; None is for ever. False: the time passed.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let timeout = wait::timeout(timeout)?;
        wait::blocking(py, |hook| self.inner.wait(timeout, Some(hook)))
    }
}
