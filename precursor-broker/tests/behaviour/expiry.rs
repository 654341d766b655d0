//! Requests whose callers wait no longer, and calls that outlive the death of a worker.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use precursor_broker::{ErrorKind, Limits, Service, SubscribeOptions, Wait};

use crate::world::{LONG, World, assert_error, start, until};

fn serve(world: &World) -> Service {
    world.subscribers.serve("flights", &SubscribeOptions::default()).unwrap()
}

/// A call that nobody answers until its time is over.
fn give_up(world: &World, payload: &[u8]) {
    let timeout = Some(Duration::from_millis(1));
    let result = world.publishers.call("flights", "find", payload, timeout, Wait::Park);
    assert_error(result, ErrorKind::Timeout, &["1ms"]);
}

everywhere! {
    fn a_request_whose_time_is_over_is_not_handed_out(place: Place) {
        let world = place.open();
        let mut worker = serve(&world);
        for payload in [&b"late"[..], &[7; 5_000]] {
            give_up(&world, payload);
        }
        assert!(worker.try_recv().unwrap().is_none());
        let counters = world.publishers.counters();
        assert_eq!((counters.expired_requests, counters.late_replies), (2, 0));
        assert_eq!((counters.routes[0].delivered, counters.routes[0].queued), (2, 0));
    }

    fn a_cancelled_request_is_not_handed_out(place: Place) {
        let world = place.open();
        let mut worker = serve(&world);
        drop(world.publishers.call_async("flights", "find", b"cancelled"));
        let mut call = pin!(world.publishers.call_async("flights", "find", b"wanted"));
        let request = worker.recv(Some(LONG)).unwrap().unwrap();
        assert_eq!(request.payload(), b"wanted", "the one that somebody waits for");
        assert_eq!(request.remaining(), None, "it waits until it cancels");
        assert!(!request.is_cancelled());
        request.reply(b"found").unwrap();
        assert_eq!(world.publishers.counters().expired_requests, 1);
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_ready());
    }

    fn a_request_of_the_dead_is_not_handed_out(place: Place) {
        let world = place.open();
        let mut worker = serve(&world);
        let caller = world.subscribers.join().unwrap();
        let call = caller.call_async("flights", "find", b"from a grave");
        assert_eq!(world.subscribers.declare_dead(caller.participant()).participants, 1);
        assert!(worker.try_recv().unwrap().is_none());
        assert_eq!(world.subscribers.counters().expired_requests, 1);
        core::mem::forget(call);
        core::mem::forget(caller);
    }

    fn a_handler_sees_what_is_left_of_its_callers_time(place: Place) {
        let world = place.open();
        let mut worker = serve(&world);
        let timeout = Duration::from_secs(3_600);
        let caller = {
            let broker = world.publishers.clone();
            start(move || broker.call("flights", "find", b"x", Some(timeout), Wait::Park))
        };
        let request = worker.recv(Some(LONG)).unwrap().unwrap();
        assert!(request.remaining().unwrap() <= timeout);
        until("the caller's clock runs", || request.remaining().unwrap() < timeout);
        assert!(request.remaining().unwrap() > timeout - LONG, "an hour has not passed");
        request.answer_with(&|call| {
            assert!(call.remaining().unwrap() < timeout && !call.is_cancelled());
            Ok("found".into())
        });
        assert_eq!(&caller.join().unwrap()[..], b"found");
    }

    fn a_handler_sees_that_its_caller_gave_up(place: Place) {
        let world = place.open();
        let mut worker = serve(&world);
        let call = world.publishers.call_async("flights", "find", b"x");
        let request = worker.recv(Some(LONG)).unwrap().unwrap();
        assert!(!request.is_cancelled());
        drop(call);
        assert!(request.is_cancelled());
        assert_eq!(request.remaining(), Some(Duration::ZERO));
        // The slot serves the next call: that is not this request's.
        let _next = world.publishers.call_async("flights", "find", b"y");
        assert!(request.is_cancelled());
        request.reply(b"too late").unwrap();
        assert_eq!(world.publishers.counters().late_replies, 1);
    }

    fn a_worker_that_dies_beside_another_does_not_end_the_others_call(place: Place) {
        for payload in [&b"small"[..], &[7; 5_000]] {
            let world = place.open_with(&Limits::new().with_participants_max(8));
            let mut other = serve(&world);
            let victim = world.subscribers.join().unwrap();
            let dead = victim.participant();
            let mut call = pin!(world.subscribers.call_async("flights", "find", payload));
            // The victim pins the slot of the request and dies before it takes it.
            let (told, stopped) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let mut worker = victim.serve("flights", &SubscribeOptions::default()).unwrap();
                precursor_broker::steps::set_hook(move |label| {
                    if label == "take.pinned" {
                        told.send(()).unwrap();
                        loop {
                            std::thread::park();
                        }
                    }
                });
                let _ = worker.recv(None);
            });
            stopped.recv_timeout(LONG).unwrap();
            let request = other.recv(Some(LONG)).unwrap().unwrap();
            assert_eq!(world.publishers.declare_dead(dead).participants, 1);
            let mut context = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut context).is_pending(), "its worker lives");
            request.reply(b"found").unwrap();
            match call.as_mut().poll(&mut context) {
                core::task::Poll::Ready(reply) => assert_eq!(&reply.unwrap()[..], b"found"),
                core::task::Poll::Pending => panic!("the call was answered"),
            }
        }
    }
}
