//! Pinning, and a start line that threads leave together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the threads of a crowd may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// On both cores, as the scheduler likes.
    Free,
    /// All on core 0.
    One,
}

/// Puts the calling thread where `cores` says.
pub fn settle(cores: Cores) {
    match cores {
        Cores::Free => set_affinity(&[0, 1]),
        Cores::One => set_affinity(&[0]),
    }
}

/// Ties the calling thread to `core`.
///
/// # Panics
/// If the kernel refuses: a figure from an unpinned thread must not be printed as a pinned one.
pub fn pin(core: usize) {
    set_affinity(&[core]);
}

fn set_affinity(cores: &[usize]) {
    // SAFETY: `cpu_set_t` is an array of integers, for which all-zero is a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &core in cores {
        // SAFETY: `set` is a live `cpu_set_t`; CPU_SET ignores a bit outside of it.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: thread 0 is the caller, and the size is that of the set passed.
    let failed = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(failed, 0, "the kernel refused the cores {cores:?}; run where they exist");
}

/// A start line: every thread waits until `expected` have arrived.
#[derive(Debug)]
pub struct StartLine {
    expected: usize,
    arrived: AtomicUsize,
}

impl StartLine {
    /// A line for `expected` threads.
    pub fn new(expected: usize) -> Self {
        Self { expected, arrived: AtomicUsize::new(0) }
    }

    /// Arrives and waits for the rest, yielding so that it also works on one core.
    pub fn wait(&self) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < self.expected {
            std::thread::yield_now();
        }
    }
}

/// Waits in a crowd: a few pauses, then the core goes to whoever has work.
#[derive(Debug, Default)]
pub struct Patience {
    polls: u32,
}

impl Patience {
    /// Called when there was nothing to do.
    #[inline]
    pub fn wait(&mut self) {
        self.polls += 1;
        if self.polls.is_multiple_of(64) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}
