//! Calls on their way.

use neo::rsapi::{self, Code, Error};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{self, IntoPyResult as _};
use crate::wait;

/// A call that was started and not waited for. The last reference to it cancels it.
#[pyclass(frozen, weakref, module = "neo_protocol")]
pub(crate) struct PendingCall {
    pub(crate) inner: rsapi::PendingCall,
}

#[pymethods]
impl PendingCall {
    /// The answer, once; None if it has not come.
    fn try_take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.inner.try_take().or_raise(py)?.map(|reply| PyBytes::new(py, &reply)))
    }

    /// The answer; waits for at most `timeout` seconds, None is for ever. TimeoutError: the time
    /// passed, and the call goes on until it is cancelled or collected.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyBytes>> {
        let limit = wait::timeout(timeout)?;
        match wait::blocking(py, |hook| self.inner.wait(limit, Some(hook)))? {
            Some(reply) => Ok(PyBytes::new(py, &reply)),
            None => {
                let error = Error::new(Code::Timeout, "the answer did not come in time");
                Err(error::raise(py, &error))
            }
        }
    }

    /// Gives the call up. After the end it does nothing.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.inner.cancel());
    }
}
