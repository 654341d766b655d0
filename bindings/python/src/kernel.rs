//! The kernel's handle.

use core::time::Duration;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Weak};

use neo::capi::{NEO_CAPSULE_NAME, neo_capsule_t};
use neo::rsapi::{self, Options};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};

use crate::call::PendingCall;
use crate::counters::{Counters, Reclaimed};
use crate::error::IntoPyResult as _;
use crate::options;
use crate::payload::Payload;
use crate::publisher::{Published, Publisher, Run, told, with_payloads};
use crate::service::Service;
use crate::subscription::Subscription;
use crate::wait;

/// The open kernels, which the end of the interpreter closes.
static OPEN: Mutex<Vec<Weak<rsapi::Kernel>>> = Mutex::new(Vec::new());

/// Closes every kernel: threads that wait in one return before the interpreter ends.
#[pyfunction]
#[pyo3(name = "_close_all")]
pub(crate) fn close_all(py: Python<'_>) {
    let open = core::mem::take(&mut *OPEN.lock());
    py.detach(|| open.iter().filter_map(Weak::upgrade).for_each(|kernel| kernel.close()));
}

/// Opens the kernel that a URL names: `mem://` is a private one, `mem://NAME` is shared by all that
/// open the name in this process, `shm://NAME` by all processes of this user on this host. None:
/// what NEO_URL names, else `mem://default`. A kernel of `shm://` starts one thread of the library
/// unless `thread` is False: then call `maintain` whenever `maintain_fileno` is readable. With
/// `existing_only` a name is opened only if somebody has it open, with the limits that it has;
/// NotFound otherwise.
#[pyfunction]
#[pyo3(signature = (
    url=None, *, memory=None, memory_bytes_max=None, subscriptions_max=None,
    participants_max=None, calls_in_flight_max=None, call_timeout=5.0, call_wait="adaptive", thread=true,
    existing_only=false,
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments are Python's options")]
pub(crate) fn open(
    py: Python<'_>,
    url: Option<&str>,
    memory: Option<u64>,
    memory_bytes_max: Option<u64>,
    subscriptions_max: Option<u32>,
    participants_max: Option<u32>,
    calls_in_flight_max: Option<u32>,
    call_timeout: Option<f64>,
    call_wait: &str,
    thread: bool,
    existing_only: bool,
) -> PyResult<Kernel> {
    if memory.is_some() && memory_bytes_max.is_some() {
        let text = "memory is short for memory_bytes_max: pass one of them";
        return Err(PyValueError::new_err(text));
    }
    let mut options = Options::new()
        .with_call_timeout(wait::timeout(call_timeout)?)
        .with_call_wait(options::wait(call_wait)?);
    if let Some(bytes) = memory.or(memory_bytes_max) {
        options = options.with_memory_bytes_max(bytes);
    }
    if let Some(subscriptions) = subscriptions_max {
        options = options.with_subscriptions_max(subscriptions);
    }
    if let Some(participants) = participants_max {
        options = options.with_participants_max(participants);
    }
    if let Some(calls) = calls_in_flight_max {
        options = options.with_calls_in_flight_max(calls);
    }
    if !thread {
        options = options.without_thread();
    }
    if existing_only {
        options = options.existing_only();
    }
    let kernel = py.detach(|| match url {
        Some(url) => rsapi::Kernel::open(url, &options),
        None => rsapi::Kernel::open_default(&options),
    });
    Ok(Kernel::new(kernel.or_raise(py)?))
}

/// The engine instance that a URL names. Any thread may use it.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Kernel {
    inner: Arc<rsapi::Kernel>,
}

impl Kernel {
    fn new(kernel: rsapi::Kernel) -> Self {
        let inner = Arc::new(kernel);
        let mut open = OPEN.lock();
        open.retain(|kernel| kernel.strong_count() > 0);
        open.push(Arc::downgrade(&inner));
        Self { inner }
    }
}

#[pymethods]
impl Kernel {
    /// Publishes one message to a topic by name, without waiting for room.
    fn publish(
        &self,
        py: Python<'_>,
        topic: &str,
        payload: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Published>> {
        let payload = Payload::new(payload)?;
        Published::new(py, self.inner.publish(topic, payload.bytes()).or_raise(py)?)
    }

    /// Publishes each payload as a message of its own. A `Publisher` is faster.
    fn publish_many(
        &self,
        py: Python<'_>,
        topic: &str,
        payloads: &Bound<'_, PyAny>,
    ) -> PyResult<Run> {
        let run = with_payloads(payloads, |payloads| {
            self.inner.publish_many(topic, payloads).or_raise(py)
        })?;
        told(py, &run)
    }

    /// Makes a topic ready for publishing. `send_timeout` seconds is how long one publish may wait
    /// at full mailboxes with the policy `block`; None is for ever. Each message carries `headers`, a
    /// mapping or pairs of text and bytes, and `traceparent`, a trace context as W3C writes it.
    #[pyo3(signature = (
        topic, *, send_timeout=0.0, stamp_time=false, headers=None, traceparent=None,
    ))]
    fn publisher(
        &self,
        py: Python<'_>,
        topic: &str,
        send_timeout: Option<f64>,
        stamp_time: bool,
        headers: Option<&Bound<'_, PyAny>>,
        traceparent: Option<&str>,
    ) -> PyResult<Publisher> {
        let send_timeout = wait::timeout(send_timeout)?;
        let mut chosen = rsapi::PublisherOptions::default();
        chosen.stamp_time = stamp_time;
        chosen.headers = options::headers(py, headers, traceparent)?;
        Publisher::open(&self.inner, topic, send_timeout, &chosen).or_raise(py)
    }

    /// Subscribes to a pattern. A publish that starts after this returned is delivered.
    #[pyo3(signature = (
        pattern, *, depth=None, policy=None, group=None, wait="adaptive", mailbox_bytes_max=None,
        pinned_bytes_max=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments are Python's options")]
    fn subscribe(
        &self,
        py: Python<'_>,
        pattern: &str,
        depth: Option<u32>,
        policy: Option<&str>,
        group: Option<String>,
        wait: &str,
        mailbox_bytes_max: Option<u64>,
        pinned_bytes_max: Option<u64>,
    ) -> PyResult<Subscription> {
        let mut chosen = rsapi::SubscribeOptions::default();
        chosen.depth = depth;
        chosen.policy = policy.map(options::policy).transpose()?;
        chosen.group = group;
        chosen.wait = options::wait(wait)?;
        chosen.mailbox_bytes_max = mailbox_bytes_max;
        chosen.pinned_bytes_max = pinned_bytes_max;
        let subscription = self.inner.subscribe(pattern, &chosen).or_raise(py)?;
        Ok(Subscription::new(subscription))
    }

    /// Joins a service as a worker; the first one opens it. With a `handler`, `workers` daemon
    /// threads answer with what `handler(request)` returns; without, requests are pulled.
    #[pyo3(signature = (name, handler=None, *, workers=1, depth=None, wait="adaptive"))]
    fn serve<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        handler: Option<&Bound<'py, PyAny>>,
        workers: u32,
        depth: Option<u32>,
        wait: &str,
    ) -> PyResult<Bound<'py, Service>> {
        if let Some(handler) = handler
            && !handler.is_callable()
        {
            let text = "handler: pass a function that takes a Request and returns bytes or None";
            return Err(pyo3::exceptions::PyTypeError::new_err(text));
        }
        if workers == 0 {
            return Err(PyValueError::new_err("workers=0: a handler needs 1 thread or more"));
        }
        let mut chosen = rsapi::ServiceOptions::default();
        chosen.depth = depth;
        chosen.wait = options::wait(wait)?;
        let service = Bound::new(py, Service::new(self.inner.serve(name, &chosen).or_raise(py)?))?;
        if let Some(handler) = handler {
            Service::start(&service, handler, workers)?;
        }
        Ok(service)
    }

    /// Calls a method of a service and returns its answer. Waits for at most `timeout` seconds; None
    /// is the `call_timeout` that the kernel was opened with, `math.inf` is for ever.
    #[pyo3(signature = (service, method, payload=None, *, timeout=None))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        service: &str,
        method: &str,
        payload: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let timeout = match timeout {
            Some(seconds) => Some(wait::timeout(Some(seconds))?.unwrap_or(Duration::MAX)),
            None => None,
        };
        let payload = payload.map(Payload::new).transpose()?;
        let bytes = payload.as_ref().map_or(&[][..], Payload::bytes);
        let call = |hook: rsapi::Interrupt<'_>| {
            self.inner.call_with(service, method, bytes, timeout, hook)
        };
        let reply = wait::blocking(py, call)?;
        Ok(PyBytes::new(py, &reply))
    }

    /// Starts a call and returns at once; what is wrong with it is told by the `PendingCall`.
    #[pyo3(signature = (service, method, payload=None))]
    fn start_call(
        &self,
        py: Python<'_>,
        service: &str,
        method: &str,
        payload: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PendingCall> {
        let payload = payload.map(Payload::new).transpose()?;
        let bytes = payload.as_ref().map_or(&[][..], Payload::bytes);
        Ok(PendingCall { inner: self.inner.start_call(service, method, bytes).or_raise(py)? })
    }

    /// This very kernel, for a plug-in in C or C++: a capsule named "neo.api.v1" with a
    /// `neo_capsule_t` in it, which holds the table of functions and a handle.
    fn __neo_capsule__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let capsule = neo_capsule_t::new(rsapi::Kernel::clone(&self.inner));
        PyCapsule::new_with_value(py, capsule, NEO_CAPSULE_NAME)
    }

    /// What happened so far.
    fn counters(&self, py: Python<'_>) -> PyResult<Counters> {
        Ok(self.inner.counters().or_raise(py)?.into())
    }

    /// Gives memory that nothing uses back to the system. Returns bytes.
    fn trim(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.inner.trim()).or_raise(py)
    }

    /// Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
    /// asked for. Only a kernel opened with `thread=False` needs it.
    fn maintain(&self, py: Python<'_>) -> PyResult<Reclaimed> {
        Ok(py.detach(|| self.inner.maintain()).or_raise(py)?.into())
    }

    /// The descriptor that is readable while there is something to `maintain`: to be watched, never
    /// to be read or closed. None for a kernel of one process.
    fn maintain_fileno(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        let fd = self.inner.maintain_fd().or_raise(py)?;
        Ok(fd.map(|fd| fd.as_raw_fd()))
    }

    /// The URL that it was opened with.
    #[getter]
    fn url(&self) -> &str {
        self.inner.url()
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Closes it and all that was made of it: whoever waits returns, what was received stays valid.
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

    fn __repr__(&self) -> String {
        let closed = if self.inner.is_closed() { " closed" } else { "" };
        format!("<Kernel {:?}{closed}>", self.inner.url())
    }
}
