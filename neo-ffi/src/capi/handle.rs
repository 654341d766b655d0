//! What stands behind the opaque pointers: a word that says what it is, and a counted value.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::rsapi::{Code, Error, Result, generation, is_forked_since};

use super::caller::{Caller, bad_place};
use super::place;

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
/// The tag of a handle that was given back. What reads it reads memory that is free, or a later
/// handle's: a help against mistakes, no promise.
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
    /// Those that C holds: so wide that no program retains until it overflows.
    references: AtomicU64,
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
        let handle = place::put(Self {
            word: AtomicU64::new(word(T::TAG, generation())),
            references: AtomicU64::new(1),
            value,
        });
        // SAFETY: it was stored just now.
        let result = read(unsafe { &handle.as_ref().value });
        (handle.as_ptr().cast(), result)
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

/// One reference to a handle, which ends with the last one.
pub(super) struct Reference<T: Object>(NonNull<Handle<T>>);

impl<T: Object> Reference<T> {
    #[inline(always)]
    fn handle(&self) -> &Handle<T> {
        // SAFETY: the handle lives as long as this reference to it.
        unsafe { self.0.as_ref() }
    }

    /// Whether there is no other: then nobody is left who could add one.
    #[inline(always)]
    fn is_only(&self) -> bool {
        // Pairs with the release in `drop`: what others did with the handle has happened.
        self.handle().references.load(Ordering::Acquire) == 1
    }

    /// The value, if this is the only reference.
    fn into_value(self) -> Option<T::Value> {
        if !self.is_only() {
            return None;
        }
        let this = ManuallyDrop::new(self);
        this.handle().word.store(word(GONE, 0), Ordering::Relaxed);
        // SAFETY: `give` put it, and this was the only reference.
        Some(unsafe { place::take(this.0) }.value)
    }
}

impl<T: Object> Drop for Reference<T> {
    /// The only reference ends without a read-modify-write, which would wait until the stores before
    /// it are done: behind a call one of them is to a line that another core has.
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_only() || self.handle().references.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.handle().word.store(word(GONE, 0), Ordering::Relaxed);
            // SAFETY: `give` put it, and the last reference is gone.
            unsafe { place::end(self.0) };
        }
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
        self.handle(object)?.references.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Takes a reference of the caller's away. `None` for NULL and for what is no handle of this
    /// type. A poisoned handle is not touched again: it is leaked.
    pub(super) fn take<T: Object>(&self, object: *const T) -> Option<Reference<T>> {
        self.handle(object).ok()?;
        NonNull::new(object.cast_mut().cast()).map(Reference)
    }

    /// The value of a handle that has one owner. In a forked child nothing is taken.
    pub(super) fn take_value<T: Object>(&self, object: *const T) -> Result<T::Value> {
        self.handle(object)?.here()?;
        let handle = self.take(object).ok_or_else(|| bad_place(T::WHAT))?;
        handle.into_value().ok_or_else(|| {
            Error::new(Code::Misuse, format!("another thread uses this {}", T::WHAT))
        })
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Counted;

    impl Object for Counted {
        type Value = Arc<()>;
        const TAG: u32 = 0x4E45_4F7F;
        const WHAT: &'static str = "counted";
    }

    /// What C has of a handle.
    #[derive(Clone, Copy)]
    struct Pointer(*mut Counted);
    // SAFETY: handles are for any thread.
    unsafe impl Send for Pointer {}

    impl Pointer {
        fn retain(self) {
            // SAFETY: the tests pass handles to which they hold references.
            unsafe { Caller::new() }.retain(self.0).unwrap();
        }

        fn release(self) {
            // SAFETY: as in `retain`.
            release(unsafe { Caller::new() }, self.0);
        }

        fn take_value(self) -> Result<Arc<()>> {
            // SAFETY: as in `retain`.
            unsafe { Caller::new() }.take_value(self.0)
        }
    }

    #[test]
    fn a_handle_ends_with_its_last_reference_whichever_thread_has_it() {
        for _ in 0..if cfg!(miri) { 4 } else { 200 } {
            let value = Arc::new(());
            let handle = Pointer(Handle::give(value.clone()));
            handle.retain();
            assert_eq!(Arc::strong_count(&value), 2);
            let other = std::thread::spawn(move || {
                let handle = handle;
                handle.retain();
                handle.release();
                handle.release();
            });
            handle.retain();
            handle.release();
            handle.release();
            other.join().unwrap();
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }

    #[test]
    fn a_value_is_taken_by_the_only_reference_alone() {
        let value = Arc::new(());
        let handle = Pointer(Handle::give(value.clone()));
        handle.retain();
        assert_eq!(handle.take_value().unwrap_err().code(), Code::Misuse);
        let taken = handle.take_value().unwrap();
        assert_eq!(Arc::strong_count(&value), 2);
        drop(taken);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    // A defect of the program: Miri calls it one.
    #[test]
    #[cfg(not(any(feature = "test-hooks", miri)))]
    fn a_second_release_finds_that_the_handle_is_gone() {
        let value = Arc::new(());
        let handle = Pointer(Handle::give(value.clone()));
        handle.release();
        // Its memory is kept for the next handle of this thread, so the library may still look.
        handle.release();
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(handle.take_value().unwrap_err().code(), Code::BadHandle);
        let next = Pointer(Handle::give(value.clone()));
        assert_eq!(next.0, handle.0);
        next.release();
    }
}
