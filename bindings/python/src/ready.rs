//! An awaitable that is done: what `async for` gets while messages are there.
//!
//! Its `am_send` hands the value over without an exception, a future or a coroutine, which is most of
//! what an await costs. PyO3 has no name for that slot, so the type is made by hand.
#![allow(unsafe_code, reason = "a type with the slot am_send can only be made by the C API")]

use core::ffi::{c_int, c_uint};
use core::mem::size_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

#[repr(C)]
struct Ready {
    base: ffi::PyObject,
    /// Owned; null once it was handed over.
    value: AtomicPtr<ffi::PyObject>,
}

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// An awaitable whose result is `value`.
pub(crate) fn ready<'py>(value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let class = TYPE.get_or_try_init(py, || make_type(py))?.bind(py);
    // SAFETY: the type is ours and not variable in size.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_type_ptr(), 0) };
    // SAFETY: a new reference, or null with an error set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: an object of our type, zeroed by its allocation: the value is null and valid.
    let ready = unsafe { &*object.as_ptr().cast::<Ready>() };
    ready.value.store(value.into_ptr(), Ordering::Release);
    Ok(object)
}

fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slot =
        |slot: c_int, function: *mut core::ffi::c_void| ffi::PyType_Slot { slot, pfunc: function };
    let mut slots = [
        slot(ffi::Py_tp_dealloc, dealloc as *mut _),
        slot(ffi::Py_am_await, itself as *mut _),
        slot(ffi::Py_am_send, send as *mut _),
        slot(ffi::Py_tp_iter, itself as *mut _),
        slot(ffi::Py_tp_iternext, next as *mut _),
        slot(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"neo_protocol._neo._Ready".as_ptr(),
        basicsize: size_of::<Ready>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification and its slots live until the call returns, the name for ever; the
    // functions have the signatures of their slots.
    let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    // SAFETY: a new reference, or null with an error set.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
    Ok(class.cast_into::<PyType>()?.unbind())
}

/// Takes the value out; null the second time.
///
/// # Safety
///
/// `object` is a `Ready`.
unsafe fn take(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise; the interpreter keeps the object alive during the call.
    let ready = unsafe { &*object.cast::<Ready>() };
    ready.value.swap(null_mut(), Ordering::AcqRel)
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the slot of our type.
    let value = unsafe { take(object) };
    // SAFETY: owned by the object until now; null is fine.
    unsafe { ffi::Py_XDECREF(value) };
    // SAFETY: any object has a type, and one of a heap type holds a reference to it.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: the last use of the memory that `PyType_GenericAlloc` gave; it is not collected by gc.
    unsafe { ffi::PyObject_Free(object.cast()) };
    // SAFETY: the object's reference, given back with it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

unsafe extern "C" fn itself(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a valid object, of which the slot returns a new reference.
    unsafe { ffi::Py_NewRef(object) }
}

unsafe extern "C" fn send(
    object: *mut ffi::PyObject,
    _sent: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the slot of our type.
    let value = unsafe { take(object) };
    // SAFETY: where the interpreter wants the result; null goes with an error.
    unsafe { result.write(value) };
    if value.is_null() {
        awaited_twice();
        return ffi::PySendResult::PYGEN_ERROR;
    }
    ffi::PySendResult::PYGEN_RETURN
}

unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the slot of our type.
    let value = unsafe { take(object) };
    if value.is_null() {
        awaited_twice();
        return null_mut();
    }
    // SAFETY: a static of the interpreter.
    let stop = unsafe { ffi::PyExc_StopIteration };
    // SAFETY: both are valid, and the call takes references of its own.
    unsafe { ffi::PyErr_SetObject(stop, value) };
    // SAFETY: our reference, of which the exception now has another.
    unsafe { ffi::Py_DECREF(value) };
    null_mut()
}

#[cold]
fn awaited_twice() {
    Python::attach(|py| PyRuntimeError::new_err("it was awaited already").restore(py));
}
