//! What survivors rely on after a reclaim.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use precursor_broker::{
    Broker, Policy, PublishOptions, RouteCounters, SubscribeOptions, Subscription, Wait,
};

use super::LONG;

/// Subscriptions of the harness's kernels at one time.
pub(crate) const ROUTES: u32 = 16;
/// Calls of one participant at one time.
pub(crate) const CALLS: u32 = 4;

pub(crate) fn holding(depth: u32, policy: Policy) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    options.depth = depth;
    options.policy = policy;
    options
}

pub(crate) fn crew() -> SubscribeOptions {
    let mut options = holding(16, Policy::Block);
    options.group = Some("crew".into());
    options
}

pub(crate) fn patient() -> PublishOptions {
    let mut options = PublishOptions::default();
    options.send_timeout = LONG;
    options
}

/// Does something in a thread of its own; the check fails if it does not end.
pub(crate) fn ends<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl FnOnce() -> T {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(work()));
    move || receiver.recv_timeout(LONG).unwrap_or_else(|_| panic!("never: {what}"))
}

/// The same for what begins with a sleep; returns when it sleeps.
pub(crate) fn sleeps_and_ends<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl FnOnce() -> T {
    let (teller, told) = channel();
    let ended = ends(what, move || {
        teller.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        work()
    });
    let status = Path::new("/proc").join(told.recv().unwrap()).join("stat");
    let is_asleep = || {
        let status = std::fs::read_to_string(&status).unwrap();
        status.rsplit_once(") ").unwrap().1.starts_with('S')
    };
    let begun = Instant::now();
    while !is_asleep() {
        assert!(begun.elapsed() < LONG, "it does not sleep: {what}");
        thread::yield_now();
    }
    ended
}

/// Does something on another thread, so that it is none of the victim's steps.
pub(crate) fn elsewhere(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(work);
    });
}

pub(crate) fn route_of(broker: &Broker, pattern: &str) -> RouteCounters {
    let routes = broker.counters().routes;
    let mut of_pattern = routes.into_iter().filter(|route| route.pattern == pattern);
    let route = of_pattern.next().expect("the route is open");
    assert!(of_pattern.next().is_none(), "the route is open once");
    route
}

/// Receives all that is there. Messages, and the losses they told.
pub(crate) fn drain(subscription: &mut Subscription) -> (u64, u64) {
    let (mut messages, mut lost) = (0, 0);
    while let Some(message) = subscription.try_recv().unwrap() {
        assert!(!message.payload().is_empty(), "no half-written message");
        messages += 1;
        lost += message.lost_before();
        assert!(messages < 10_000, "the queue ends");
    }
    (messages, lost)
}

/// The subscription is whole: what is queued can be read, every loss is told, and each further
/// message passes, laps on end, in both sizes.
pub(crate) fn flows(broker: &Broker, subscription: &mut Subscription, topic: &str, depth: u64) {
    let (mut messages, mut lost) = drain(subscription);
    for n in 0..3 * depth.max(16) {
        let payload = vec![1; if n % 4 == 0 { 1_000 } else { 8 + n as usize }];
        assert_eq!(broker.publish(topic, &payload).unwrap().accepted, 1, "message {n} is taken");
        let message = subscription.recv_timeout(LONG).unwrap().expect("it arrives");
        assert_eq!(message.payload(), payload);
        messages += 1;
        lost += message.lost_before();
    }
    lost += subscription.take_lost();
    let route = route_of(broker, subscription.pattern());
    assert_eq!((route.delivered, route.lost, route.queued), (messages, lost, 0), "{route:?}");
}

/// Nothing of the dead is left: no route, no memory, no participant, no reply slot.
pub(crate) fn everything_is_free(survivor: &Broker, dead: u16) {
    let counters = survivor.counters();
    assert!(counters.routes.is_empty(), "routes are left: {:?}", counters.routes);
    survivor.trim();
    assert_eq!(survivor.counters().memory_bytes, 0, "memory is left");

    let successor = survivor.join().unwrap();
    assert_eq!(successor.participant(), dead, "its number is free");
    a_newcomer_can_do_everything(survivor, &successor);
    drop(successor);
    let all: Vec<_> = (1..super::PARTICIPANTS).map(|_| survivor.join().unwrap()).collect();
    drop(all);
    all_routes_can_be_opened(survivor);
    survivor.trim();
    assert_eq!(survivor.counters().memory_bytes, 0, "memory is left by the newcomer");
}

fn a_newcomer_can_do_everything(survivor: &Broker, successor: &Broker) {
    for (from, to) in [(survivor, successor), (successor, survivor)] {
        let mut subscription = to.subscribe("fresh", &holding(16, Policy::DropNewest)).unwrap();
        flows(from, &mut subscription, "fresh", 16);
        let mut newest = to.subscribe("newest", &holding(4, Policy::Latest)).unwrap();
        flows(from, &mut newest, "newest", 4);
        let mut member = to.subscribe("shared", &crew()).unwrap();
        flows(from, &mut member, "shared", 16);
        let mut service = to.serve("echo", &holding(16, Policy::Block)).unwrap();
        let pending: Vec<_> = (0..CALLS).map(|_| from.call_async("echo", "m", b"x")).collect();
        for _ in 0..CALLS {
            let request = service.recv(Some(LONG)).unwrap().expect("every slot is free");
            request.reply(b"y").unwrap();
        }
        drop(pending);
        let caller = {
            let from = from.clone();
            ends("the call", move || from.call("echo", "m", b"x", Some(LONG), Wait::Park))
        };
        let request = service.recv(Some(LONG)).unwrap().expect("the request");
        request.reply(&[7; 3_000]).unwrap();
        assert_eq!(&caller().unwrap()[..], [7; 3_000]);
    }
}

fn all_routes_can_be_opened(survivor: &Broker) {
    let all: Vec<_> = (0..ROUTES)
        .map(|_| survivor.subscribe("all", &holding(16, Policy::DropNewest)).unwrap())
        .collect();
    assert_eq!(survivor.publish("all", b"x").unwrap().accepted, ROUTES);
    drop(all);
}
