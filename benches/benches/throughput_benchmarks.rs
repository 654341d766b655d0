//! Messages per second between threads that run free: pairs and crowds, by size and by batch.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neo_benches::{PAYLOAD, TOPIC, kernel, lossless, publisher, settings};
use neo_protocol::{ErrorKind, Publisher, Subscription, Wait};

/// Messages that a receiver takes at a time, at most.
const TAKEN: usize = 256;

/// What a sender does with its publisher and its number of messages.
type Sending<'a> = &'a (dyn Fn(&Publisher, u64) + Sync);
/// What a receiver does.
type Receiving<'a> = Box<dyn FnOnce() + Send + 'a>;

fn one_by_one(publisher: &Publisher, messages: u64) {
    (0..messages).for_each(|_| _ = publisher.publish(&PAYLOAD).expect("the receivers read"));
}

/// From the moment that all threads are ready to the moment that the last message is read.
/// `messages` is what each sender sends.
fn elapsed(
    senders: Vec<(Publisher, u64)>,
    send: Sending<'_>,
    receivers: Vec<Receiving<'_>>,
) -> Duration {
    let ready = Barrier::new(senders.len() + receivers.len() + 1);
    let ready = &ready;
    thread::scope(|scope| {
        for (publisher, messages) in senders {
            scope.spawn(move || {
                ready.wait();
                send(&publisher, messages);
            });
        }
        let mut running = Vec::with_capacity(receivers.len());
        for receive in receivers {
            running.push(scope.spawn(move || {
                ready.wait();
                receive();
            }));
        }
        ready.wait();
        let start = Instant::now();
        running.into_iter().for_each(|thread| thread.join().expect("a receiver does not panic"));
        start.elapsed()
    })
}

/// Reads `messages` in batches.
fn drain(subscription: &mut Subscription, messages: u64) {
    let mut left = messages;
    while left > 0 {
        let batch = subscription.recv_batch(TAKEN, None).expect("the publishers are there");
        batch.iter().for_each(|m| _ = core::hint::black_box(m.payload().last()));
        left -= batch.len() as u64;
    }
}

/// `senders` publishers to `receivers` subscriptions, each of which gets every message.
fn crowd(messages: u64, senders: u64, receivers: usize, send: Sending<'_>) -> Duration {
    let kernel = kernel();
    let share = messages.div_ceil(senders);
    let receive = |_| -> Receiving<'_> {
        let mut subscription = lossless(&kernel, TOPIC, Wait::Adaptive);
        Box::new(move || drain(&mut subscription, share * senders))
    };
    let receivers = (0..receivers).map(receive).collect();
    let senders = (0..senders).map(|_| (publisher(&kernel), share)).collect();
    elapsed(senders, send, receivers)
}

/// Publishers and subscriptions of 64 B.
fn pairs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pairs");
    group.throughput(Throughput::Elements(1));
    for (senders, receivers) in [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4), (2, 2)] {
        group.bench_function(format!("{senders} -> {receivers}"), |b| {
            b.iter_custom(|messages| crowd(messages, senders, receivers, &one_by_one));
        });
    }
    group.finish();
}

/// One pair, by how many are published at once.
fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batches");
    for count in [1, 8, 32, 128] {
        let payloads = vec![PAYLOAD.as_slice(); count];
        let send = |publisher: &Publisher, messages: u64| {
            for _ in 0..messages / count as u64 {
                let published = publisher.publish_many(&payloads).expect("the receiver reads");
                assert_eq!(published.accepted as usize, count);
            }
        };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("publish_many", count), |b| {
            b.iter_custom(|batches| crowd(batches * count as u64, 1, 1, &send));
        });
    }
    group.finish();
}

/// One pair, by size, written in place.
fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loans");
    for (name, bytes) in [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
        let send = |publisher: &Publisher, messages: u64| {
            for n in 0..messages {
                let mut loan = publisher.loan(bytes).expect("there is memory");
                loan.fill(n as u8);
                loan.send().expect("the receiver reads");
            }
        };
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("1 -> 1", name), |b| {
            b.iter_custom(|messages| crowd(messages, 1, 1, &send));
        });
    }
    group.finish();
}

/// Two publishers and a queue group: each message is read once. Each member reads until the kernel
/// closes, which whoever reads the last message does.
fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("groups");
    group.throughput(Throughput::Elements(1));
    for members in [1, 2, 4] {
        group.bench_function(format!("2 -> {members}"), |b| {
            b.iter_custom(|messages| share_out(messages, members));
        });
    }
    group.finish();
}

fn share_out(messages: u64, members: usize) -> Duration {
    let kernel = kernel();
    let share = messages.div_ceil(2);
    let left = AtomicU64::new(2 * share);
    let (left, closer) = (&left, &kernel);
    let member = |_| -> Receiving<'_> {
        let opened = kernel.subscribe(TOPIC).group("readers").open();
        let mut subscription = opened.expect("a member joins");
        Box::new(move || {
            loop {
                match subscription.recv() {
                    Ok(message) => _ = core::hint::black_box(message.payload().last()),
                    Err(error) if error.kind() == ErrorKind::Closed => return,
                    Err(error) => panic!("{error}"),
                }
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    closer.close();
                }
            }
        })
    };
    let receivers = (0..members).map(member).collect();
    let senders = (0..2).map(|_| (publisher(&kernel), share)).collect();
    elapsed(senders, &one_by_one, receivers)
}

criterion_group! {
    name = benches;
    config = settings();
    targets = pairs, batches, sizes, groups
}
criterion_main!(benches);
