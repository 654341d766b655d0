//! Memory: what opening costs in resident bytes, and that publishing and receiving allocate
//! nothing.
#![allow(unsafe_code, reason = "counting allocations takes the unsafe trait `GlobalAlloc`")]

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::System;
use std::time::Instant;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neo_benches::{PAYLOAD, TOPIC, kernel, lossless, publisher, settings, take};
use neo_protocol::{Reply, Subscription, Wait};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every method passes its arguments on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `alloc` is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`, and `alloc` is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Times `step`; fails if any but the first allocates.
fn allocation_free(criterion: &mut Criterion, name: &str, mut step: impl FnMut()) {
    // The first one may grow what is kept: the thread's caches, a segment of blocks.
    step();
    criterion.benchmark_group("without allocation").bench_function(name, |b| {
        b.iter_custom(|steps| {
            let allocations = ALLOCATIONS.load(Ordering::Relaxed);
            let start = Instant::now();
            (0..steps).for_each(|_| step());
            let elapsed = start.elapsed();
            let made = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
            assert_eq!(made, 0, "{name}: {made} allocations in {steps} steps");
            elapsed
        });
    });
}

/// Each operation of the data path.
fn data_path(criterion: &mut Criterion) {
    let kernel = kernel();
    let mut reader = lossless(&kernel, TOPIC, Wait::Spin);
    let publisher = publisher(&kernel);
    allocation_free(criterion, "publish by handle, receive in place", || {
        publisher.publish(&PAYLOAD).expect("there is room");
        black_box(take(&mut reader));
    });
    allocation_free(criterion, "publish by name, receive an own message", || {
        kernel.publish(TOPIC, &PAYLOAD).expect("there is room");
        black_box(reader.recv().expect("the message is there"));
    });
    let payloads = [PAYLOAD.as_slice(); 32];
    allocation_free(criterion, "publish 32 at once, receive in place", || {
        publisher.publish_many(&payloads).expect("there is room");
        assert_eq!(reader.recv_batch(32, None).expect("they are there").len(), 32);
    });
    let large = vec![0x5A; 64 << 10];
    allocation_free(criterion, "publish 64 KiB, receive an own message", || {
        publisher.publish(&large).expect("there is room");
        black_box(reader.recv().expect("the message is there"));
    });
    allocation_free(criterion, "loan of 64 KiB, receive in place", || {
        let mut loan = publisher.loan(64 << 10).expect("there is memory");
        loan.fill(0x5A);
        loan.send().expect("there is room");
        black_box(take(&mut reader));
    });
    let handler = |call: &neo_protocol::Call<'_>| Ok(Reply::copy_of(call.payload()));
    let _service = kernel.serve_inline("echo", handler).expect("a service opens");
    allocation_free(criterion, "inline call", || {
        black_box(kernel.call("echo", "echo", &PAYLOAD).expect("it answers"));
    });
}

/// Resident memory that a step adds, in bytes.
struct Resident;

struct Bytes;

impl Measurement for Resident {
    type Intermediate = f64;
    type Value = f64;

    fn start(&self) -> f64 {
        resident_bytes()
    }

    fn end(&self, before: f64) -> f64 {
        resident_bytes() - before
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Bytes
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _typical: f64, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value /= 1024.0);
        "KiB"
    }

    /// Resident bytes for each message that the mailbox can hold.
    fn scale_throughputs(
        &self,
        _: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        let units = match throughput {
            Throughput::Bytes(count) | Throughput::Elements(count) => *count as f64,
            _ => 1.0,
        };
        values.iter_mut().for_each(|value| *value /= units);
        "B for each message"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "B"
    }
}

/// Exactly: `statm` may lag by some pages for each core.
fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("the system tells");
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a line Rss");
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB");
    kib * 1024.0
}

/// Kernels, and subscriptions of some depths: idle, and with a full mailbox.
fn resident(criterion: &mut Criterion<Resident>) {
    let mut group = criterion.benchmark_group("resident");
    group.bench_function("kernel with one subscription", |b| {
        b.iter_custom(|count| {
            let before = resident_bytes();
            let open = |_| {
                let kernel = kernel();
                let subscription = kernel.subscribe(TOPIC).open().expect("a subscription opens");
                (kernel, subscription)
            };
            let opened: Vec<_> = (0..count.min(KERNELS_MAX)).map(open).collect();
            (resident_bytes() - before) / opened.len() as f64 * count as f64
        });
    });
    for depth in [16, 1024] {
        group.throughput(Throughput::Elements(depth));
        for (state, messages) in [("idle", 0), ("full", depth)] {
            let id = BenchmarkId::new(format!("{state} subscription of depth"), depth);
            group.bench_function(id, |b| {
                b.iter_custom(|count| {
                    subscriptions(count.min(SUBSCRIPTIONS_MAX), depth as u32, messages)
                        * count as f64
                });
            });
        }
    }
    group.finish();
}

/// Kernels that are open at a time: each reserves address space.
const KERNELS_MAX: u64 = 64;
/// Subscriptions that are open at a time: of depth 1024 they fill a quarter of the memory.
const SUBSCRIPTIONS_MAX: u64 = 256;

/// Resident bytes added by each of `count` subscriptions that hold `messages` each.
fn subscriptions(count: u64, depth: u32, messages: u64) -> f64 {
    let kernel = kernel();
    let open = |_| -> Subscription {
        kernel.subscribe(TOPIC).depth(depth).open().expect("a subscription opens")
    };
    let first = open(0);
    let before = resident_bytes();
    let opened: Vec<Subscription> = (0..count).map(open).collect();
    for _ in 0..messages {
        kernel.publish(TOPIC, &PAYLOAD).expect("nothing blocks");
    }
    let added = resident_bytes() - before;
    drop((first, opened));
    added / count as f64
}

criterion_group! {
    name = data_path_benches;
    config = settings();
    targets = data_path
}
criterion_group! {
    name = resident_benches;
    config = settings().with_measurement(Resident);
    targets = resident
}
criterion_main!(data_path_benches, resident_benches);
