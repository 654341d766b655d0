//! Steps on kernels: opening, closing, counters.

use neo_protocol::{Kernel, Options};

use crate::background::LIMIT;
use crate::errors::{Outcome, Stop};
use crate::step::{Seen, Step};
use crate::world::{Handle, World};

pub(crate) fn run(op: &str, world: &mut World, step: &Step<'_>) -> Outcome {
    match op {
        "open" => open(world, step),
        "close" => {
            world.kernel(step.text("of")?)?.close();
            Ok(Seen::default())
        }
        "is_closed" => {
            let closed = world.kernel(step.text("of")?)?.is_closed();
            Ok(Seen::default().with("closed", closed))
        }
        "trim" => {
            let freed = world.kernel_of(step)?.trim() > 0;
            Ok(Seen::default().with("freed", freed))
        }
        "memory" => {
            let in_use = is_memory_in_use(world.kernel_of(step)?);
            Ok(Seen::default().with("in_use", in_use))
        }
        "counters" => counters(world, step),
        "kernel_counters" => {
            let counters = world.kernel_of(step)?.counters();
            Ok(Seen::default()
                .with("routes", counters.routes.len())
                .with("late_replies", counters.late_replies))
        }
        _ => name(world, step),
    }
}

fn open(world: &mut World, step: &Step<'_>) -> Outcome {
    let url = match step.optional_text("url") {
        Some(url) => url.to_owned(),
        None => world.url(step.optional_text("name")),
    };
    let small = |key: &str| step.optional_number(key).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let mut options = Options::new();
    if let Some(bytes) = step.optional_number("memory_bytes_max") {
        options = options.with_memory_bytes_max(bytes);
    }
    if let Some(subscriptions) = small("subscriptions_max") {
        options = options.with_subscriptions_max(subscriptions);
    }
    if let Some(participants) = small("participants_max") {
        options = options.with_participants_max(participants);
    }
    if let Some(calls) = small("calls_in_flight_max") {
        options = options.with_calls_in_flight_max(calls);
    }
    if step.optional_number("existing_only").is_some() {
        options = options.existing_only();
    }
    let timeout = step.duration_ns("call_timeout_ns").unwrap_or(LIMIT);
    options = options.with_call_timeout(Some(timeout));
    let kernel = Kernel::open_with(&url, &options)?;
    world.keep(step.optional_text("as").unwrap_or("k"), Handle::Kernel(kernel))?;
    Ok(Seen::default())
}

fn counters(world: &mut World, step: &Step<'_>) -> Outcome {
    let (pattern, group) = (step.text("pattern")?, step.optional_text("group").unwrap_or_default());
    let routes = world.kernel_of(step)?.counters().routes;
    let mut found = routes.iter().filter(|route| route.pattern == pattern && route.group == group);
    Ok(match (found.next(), found.next()) {
        (_, Some(_)) => return Err(Stop::Broken(format!("there are several `{pattern}`"))),
        (None, None) => Seen::none(),
        (Some(route), None) => Seen::default()
            .with("depth", route.depth)
            .with("accepted", route.accepted)
            .with("delivered", route.delivered)
            .with("lost", route.lost)
            .with("timed_out", route.timed_out)
            .with("queued", route.queued),
    })
}

/// What a handle says that it is called: a pattern, a topic, a service.
fn name(world: &mut World, step: &Step<'_>) -> Outcome {
    let of = step.text("of")?;
    let name = match world.find(of)? {
        Handle::Publisher(publisher) => publisher.topic(),
        Handle::Subscription(subscription) => subscription.pattern(),
        Handle::Service(service) => service.name(),
        _ => return Err(Stop::Broken(format!("`{of}` has no name"))),
    };
    Ok(Seen::default().with("name", name))
}

/// Whether anything holds payload memory; free slabs are given back first.
fn is_memory_in_use(kernel: &Kernel) -> bool {
    kernel.trim();
    kernel.counters().memory_bytes > 0
}

/// What a kernel still counts when everything made of it was given back: zero if nothing leaks.
pub(crate) fn live(kernel: &Kernel) -> u64 {
    kernel.counters().routes.len() as u64 + u64::from(is_memory_in_use(kernel))
}
