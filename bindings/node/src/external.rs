//! Memory of the kernel as `ArrayBuffer`s, and the kernel for other addons: the one place of this
//! crate with unsafe code.
#![allow(unsafe_code, reason = "Node-API takes raw pointers")]

use core::ffi::c_void;
use core::ptr::null_mut;
use std::sync::Arc;

use napi::bindgen_prelude::{ArrayBuffer, Unknown};
use napi::{Env, sys};
use neo::capi::neo_capsule_t;
use neo::rsapi;
use parking_lot::Mutex;

use crate::error::{OrThrow as _, Result, misuse};
use crate::table::{self, Kept, Key};

/// What can be lent.
pub(crate) trait Lend: Send + Sized + 'static {
    /// What it is called in errors.
    const WHAT: &'static str;

    /// The memory: it does not move and stays valid until the value is dropped, and while it is
    /// lent nothing in Rust touches it.
    fn memory(&mut self) -> (*mut u8, usize);
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    is_lent: bool,
}

/// A value that lives until it is given up, or until neither its handle nor a buffer on it is left.
#[derive(Debug)]
pub(crate) struct Lender<T>(Arc<Mutex<State<T>>>);

impl<T> Clone for Lender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Lend> Lender<T>
where
    Self: Kept,
{
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(State { value: Some(value), is_lent: false })))
    }

    /// Uses the value while it is not lent.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut state = self.0.lock();
        if state.is_lent {
            return Err(misuse(&format!("the {} is seen through a buffer", T::WHAT)));
        }
        f(state.value.as_mut().ok_or_else(Self::is_over)?)
    }

    /// The memory itself as an `ArrayBuffer`, once; with that the handle `key` goes, too. Where the
    /// engine allows no memory of others (Electron) it is a copy, which
    /// [`give_up`](Self::give_up) copies back.
    pub(crate) fn lend<'e>(&self, env: &'e Env, key: Key) -> Result<ArrayBuffer<'e>> {
        let mut state = self.0.lock();
        if state.is_lent {
            return Err(misuse(&format!("the {} is seen through a buffer already", T::WHAT)));
        }
        let (memory, len) = state.value.as_mut().ok_or_else(Self::is_over)?.memory();
        if len == 0 {
            return ArrayBuffer::copy_from(env, []).or_throw();
        }
        state.is_lent = true;
        drop(state);
        let owner = self.clone();
        let finalize = move |_: Env, owner: Self| {
            // Given up already, its number may be another's.
            if owner.0.lock().value.is_some() {
                drop(table::take::<Self>(key));
            }
        };
        // SAFETY: the memory is valid until the value is dropped: by `give_up`, which takes the
        // memory away from the buffer first, or with the last owner, of which the buffer has one
        // until it is finalized. Nothing in Rust touches it meanwhile: `with` refuses.
        unsafe { ArrayBuffer::from_external(env, memory, len, owner, finalize) }.or_throw()
    }

    /// Takes the value out, and its memory away from the buffer that sees it: that has no bytes any
    /// more. `None` if it was given up before.
    pub(crate) fn give_up(&self, buffer: Option<ArrayBuffer<'_>>) -> Result<Option<T>> {
        let mut state = self.0.lock();
        if !state.is_lent {
            return Ok(state.value.take());
        }
        let Some(value) = &mut state.value else { return Ok(None) };
        let (memory, len) = value.memory();
        let Some(buffer) = buffer.filter(|buffer| buffer.len() == len) else {
            return Err(misuse(&format!("the buffer of the {} was transferred away", T::WHAT)));
        };
        if !core::ptr::eq(buffer.as_ptr(), memory) {
            // SAFETY: both are `len` long and apart: the engine copied. Only this thread has access.
            unsafe { core::ptr::copy_nonoverlapping(buffer.as_ptr(), memory, len) };
        }
        buffer.detach().or_throw()?;
        Ok(state.value.take())
    }

    #[cold]
    fn is_over() -> napi::Error<crate::error::Symbol> {
        misuse(&format!("the {} was released", <T as Lend>::WHAT))
    }
}

/// A kernel for other addons: an `External` whose value is a pointer to a `neo_capsule_t`.
pub(crate) fn capsule(env: &Env, kernel: rsapi::Kernel) -> Result<Unknown<'_>> {
    unsafe extern "C" fn finalize(_: sys::napi_env, capsule: *mut c_void, _: *mut c_void) {
        // SAFETY: it came from the box below, and is finalized once.
        drop(unsafe { Box::from_raw(capsule.cast::<neo_capsule_t>()) });
    }
    let capsule = Box::into_raw(Box::new(neo_capsule_t::new(kernel)));
    let mut value = null_mut();
    // SAFETY: the environment is the running one; the capsule lives until it is finalized.
    let status = unsafe {
        sys::napi_create_external(
            env.raw(),
            capsule.cast(),
            Some(finalize),
            null_mut(),
            &raw mut value,
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: the engine did not take it.
        drop(unsafe { Box::from_raw(capsule) });
    }
    napi::check_status!(status).or_throw()?;
    // SAFETY: a value that the environment just made.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}
