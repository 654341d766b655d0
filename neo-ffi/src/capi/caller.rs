//! The border: what a C program passes becomes checked Rust values, and what Rust returns, or panics
//! with, becomes a status.

use core::any::Any;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use core::time::Duration;
use std::panic::catch_unwind;

use neo_protocol::INLINE_BYTES;

use crate::rsapi::{Code, Error, Outcome, Result};

use super::error::{invalid, neo_error_t};
use super::handle::{Handle, Object};
use super::message::neo_slice_t;
use super::status::{NEO_E_INVALID, neo_status_t};

/// The caller of an export, for as long as the call lasts. Its methods believe what cannot be
/// checked: that a pointer which is neither NULL nor misaligned is what the header asks for.
#[derive(Debug)]
pub(super) struct Caller(());

impl Caller {
    /// # Safety
    ///
    /// While it lives, its methods are given pointers only that the caller of the export passed (or
    /// that were read from the caller's structs), each in the role that the header says.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }

    /// Runs an export's body. No panic leaves it.
    #[inline(always)]
    pub(super) fn run(
        self,
        error: *mut neo_error_t,
        body: impl FnOnce(&Self) -> Result<Outcome>,
    ) -> neo_status_t {
        if !error.is_aligned() {
            return NEO_E_INVALID;
        }
        match catch_unwind(AssertUnwindSafe(|| body(&self))) {
            Ok(Ok(outcome)) => outcome.number(),
            Ok(Err(problem)) => self.fail(error, &problem),
            Err(panic) => self.fail(error, &panicked(panic)),
        }
    }

    /// As [`run`](Self::run) with a handle, which must not be used again if the body panics.
    #[inline(always)]
    pub(super) fn on<T: Object>(
        self,
        object: *const T,
        error: *mut neo_error_t,
        body: impl FnOnce(&Self, &Handle<T>) -> Result<Outcome>,
    ) -> neo_status_t {
        if !error.is_aligned() {
            return NEO_E_INVALID;
        }
        let handle = match self.handle(object) {
            Ok(handle) => handle,
            Err(problem) => return self.fail(error, &problem),
        };
        match catch_unwind(AssertUnwindSafe(|| body(&self, handle))) {
            Ok(Ok(outcome)) => outcome.number(),
            Ok(Err(problem)) => self.fail(error, &problem),
            Err(panic) => self.fail_by_panic(handle, error, panic),
        }
    }

    /// The handle must not be used again, and the caller is told why.
    #[cold]
    pub(super) fn fail_by_panic<T: Object>(
        &self,
        handle: &Handle<T>,
        error: *mut neo_error_t,
        panic: Box<dyn Any + Send>,
    ) -> neo_status_t {
        handle.poison();
        self.fail(error, &panicked(panic))
    }

    /// Runs what has no status to return; a panic in it ends here.
    pub(super) fn quietly(self, body: impl FnOnce(&Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&self))) {
            drop(panicked(panic));
        }
    }

    /// Bytes of the caller's. NULL is good for no bytes.
    #[inline(always)]
    pub(super) fn bytes(&self, data: *const c_void, len: usize) -> Result<&[u8]> {
        self.array(data.cast(), len)
    }

    /// Bytes of the caller's that are there and fit a mailbox's cell; `None` says nothing more.
    #[inline(always)]
    pub(super) fn few_bytes(&self, data: *const c_void, len: usize) -> Option<&[u8]> {
        if data.is_null() || len > INLINE_BYTES {
            return None;
        }
        // SAFETY: as in `array`; bytes are aligned everywhere.
        Some(unsafe { core::slice::from_raw_parts(data.cast(), len) })
    }

    #[inline(always)]
    pub(super) fn slice(&self, slice: neo_slice_t) -> Result<&[u8]> {
        self.array(slice.data, slice.len)
    }

    /// Text of the caller's.
    #[inline(always)]
    pub(super) fn text<'c>(&'c self, slice: neo_slice_t, what: &str) -> Result<&'c str> {
        let bytes = self.slice(slice)?;
        // Names mostly are, and it is seen in a third of the time.
        if bytes.is_ascii() {
            // SAFETY: ASCII is UTF-8.
            return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
        }
        text_beyond_ascii(bytes, what)
    }

    /// An array of the caller's. NULL is good for none.
    #[inline(always)]
    pub(super) fn array<T>(&self, data: *const T, len: usize) -> Result<&[T]> {
        if len == 0 {
            return Ok(&[]);
        }
        check_array(data, len, size_of::<T>())?;
        // SAFETY: not NULL, aligned, no longer than an object can be; the caller says that it may be
        // read until the export returns, which is as long as `self` lives.
        Ok(unsafe { core::slice::from_raw_parts(data, len) })
    }

    /// An array that the export fills.
    #[expect(clippy::mut_from_ref, reason = "it is the C program's memory, not this value's")]
    pub(super) fn array_mut<T>(&self, data: *mut T, len: usize) -> Result<&mut [T]> {
        if len == 0 {
            return Ok(&mut []);
        }
        check_array(data, len, size_of::<T>())?;
        // SAFETY: as in `array`; the caller gives it to nobody else meanwhile.
        Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
    }

    /// A place for one result, which must be there.
    #[inline(always)]
    pub(super) fn out<'c, T>(&'c self, place: *mut T, what: &str) -> Result<Out<'c, T>> {
        match NonNull::new(place) {
            Some(place) if place.is_aligned() => Ok(Out(place, PhantomData)),
            _ => Err(bad_place(what)),
        }
    }
}

#[cold]
#[inline(never)]
fn text_beyond_ascii<'c>(bytes: &'c [u8], what: &str) -> Result<&'c str> {
    core::str::from_utf8(bytes).map_err(|error| {
        invalid(format!("the {what} is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

#[inline(always)]
pub(super) fn check_array<T>(data: *const T, len: usize, stride: usize) -> Result<()> {
    let fits = len.checked_mul(stride).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if data.is_null() || !data.is_aligned() || !fits {
        return Err(bad_array(data.is_null(), len));
    }
    Ok(())
}

#[cold]
fn bad_array(is_null: bool, len: usize) -> Error {
    invalid(if is_null {
        format!("NULL was passed for {len} elements: pass the data, or a length of 0")
    } else {
        format!("an array of {len} elements is misaligned, or longer than memory can be")
    })
}

#[cold]
pub(super) fn bad_place(what: &str) -> Error {
    invalid(format!("`{what}` is NULL or misaligned: pass a pointer to a variable of its type"))
}

/// A place of the caller's for one result.
#[derive(Debug)]
pub(super) struct Out<'c, T>(NonNull<T>, PhantomData<&'c mut T>);

impl<T> Out<'_, T> {
    #[inline(always)]
    pub(super) fn write(&self, value: T) {
        // SAFETY: not NULL and aligned; the caller says that it may be written until the export
        // returns.
        unsafe { self.0.write(value) }
    }
}

/// A timeout of the caller's: `None` for ever.
pub(super) fn timeout(ns: i64) -> Option<Duration> {
    u64::try_from(ns).ok().map(Duration::from_nanos)
}

/// The error for a panic. Its payload is dropped here, and whatever that does ends here too.
#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        core::mem::forget(second);
    }
    Error::new(
        Code::Internal,
        format!("a defect of the library: {text}; release the handle and report this"),
    )
}
