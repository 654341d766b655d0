//! Services: requests are pulled, or handed to a handler on threads of its own.

use core::ffi::c_int;

use std::sync::Arc;

use neo::rsapi::{self, Code};
use parking_lot::Mutex;
use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use crate::buffer::{Lend, Lender};
use crate::error::{self, IntoPyResult as _};
use crate::payload::Payload;
use crate::wait;

/// Shared with the loop that runs a handler, which answers when the interpreter's lock is released.
type Shared = Arc<rsapi::Request>;

impl Lend for Shared {
    const WHAT: &'static str = "request";
    const WRITABLE: bool = false;

    fn memory(&self) -> (*const u8, usize) {
        (self.data().as_ptr(), self.data().len())
    }
}

/// A request with the right to answer it once. Its payload is a read-only buffer. Collected or
/// released unanswered, its caller gets NoReply.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Request(Lender<Shared>);

impl Request {
    fn new(request: rsapi::Request) -> Self {
        Self(Lender::new(Arc::new(request)))
    }

    /// Answers with what a handler returned; None leaves it as it is.
    fn answer(&self, py: Python<'_>, answer: &Bound<'_, PyAny>) -> PyResult<()> {
        if answer.is_none() { Ok(()) } else { self.reply(py, answer) }
    }

    /// Answers with what a handler raised, and gives it to the log; what ends the interpreter, such
    /// as KeyboardInterrupt, is raised on.
    fn answer_raised(&self, py: Python<'_>, raised: &PyErr) -> PyResult<()> {
        static LOG: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        // An error here says that the handler had answered or released it before it raised.
        drop(self.reply_error(py, &raised.to_string()));
        if !raised.is_instance_of::<PyException>(py) {
            return Err(raised.clone_ref(py));
        }
        let log = LOG.import(py, "neo_protocol._types", "log_handler_failure")?;
        log.call1((raised.value(py),))?;
        Ok(())
    }
}

#[pymethods]
#[allow(unsafe_code, reason = "the buffer protocol's methods are unsafe to implement")]
impl Request {
    /// The method that was called.
    #[getter]
    fn method(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.access(py)?.method().to_owned())
    }

    /// The argument, as a copy.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.0.access(py)?.data()))
    }

    /// Whether it was answered.
    #[getter]
    fn answered(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.0.access(py)?.is_answered())
    }

    /// Answers with a payload.
    fn reply(&self, py: Python<'_>, payload: &Bound<'_, PyAny>) -> PyResult<()> {
        let payload = Payload::new(payload)?;
        let outcome = self.0.access(py)?.reply(payload.bytes());
        outcome.or_raise(py)
    }

    /// Answers with an error, which the caller gets as ServiceError with this text, of which 180
    /// bytes travel.
    fn reply_error(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let outcome = self.0.access(py)?.fail(text);
        outcome.or_raise(py)
    }

    /// Gives the request up: unanswered, its caller gets NoReply. Raises BufferError while
    /// memoryviews or arrays on it exist.
    fn release(&self) -> PyResult<()> {
        drop(self.0.give_up(false)?);
        Ok(())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.release()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.0.access(py)?.data().len())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.data(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let Ok(request) = self.0.access(py) else { return "<Request released>".to_owned() };
        let answered = if request.is_answered() { " answered" } else { "" };
        format!("<Request method={:?} {} bytes{answered}>", request.method(), request.data().len())
    }

    unsafe fn __getbuffer__(
        slf: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        // SAFETY: the interpreter's own arguments, and the object that holds the lender.
        unsafe { slf.get().0.lend(slf.as_any(), view, flags) }
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.0.unlend();
    }
}

/// A worker of a service. Any thread may use it; a request goes to one caller.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Service {
    pub(crate) inner: rsapi::Service,
    /// The threads that run a handler.
    threads: Mutex<Vec<Py<PyAny>>>,
}

impl Service {
    pub(crate) fn new(inner: rsapi::Service) -> Self {
        Self { inner, threads: Mutex::default() }
    }

    /// Starts daemon threads that answer with `handler`.
    pub(crate) fn start(
        slf: &Bound<'_, Self>,
        handler: &Bound<'_, PyAny>,
        workers: u32,
    ) -> PyResult<()> {
        let py = slf.py();
        let class = py.import("threading")?.getattr("Thread")?;
        for worker in 0..workers {
            let arguments = PyDict::new(py);
            arguments.set_item("target", slf.getattr("run")?)?;
            arguments.set_item("args", (handler,))?;
            arguments.set_item("name", format!("neo-{}-{worker}", slf.get().inner.name()))?;
            arguments.set_item("daemon", true)?;
            let thread = class.call((), Some(&arguments))?;
            thread.call_method0("start")?;
            slf.get().threads.lock().push(thread.unbind());
        }
        Ok(())
    }

    /// The next request; None once the service is closed.
    fn next(&self, py: Python<'_>) -> PyResult<Option<rsapi::Request>> {
        wait::blocking(py, |hook| or_closed(self.inner.recv_with(None, Some(hook))))
    }

    /// Sends the answer, then waits for the next request, all without the interpreter's lock: the
    /// caller that the answer wakes does not have to wait for it.
    fn exchange(
        &self,
        py: Python<'_>,
        request: Shared,
        answer: &Bound<'_, PyBytes>,
    ) -> PyResult<Option<rsapi::Request>> {
        let bytes = answer.as_bytes();
        wait::blocking(py, |hook| {
            // If it has no room the caller is told so.
            drop(request.reply(bytes));
            drop(request);
            or_closed(self.inner.recv_with(None, Some(hook)))
        })
    }
}

fn or_closed<T>(outcome: rsapi::Result<Option<T>>) -> rsapi::Result<Option<T>> {
    match outcome {
        Err(error) if error.code() == Code::Closed => Ok(None),
        outcome => outcome,
    }
}

#[pymethods]
impl Service {
    /// The next request; waits for at most `timeout` seconds, None is for ever. Raises TimeoutError
    /// if the time passed, Closed when nothing will come any more.
    #[pyo3(signature = (timeout=None))]
    fn recv(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Request> {
        let limit = wait::timeout(timeout)?;
        if let Some(request) = self.inner.try_recv().or_raise(py)? {
            return Ok(Request::new(request));
        }
        let came = wait::blocking(py, |hook| self.inner.recv_with(limit, Some(hook)))?;
        came.map(Request::new).ok_or_else(|| {
            let text = format!("no request for {:?} came in time", self.inner.name());
            error::raise(py, &rsapi::Error::new(Code::Timeout, text))
        })
    }

    /// The next request, or None if none is there.
    fn try_recv(&self, py: Python<'_>) -> PyResult<Option<Request>> {
        Ok(self.inner.try_recv().or_raise(py)?.map(Request::new))
    }

    /// Answers requests on this thread until the service is closed: `handler(request)` returns the
    /// payload of the answer, or None if it answered itself. What it raises is the answer, too.
    fn run(&self, py: Python<'_>, handler: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut next = self.next(py)?;
        while let Some(request) = next {
            let request = Request::new(request);
            let shared = request.0.access(py)?.clone();
            let request = Bound::new(py, request)?;
            let outcome = handler.call1((&request,));
            let bytes = outcome.as_ref().ok().and_then(|answer| answer.cast::<PyBytes>().ok());
            if let Some(bytes) = bytes {
                drop(request);
                next = self.exchange(py, shared, bytes)?;
                continue;
            }
            if let Err(raised) = outcome.and_then(|answer| request.get().answer(py, &answer)) {
                request.get().answer_raised(py, &raised)?;
            }
            drop((request, shared));
            next = self.next(py)?;
        }
        Ok(())
    }

    /// The service's name.
    #[getter]
    fn name(&self) -> &str {
        self.inner.name()
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Leaves the service: whoever waits for requests returns; those that nobody is left to take are
    /// answered with NoReply. Does not wait for handlers that run; `join` does.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    /// Waits until the threads of the handler have ended; its own thread is not waited for.
    fn join(&self, py: Python<'_>) -> PyResult<()> {
        let threads: Vec<Py<PyAny>> =
            self.threads.lock().iter().map(|thread| thread.clone_ref(py)).collect();
        let current = py.import("threading")?.getattr("current_thread")?.call0()?;
        for thread in threads {
            if !thread.bind(py).is(&current) {
                thread.bind(py).call_method0("join")?;
            }
        }
        Ok(())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Closes it and waits for its handlers.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py);
        self.join(py)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Ends when the service or its kernel is closed.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Request>> {
        match or_closed(self.inner.try_recv()).or_raise(py)? {
            Some(request) => Ok(Some(Request::new(request))),
            None => Ok(self.next(py)?.map(Request::new)),
        }
    }

    fn __repr__(&self) -> String {
        let closed = if self.inner.is_closed() { " closed" } else { "" };
        format!("<Service name={:?}{closed}>", self.inner.name())
    }
}
