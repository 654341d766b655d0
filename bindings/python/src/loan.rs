//! Loans: messages written in place.

use core::ffi::c_int;

use neo::rsapi;
use parking_lot::Mutex;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PyTuple};

use crate::buffer::{Lend, Lender};
use crate::error::IntoPyResult as _;
use crate::publisher::Published;

/// A loan, and where its memory is: the loan itself is not touched while the memory is lent.
struct Lent {
    loan: rsapi::Loan,
    memory: Memory,
}

#[derive(Clone, Copy)]
struct Memory {
    start: *const u8,
    len: usize,
}

#[allow(unsafe_code, reason = "a pointer is not Send by itself")]
// SAFETY: it points into the loan beside it, which may be sent; nothing here reads through it.
unsafe impl Send for Memory {}

impl Lend for Lent {
    const WHAT: &'static str = "loan";
    const WRITABLE: bool = true;

    fn memory(&self) -> (*const u8, usize) {
        (self.memory.start, self.memory.len)
    }
}

impl Lent {
    fn new(mut loan: rsapi::Loan) -> rsapi::Result<Self> {
        let bytes = loan.data_mut()?;
        let memory = Memory { start: bytes.as_mut_ptr(), len: bytes.len() };
        Ok(Self { loan, memory })
    }
}

/// Memory of the kernel to write a message into: a writable buffer.
///
/// As a context manager it is sent on a clean exit and given up if the block raises. What the bytes
/// hold beforehand is not specified.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct Loan {
    lender: Lender<Lent>,
    /// What became of it, once it was sent.
    result: Mutex<Option<rsapi::Published>>,
}

impl Loan {
    pub(crate) fn new(loan: rsapi::Loan) -> rsapi::Result<Self> {
        Ok(Self { lender: Lender::new(Lent::new(loan)?), result: Mutex::new(None) })
    }

    /// Takes the loan for good; an error if that happened before.
    fn take(&self, py: Python<'_>, even_so: bool) -> PyResult<rsapi::Loan> {
        drop(self.lender.access(py)?);
        match self.lender.give_up(even_so)? {
            Some(lent) => Ok(lent.loan),
            None => Err(crate::error::misuse(py, "the loan was sent or given up already")),
        }
    }

    fn view<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(slf.as_any())
    }
}

#[pymethods]
#[allow(unsafe_code, reason = "the buffer protocol's methods are unsafe to implement")]
impl Loan {
    /// Publishes the message and says what became of it. Raises BufferError while memoryviews or
    /// arrays on it exist, and the loan stays as it was.
    fn commit(&self, py: Python<'_>) -> PyResult<Py<Published>> {
        let loan = self.take(py, false)?;
        let published = py.detach(|| loan.send()).or_raise(py)?;
        *self.result.lock() = Some(published);
        Published::new(py, published)
    }

    /// Gives the memory back and sends nothing. With memoryviews or arrays on it, the memory goes
    /// back with the last of them. After the end it does nothing.
    fn abort(&self) {
        drop(self.lender.give_up(true));
    }

    /// Sends only the first `len` bytes. Raises BufferError while memoryviews or arrays exist.
    fn truncate(&self, py: Python<'_>, len: usize) -> PyResult<()> {
        let mut lent = self.lender.access(py)?;
        if lent.is_lent() {
            drop(lent);
            let text = "a loan with exported buffers cannot be truncated: release them first";
            return Err(PyBufferError::new_err(text));
        }
        let outcome = lent.loan.truncate(len);
        if outcome.is_ok() {
            lent.memory.len = len;
        }
        drop(lent);
        outcome.or_raise(py)
    }

    /// What became of the message; None unless it was sent.
    #[getter]
    fn result(&self, py: Python<'_>) -> PyResult<Option<Py<Published>>> {
        let result = *self.result.lock();
        result.map(|published| Published::new(py, published)).transpose()
    }

    /// Whether it was sent or given up.
    #[getter]
    fn closed(&self) -> bool {
        self.lender.is_given_up()
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        let raised = exception.get_item(0).is_ok_and(|class| !class.is_none());
        if raised || self.closed() {
            self.abort();
            return Ok(());
        }
        let loan = self.take(py, true)?;
        let published = py.detach(|| loan.send()).or_raise(py)?;
        *self.result.lock() = Some(published);
        Ok(())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.lender.access(py)?.memory.len)
    }

    /// `loan[i]` is a number, `loan[i:j]` a copy as bytes.
    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let item = Self::view(slf)?.get_item(key)?;
        match item.cast::<PyMemoryView>() {
            Ok(slice) => slice.call_method0("tobytes"),
            Err(_) => Ok(item),
        }
    }

    /// `loan[i] = number`, `loan[i:j] = buffer` of the same length.
    fn __setitem__(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        Self::view(slf)?.set_item(key, value)
    }

    fn __bytes__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::view(slf)?.call_method0("tobytes")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.lender.access(py) {
            Ok(lent) => format!("<Loan {} bytes>", lent.memory.len),
            Err(_) if self.result.lock().is_some() => "<Loan sent>".to_owned(),
            Err(_) => "<Loan given up>".to_owned(),
        }
    }

    unsafe fn __getbuffer__(
        slf: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        // SAFETY: the interpreter's own arguments, and the object that holds the lender.
        unsafe { slf.get().lender.lend(slf.as_any(), view, flags) }
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.lender.unlend();
    }
}
