//! Counters of live objects, by which every language's tests prove that nothing leaks.
//!
//! Each thread counts in words of its own, so that counting a message costs an ordinary add; an
//! object may be made on one thread and dropped on another, and the sum is right all the same.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

macro_rules! kinds {
    ($($variant:ident = $name:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = concat!("Live ", $name, ".")] $variant,)+
        }

        /// Every kind.
        pub const KINDS: &[Kind] = &[$(Kind::$variant),+];

        impl Kind {
            /// Its name in the plural.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Its number, as `neo_debug_live` takes it. Never changes.
            #[must_use]
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// The kind with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                KINDS.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    Kernel = "kernels",
    Publisher = "publishers",
    Subscription = "subscriptions",
    Service = "services",
    Request = "requests",
    Message = "messages",
    Loan = "loans",
    Poller = "pollers",
    Call = "calls",
    Room = "rooms",
    Wake = "wakes",
    Batch = "batches",
    Counters = "counters",
}

/// One thread's counts. Only that thread writes them.
#[derive(Debug, Default)]
struct Counts([AtomicI64; KINDS.len()]);

#[derive(Debug, Default)]
struct Threads {
    running: Vec<Arc<Counts>>,
    /// Sums of the threads that ended.
    ended: [i64; KINDS.len()],
}

static THREADS: LazyLock<Mutex<Threads>> = LazyLock::new(Mutex::default);
/// Counts of what is made and dropped while a thread's own counts are gone: at its very end.
static LATE: Counts = Counts([const { AtomicI64::new(0) }; KINDS.len()]);

struct OfThread(Arc<Counts>);

impl OfThread {
    fn new() -> Self {
        let counts = Arc::<Counts>::default();
        THREADS.lock().running.push(counts.clone());
        Self(counts)
    }
}

impl Drop for OfThread {
    fn drop(&mut self) {
        let mut threads = THREADS.lock();
        threads.running.retain(|counts| !Arc::ptr_eq(counts, &self.0));
        for (sum, count) in threads.ended.iter_mut().zip(&self.0.0) {
            *sum += count.load(Ordering::Relaxed);
        }
    }
}

thread_local! {
    static MINE: OfThread = OfThread::new();
}

#[inline]
fn add(kind: Kind, by: i64) {
    let counted = MINE.try_with(|mine| {
        let count = &mine.0.0[kind as usize];
        // No read-modify-write: nobody else writes here.
        count.store(count.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    });
    if counted.is_err() {
        LATE.0[kind as usize].fetch_add(by, Ordering::Relaxed);
    }
}

/// Objects of a kind that this process has made through the facade and not dropped yet. Exact when
/// no thread is making or dropping one. Not for a forked child, whose parent's objects it counts.
#[must_use]
pub fn live(kind: Kind) -> u64 {
    let threads = THREADS.lock();
    let index = kind as usize;
    let running: i64 =
        threads.running.iter().map(|counts| counts.0[index].load(Ordering::Relaxed)).sum();
    let sum = running + threads.ended[index] + LATE.0[index].load(Ordering::Relaxed);
    u64::try_from(sum).unwrap_or(0)
}

/// Live objects of all kinds.
#[must_use]
pub fn live_total() -> u64 {
    KINDS.iter().map(|kind| live(*kind)).sum()
}

/// Counts one object for as long as it lives.
#[derive(Debug)]
pub(crate) struct Live(Kind);

impl Live {
    #[inline]
    pub(crate) fn new(kind: Kind) -> Self {
        add(kind, 1);
        Self(kind)
    }
}

impl Drop for Live {
    #[inline]
    fn drop(&mut self) {
        add(self.0, -1);
    }
}

/// [`Live`] of the one kind that there are many of, in no memory.
#[derive(Debug)]
pub(crate) struct LiveMessage(());

impl LiveMessage {
    #[inline]
    pub(crate) fn new() -> Self {
        add(Kind::Message, 1);
        Self(())
    }
}

impl Drop for LiveMessage {
    #[inline]
    fn drop(&mut self) {
        add(Kind::Message, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_across_threads_that_end() {
        let before = live(Kind::Wake);
        let made = std::thread::spawn(|| [Live::new(Kind::Wake), Live::new(Kind::Wake)]);
        let [one, two] = made.join().unwrap();
        assert_eq!(live(Kind::Wake), before + 2);
        drop(one);
        std::thread::spawn(move || drop(two)).join().unwrap();
        assert_eq!(live(Kind::Wake), before);
    }

    #[test]
    fn names_lead_back_to_their_kinds() {
        for kind in KINDS {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_name("message"), None);
    }
}
