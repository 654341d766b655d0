//! The only source of atomics, cells and parking (invariant 4).
//!
//! Everything else in the crate imports these names from here, so that `--cfg precursor_loom`
//! replaces them by loom's and the models check the code that ships.

#[cfg(not(precursor_loom))]
mod imp {
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
    use core::time::Duration;

    use crate::sys::{self, Scope};

    /// A sequentially consistent fence. On x86-64 a locked instruction on the own stack has the same
    /// effect as the MFENCE that the compiler would choose, in a third of the time. Miri and the
    /// thread sanitizer cannot look into it and get the compiler's.
    #[inline(always)]
    pub(crate) fn full_fence() {
        #[cfg(all(target_arch = "x86_64", not(any(miri, precursor_tsan))))]
        #[expect(unsafe_code, reason = "one instruction that the compiler does not choose")]
        // SAFETY: adds nothing to a byte of the red zone, which is the own stack's.
        unsafe {
            core::arch::asm!("lock or byte ptr [rsp - 8], 0", options(nostack));
        }
        #[cfg(not(all(target_arch = "x86_64", not(any(miri, precursor_tsan)))))]
        core::sync::atomic::fence(Ordering::SeqCst);
    }

    /// A word that a thread can wait on: a futex. All-zero is valid, so it may lie in a region.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub(crate) struct WaitWord(AtomicU32);

    impl WaitWord {
        pub(crate) fn value(&self) -> &AtomicU32 {
            &self.0
        }

        /// Blocks while the word is `expected`; may return early, so the caller checks again.
        pub(crate) fn wait(&self, expected: u32, timeout: Option<Duration>, scope: Scope) {
            sys::futex_wait(&self.0, expected, timeout, scope);
        }

        pub(crate) fn wake(&self, count: u32, scope: Scope) {
            sys::futex_wake(&self.0, count, scope);
        }
    }

    /// `core::cell::UnsafeCell` with the closure interface of loom's.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[cfg(any(test, fuzzing))]
        pub(crate) fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(precursor_loom)]
mod imp {
    use core::time::Duration;

    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    #[cfg(test)]
    pub(crate) use loom::sync::atomic::AtomicBool;
    use loom::sync::atomic::fence;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    use loom::sync::{Condvar, Mutex};

    pub(crate) fn full_fence() {
        fence(Ordering::SeqCst);
    }

    use crate::sys::Scope;

    /// The futex of the models: the check of the value and the sleep are one step under a lock, as
    /// they are in the kernel. Time does not pass in a model, so timeouts never fire.
    #[derive(Debug)]
    pub(crate) struct WaitWord {
        value: AtomicU32,
        lock: Mutex<()>,
        sleepers: Condvar,
    }

    impl Default for WaitWord {
        fn default() -> Self {
            Self { value: AtomicU32::new(0), lock: Mutex::new(()), sleepers: Condvar::new() }
        }
    }

    impl WaitWord {
        pub(crate) fn value(&self) -> &AtomicU32 {
            &self.value
        }

        pub(crate) fn wait(&self, expected: u32, _timeout: Option<Duration>, _scope: Scope) {
            let guard = self.lock.lock().unwrap();
            if self.value.load(Ordering::SeqCst) == expected {
                drop(self.sleepers.wait(guard).unwrap());
            }
        }

        pub(crate) fn wake(&self, _count: u32, _scope: Scope) {
            let guard = self.lock.lock().unwrap();
            self.sleepers.notify_all();
            drop(guard);
        }
    }
}

pub(crate) use imp::*;
