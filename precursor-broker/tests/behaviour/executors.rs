//! Futures and streams that need no runtime, and wakes: at most one for each arming.

use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::Thread;
use std::time::Instant;

use futures_core::Stream;
use precursor_broker::{Broker, ErrorKind, Limits, SubscribeOptions};

use crate::world::{LONG, assert_error, member_of, number, start, until};

/// Counts its wakes.
#[derive(Debug, Default)]
struct Counting(AtomicU32);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counting {
    fn new() -> (Arc<Self>, Waker) {
        let counting = Arc::new(Self::default());
        (counting.clone(), counting.into())
    }

    fn wakes(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Publishes from within its wake, on a topic that the waking thread has not used yet.
struct Answering(Broker);

impl Wake for Answering {
    fn wake(self: Arc<Self>) {
        self.0.publish("answers.first", b"woken").unwrap();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let begun = Instant::now();
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(LONG),
        }
        assert!(begun.elapsed() < LONG, "the future ends");
    }
}

/// The publish that wakes has its thread's routes in hand, and the waker's needs a new one.
#[test]
fn a_waker_may_publish_from_within_the_publish_that_wakes_it() {
    let broker = Broker::private(&Limits::new()).unwrap();
    let options = SubscribeOptions::default();
    let mut questions = broker.subscribe("questions", &options).unwrap();
    let mut answers = broker.subscribe("answers.*", &options).unwrap();
    // From here on this thread knows the route of the questions, and not that of the answers.
    broker.publish("questions", b"").unwrap();
    let waker = Waker::from(Arc::new(Answering(broker.clone())));
    for _ in 0..2 {
        while questions.try_recv().unwrap().is_some() {}
        assert!(questions.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        broker.publish("questions", b"").unwrap();
        assert_eq!(answers.try_recv().unwrap().unwrap().payload(), b"woken");
    }
}

/// Publishes on the topic whose message wakes it, once.
struct Echoing(Broker, AtomicU32);

impl Wake for Echoing {
    fn wake(self: Arc<Self>) {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            self.0.publish("echo", b"second").unwrap();
        }
    }
}

/// The waking publish has taken the very route that the waker's needs.
#[test]
fn a_waker_may_publish_on_the_topic_that_wakes_it() {
    let broker = Broker::private(&Limits::new()).unwrap();
    let mut subscription = broker.subscribe("echo", &SubscribeOptions::default()).unwrap();
    let waker = Waker::from(Arc::new(Echoing(broker.clone(), AtomicU32::new(0))));
    assert!(subscription.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    broker.publish("echo", b"first").unwrap();
    broker.publish("echo", b"third").unwrap();
    for expected in [&b"first"[..], b"second", b"third"] {
        assert_eq!(subscription.try_recv().unwrap().unwrap().payload(), expected);
    }
}

everywhere! {
    fn a_task_receives_what_a_thread_publishes(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &crate::world::holding(
            16,
            precursor_broker::Policy::Block,
        ));
        let options = crate::world::waiting_for(LONG);
        let publisher = world.publishers.publisher("n", options).unwrap();
        let producer = start(move || {
            for n in 0..3_000_u64 {
                publisher.publish(&n.to_le_bytes()).unwrap();
            }
        });
        block_on(async {
            for n in 0..3_000 {
                assert_eq!(number(subscription.recv_async().await.unwrap().payload()), n);
            }
        });
        producer.join();
    }

    fn a_waker_is_woken_once_for_each_arming(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        let (counting, waker) = Counting::new();
        let mut context = Context::from_waker(&waker);
        for round in 0..50 {
            assert!(subscription.poll_recv(&mut context).is_pending());
            assert_eq!(counting.wakes(), round, "nothing came");
            world.publish_numbers("n", 0..3);
            assert_eq!(counting.wakes(), round + 1, "three messages, one wake");
            for _ in 0..3 {
                assert!(subscription.poll_recv(&mut context).is_ready());
            }
        }
        // Nobody waits: nobody is woken.
        let before = counting.wakes();
        world.publish_numbers("n", 0..10);
        assert_eq!(counting.wakes(), before);
    }

    fn the_waker_of_the_last_poll_counts(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        let ((old, first), (new, second)) = (Counting::new(), Counting::new());
        assert!(subscription.poll_recv(&mut Context::from_waker(&first)).is_pending());
        assert!(subscription.poll_recv(&mut Context::from_waker(&second)).is_pending());
        world.publish_numbers("n", 0..1);
        assert_eq!((old.wakes(), new.wakes()), (0, 1));
    }

    fn a_cancelled_receive_loses_nothing(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        let (_, waker) = Counting::new();
        for n in 0..20 {
            {
                let mut receive = pin!(subscription.recv_async());
                assert!(receive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                world.publish_numbers("n", n..n + 1);
            }
            assert_eq!(number(subscription.recv().unwrap().payload()), n);
        }
    }

    fn a_stream_ends_when_the_kernel_closes(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        world.publish_numbers("n", 0..3);
        let (counting, waker) = Counting::new();
        let mut context = Context::from_waker(&waker);
        for n in 0..3 {
            match Pin::new(&mut subscription).poll_next(&mut context) {
                Poll::Ready(Some(Ok(message))) => assert_eq!(number(message.payload()), n),
                other => panic!("{other:?}"),
            }
        }
        assert!(Pin::new(&mut subscription).poll_next(&mut context).is_pending());
        world.subscribers.close();
        assert_eq!(counting.wakes(), 1);
        assert!(matches!(
            Pin::new(&mut subscription).poll_next(&mut context),
            Poll::Ready(None)
        ));
    }

    fn a_stream_tells_that_it_was_detached(place: Place) {
        let world = place.open();
        let options = crate::world::holding(1, precursor_broker::Policy::Detach);
        let mut subscription = world.subscribe("n", &options);
        let (counting, waker) = Counting::new();
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut subscription).poll_next(&mut context).is_pending());
        world.publish_numbers("n", 0..2);
        assert_eq!(counting.wakes(), 1);
        let first = Pin::new(&mut subscription).poll_next(&mut context);
        assert!(matches!(first, Poll::Ready(Some(Ok(_)))));
        match Pin::new(&mut subscription).poll_next(&mut context) {
            Poll::Ready(Some(Err(error))) => assert_eq!(error.kind(), ErrorKind::Detached),
            other => panic!("{other:?}"),
        }
    }

    fn tasks_of_a_group_share_the_work(place: Place) {
        let world = place.open();
        let (sender, receiver) = std::sync::mpsc::channel();
        let members: Vec<_> = (0..3)
            .map(|_| {
                let mut member = world.subscribe("work", &member_of("crew"));
                let sender = sender.clone();
                start(move || {
                    block_on(async {
                        while let Ok(message) = member.recv_async().await {
                            sender.send(number(message.payload())).unwrap();
                        }
                    });
                })
            })
            .collect();
        let publisher =
            world.publishers.publisher("work", crate::world::waiting_for(LONG)).unwrap();
        for n in 0..2_000_u64 {
            publisher.publish(&n.to_le_bytes()).unwrap();
        }
        let mut seen: Vec<_> =
            (0..2_000).map(|_| receiver.recv_timeout(LONG).expect("every message")).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
        world.subscribers.close();
        members.into_iter().for_each(|member| member.join());
    }

    fn a_call_is_awaited(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("echo", &SubscribeOptions::default()).unwrap();
        let worker = start(move || service.run(|call| Ok(call.payload().into())));
        for len in [0, 8, 1_000, 1 << 20] {
            let argument = crate::world::pattern(len, 1);
            let reply = block_on(world.publishers.call_async("echo", "m", &argument)).unwrap();
            assert!(reply[..] == argument);
        }
        world.subscribers.close();
        assert_error(worker.join(), ErrorKind::Closed, &[]);
    }

    fn an_answer_wakes_its_task_once(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("echo", &SubscribeOptions::default()).unwrap();
        for _ in 0..20 {
            let (counting, waker) = Counting::new();
            let mut call = pin!(world.publishers.call_async("echo", "m", b"x"));
            let mut context = Context::from_waker(&waker);
            assert!(call.as_mut().poll(&mut context).is_pending());
            let request = service.recv(Some(LONG)).unwrap().unwrap();
            assert_eq!(counting.wakes(), 0);
            request.reply(b"y").unwrap();
            assert_eq!(counting.wakes(), 1);
            match call.as_mut().poll(&mut context) {
                Poll::Ready(Ok(reply)) => assert_eq!(&reply[..], b"y"),
                other => panic!("{other:?}"),
            }
        }
    }

    fn close_wakes_tasks(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("n", &SubscribeOptions::default());
        let _service = world.subscribers.serve("slow", &SubscribeOptions::default()).unwrap();
        let (receiving, waker) = Counting::new();
        assert!(subscription.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        let (calling, call_waker) = Counting::new();
        let mut call = pin!(world.publishers.call_async("slow", "m", b""));
        assert!(call.as_mut().poll(&mut Context::from_waker(&call_waker)).is_pending());
        world.publishers.close();
        world.subscribers.close();
        assert!(receiving.wakes() >= 1 && calling.wakes() >= 1);
        assert!(matches!(
            subscription.poll_recv(&mut Context::from_waker(&waker)),
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed
        ));
        assert!(matches!(
            call.as_mut().poll(&mut Context::from_waker(&call_waker)),
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed
        ));
    }

    fn a_dropped_call_is_cancelled(place: Place) {
        let world = place.open_with(&Limits::new().with_calls_in_flight_max(1));
        let mut service = world.subscribers.serve("slow", &SubscribeOptions::default()).unwrap();
        let (counting, waker) = Counting::new();
        {
            let mut call = pin!(world.publishers.call_async("slow", "m", b""));
            assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(service.try_recv().unwrap().is_none(), "nobody waits for it");
        assert_eq!((counting.wakes(), world.publishers.counters().expired_requests), (0, 1));
        let _free_again = world.publishers.call_async("slow", "m", b"");
        until("the second request is there", || {
            service.recv(Some(core::time::Duration::ZERO)).unwrap().is_some()
        });
    }

    fn a_call_that_cannot_be_sent_fails_when_awaited(place: Place) {
        let world = place.open();
        let nobody = block_on(world.publishers.call_async("nobody", "m", b""));
        assert_error(nobody, ErrorKind::NoResponder, &["nobody"]);
        let mut call = world.publishers.call_async("nobody", "m", b"");
        let _ = block_on(&mut call);
        assert_error(block_on(&mut call), ErrorKind::Invalid, &["after it had ended"]);
    }
}
