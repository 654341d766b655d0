//! The door to the operating system: memory, parking, descriptors, clocks and process identity.
//!
//! No other module makes a system call. Linux is served by `linux`; every other system by
//! `portable`, which offers what a private kernel needs and answers `Unsupported` to the rest.
//! Models under loom replace parking in `crate::sync` and touch nothing else here.

#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub(crate) mod fork;
#[cfg(any(miri, not(target_os = "linux"), test))]
#[cfg_attr(
    all(target_os = "linux", not(miri)),
    allow(dead_code, reason = "compiled here only so that its tests run")
)]
mod heap;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub(crate) mod peer;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(
    target_os = "linux",
    allow(dead_code, reason = "compiled here only so that its tests run")
)]
mod portable;
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub(crate) mod socket;
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
mod timer;
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub(crate) mod users;
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
mod watch;

#[cfg(not(precursor_loom))]
use crate::sync::AtomicU32;
use core::time::Duration;

#[cfg(any(miri, not(target_os = "linux")))]
pub(crate) use heap::Mapping;
#[cfg(all(not(any(miri, precursor_loom)), target_os = "linux"))]
pub(crate) use linux::Mapping;
#[cfg(target_os = "linux")]
pub(crate) use linux::{EventFd, is_process_live, memfd, memfd_bytes, monotonic_ns, start_ticks};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{EventFd, is_process_live, monotonic_ns, start_ticks};
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
pub(crate) use {timer::Timer, watch::Watch};

/// Forks are noticed on Linux only.
#[cfg(not(all(target_os = "linux", not(any(miri, precursor_loom)))))]
pub(crate) mod fork {
    /// Number of this process among its ancestors.
    #[inline]
    pub(crate) fn generation() -> u32 {
        1
    }

    /// Notices nothing here.
    pub(crate) fn watch() {}
}

/// Who can reach a parking word: the threads of this process, or every process that maps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Only this process; the kernel may key on the address.
    Private,
    /// Every process that maps the memory.
    Shared,
}

/// Why [`futex_wait`] returned. `Woken` may be spurious: callers look at the word again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitOutcome {
    /// A wake, a signal, or nothing at all.
    Woken,
    /// The word did not hold the expected value; nothing was waited for.
    Mismatch,
    /// The timeout passed.
    TimedOut,
}

/// Parks the calling thread while `word` holds `expected`, for at most `timeout`.
#[cfg(not(precursor_loom))]
pub(crate) fn futex_wait(
    word: &AtomicU32,
    expected: u32,
    timeout: Option<Duration>,
    scope: Scope,
) -> WaitOutcome {
    count::add();
    #[cfg(target_os = "linux")]
    return linux::futex_wait(word, expected, timeout, scope);
    #[cfg(not(target_os = "linux"))]
    return portable::futex_wait(word, expected, timeout, scope);
}

/// Wakes at most `waiters` threads parked on `word`; returns how many woke.
#[cfg(not(precursor_loom))]
pub(crate) fn futex_wake(word: &AtomicU32, waiters: u32, scope: Scope) -> u32 {
    count::add();
    #[cfg(target_os = "linux")]
    return linux::futex_wake(word, waiters, scope);
    #[cfg(not(target_os = "linux"))]
    return portable::futex_wake(word, waiters, scope);
}

/// Nanoseconds since 1970 by the wall clock; 0 if the clock stands before 1970.
#[allow(clippy::disallowed_methods, reason = "the one place that asks the wall clock")]
pub(crate) fn wall_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// Process id and start time in clock ticks: together they name one process of one boot.
pub(crate) fn process_identity() -> (u32, u64) {
    let pid = std::process::id();
    (pid, start_ticks(pid).unwrap_or(0))
}

/// Sleeps. For the cold paths that wait for another participant and have nothing to be woken by.
#[allow(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Starts a thread of the library's own, which does not keep the process alive.
#[cfg(not(precursor_loom))]
#[allow(clippy::disallowed_methods, reason = "the one place that starts a thread")]
pub(crate) fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.into()).stack_size(THREAD_STACK_BYTES).spawn(run)?;
    Ok(())
}

/// Address space; pages appear when touched. User code (wakers) runs on it.
#[cfg(not(precursor_loom))]
const THREAD_STACK_BYTES: usize = 1 << 20;

/// Asks for the cache line at `address` to be brought in for reading. Any address is allowed.
#[inline(always)]
pub(crate) fn prefetch_read<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "the intrinsic is declared unsafe for its pointer argument")]
    // SAFETY: PREFETCHT0 is a hint that never faults, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// The same for writing: no other core keeps a copy.
#[inline(always)]
pub(crate) fn prefetch_write<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "the intrinsic needs a target feature beyond the baseline")]
    // SAFETY: PREFETCHW is a hint that never faults, whatever the address; processors since 2006 that
    // do not know it take it for no operation.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Counts the system calls of parking and signalling, so that tests can assert that there were none.
pub(crate) mod count {
    #[cfg(any(test, feature = "__internal_steps"))]
    mod imp {
        use core::sync::atomic::{AtomicU64, Ordering};

        static CALLS: AtomicU64 = AtomicU64::new(0);

        pub(crate) fn add() {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }

        /// Parking and signalling system calls of this process so far.
        pub(crate) fn total() -> u64 {
            CALLS.load(Ordering::Relaxed)
        }
    }

    #[cfg(not(any(test, feature = "__internal_steps")))]
    mod imp {
        #[inline]
        pub(crate) fn add() {}
    }

    pub(crate) use imp::*;
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(any(miri, precursor_loom))))]
mod fork_tests;
#[cfg(test)]
#[cfg(not(precursor_loom))]
mod tests;
