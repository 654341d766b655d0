//! Payloads that come from Python: any object with a contiguous buffer.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// The bytes of a payload while a call lasts.
pub(crate) enum Payload<'a> {
    /// Immutable, so they may be read without the interpreter's lock.
    Bytes(&'a [u8]),
    /// Other threads may write to the buffer; what is sent is a copy.
    Copy(Vec<u8>),
}

impl<'a> Payload<'a> {
    #[inline]
    pub(crate) fn new(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self::Bytes(bytes.as_bytes())),
            Err(_) => Ok(Self::Copy(buffer(object)?.to_vec(object.py())?)),
        }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Copy(bytes) => bytes,
        }
    }
}

/// The buffer of an object that is not `bytes`, as bytes.
pub(crate) fn buffer(object: &Bound<'_, PyAny>) -> PyResult<PyBuffer<u8>> {
    let view = PyMemoryView::from(object).map_err(|cause| not_bytes_like(object, cause))?;
    if view.getattr("format")?.extract::<String>()?.contains('O') {
        return Err(PyBufferError::new_err(
            "the buffer holds references to objects, which mean nothing to who receives them: pass \
             their contents",
        ));
    }
    // An array of zero elements has no contiguous form that `cast` takes.
    if view.getattr("nbytes")?.extract::<usize>()? == 0 {
        return PyBuffer::get(PyBytes::new(object.py(), b"").as_any());
    }
    if !view.getattr("c_contiguous")?.is_truthy()? {
        return Err(PyBufferError::new_err(
            "the buffer is not C-contiguous: pass bytes(view) or numpy.ascontiguousarray(array)",
        ));
    }
    PyBuffer::get(&view.call_method1("cast", ("B",))?)
}

#[cold]
fn not_bytes_like(object: &Bound<'_, PyAny>, cause: PyErr) -> PyErr {
    let name = object.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let hint = if name == "str" { ": pass text.encode()" } else { "" };
    let error = PyTypeError::new_err(format!("a payload is bytes-like, not {name}{hint}"));
    error.set_cause(object.py(), Some(cause));
    error
}
