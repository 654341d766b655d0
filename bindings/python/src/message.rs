//! Received messages.

use core::ffi::c_int;

use neo::rsapi;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::buffer::{Lend, Lender};

impl Lend for rsapi::Message {
    const WHAT: &'static str = "message";
    const WRITABLE: bool = false;

    #[inline]
    fn memory(&self) -> (*const u8, usize) {
        (self.data().as_ptr(), self.data().len())
    }
}

/// A received message. `memoryview(message)` and `numpy.frombuffer(message)` see its payload in
/// place, read-only, and keep it alive.
// As many objects as a large batch has are kept for the next one: PyO3 makes every class one of the
// garbage collector's, which runs once for every 700 objects that are new to it.
#[pyclass(frozen, weakref, freelist = 1024, module = "neo_protocol")]
pub(crate) struct Message(Lender<rsapi::Message>);

/// A message on its way to Python, where it is a [`Message`].
pub(crate) struct Received(pub(crate) rsapi::Message);

impl<'py> IntoPyObject<'py> for Received {
    type Target = Message;
    type Output = Bound<'py, Message>;
    type Error = PyErr;

    /// The only place that makes these objects: PyO3's code for it, with one caller, is compiled into
    /// it and fills the object in place. Else every message is moved through memory on the way, by
    /// wide loads that wait for the narrow stores before them.
    #[inline(never)]
    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Message(Lender::new(self.0)))
    }
}

#[pymethods]
#[allow(unsafe_code, reason = "the buffer protocol's methods are unsafe to implement")]
impl Message {
    /// The payload, as a copy.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        // Made under the lock: an allocation of bytes runs no other Python code.
        Ok(PyBytes::new(py, self.0.access(py)?.data()))
    }

    /// The topic that it was published to.
    #[getter]
    fn topic<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(PyString::new(py, self.0.access(py)?.topic()))
    }

    /// The trace context that it belongs to, as W3C writes it; None if it carries none.
    #[getter]
    fn traceparent(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.0.access(py)?.traceparent())
    }

    /// The user's headers, as `(key, value)` in the order they were added.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let message = self.0.access(py)?;
        let headers: Vec<(String, Vec<u8>)> =
            message.headers().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        drop(message);
        PyList::new(py, headers.into_iter().map(|(key, value)| (key, PyBytes::new(py, &value))))
    }

    /// Its number in its stream; None outside streams.
    #[getter]
    fn seq(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        Ok(self.0.access(py)?.seq())
    }

    /// When it was sent, in nanoseconds since 1970; None unless its publisher stamps the time.
    #[getter]
    fn timestamp_ns(&self, py: Python<'_>) -> PyResult<Option<i64>> {
        Ok(self.0.access(py)?.timestamp_ns())
    }

    /// Messages that the subscription lost between the one before and this one.
    #[getter]
    fn lost_before(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.0.access(py)?.lost_before())
    }

    /// Whether `release` was called.
    #[getter]
    fn released(&self) -> bool {
        self.0.is_given_up()
    }

    /// Gives the memory back now. Raises BufferError while memoryviews or arrays on it exist.
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
        let Ok(message) = self.0.access(py) else { return "<Message released>".to_owned() };
        format!("<Message topic={:?} {} bytes>", message.topic(), message.data().len())
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
