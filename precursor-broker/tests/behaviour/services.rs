//! Services with workers, and calls.

use core::time::Duration;
use std::sync::mpsc;

use precursor_broker::{
    Broker, ErrorKind, Failure, Limits, Policy, Service, SubscribeOptions, Wait,
};

use crate::world::{LONG, Running, World, assert_error, holding, pattern, start, until};

/// Answers `echo`, `fail`, `panic`, `silent`; anything else is counted back.
fn work(service: &mut Service) {
    while let Ok(Some(request)) = service.recv(None) {
        match request.method() {
            "silent" => drop(request),
            _ => request.answer_with(&|call| match call.method() {
                "echo" => Ok(call.payload().into()),
                "fail" => Err(Failure::new("no such flight")),
                "panic" => panic!("the handler has a bug"),
                method => Ok(format!("{method}:{}", call.payload().len()).into()),
            }),
        }
    }
}

fn serve(broker: &Broker, name: &str) -> Running<()> {
    serve_with(broker, name, &SubscribeOptions::default())
}

fn serve_with(broker: &Broker, name: &str, options: &SubscribeOptions) -> Running<()> {
    let mut service = broker.serve(name, options).unwrap();
    start(move || work(&mut service))
}

impl World {
    fn end(self, workers: impl IntoIterator<Item = Running<()>>) {
        self.subscribers.close();
        self.publishers.close();
        workers.into_iter().for_each(|worker| worker.join());
    }
}

everywhere! {
    fn a_call_is_answered(place: Place) {
        let world = place.open();
        let worker = serve(&world.subscribers, "flights");
        assert_eq!(&world.call("flights", "count", b"four").unwrap()[..], b"count:4");
        for len in [0, 1, 100, 180, 250, 1_000, 65_536, 1 << 20, 5 << 20] {
            let argument = pattern(len, len as u64);
            assert!(world.call("flights", "echo", &argument).unwrap()[..] == argument, "{len} B");
        }
        world.end([worker]);
    }

    fn a_reply_outlives_the_call(place: Place) {
        let world = place.open();
        let worker = serve(&world.subscribers, "flights");
        let kept: Vec<_> = (0..20)
            .map(|n| world.call("flights", "echo", &pattern(n * 100, n as u64)).unwrap())
            .collect();
        world.end([worker]);
        for (n, reply) in kept.iter().enumerate() {
            assert!(reply[..] == pattern(n * 100, n as u64));
        }
    }

    fn workers_share_the_calls(place: Place) {
        let world = place.open();
        let workers = [
            serve(&world.subscribers, "flights"),
            serve(&world.subscribers, "flights"),
            serve(&world.publishers, "flights"),
        ];
        let callers: Vec<_> = (0..3_u64)
            .map(|id| {
                let broker = world.publishers.clone();
                start(move || {
                    for n in 0..500_u64 {
                        let argument = (id << 32 | n).to_le_bytes();
                        let reply =
                            broker.call("flights", "echo", &argument, Some(LONG), Wait::Adaptive);
                        assert_eq!(&reply.unwrap()[..], argument);
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join());
        world.end(workers);
    }

    fn every_way_of_waiting_is_answered(place: Place) {
        let world = place.open();
        for wait in [Wait::Adaptive, Wait::Spin, Wait::Park] {
            let mut options = SubscribeOptions::default();
            options.wait = wait;
            let mut service = world.subscribers.serve("flights", &options).unwrap();
            let worker = start(move || {
                for _ in 0..100 {
                    let request = service.recv(None).unwrap().unwrap();
                    let answer = request.payload().to_vec();
                    request.reply(&answer).unwrap();
                }
            });
            for n in 0..100_u32 {
                let argument = n.to_le_bytes();
                let reply = world.publishers.call("flights", "m", &argument, Some(LONG), wait);
                assert_eq!(&reply.unwrap()[..], argument);
            }
            worker.join();
        }
    }

    fn without_a_responder_a_call_fails_at_once(place: Place) {
        let world = place.open();
        let forever = |service| world.publishers.call(service, "m", b"", None, Wait::Park);
        let parts = ["nobody serves \"flights\"", "start the service"];
        assert_error(forever("flights"), ErrorKind::NoResponder, &parts);
        let service = world.subscribers.serve("flights", &SubscribeOptions::default()).unwrap();
        drop(service);
        assert_error(forever("flights"), ErrorKind::NoResponder, &[]);
        // A subscription of that name is no service.
        let _subscription = world.subscribe("flights", &SubscribeOptions::default());
        assert_error(forever("flights"), ErrorKind::NoResponder, &[]);
    }

    fn a_call_ends_at_its_timeout(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("slow", &SubscribeOptions::default()).unwrap();
        let timeout = Some(Duration::from_millis(3));
        for wait in [Wait::Adaptive, Wait::Spin, Wait::Park] {
            let late = world.publishers.call("slow", "m", b"", timeout, wait);
            assert_error(late, ErrorKind::Timeout, &["3ms", "longer timeout"]);
        }
        let zero = world.publishers.call("slow", "m", b"", Some(Duration::ZERO), Wait::Park);
        assert_error(zero, ErrorKind::Timeout, &["0ns"]);
        // The request that was expired before it started was never sent.
        assert!(service.recv(Some(Duration::ZERO)).unwrap().is_none());
        assert_eq!(world.publishers.counters().expired_requests, 3);
    }

    fn a_late_reply_is_counted_and_reaches_nobody(place: Place) {
        let world = place.open_with(&Limits::new().with_calls_in_flight_max(1));
        let mut service = world.subscribers.serve("slow", &SubscribeOptions::default()).unwrap();
        for len in [8, 10_000] {
            let before = world.publishers.counters().late_replies;
            let late = world.publishers.call_async("slow", "first", b"");
            let first = service.recv(None).unwrap().unwrap();
            assert_eq!(first.method(), "first");
            drop(late);
            // The next call has the same reply slot: there is only one.
            let caller = start({
                let broker = world.publishers.clone();
                move || broker.call("slow", "second", b"", Some(LONG), Wait::Adaptive)
            });
            let second = service.recv(Some(LONG)).unwrap().unwrap();
            assert_eq!(second.method(), "second");
            first.reply(&pattern(len, 1)).unwrap();
            assert_eq!(world.publishers.counters().late_replies, before + 1);
            second.reply(&pattern(len, 2)).unwrap();
            assert!(caller.join().unwrap()[..] == pattern(len, 2));
        }
    }

    fn a_dropped_request_ends_its_call(place: Place) {
        let world = place.open();
        let worker = serve(&world.subscribers, "flights");
        let silent = world.call("flights", "silent", b"");
        assert_error(silent, ErrorKind::NoReply, &["without an answer"]);
        assert_eq!(&world.call("flights", "echo", b"still here").unwrap()[..], b"still here");
        world.end([worker]);
    }

    fn the_last_worker_ends_the_calls_that_wait(place: Place) {
        let world = place.open();
        let one = world.subscribers.serve("flights", &SubscribeOptions::default()).unwrap();
        let two = world.subscribers.serve("flights", &SubscribeOptions::default()).unwrap();
        let callers: Vec<_> = (0..3)
            .map(|n| {
                let broker = world.publishers.clone();
                let argument = vec![1; n * 1_000];
                start(move || broker.call("flights", "m", &argument, None, Wait::Park))
            })
            .collect();
        until("all requests wait", || world.publishers.counters().routes[0].queued == 3);
        drop(one);
        assert_eq!(world.only_route().queued, 3, "a worker is left");
        drop(two);
        for caller in callers {
            assert_error(caller.join(), ErrorKind::NoReply, &[]);
        }
    }

    fn a_panicking_handler_costs_its_caller_an_error_and_the_service_lives(place: Place) {
        let world = place.open();
        let worker = serve(&world.subscribers, "flights");
        for _ in 0..3 {
            let panicked = world.call("flights", "panic", b"");
            assert_error(panicked, ErrorKind::Panicked, &["the handler has a bug"]);
            assert_eq!(&world.call("flights", "echo", b"alive").unwrap()[..], b"alive");
        }
        world.end([worker]);
    }

    fn an_error_of_the_handler_reaches_the_caller(place: Place) {
        let world = place.open();
        let worker = serve(&world.subscribers, "flights");
        assert_error(world.call("flights", "fail", b""), ErrorKind::Service, &["no such flight"]);
        world.end([worker]);
    }

    fn bytes_that_are_full_are_told_from_requests_that_are(place: Place) {
        let world = place.open();
        let options = crate::world::options(|options| {
            options.depth = 2;
            options.mailbox_bytes_max = 10_000;
        });
        let mut service = world.subscribers.serve("slow", &options).unwrap();
        let call = |payload: &[u8]| {
            world.publishers.call("slow", "m", payload, Some(Duration::from_millis(1)), Wait::Park)
        };
        let _large = world.publishers.call_async("slow", "m", &[1; 8_000]);
        assert_error(call(&[2; 8_000]), ErrorKind::Full, &["bytes of requests", "mailbox_bytes_max of 10000"]);
        let _small = world.publishers.call_async("slow", "m", b"fits beside it");
        assert_error(call(b"x"), ErrorKind::Full, &["2 requests waiting"]);
        assert_eq!(service.try_recv().unwrap().unwrap().payload().len(), 8_000);
        // The bytes are free again.
        let _next = world.publishers.call_async("slow", "m", &[3; 8_000]);
        assert_eq!(world.publishers.counters().routes[0].queued, 2);
    }

    fn a_handler_may_keep_what_it_counts(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("tickets", &Default::default()).unwrap();
        let worker = start(move || {
            let mut sold = 0_u64;
            let _ = service.run(|_| {
                sold += 1;
                Ok(sold.to_le_bytes().as_slice().into())
            });
            sold
        });
        for expected in 1..=3_u64 {
            assert_eq!(world.call("tickets", "buy", b"").unwrap()[..], expected.to_le_bytes());
        }
        world.subscribers.close();
        assert_eq!(worker.join(), 3);
    }

    fn a_long_error_text_is_cut_at_a_character(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("flights", &Default::default()).unwrap();
        let worker = start(move || {
            let request = service.recv(None).unwrap().unwrap();
            request.fail(&Failure::new("ü".repeat(500)));
        });
        let error = world.call("flights", "m", b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Service);
        assert_eq!(error.to_string(), "ü".repeat(90));
        worker.join();
    }

    fn a_reply_too_large_tells_both_sides(place: Place) {
        let world = place.open_with(&Limits::new().with_memory_bytes_max(1 << 20));
        let mut service = world.subscribers.serve("flights", &holding(4, Default::default()));
        let service = service.as_mut().unwrap();
        let caller = start({
            let broker = world.publishers.clone();
            move || broker.call("flights", "m", b"", Some(LONG), Wait::Adaptive)
        });
        let request = service.recv(Some(LONG)).unwrap().unwrap();
        let parts = ["600000 bytes", "answer less"];
        assert_error(request.reply(&vec![1; 600_000]), ErrorKind::TooLarge, &parts);
        assert_error(caller.join(), ErrorKind::Service, &parts);
    }

    fn calls_in_flight_are_bounded(place: Place) {
        let world = place.open_with(&Limits::new().with_calls_in_flight_max(4));
        let mut service = world.subscribers.serve("slow", &SubscribeOptions::default()).unwrap();
        let mut pending: Vec<_> =
            (0..4).map(|_| world.publishers.call_async("slow", "m", b"")).collect();
        let one_more = world.publishers.call("slow", "m", b"", Some(LONG), Wait::Park);
        assert_error(one_more, ErrorKind::Full, &["4 calls", "calls_in_flight_max"]);
        // Dropping a future cancels its call: the slot is free again.
        pending.pop();
        pending.push(world.publishers.call_async("slow", "m", b""));
        drop(pending);
        let caller = start({
            let broker = world.publishers.clone();
            move || broker.call("slow", "last", b"", Some(LONG), Wait::Adaptive)
        });
        let last = service.recv(Some(LONG)).unwrap().expect("a request");
        assert_eq!(last.method(), "last", "nobody waits for the others");
        last.reply(b"answer").unwrap();
        assert_eq!(&caller.join().unwrap()[..], b"answer");
        assert_eq!(world.publishers.counters().expired_requests, 5);
    }

    fn a_service_whose_queue_is_full_refuses_calls(place: Place) {
        let world = place.open();
        let _service = world.subscribers.serve("slow", &holding(2, Default::default())).unwrap();
        let _waiting = [
            world.publishers.call_async("slow", "m", b""),
            world.publishers.call_async("slow", "m", b""),
        ];
        let short = Some(Duration::from_millis(1));
        let refused = world.publishers.call("slow", "m", b"", short, Wait::Park);
        assert_error(refused, ErrorKind::Full, &["\"slow\"", "2 requests", "workers"]);
    }

    fn a_worker_runs_a_handler_until_the_kernel_closes(place: Place) {
        let world = place.open();
        let mut service = world.subscribers.serve("flights", &SubscribeOptions::default()).unwrap();
        let worker = start(move || {
            service.run(|call| match call.method() {
                "panic" => panic!("a bug"),
                _ => Ok(call.payload().into()),
            })
        });
        assert_eq!(&world.call("flights", "echo", b"1").unwrap()[..], b"1");
        assert_error(world.call("flights", "panic", b""), ErrorKind::Panicked, &["a bug"]);
        assert_eq!(&world.call("flights", "echo", b"2").unwrap()[..], b"2");
        world.subscribers.close();
        assert_error(worker.join(), ErrorKind::Closed, &[]);
    }

    fn a_handler_may_publish_and_call(place: Place) {
        let world = place.open();
        let mut log = world.subscribe("log", &SubscribeOptions::default());
        let inner = serve(&world.publishers, "inner");
        let mut outer = world.subscribers.serve("outer", &SubscribeOptions::default()).unwrap();
        let broker = world.subscribers.clone();
        let outer = start(move || {
            let _ = outer.run(|call| {
                broker.publish("log", call.payload())?;
                Ok(broker.call("inner", "echo", call.payload(), Some(LONG), Wait::Adaptive)?)
            });
        });
        assert_eq!(&world.call("outer", "m", b"through").unwrap()[..], b"through");
        assert_eq!(crate::world::next(&mut log).payload(), b"through");
        world.end([inner, outer]);
    }

    fn callers_that_give_up_and_workers_that_answer_agree(place: Place) {
        const CALLS: u32 = 2_000;
        let world = place.open_with(&Limits::new().with_calls_in_flight_max(8));
        // Room for every request: a worker that does not get on leaves no caller without.
        let worker = serve_with(&world.subscribers, "flights", &holding(4 * CALLS, Policy::Block));
        let (sender, receiver) = mpsc::channel();
        let callers: Vec<_> = (0..2_u64)
            .map(|id| {
                let broker = world.publishers.clone();
                let sender = sender.clone();
                start(move || {
                    let mut answered = 0_u64;
                    for n in 0..u64::from(CALLS) {
                        let argument = (id << 32 | n).to_le_bytes();
                        let timeout = Duration::from_micros(n % 60 + 1);
                        match broker.call("flights", "echo", &argument, Some(timeout), Wait::Adaptive)
                        {
                            Ok(reply) => {
                                assert_eq!(&reply[..], argument, "somebody else's reply");
                                answered += 1;
                            }
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout, "{error}"),
                        }
                    }
                    sender.send(answered).unwrap();
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join());
        let answered: u64 = receiver.try_iter().sum();
        until("all requests are worked on", || world.publishers.counters().routes[0].queued == 0);
        let route = world.only_route();
        assert!(world.publishers.counters().late_replies + answered <= route.accepted);
        assert_eq!(&world.call("flights", "echo", b"well").unwrap()[..], b"well");
        world.end([worker]);
    }
}
