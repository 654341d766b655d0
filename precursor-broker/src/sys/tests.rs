//! Tests of the door to the operating system.

use super::heap::Mapping as HeapMapping;
use super::*;
use crate::sync::Ordering;
use std::sync::Arc;

#[test]
fn a_changed_word_is_a_mismatch_and_an_unchanged_one_times_out() {
    let word = AtomicU32::new(7);
    let brief = Some(Duration::from_millis(1));
    for scope in [Scope::Private, Scope::Shared] {
        if cfg!(miri) && scope == Scope::Shared {
            continue; // Miri knows process-private futexes only.
        }
        assert_eq!(futex_wait(&word, 6, brief, scope), WaitOutcome::Mismatch);
        assert_eq!(futex_wait(&word, 7, brief, scope), WaitOutcome::TimedOut);
    }
    assert_eq!(portable::futex_wait(&word, 6, brief, Scope::Private), WaitOutcome::Mismatch);
}

type Wait = fn(&AtomicU32, u32, Option<Duration>, Scope) -> WaitOutcome;
type Wake = fn(&AtomicU32, u32, Scope) -> u32;

#[test]
fn a_waker_that_changed_the_word_releases_the_waiter() {
    let pairs: [(Wait, Wake); 2] =
        [(futex_wait, futex_wake), (portable::futex_wait, portable::futex_wake)];
    for (wait, wake) in pairs {
        let word = Arc::new(AtomicU32::new(0));
        let waiter = std::thread::spawn({
            let word = Arc::clone(&word);
            move || {
                while word.load(Ordering::Acquire) == 0 {
                    wait(&word, 0, None, Scope::Private);
                }
            }
        });
        word.store(1, Ordering::Release);
        wake(&word, 1, Scope::Private);
        waiter.join().unwrap();
    }
}

#[test]
fn parking_and_signalling_are_counted() {
    let before = count::total();
    let word = AtomicU32::new(0);
    futex_wake(&word, 1, Scope::Private);
    let event = EventFd::new().unwrap();
    event.signal();
    assert!(count::total() >= before + 2);
}

#[test]
fn an_event_stays_signalled_until_it_is_drained() {
    let event = EventFd::new().unwrap();
    assert!(!event.drain());
    event.signal();
    event.signal();
    assert!(event.drain());
    assert!(!event.drain());
}

#[test]
fn a_pipe_event_stays_signalled_until_it_is_drained() {
    let event = portable::EventFd::new().unwrap();
    assert!(!event.drain());
    event.signal();
    event.signal();
    assert!(event.drain());
    assert!(!event.drain());
}

#[test]
fn clocks_do_not_run_backwards() {
    let first = monotonic_ns();
    assert!(monotonic_ns() >= first);
    let first = portable::monotonic_ns();
    assert!(portable::monotonic_ns() >= first);
}

#[test]
fn heap_memory_is_zeroed_and_page_aligned() {
    let mapping = HeapMapping::private(10_000).unwrap();
    assert_eq!(mapping.len(), 10_000);
    assert_eq!(mapping.base().addr().get() % 4096, 0);
}

#[cfg(all(target_os = "linux", not(miri)))]
mod linux_only {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn this_process_is_live_and_a_reaped_child_is_not() {
        let (pid, start) = process_identity();
        assert!(start > 0);
        assert!(is_process_live(pid, start));
        assert!(!is_process_live(pid, start + 1), "another start time is another process");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!is_process_live(pid, 0));
    }

    #[test]
    fn a_zombie_counts_as_dead() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        assert!(is_process_live(pid, 0));
        drop(child.stdin.take());
        while is_process_live(pid, 0) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn a_memfd_cannot_be_resized_and_an_unsealed_file_is_refused() {
        let memory = memfd(c"test", 8192).unwrap();
        assert_eq!(memfd_bytes(memory.as_fd()).unwrap(), 8192);
        assert!(std::fs::File::from(memory).set_len(4096).is_err());
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(memfd_bytes(file.as_fd()).is_err());
    }

    #[test]
    fn ranges_outside_a_mapping_are_refused() {
        let mapping = Mapping::shared(memfd(c"test", 8192).unwrap(), 8192).unwrap();
        mapping.commit(4096, 4096).unwrap();
        mapping.decommit(4096, 4096).unwrap();
        assert!(mapping.commit(4096, 8192).is_err());
        assert!(mapping.decommit(usize::MAX, 2).is_err());
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads the wall clock")]
fn the_wall_clock_stands_after_this_was_written() {
    assert!(wall_ns() > 1_700_000_000_000_000_000);
}
