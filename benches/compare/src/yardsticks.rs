//! The limits of the machine, measured beside everything else.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use crate::drive::stamped;
use crate::harness::{Sample, Scale};
use crate::threads::{StartLine, pin};

/// A word on a line of its own (two lines: neighbours are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Alone<T>(T);

/// Round trip of one cache line between the cores, p50 of means over 16 trips, ns.
pub fn ping_pong(scale: Scale) -> Sample {
    const CHUNK: u64 = 16;
    let trips = scale.of(1 << 16);
    let (ping, pong) = (Alone(AtomicU64::new(0)), Alone(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            for trip in 1..=trips {
                while ping.0.load(Ordering::Acquire) != trip {
                    spin_loop();
                }
                pong.0.store(trip, Ordering::Release);
            }
        });
        pin(0);
        let mut means = Vec::with_capacity((trips / CHUNK) as usize);
        for first in (1..=trips).step_by(CHUNK as usize) {
            let start = Instant::now();
            for trip in first..first + CHUNK {
                ping.0.store(trip, Ordering::Release);
                while pong.0.load(Ordering::Acquire) != trip {
                    spin_loop();
                }
            }
            means.push(start.elapsed().as_nanos() as f64 / CHUNK as f64);
        }
        means.sort_by(f64::total_cmp);
        Sample::new(means[means.len() / 2])
    })
}

/// One atomic add that nobody contends, ns.
pub fn add_alone(scale: Scale) -> Sample {
    pin(0);
    let word = Alone(AtomicU64::new(0));
    let adds = scale.of(1 << 22);
    let start = Instant::now();
    for _ in 0..adds {
        black_box(&word.0).fetch_add(1, Ordering::AcqRel);
    }
    Sample::new(start.elapsed().as_nanos() as f64 / adds as f64)
}

/// One atomic add while the other core adds to the same word: elapsed over the adds of both, ns.
pub fn add_contended(scale: Scale) -> Sample {
    let word = Alone(AtomicU64::new(0));
    let adds = scale.of(1 << 21);
    let line = StartLine::new(2);
    let work = |core| {
        pin(core);
        line.wait();
        let start = Instant::now();
        for _ in 0..adds {
            word.0.fetch_add(1, Ordering::AcqRel);
        }
        start.elapsed().as_nanos() as f64
    };
    let (here, there) = std::thread::scope(|scope| {
        let other = scope.spawn(|| work(1));
        (work(0), other.join().expect("adds do not panic"))
    });
    assert_eq!(word.0.into_inner(), 2 * adds);
    Sample::new(here.max(there) / (2 * adds) as f64)
}

/// `Instant::now`, ns.
pub fn clock(scale: Scale) -> Sample {
    pin(0);
    let reads = scale.of(1 << 20);
    let start = Instant::now();
    for _ in 0..reads {
        black_box(Instant::now());
    }
    Sample::new(start.elapsed().as_nanos() as f64 / reads as f64)
}

/// Two threads that park in turn, on cores 0 and 1: p50 and tail, ns.
pub fn futex_round_trip(scale: Scale) -> Sample {
    futex_between(0, 1, scale.of(1 << 10))
}

/// The same with both threads on core 0.
pub fn futex_round_trip_one_core(scale: Scale) -> Sample {
    futex_between(0, 0, scale.of(1 << 12))
}

fn futex_between(here: usize, there: usize, trips: u64) -> Sample {
    let (ping, pong) = (Alone(AtomicU32::new(0)), Alone(AtomicU32::new(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(there);
            for trip in 1..=trips as u32 {
                await_value(&ping.0, trip);
                pong.0.store(trip, Ordering::Release);
                futex_wake(&pong.0);
            }
        });
        pin(here);
        stamped(1..trips + 1, |trip| {
            ping.0.store(trip as u32, Ordering::Release);
            futex_wake(&ping.0);
            await_value(&pong.0, trip as u32);
        })
    })
}

fn await_value(word: &AtomicU32, value: u32) {
    while word.load(Ordering::Acquire) != value {
        futex_wait(word, value - 1);
    }
}

/// Parks while `word` holds `value`; may return early, as callers check the word again.
fn futex_wait(word: &AtomicU32, value: u32) {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let forever = core::ptr::null::<libc::timespec>();
    // SAFETY: FUTEX_WAIT reads the live, aligned `word`, and a null timeout means none.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, forever) };
}

fn futex_wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: FUTEX_WAKE uses only the address of the live `word`.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
}

/// Copying `bytes` that are in the cache, GB/s.
fn copy(bytes: usize, copies: u64) -> Sample {
    pin(0);
    let (from, mut to) = (vec![7u8; bytes], vec![0u8; bytes]);
    let start = Instant::now();
    for _ in 0..copies {
        black_box(to.as_mut_slice()).copy_from_slice(black_box(&from));
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(from, to);
    Sample::new(bytes as f64 * copies as f64 / seconds / 1e9)
}

/// memcpy of 1 KiB, GB/s.
pub fn copy_1_kib(scale: Scale) -> Sample {
    copy(1 << 10, scale.of(1 << 19))
}

/// memcpy of 64 KiB, GB/s.
pub fn copy_64_kib(scale: Scale) -> Sample {
    copy(64 << 10, scale.of(1 << 13))
}
