//! Every message is accounted for, under every policy and load: what was routed to a subscription
//! was delivered, lost, given up by its publisher or is still queued, and its readers were told of
//! each loss once.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

use precursor_broker::{ErrorKind, Policy, Published, RouteKind, SubscribeOptions, Subscription};

use crate::world::{LONG, Running, World, holding, options, start, waiting_for};

const PUBLISHERS: u64 = 8;
const EACH: u64 = 5_000;

/// How a subscription is read while publishers are at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    One,
    Batches,
    Slowly,
    Never,
}

/// What a reader got and was told.
#[derive(Clone, Copy, Debug, Default)]
struct Got {
    messages: u64,
    lost: u64,
}

fn read(mut subscription: Subscription, how: Reading, done: &AtomicBool) -> (Got, Subscription) {
    let mut got = Got::default();
    let mut turn = 0_u64;
    if how == Reading::Never {
        return (got, subscription);
    }
    loop {
        // Looked at first: what was published before it was set is found afterwards.
        let last_round = done.load(Ordering::Acquire);
        let before = got.messages;
        if how == Reading::Batches {
            // A detached subscription ends with an error.
            let Ok(batch) = subscription.recv_batch(32, Some(Duration::ZERO)) else { break };
            for message in &batch {
                got.messages += 1;
                got.lost += message.lost_before();
            }
        } else {
            let Ok(message) = subscription.try_recv() else { break };
            if let Some(message) = message {
                got.messages += 1;
                got.lost += message.lost_before();
            }
        }
        turn += 1;
        let is_idle = got.messages == before;
        if is_idle && last_round {
            break;
        }
        if is_idle || (how == Reading::Slowly && !last_round && turn.is_multiple_of(4)) {
            std::thread::yield_now();
        }
        if turn.is_multiple_of(64) {
            got.lost += subscription.take_lost();
        }
    }
    (got, subscription)
}

/// Mostly small messages, some in blocks.
fn len_of(n: u64) -> usize {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    if mixed.is_multiple_of(16) { 300 + (mixed % 700) as usize } else { 8 + (mixed % 100) as usize }
}

/// Publishes, and counts what each publish said.
fn publish(world: &World, id: u64, send_timeout: Duration) -> Running<Published> {
    let topic = format!("load.{id}");
    let publisher = world.publishers.publisher(&topic, waiting_for(send_timeout)).unwrap();
    start(move || {
        let payload = [id as u8; 1_024];
        let mut sum = Published::default();
        let mut n = 0;
        while n < EACH {
            // A run that meets a full mailbox under Block ends there, so only patient ones do it.
            let (run, outcome) = if n.is_multiple_of(20) && send_timeout == LONG {
                let run: Vec<&[u8]> = (n..n + 10).map(|n| &payload[..len_of(n) / 8]).collect();
                (10, publisher.publish_many(&run))
            } else {
                (1, publisher.publish(&payload[..len_of(n)]))
            };
            match outcome {
                Ok(one) => {
                    sum.accepted += one.accepted;
                    sum.dropped += one.dropped;
                    sum.timed_out += one.timed_out;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Full, "{error}"),
            }
            n += run;
        }
        sum
    })
}

/// Runs the load on one kernel and holds every count against every other.
fn account(place: crate::world::Place, policy: Policy) {
    let world = place.open();
    let depth = if policy == Policy::Latest { 16 } else { 64 };
    let never = if policy == Policy::Block { Reading::Slowly } else { Reading::Never };
    let readings = [
        ("load.>", Reading::One),
        ("load.*", Reading::Batches),
        ("load.3", Reading::Slowly),
        (">", never),
    ];
    let done = Arc::new(AtomicBool::new(false));
    let mut readers: Vec<_> = readings
        .iter()
        .map(|(pattern, how)| {
            let (subscription, how) = (world.subscribe(pattern, &holding(depth, policy)), *how);
            let done = done.clone();
            start(move || vec![read(subscription, how, &done)])
        })
        .collect();
    if policy != Policy::Latest {
        // Two members in one thread each; their sum is the group's.
        let group = group_options(depth, policy);
        let members = [0, 1].map(|_| world.subscribe("load.>", &group));
        let done = done.clone();
        readers.push(start(move || {
            let members = members.map(|member| {
                let done = done.clone();
                start(move || read(member, Reading::One, &done))
            });
            members.into_iter().map(Running::join).collect()
        }));
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|id| publish(&world, id, if id % 2 == 0 { LONG } else { Duration::ZERO }))
        .collect();
    let sums: Vec<Published> = publishers.into_iter().map(Running::join).collect();
    done.store(true, Ordering::Release);
    let mut got: Vec<_> = readers.into_iter().map(Running::join).collect();
    for (got, subscription) in got.iter_mut().flatten() {
        got.lost += subscription.take_lost();
    }

    let counters = world.publishers.counters();
    assert_eq!(counters.routes.len(), got.len());
    for parts in &got {
        let pattern = parts[0].1.pattern();
        let is_group = parts.len() > 1;
        let route = counters
            .routes
            .iter()
            .find(|route| route.pattern == pattern && route.group.is_empty() != is_group)
            .unwrap();
        let routed = if pattern == "load.3" { EACH } else { EACH * PUBLISHERS };
        let accounted = route.delivered + route.lost + route.timed_out + route.queued;
        let Got { messages, lost } = parts.iter().fold(Got::default(), |sum, (got, _)| Got {
            messages: sum.messages + got.messages,
            lost: sum.lost + got.lost,
        });
        assert_eq!(route.delivered, messages, "delivered: {route:?}");
        if policy == Policy::Latest && route.queued > 0 {
            // What was replaced is told by the message that replaced it, which is still there.
            assert!(lost <= route.lost, "told: {route:?}");
        } else {
            assert_eq!(route.lost, lost, "lost_before and take_lost add up: {route:?}");
        }
        match policy {
            // The end of a detached subscription is the end of its routing.
            Policy::Detach => {
                assert!(accounted <= routed, "{route:?}");
                assert_eq!(route.accepted, route.delivered + route.queued, "{route:?}");
            }
            _ => assert_eq!(accounted, routed, "{route:?}"),
        }
    }
    let total = |of: fn(&Published) -> u32| sums.iter().map(|sum| u64::from(of(sum))).sum::<u64>();
    let routes = |of: fn(&precursor_broker::RouteCounters) -> u64| -> u64 {
        counters.routes.iter().map(of).sum()
    };
    assert_eq!(total(|sum| sum.accepted), routes(|route| route.accepted), "accepted");
    assert_eq!(total(|sum| sum.dropped), routes(|route| route.lost), "dropped");
    if policy != Policy::Block {
        assert_eq!(routes(|route| route.timed_out), 0);
    }
}

fn group_options(depth: u32, policy: Policy) -> SubscribeOptions {
    options(|options| {
        options.depth = depth;
        options.policy = policy;
        options.group = Some("crew".into());
    })
}

everywhere! {
    fn a_subscription_tells_its_own_counters(place: Place) {
        let world = place.open();
        let other = world.subscribe("orders", &SubscribeOptions::default());
        let mut orders = world.subscribe("orders", &holding(2, Policy::DropNewest));
        let member = world.subscribe("orders", &crate::world::member_of("desk"));
        let _service = world.subscribers.serve("orders", &SubscribeOptions::default()).unwrap();
        for n in 0..5_u64 {
            world.publishers.publish("orders", &n.to_le_bytes()).unwrap();
        }
        orders.try_recv().unwrap().unwrap();
        let own = orders.counters();
        assert_eq!((own.kind, &*own.pattern, &*own.group), (RouteKind::Subscription, "orders", ""));
        assert_eq!((own.policy, own.depth), (Policy::DropNewest, 2));
        assert_eq!((own.accepted, own.delivered, own.lost, own.queued), (2, 1, 3, 1));
        assert_eq!(other.counters().queued, 5);
        let group = member.counters();
        assert_eq!((group.kind, &*group.group, group.queued), (RouteKind::Group, "desk", 5));
        let all = world.publishers.counters().routes;
        for one in [&own, &group, &other.counters()] {
            assert!(all.contains(one), "{one:?} is what the kernel tells");
        }
        let is_service = |kind| kind == RouteKind::Service;
        assert_eq!(all.iter().filter(|route| is_service(route.kind)).count(), 1);
    }

    fn drop_oldest_accounts_for_every_message(place: Place) {
        account(place, Policy::DropOldest);
    }

    fn drop_newest_accounts_for_every_message(place: Place) {
        account(place, Policy::DropNewest);
    }

    fn latest_accounts_for_every_message(place: Place) {
        account(place, Policy::Latest);
    }

    fn block_accounts_for_every_message(place: Place) {
        account(place, Policy::Block);
    }

    fn detach_accounts_for_every_message(place: Place) {
        account(place, Policy::Detach);
    }
}
