//! Every operation on one thread: publishing by policy, size, pattern and fan-out, receiving in
//! each form, groups, services, and subscribing itself.

use core::hint::black_box;
use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neo_benches::{DEPTH, PAYLOAD, TOPIC, kernel, lossless, publisher, settings, take};
use neo_protocol::{ErrorKind, Kernel, Policy, Reply, Subscription, Wait};

const SIZES: [(&str, usize); 6] = [
    ("0 B", 0),
    ("64 B", 64),
    ("192 B", 192),
    ("1 KiB", 1 << 10),
    ("64 KiB", 64 << 10),
    ("1 MiB", 1 << 20),
];
const DROPPING: [Policy; 3] = [Policy::DropOldest, Policy::DropNewest, Policy::Latest];

/// Publish and receive, by policy: with room, and (publish alone) without.
fn policies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    let subscribe = |kernel: &Kernel, policy| -> Subscription {
        kernel.subscribe(TOPIC).policy(policy).depth(DEPTH).open().expect("a subscription opens")
    };
    for policy in [&DROPPING[..], &[Policy::Block, Policy::Detach]].concat() {
        let kernel = kernel();
        let mut reader = subscribe(&kernel, policy);
        let publisher = publisher(&kernel);
        group.bench_function(BenchmarkId::new("publish and receive", format!("{policy:?}")), |b| {
            b.iter(|| {
                publisher.publish(&PAYLOAD).expect("there is room");
                take(&mut reader)
            });
        });
    }
    for policy in DROPPING {
        let kernel = kernel();
        let reader = subscribe(&kernel, policy);
        let publisher = publisher(&kernel);
        (0..DEPTH).for_each(|_| _ = publisher.publish(&PAYLOAD).expect("a dropping policy"));
        group.bench_function(
            BenchmarkId::new("publish to a full one", format!("{policy:?}")),
            |b| {
                b.iter(|| publisher.publish(&PAYLOAD).expect("a dropping policy"));
            },
        );
        drop(reader);
    }
    group.finish();
}

/// Publish and receive, by size: copied in, and written in place.
fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("size");
    let kernel = kernel();
    let mut reader = lossless(&kernel, TOPIC, Wait::Spin);
    let publisher = publisher(&kernel);
    for (name, bytes) in SIZES {
        let payload = vec![0x5A; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("publish", name), |b| {
            b.iter(|| {
                publisher.publish(black_box(&payload)).expect("there is room");
                take(&mut reader)
            });
        });
        group.bench_function(BenchmarkId::new("loan", name), |b| {
            b.iter(|| {
                let mut loan = publisher.loan(bytes).expect("there is memory");
                loan.fill(0x5A);
                loan.send().expect("there is room");
                take(&mut reader)
            });
        });
    }
    group.finish();
}

/// The forms of receiving, and of publishing many at once.
fn forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("form");
    let kernel = kernel();
    let mut reader = lossless(&kernel, TOPIC, Wait::Spin);
    let publisher = publisher(&kernel);
    group.bench_function("publish, recv", |b| {
        b.iter(|| {
            publisher.publish(&PAYLOAD).expect("there is room");
            reader.recv().expect("the message is there")
        });
    });
    for count in [1, 8, 32, 256] {
        let payloads = vec![PAYLOAD.as_slice(); count];
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("publish_many, recv_batch", count), |b| {
            b.iter(|| {
                publisher.publish_many(&payloads).expect("there is room");
                let batch = reader.recv_batch(count, None).expect("the messages are there");
                assert_eq!(batch.len(), count);
                batch.iter().map(|message| message.payload().len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// Patterns, and topics by name: known to the thread, in turn, and new each time.
fn topics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("topic");
    for pattern in [TOPIC, "sensors.*.temperature", "sensors.>", ">"] {
        let kernel = kernel();
        let mut reader = lossless(&kernel, pattern, Wait::Spin);
        let publisher = publisher(&kernel);
        group.bench_function(BenchmarkId::new("handle", pattern), |b| {
            b.iter(|| {
                publisher.publish(&PAYLOAD).expect("there is room");
                take(&mut reader)
            });
        });
        group.bench_function(BenchmarkId::new("name", pattern), |b| {
            b.iter(|| {
                kernel.publish(TOPIC, &PAYLOAD).expect("there is room");
                take(&mut reader)
            });
        });
    }
    for others in [0, 100, 10_000] {
        let kernel = kernel();
        let mut reader = lossless(&kernel, "rooms.>", Wait::Spin);
        let _others = idle(&kernel, others);
        let names: Vec<String> = (0..100_000).map(|n| format!("rooms.{n}.temperature")).collect();
        let mut names = names.iter().cycle();
        group.bench_function(BenchmarkId::new("unknown name, subscriptions", others), |b| {
            b.iter(|| {
                let name = names.next().expect("a cycle");
                kernel.publish(name, &PAYLOAD).expect("there is room");
                take(&mut reader)
            });
        });
    }
    group.finish();
}

fn idle(kernel: &Kernel, count: usize) -> Vec<Subscription> {
    let open = |n| {
        let pattern = if n % 2 == 0 { format!("idle.{n}.state") } else { format!("idle.*.{n}") };
        kernel.subscribe(&pattern).depth(16).open().expect("a subscription opens")
    };
    (0..count).map(open).collect()
}

/// One message to many subscriptions, each of which reads it.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    for (name, bytes) in [("64 B", 64), ("64 KiB", 64 << 10)] {
        let payload = vec![0x5A; bytes];
        for count in [1, 4, 16, 64] {
            let kernel = kernel();
            let open = |_| lossless(&kernel, TOPIC, Wait::Spin);
            let mut readers: Vec<Subscription> = (0..count).map(open).collect();
            let publisher = publisher(&kernel);
            group.throughput(Throughput::Elements(count));
            group.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter(|| {
                    publisher.publish(&payload).expect("there is room");
                    readers.iter_mut().map(take).sum::<usize>()
                });
            });
        }
    }
    group.finish();
}

/// A queue group whose members read in turn.
fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group");
    for members in [1, 2, 8] {
        let kernel = kernel();
        let open = |_| kernel.subscribe(TOPIC).group("readers").open().expect("a member joins");
        let mut readers: Vec<Subscription> = (0..members).map(open).collect();
        let publisher = publisher(&kernel);
        let mut turn = (0..members).cycle();
        group.bench_function(BenchmarkId::new("members", members), |b| {
            b.iter(|| {
                publisher.publish(&PAYLOAD).expect("there is room");
                let member = &mut readers[turn.next().expect("a cycle")];
                member.try_recv().expect("the kernel is open").expect("the message is there")
            });
        });
    }
    group.finish();
}

/// Calls: on this thread, to a worker on another, and to nobody.
fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    let kernel = kernel();
    let _inline = kernel.serve_inline("inline", |call| Ok(Reply::copy_of(call.payload())));
    for (name, bytes) in [("64 B", 64), ("64 KiB", 64 << 10)] {
        let payload = vec![0x5A; bytes];
        group.bench_function(BenchmarkId::new("inline", name), |b| {
            b.iter(|| kernel.call("inline", "echo", &payload).expect("it answers").len());
        });
    }
    group.bench_function("nobody", |b| {
        b.iter(|| kernel.call("nobody", "echo", &PAYLOAD).map(drop).map_err(|e| e.kind()));
    });
    let mut worker = kernel.serve("worker").open().expect("a worker joins");
    let served = thread::spawn(move || worker.run(|call| Ok(Reply::copy_of(call.payload()))));
    for (name, bytes) in [("64 B", 64), ("64 KiB", 64 << 10)] {
        let payload = vec![0x5A; bytes];
        group.bench_function(BenchmarkId::new("worker", name), |b| {
            b.iter(|| kernel.call("worker", "echo", &payload).expect("it answers").len());
        });
    }
    kernel.close();
    let ended = served.join().expect("the worker does not panic");
    assert!(ended.is_err_and(|error| error.kind() == ErrorKind::Closed));
    group.finish();
}

/// Opening and closing one subscription beside others, and the publish that sees the change.
fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change");
    for others in [0, 100, 10_000] {
        let kernel = kernel();
        let _others = idle(&kernel, others);
        let subscribe = || kernel.subscribe("new.*").depth(16).open().expect("it opens");
        group.bench_function(BenchmarkId::new("subscribe and close", others), |b| {
            b.iter(subscribe);
        });
        let publisher = publisher(&kernel);
        group.bench_function(BenchmarkId::new("subscribe, publish, close", others), |b| {
            b.iter(|| {
                let subscription = subscribe();
                publisher.publish(&PAYLOAD).expect("nobody listens, which is no error");
                subscription
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = settings();
    targets = policies, sizes, forms, topics, fan_out, groups, calls, changes
}
criterion_main!(benches);
