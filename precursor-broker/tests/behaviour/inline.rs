//! Services on their callers' threads.

use precursor_broker::{
    Broker, CALL_DEPTH_MAX, Error, ErrorKind, Failure, Limits, Reply, SubscribeOptions, Wait,
};

use crate::world::{LONG, assert_error, next, pattern, start};

fn broker() -> Broker {
    Broker::private(&Limits::new()).unwrap()
}

fn call(broker: &Broker, service: &str, method: &str, payload: &[u8]) -> Result<Reply, Error> {
    broker.call(service, method, payload, Some(LONG), Wait::Adaptive)
}

#[test]
fn a_handler_runs_on_its_callers_thread() {
    let broker = broker();
    let here = std::thread::current().id();
    let _service = broker
        .serve_inline("echo", move |call| {
            assert_eq!(std::thread::current().id(), here);
            assert_eq!(call.method(), "m");
            Ok(call.payload().into())
        })
        .unwrap();
    for len in [0, 127, 128, 1 << 20] {
        assert!(call(&broker, "echo", "m", &pattern(len, 1)).unwrap()[..] == pattern(len, 1));
    }
}

#[test]
fn all_participants_of_the_process_reach_it_until_it_closes() {
    let one = broker();
    let two = one.join().unwrap();
    let service = one.serve_inline("echo", |call| Ok(call.payload().into())).unwrap();
    assert_eq!(&call(&two, "echo", "m", b"x").unwrap()[..], b"x");
    let again = two.serve_inline("echo", |_| Ok("".into()));
    assert_error(again, ErrorKind::Invalid, &["\"echo\"", "inline already", "close"]);
    service.close();
    assert_error(call(&two, "echo", "m", b""), ErrorKind::NoResponder, &["\"echo\""]);
    let _service = two.serve_inline("echo", |_| Ok("second".into())).unwrap();
    assert_eq!(&call(&one, "echo", "m", b"").unwrap()[..], b"second");
}

#[test]
fn errors_and_panics_are_its_callers() {
    let broker = broker();
    let _service = broker
        .serve_inline("risky", |call| match call.method() {
            "panic" => panic!("a bug"),
            "fail" => Err(Failure::new("no such thing")),
            _ => Ok("fine".into()),
        })
        .unwrap();
    assert_error(call(&broker, "risky", "panic", b""), ErrorKind::Panicked, &["a bug"]);
    assert_error(call(&broker, "risky", "fail", b""), ErrorKind::Service, &["no such thing"]);
    assert_eq!(&call(&broker, "risky", "else", b"").unwrap()[..], b"fine");
}

#[test]
fn a_long_error_text_is_cut_as_a_workers_is() {
    let broker = broker();
    let _service = broker
        .serve_inline("risky", |call| match call.method() {
            "panic" => panic!("{}", "x".repeat(500)),
            _ => Err(Failure::new("ü".repeat(500))),
        })
        .unwrap();
    let failed = call(&broker, "risky", "fail", b"").unwrap_err();
    assert_eq!(failed.to_string(), "ü".repeat(90));
    let panicked = call(&broker, "risky", "panic", b"").unwrap_err();
    assert_eq!((panicked.kind(), panicked.to_string().len()), (ErrorKind::Panicked, 180));
}

#[test]
fn an_inline_handler_has_all_the_time_of_its_caller() {
    let broker = broker();
    let _service = broker
        .serve_inline("patient", |call| {
            assert!(call.remaining().is_none() && !call.is_cancelled());
            Ok("fine".into())
        })
        .unwrap();
    assert_eq!(&call(&broker, "patient", "m", b"").unwrap()[..], b"fine");
}

#[test]
fn recursion_ends_at_the_limit_and_the_service_lives() {
    let broker = broker();
    let inner = broker.clone();
    let _service = broker
        .serve_inline("down", move |request| {
            let depth = request.payload()[0];
            if depth == 0 {
                return Ok("the bottom".into());
            }
            Ok(call(&inner, "down", "m", &[depth - 1])?)
        })
        .unwrap();
    let deepest = CALL_DEPTH_MAX as u8;
    assert_eq!(&call(&broker, "down", "m", &[deepest - 1]).unwrap()[..], b"the bottom");
    for _ in 0..3 {
        let error = call(&broker, "down", "m", &[deepest]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("16 deep") && text.contains("break the recursion"), "{text}");
    }
    assert_eq!(&call(&broker, "down", "m", &[0]).unwrap()[..], b"the bottom");
}

#[test]
fn a_handler_may_publish_subscribe_call_and_close() {
    let broker = broker();
    let mut log = broker.subscribe("log", &SubscribeOptions::default()).unwrap();
    let _leaf = broker.serve_inline("leaf", |_| Ok("leaf".into())).unwrap();
    let inner = broker.clone();
    let _service = broker
        .serve_inline("busy", move |request| {
            inner.publish("log", request.payload())?;
            let mut own = inner.subscribe("own", &SubscribeOptions::default())?;
            inner.publish("own", b"to myself")?;
            assert_eq!(next(&mut own).payload(), b"to myself");
            let reply = call(&inner, "leaf", "m", b"")?;
            if request.method() == "close" {
                inner.close();
            }
            Ok(reply)
        })
        .unwrap();
    assert_eq!(&call(&broker, "busy", "m", b"logged").unwrap()[..], b"leaf");
    assert_eq!(next(&mut log).payload(), b"logged");
    assert_eq!(&call(&broker, "busy", "close", b"last").unwrap()[..], b"leaf");
    assert!(broker.is_closed());
    assert_error(call(&broker, "busy", "m", b""), ErrorKind::Closed, &[]);
}

#[test]
fn an_inline_service_answers_awaited_calls_at_once() {
    let broker = broker();
    let _service = broker.serve_inline("echo", |call| Ok(call.payload().into())).unwrap();
    let mut future = core::pin::pin!(broker.call_async("echo", "m", b"now"));
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        core::task::Poll::Ready(Ok(reply)) => assert_eq!(&reply[..], b"now"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_threads_call_it_at_once() {
    let broker = broker();
    let _service = broker.serve_inline("echo", |call| Ok(call.payload().into())).unwrap();
    let threads: Vec<_> = (0..4_u64)
        .map(|id| {
            let broker = broker.clone();
            start(move || {
                for n in 0..500 {
                    let argument = (id * 1_000 + n).to_le_bytes();
                    assert_eq!(&call(&broker, "echo", "m", &argument).unwrap()[..], argument);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join());
}
