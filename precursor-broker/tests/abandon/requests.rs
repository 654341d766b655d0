//! Deaths of callers and of services.

use precursor_broker::{Broker, Error, Failure, Reply, Wait};

use super::checks::{ends, holding};
use super::{Check, LONG, Scenario};
use precursor_broker::Policy;

/// A service of the survivor's that goes on answering.
fn a_service(survivor: &Broker) -> Check {
    let mut service = survivor.serve("s", &holding(16, Policy::Block)).unwrap();
    let survivor = survivor.clone();
    Box::new(move || {
        // What the dead asked is answered into the void.
        while let Some(request) = service.recv(Some(core::time::Duration::ZERO)).unwrap() {
            request.reply(b"nobody hears").unwrap();
        }
        for _ in 0..20 {
            let caller = {
                let survivor = survivor.clone();
                ends("the call", move || survivor.call("s", "m", b"x", Some(LONG), Wait::Park))
            };
            service.recv(Some(LONG)).unwrap().unwrap().reply(&[3; 700]).unwrap();
            assert_eq!(&caller().unwrap()[..], [3; 700]);
        }
    })
}

/// A caller that waits for ever, unless the reclaim ends its call.
fn a_caller(survivor: &Broker, argument: &'static [u8]) -> Check {
    let survivor = survivor.clone();
    let result = ends("the call of the survivor", move || -> Result<Reply, Error> {
        loop {
            match survivor.call("s", "m", argument, None, Wait::Park) {
                Err(error) if error.kind() == precursor_broker::ErrorKind::NoResponder => {
                    std::thread::yield_now();
                }
                result => return result,
            }
        }
    });
    Box::new(move || drop(result()))
}

/// Two callers that wait for ever, unless they are told that nobody answers.
fn two_callers(survivor: &Broker) -> Check {
    let (one, two) = (a_caller(survivor, b"x"), a_caller(survivor, &[1; 3_000]));
    Box::new(|| {
        one();
        two();
    })
}

/// Serves one request with `answer`; what it does with it is watched.
fn serve(victim: &Broker, begin: &dyn Fn(), answer: fn(precursor_broker::Request)) {
    let mut service = victim.serve("s", &holding(16, Policy::Block)).unwrap();
    // The request is in the mailbox before the steps count, so that each run passes the same.
    wait_for_requests(victim, 1);
    begin();
    answer(service.recv(Some(LONG)).unwrap().unwrap());
}

fn wait_for_requests(victim: &Broker, requests: u64) {
    while victim.counters().routes.iter().all(|route| route.queued != requests) {
        std::thread::yield_now();
    }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "call",
        stage: a_service,
        act: |victim, _, begin| {
            begin();
            drop(victim.call_async("s", "m", b"x"));
        },
    },
    Scenario {
        name: "call with a large argument",
        stage: a_service,
        act: |victim, _, begin| {
            begin();
            drop(victim.call_async("s", "m", &[1; 5_000]));
        },
    },
    Scenario {
        name: "take a large reply",
        stage: |_| Box::new(|| ()),
        act: |victim, survivor, begin| {
            let mut service = survivor.serve("s", &holding(16, Policy::Block)).unwrap();
            let mut call = core::pin::pin!(victim.call_async("s", "m", b"x"));
            service.recv(Some(LONG)).unwrap().unwrap().reply(&[1; 5_000]).unwrap();
            drop(service);
            begin();
            let mut context = core::task::Context::from_waker(core::task::Waker::noop());
            assert!(call.as_mut().poll(&mut context).is_ready());
            victim.publish("nowhere", &[1; 2_000]).unwrap();
        },
    },
    Scenario {
        name: "reply",
        stage: |survivor| a_caller(survivor, b"x"),
        act: |victim, _, begin| {
            serve(victim, begin, |request| request.reply(b"y").unwrap());
        },
    },
    Scenario {
        name: "reply to a large argument in a block",
        stage: |survivor| a_caller(survivor, &[1; 3_000]),
        act: |victim, _, begin| {
            serve(victim, begin, |request| request.reply(&[2; 5_000]).unwrap());
        },
    },
    Scenario {
        name: "reply with an error",
        stage: |survivor| a_caller(survivor, b"x"),
        act: |victim, _, begin| {
            serve(victim, begin, |request| request.fail(&Failure::new("no")));
        },
    },
    Scenario {
        name: "drop a request",
        stage: |survivor| a_caller(survivor, b"x"),
        act: |victim, _, begin| serve(victim, begin, drop),
    },
    Scenario {
        name: "close a service with requests",
        stage: two_callers,
        act: |victim, _, begin| {
            let service = victim.serve("s", &holding(16, Policy::Block)).unwrap();
            wait_for_requests(victim, 2);
            begin();
            drop(service);
        },
    },
];
