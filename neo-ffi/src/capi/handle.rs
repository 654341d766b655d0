//! What stands behind the opaque pointers: a word that says what it is, and a counted value.

use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::rsapi::{Code, Error, Result, generation, is_forked_since};

use super::caller::{Caller, bad_place};

/// A type of the header whose inside C does not know.
pub(super) trait Object {
    /// What stands behind it.
    type Value;
    /// Distinguishes it from the other types.
    const TAG: u32;
    const WHAT: &'static str;
}

/// The tag of a handle that a panic left in an unknown state.
const POISONED: u32 = 0xDEAD_0001;
/// The tag of a handle that was given back. What reads it reads freed memory: a help against
/// mistakes, no promise.
const GONE: u32 = 0xDEAD_0002;

#[inline(always)]
const fn word(tag: u32, generation: u32) -> u64 {
    (generation as u64) << 32 | tag as u64
}

#[repr(C)]
pub(super) struct Handle<T: Object> {
    /// The tag, and above it the generation of the process that made it: one comparison says that a
    /// handle is good. First, so that it is found behind a pointer to any other type of handle.
    word: AtomicU64,
    pub(super) value: T::Value,
}

impl<T: Object> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(T::WHAT).finish_non_exhaustive()
    }
}

impl<T: Object> Handle<T> {
    /// Makes a handle; C gets the first reference to it.
    #[inline(always)]
    pub(super) fn give(value: T::Value) -> *mut T {
        Self::give_and_read(value, |_| ()).0
    }

    /// As [`give`](Self::give), with a look at the value where it stays.
    ///
    /// Inlined, as are the makers of what it is given: a value that is handed on from function to
    /// function is stored in words and loaded again in vectors, for which the load has to wait.
    #[inline(always)]
    pub(super) fn give_and_read<R>(
        value: T::Value,
        read: impl FnOnce(&T::Value) -> R,
    ) -> (*mut T, R) {
        let handle = Self { word: AtomicU64::new(word(T::TAG, generation())), value };
        let handle = Arc::new(handle);
        let result = read(&handle.value);
        (Arc::into_raw(handle).cast_mut().cast(), result)
    }

    pub(super) fn poison(&self) {
        self.word.store(word(POISONED, 0), Ordering::Relaxed);
    }

    /// Fails in a forked child. For what the facade does not check itself.
    pub(super) fn here(&self) -> Result<()> {
        if !is_forked_since((self.word.load(Ordering::Relaxed) >> 32) as u32) {
            return Ok(());
        }
        Err(Error::new(
            Code::Forked,
            format!(
                "this {} was made before fork() and belongs to the parent process: open a kernel \
                 in the child",
                T::WHAT
            ),
        ))
    }
}

impl<T: Object> Drop for Handle<T> {
    fn drop(&mut self) {
        *self.word.get_mut() = word(GONE, 0);
    }
}

impl Caller {
    /// The handle behind a pointer.
    #[inline(always)]
    pub(super) fn handle<T: Object>(&self, object: *const T) -> Result<&Handle<T>> {
        let handle = object.cast::<Handle<T>>();
        if handle.is_null() || !handle.is_aligned() {
            return Err(bad_place(T::WHAT));
        }
        let found = self.word_of(handle) as u32;
        if found != T::TAG {
            return Err(no_handle(found, T::WHAT));
        }
        // SAFETY: the tag says that it is a live handle of this type, and the caller keeps a
        // reference to it until the export returns.
        Ok(unsafe { &*handle })
    }

    /// The handle behind an aligned pointer if it is live and healthy; `None` says nothing about what
    /// is wrong.
    #[inline(always)]
    pub(super) fn known_handle<T: Object>(&self, object: *const T) -> Option<&Handle<T>> {
        let handle = object.cast::<Handle<T>>();
        if handle.is_null() || self.word_of(handle) as u32 != T::TAG {
            return None;
        }
        // SAFETY: as in `handle`.
        Some(unsafe { &*handle })
    }

    /// The word that every handle begins with.
    #[inline(always)]
    fn word_of<T: Object>(&self, handle: *const Handle<T>) -> u64 {
        // SAFETY: neither NULL nor misaligned, so the caller says that it is a handle. Of which type
        // is seen at the word.
        let word = unsafe { &(*handle).word };
        word.load(Ordering::Relaxed)
    }

    /// Adds a reference.
    pub(super) fn retain<T: Object>(&self, object: *const T) -> Result<()> {
        let handle: *const Handle<T> = self.handle(object)?;
        // SAFETY: `give` made it from an `Arc`, of which the caller holds a reference.
        unsafe { Arc::increment_strong_count(handle) };
        Ok(())
    }

    /// Takes a reference of the caller's away. `None` for NULL and for what is no handle of this
    /// type. A poisoned handle is not touched again: it is leaked.
    pub(super) fn take<T: Object>(&self, object: *const T) -> Option<Arc<Handle<T>>> {
        let handle: *const Handle<T> = self.handle(object).ok()?;
        // SAFETY: `give` made it from an `Arc`, and the caller gives one reference back.
        Some(unsafe { Arc::from_raw(handle) })
    }

    /// The value of a handle that has one owner. In a forked child nothing is taken.
    pub(super) fn take_value<T: Object>(&self, object: *const T) -> Result<T::Value> {
        self.handle(object)?.here()?;
        let handle = self.take(object).ok_or_else(|| bad_place(T::WHAT))?;
        let handle = Arc::into_inner(handle).ok_or_else(|| {
            Error::new(Code::Misuse, format!("another thread uses this {}", T::WHAT))
        })?;
        let handle = ManuallyDrop::new(handle);
        // SAFETY: the handle is not dropped, so its value is read once.
        Ok(unsafe { core::ptr::read(&raw const handle.value) })
    }
}

#[cold]
fn no_handle(tag: u32, what: &str) -> Error {
    match tag {
        POISONED => Error::new(
            Code::Internal,
            format!("a defect of the library has left this {what} in an unknown state: release it"),
        ),
        GONE => Error::new(Code::BadHandle, format!("this {what} was released")),
        _ => Error::new(
            Code::BadHandle,
            format!("the pointer is no {what}: another type, or it was released"),
        ),
    }
}

/// Defines what the exports `neo_X_retain` and `neo_X_release` do.
pub(super) fn release<T: Object>(caller: Caller, object: *const T) {
    caller.quietly(|caller| drop(caller.take(object)));
}
