//! Lending memory by the buffer protocol.
#![allow(unsafe_code, reason = "the protocol of CPython hands over raw pointers")]

use core::ffi::c_int;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::error::misuse;

/// What can be lent.
pub(crate) trait Lend {
    /// What it is called in errors.
    const WHAT: &'static str;
    /// Whether borrowers may write.
    const WRITABLE: bool;

    /// The memory: it does not move and stays valid until the value is dropped, whatever else is
    /// done with it. Writable memory is touched by nobody else while it is lent.
    fn memory(&self) -> (*const u8, usize);
}

/// A value that lives until it is given up *and* the last buffer on it is released.
pub(crate) struct Lender<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    given_up: bool,
    exports: usize,
}

/// Access to a value that was not given up.
pub(crate) struct Access<'l, T>(MutexGuard<'l, State<T>>);

impl<T> Access<'_, T> {
    /// Whether buffers on it exist.
    pub(crate) fn is_lent(&self) -> bool {
        self.0.exports > 0
    }
}

impl<T> core::ops::Deref for Access<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.value.as_ref().expect("`access` found it, and the lock is held since")
    }
}

impl<T> core::ops::DerefMut for Access<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.value.as_mut().expect("`access` found it, and the lock is held since")
    }
}

impl<T: Lend> Lender<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(State { value: Some(value), given_up: false, exports: 0 }))
    }

    /// The value. Never call Python while it is held.
    pub(crate) fn access(&self, py: Python<'_>) -> PyResult<Access<'_, T>> {
        let state = self.0.lock();
        if state.given_up {
            drop(state);
            return Err(misuse(py, &format!("the {} was released", T::WHAT)));
        }
        Ok(Access(state))
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.0.lock().given_up
    }

    /// Takes the value out; it is given up then.
    ///
    /// Fails with `BufferError` while buffers on it exist, as `memoryview.release` does; with
    /// `even_so` it is given up all the same, and dropped with the last of them.
    pub(crate) fn give_up(&self, even_so: bool) -> PyResult<Option<T>> {
        let mut state = self.0.lock();
        if state.exports > 0 {
            state.given_up |= even_so;
            let exports = state.exports;
            drop(state);
            return Err(PyBufferError::new_err(format!(
                "the {} has {exports} exported buffer(s): release the memoryviews and arrays on \
                 it first",
                T::WHAT
            )));
        }
        state.given_up = true;
        Ok(state.value.take())
    }

    /// `__getbuffer__`.
    ///
    /// # Safety
    ///
    /// `view` is what the interpreter passed, and `owner` is the object that this value belongs to.
    pub(crate) unsafe fn lend(
        &self,
        owner: &Bound<'_, PyAny>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let mut access = self.access(owner.py())?;
        let (memory, len) = access.memory();
        let len = isize::try_from(len)?;
        access.0.exports += 1;
        // What follows may raise, and so run Python, which may come back here.
        drop(access);
        // SAFETY: the memory is valid for `len` bytes until the value is dropped, which counting
        // the export and the reference to `owner` (taken by this call) put off until the release.
        // Borrowers of read-only memory are kept from writing by the flag; the pointer's missing
        // `const` is how the protocol is written.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                owner.as_ptr(),
                memory.cast_mut().cast(),
                len,
                c_int::from(!T::WRITABLE),
                flags,
            )
        };
        if filled != 0 {
            let error = PyErr::fetch(owner.py());
            self.unlend();
            return Err(error);
        }
        Ok(())
    }

    /// `__releasebuffer__`.
    pub(crate) fn unlend(&self) {
        let mut state = self.0.lock();
        state.exports -= 1;
        if state.exports == 0 && state.given_up {
            let value = state.value.take();
            drop(state);
            drop(value);
        }
    }
}
