//! Handles of the facade, used from several threads at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc;

use neo::rsapi::{
    Armed, Code, Kernel, Message, Options, Policy, Poller, PublisherOptions, ServiceOptions,
    SubscribeOptions, Subscription, Wait,
};

/// Far beyond what any step takes: a test that gets there fails.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

fn open() -> Kernel {
    Kernel::open("mem://", &Options::new()).unwrap()
}

fn blocking(depth: u32) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    options.depth = Some(depth);
    options.policy = Some(Policy::Block);
    options
}

fn parked() -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    options.wait = Wait::Park;
    options
}

/// A thread that blocks in `recv`; its hook tells when it is waiting.
fn blocked(subscription: &Subscription) -> std::thread::JoinHandle<Result<Option<Message>, Code>> {
    let (waits, waiting) = mpsc::channel();
    let subscription = subscription.clone();
    let thread = std::thread::spawn(move || {
        let mut hook = || {
            let _ = waits.send(());
            false
        };
        subscription.recv_with(LONG, Some(&mut hook)).map_err(|error| error.code())
    });
    waiting.recv().unwrap();
    thread
}

#[test]
fn closing_a_subscription_ends_every_wait_on_it() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &parked()).unwrap();
    let threads: Vec<_> = (0..3).map(|_| blocked(&subscription)).collect();
    subscription.close();
    subscription.close();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap_err(), Code::Closed);
    }
    assert_eq!(subscription.try_recv().unwrap_err().code(), Code::Closed);
    assert_eq!(kernel.publish("t", b"x").unwrap().accepted, 0, "nobody is subscribed any more");
}

#[test]
fn closing_the_kernel_ends_waits_and_leaves_what_is_queued() {
    let kernel = open();
    let idle = kernel.subscribe("idle", &parked()).unwrap();
    let full = kernel.subscribe("full", &parked()).unwrap();
    kernel.publish("full", b"queued").unwrap();
    let service = kernel.serve("s", &ServiceOptions::default()).unwrap();
    let thread = blocked(&idle);
    kernel.close();
    kernel.close();
    assert_eq!(thread.join().unwrap().unwrap_err(), Code::Closed);
    assert_eq!(full.recv(LONG).unwrap().unwrap().data(), b"queued");
    assert_eq!(full.recv(LONG).unwrap_err().code(), Code::Closed);
    assert_eq!(service.recv(LONG).unwrap_err().code(), Code::Closed);
    assert_eq!(kernel.publish("full", b"x").unwrap_err().code(), Code::Closed);
}

#[test]
fn a_hook_ends_a_wait_and_loses_nothing() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &parked()).unwrap();
    let mut asked = 0;
    let mut hook = || {
        asked += 1;
        asked == 2
    };
    let ended = subscription.recv_with(LONG, Some(&mut hook)).unwrap_err();
    assert_eq!((ended.code(), asked), (Code::Interrupted, 2));
    kernel.publish("t", b"later").unwrap();
    assert_eq!(subscription.recv(LONG).unwrap().unwrap().data(), b"later");
}

#[test]
fn a_timeout_is_none_and_zero_does_not_wait() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &parked()).unwrap();
    assert!(subscription.recv(Some(Duration::ZERO)).unwrap().is_none());
    assert!(subscription.recv(Some(Duration::from_millis(2))).unwrap().is_none());
}

#[test]
fn threads_that_share_a_subscription_get_each_message_once() {
    const MESSAGES: u64 = 20_000;
    let kernel = open();
    let subscription = kernel.subscribe("t", &blocking(64)).unwrap();
    let sum = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (subscription, sum) = (subscription.clone(), sum.clone());
            std::thread::spawn(move || {
                let mut batch = Vec::new();
                loop {
                    let came = if reader == 0 {
                        subscription.recv(None).map(|message| batch.extend(message))
                    } else {
                        subscription.recv_batch(&mut batch, 7, None, None).map(drop)
                    };
                    for message in batch.drain(..) {
                        let number = u64::from_le_bytes(message.data().try_into().unwrap());
                        sum.fetch_add(number, Ordering::Relaxed);
                    }
                    if let Err(error) = came {
                        return error.code();
                    }
                }
            })
        })
        .collect();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    for number in 1..=MESSAGES {
        publisher.publish_with(&number.to_le_bytes(), LONG, None).unwrap();
    }
    // The kernel's close lets the readers have what is queued.
    kernel.close();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Code::Closed);
    }
    assert_eq!(sum.load(Ordering::Relaxed), MESSAGES * (MESSAGES + 1) / 2);
}

#[test]
fn a_member_that_gave_up_takes_no_wake_from_its_group() {
    let kernel = open();
    let mut options = parked();
    options.group = Some("g".into());
    let left = kernel.subscribe("t", &options).unwrap();
    let stays = kernel.subscribe("t", &options).unwrap();
    assert!(left.recv(Some(Duration::from_millis(1))).unwrap().is_none());
    let thread = blocked(&stays);
    kernel.publish("t", b"one").unwrap();
    assert_eq!(thread.join().unwrap().unwrap().unwrap().data(), b"one");
}

#[test]
fn a_waiting_publish_goes_on_when_a_reader_makes_room() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &blocking(2)).unwrap();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    publisher.publish_many(&[b"1", b"2"]).unwrap();
    assert_eq!(publisher.publish(b"3").unwrap_err().code(), Code::Full);
    let (waits, waiting) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut hook = || {
            let _ = waits.send(());
            false
        };
        publisher.publish_with(b"3", LONG, Some(&mut hook)).unwrap().accepted
    });
    waiting.recv().unwrap();
    assert_eq!(subscription.recv(LONG).unwrap().unwrap().data(), b"1");
    assert_eq!(thread.join().unwrap(), 1);
    assert_eq!(subscription.queued().unwrap(), 2);
}

#[test]
fn a_room_reports_to_its_poller_when_a_reader_makes_room_or_the_kernel_closes() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &blocking(1)).unwrap();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    publisher.publish(b"1").unwrap();
    let poller = Poller::with_wait();
    let room = publisher.room(1).unwrap();
    poller.add(&room, 1).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    assert!(!room.is_ready().unwrap());
    subscription.try_recv().unwrap().unwrap();
    assert!(poller.wait(LONG, None).unwrap());
    let mut tokens = Vec::new();
    poller.take(&mut tokens).unwrap();
    assert_eq!((tokens.as_slice(), room.is_ready().unwrap()), ([1].as_slice(), true));

    publisher.publish(b"2").unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    kernel.close();
    assert!(poller.wait(LONG, None).unwrap());
    assert_eq!(room.is_ready().unwrap_err().code(), Code::Closed);
}

#[test]
fn a_batch_in_place_locks_others_out_and_close_waits_for_nobody() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    kernel.publish_many("t", &[b"1", b"2", b"3"]).unwrap();
    let mut lock = subscription.lock().unwrap();
    let batch = lock.try_batch(8).unwrap();
    let payloads: Vec<&[u8]> = batch.iter().map(|message| message.payload()).collect();
    assert_eq!(payloads, [b"1", b"2", b"3"]);
    assert_eq!(subscription.try_recv().unwrap_err().code(), Code::Misuse);
    subscription.close();
    assert_eq!(batch.len(), 3, "what is lent stays");
    drop(batch);
    assert_eq!(kernel.publish("t", b"4").unwrap().accepted, 1, "the lock keeps it open");
    drop(lock);
    assert_eq!(kernel.publish("t", b"5").unwrap().accepted, 0);
    assert_eq!(subscription.lock().unwrap_err().code(), Code::Closed);
}

#[test]
fn requests_are_answered_once_and_stay_readable() {
    let kernel = open();
    let service = kernel.serve("s", &ServiceOptions::default()).unwrap();
    let call = kernel.start_call("s", "add", b"1+1").unwrap();
    assert!(call.try_take().unwrap().is_none());
    let request = service.recv(LONG).unwrap().unwrap();
    request.reply(b"2").unwrap();
    assert_eq!(request.reply(b"3").unwrap_err().code(), Code::Misuse);
    assert_eq!((request.method(), request.data()), ("add", b"1+1".as_slice()));
    assert_eq!(&call.wait(LONG, None).unwrap().unwrap()[..], b"2");
    assert_eq!(call.try_take().unwrap_err().code(), Code::Misuse);

    let call = kernel.start_call("s", "add", b"x").unwrap();
    service.recv(LONG).unwrap().unwrap().fail("not a number").unwrap();
    let error = call.wait(LONG, None).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Service, "not a number"));

    let call = kernel.start_call("s", "add", b"").unwrap();
    drop(service.recv(LONG).unwrap());
    assert_eq!(call.wait(LONG, None).unwrap_err().code(), Code::NoReply);
}

#[test]
fn a_worker_that_spins_lets_others_have_it() {
    let kernel = open();
    let mut options = ServiceOptions::default();
    options.wait = Wait::Spin;
    let service = kernel.serve("busy", &options).unwrap();
    let spinning: Vec<_> = (0..3)
        .map(|_| {
            let service = service.clone();
            let (waits, waiting) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                let mut hook = || {
                    let _ = waits.send(());
                    false
                };
                service.recv_with(LONG, Some(&mut hook)).map(|_| ()).unwrap_err().code()
            });
            waiting.recv().unwrap();
            thread
        })
        .collect();
    // The others never stop looking, and these get their turns.
    assert!(service.try_recv().unwrap().is_none());
    let poller = Poller::new().unwrap();
    poller.add(&service, 1).unwrap();
    assert_eq!(poller.arm().unwrap(), Armed::Armed);
    service.close();
    for thread in spinning {
        assert_eq!(thread.join().unwrap(), Code::Closed);
    }
}

#[test]
fn a_handler_on_the_callers_own_thread_answers_through_the_facade() {
    let kernel = Kernel::open("mem://threads-inline", &Options::new()).unwrap();
    let served = neo_protocol::Kernel::open("mem://threads-inline").unwrap();
    let echo = |call: &neo_protocol::Call<'_>| Ok(call.payload().into());
    let _service = served.serve_inline("echo", echo).unwrap();
    for size in [0, 1, 127, 128, 100_000] {
        let payload = vec![7; size];
        assert_eq!(kernel.call("echo", "m", &payload, LONG).unwrap()[..], payload[..]);
        let pending = kernel.start_call("echo", "m", &payload).unwrap();
        assert_eq!(pending.wait(LONG, None).unwrap().unwrap()[..], payload[..]);
    }
}

#[test]
fn a_cancelled_call_lets_its_waiters_go() {
    let kernel = open();
    let _service = kernel.serve("s", &ServiceOptions::default()).unwrap();
    let call = kernel.start_call("s", "never", b"").unwrap();
    let (waits, waiting) = mpsc::channel();
    let waiter = call.clone();
    let thread = std::thread::spawn(move || {
        let mut hook = || {
            let _ = waits.send(());
            false
        };
        waiter.wait(LONG, Some(&mut hook)).map(drop).unwrap_err().code()
    });
    waiting.recv().unwrap();
    call.cancel();
    assert_eq!(thread.join().unwrap(), Code::Misuse);
}

#[test]
fn a_flat_batch_tells_how_far_it_came() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &blocking(3)).unwrap();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    let run = publisher.publish_flat(b"abbcccd", &[1, 2, 3, 0, 1]).unwrap();
    assert_eq!((run.messages, run.published.accepted), (3, 3));
    assert_eq!(run.error.unwrap().code(), Code::Full);
    let mut messages = Vec::new();
    subscription.recv_batch(&mut messages, 9, LONG, None).unwrap();
    let payloads: Vec<&[u8]> = messages.iter().map(Message::data).collect();
    assert_eq!(payloads, [b"a".as_slice(), b"bb", b"ccc"]);
    let wrong = publisher.publish_flat(b"abc", &[1, 1]).unwrap_err();
    assert_eq!(wrong.code(), Code::Invalid);
    assert!(wrong.message().contains("2 bytes") && wrong.message().contains("has 3"), "{wrong}");
}

#[test]
fn a_loan_outlives_its_publisher_and_kernel_handles() {
    let kernel = open();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    let mut loan = publisher.loan(1 << 12).unwrap();
    drop((publisher, kernel));
    let sender = std::thread::spawn(move || {
        loan.data_mut().unwrap().fill(7);
        loan.truncate(1_000).unwrap();
        loan.send().unwrap().accepted
    });
    assert_eq!(sender.join().unwrap(), 1);
    let message = subscription.recv(LONG).unwrap().unwrap();
    assert_eq!((message.data().len(), message.topic()), (1_000, "t"));
    assert!(message.data().iter().all(|byte| *byte == 7));
}

#[test]
fn a_poller_loses_no_wake_under_load() {
    const SOURCES: u64 = 4;
    const MESSAGES: u64 = 5_000;
    let kernel = open();
    let wakes = Arc::new(AtomicUsize::new(0));
    let (woken, wakeups) = mpsc::channel();
    let poller = Poller::with_wake({
        let wakes = wakes.clone();
        move || {
            wakes.fetch_add(1, Ordering::Relaxed);
            let _ = woken.send(());
        }
    });
    let sources: Vec<Subscription> =
        (0..SOURCES).map(|n| kernel.subscribe(&format!("t{n}"), &blocking(8)).unwrap()).collect();
    for (token, source) in (0..).zip(&sources) {
        poller.add(source, token).unwrap();
    }
    let publishers: Vec<_> = (0..SOURCES)
        .map(|n| {
            let kernel = kernel.clone();
            std::thread::spawn(move || {
                let topic = format!("t{n}");
                let publisher = kernel.publisher(&topic, &PublisherOptions::default()).unwrap();
                for number in 0..MESSAGES {
                    publisher.publish_with(&number.to_le_bytes(), LONG, None).unwrap();
                }
            })
        })
        .collect();
    let (mut tokens, mut arms) = (Vec::new(), 0);
    let mut next = [0; SOURCES as usize];
    while next.iter().sum::<u64>() < SOURCES * MESSAGES {
        if poller.arm().unwrap() == Armed::Armed {
            arms += 1;
            wakeups.recv_timeout(Duration::from_secs(60)).expect("a wake was lost");
        }
        poller.take(&mut tokens).unwrap();
        for token in tokens.drain(..) {
            // Not always to the end: what is left is reported again.
            for _ in 0..5 {
                let Some(message) = sources[token as usize].try_recv().unwrap() else { break };
                let number = u64::from_le_bytes(message.data().try_into().unwrap());
                assert_eq!(number, next[token as usize], "order is kept");
                next[token as usize] += 1;
            }
        }
    }
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    let wakes = wakes.load(Ordering::Relaxed);
    assert!(wakes <= arms, "{wakes} wakes for {arms} arms");
}
