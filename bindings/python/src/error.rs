//! Errors of the kernel as exceptions of `neo_protocol`.

use neo::rsapi::{CODES, Code, Error};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The table of error codes: `(number, symbol, text)`.
#[pyfunction]
pub(crate) fn codes() -> Vec<(i32, &'static str, &'static str)> {
    CODES.iter().map(|code| (code.number(), code.symbol(), code.text())).collect()
}

/// The exception classes by number, as `neo_protocol._types` defines them.
static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// The exception of the class that the code stands for.
#[cold]
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|failure| failure, PyErr::from_value)
}

/// The same as an object that is not raised.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let classes = CLASSES.get_or_try_init(py, || -> PyResult<_> {
        let classes = py.import("neo_protocol._types")?.getattr("CLASSES")?;
        Ok(classes.cast_into::<PyDict>()?.unbind())
    })?;
    let class = classes.bind(py).as_any().get_item(error.code().number())?;
    let exception = class.call1((error.message(),))?;
    if let Some(errno) = error.os_error() {
        exception.setattr("errno", errno)?;
    }
    Ok(exception)
}

/// A use of a handle that cannot be.
#[cold]
pub(crate) fn misuse(py: Python<'_>, text: &str) -> PyErr {
    raise(py, &Error::new(Code::Misuse, text))
}

/// Turns the facade's results into Python's.
pub(crate) trait IntoPyResult<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> IntoPyResult<T> for neo::rsapi::Result<T> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raise(py, &error))
    }
}
