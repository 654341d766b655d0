//! Steps that subscribe and receive.

use neo::rsapi::traceparent;
use neo_protocol::{Message, Policy, Subscription, Wait};

use crate::errors::{Outcome, Stop};
use crate::step::{Seen, Step};
use crate::value::digest;
use crate::world::{Handle, World};

pub(crate) fn run(op: &str, world: &mut World, step: &Step<'_>) -> Outcome {
    match op {
        "subscribe" => subscribe(world, step),
        "try_recv" => {
            let message = subscription(world, step)?.try_recv()?;
            keep(world, step, message)
        }
        "recv" => {
            let subscription = subscription(world, step)?;
            let message = receive(subscription, step)?;
            keep(world, step, message)
        }
        "recv_batch" => batch(subscription(world, step)?, step),
        "recv_numbers" => numbers(subscription(world, step)?, step.number("count")?),
        "read" => Ok(seen(world.message(step.text("of")?)?)),
        "headers" => Ok(headers(world.message(step.text("of")?)?)),
        "take_lost" => Ok(Seen::default().with("lost", subscription(world, step)?.take_lost())),
        _ => Ok(Seen::default().with("queued", subscription(world, step)?.queued())),
    }
}

fn headers(message: &Message) -> Seen {
    let frame = message.frame();
    let (keys, values): (Vec<&str>, Vec<String>) =
        frame.headers().map(|(key, value)| (key, digest(value))).unzip();
    let trace = frame.traceparent().as_ref().map_or_else(|| "-".to_owned(), traceparent);
    Seen::default()
        .with("keys", keys.join(","))
        .with("payloads", values.join(","))
        .with("traceparent", trace)
}

fn subscription<'w>(world: &'w mut World, step: &Step<'_>) -> Result<&'w mut Subscription, Stop> {
    world.subscription(step.text("sub")?)
}

fn subscribe(world: &mut World, step: &Step<'_>) -> Outcome {
    let kernel = world.kernel_of(step)?;
    let mut builder = kernel.subscribe(step.text("pattern")?);
    if let Some(depth) = step.optional_number("depth") {
        builder = builder.depth(u32::try_from(depth).unwrap_or(u32::MAX));
    }
    if let Some(name) = step.optional_text("policy") {
        builder = builder.policy(policy(name)?);
    }
    if let Some(group) = step.optional_text("group") {
        builder = builder.group(group);
    }
    if let Some(bytes) = step.optional_number("mailbox_bytes_max") {
        builder = builder.mailbox_bytes_max(bytes);
    }
    if let Some(bytes) = step.optional_number("pinned_bytes_max") {
        builder = builder.pinned_bytes_max(bytes);
    }
    if let Some(name) = step.optional_text("wait") {
        builder = builder.wait(wait(name)?);
    }
    let subscription = builder.open()?;
    world.keep(step.text("as")?, Handle::Subscription(subscription))?;
    Ok(Seen::default())
}

fn policy(name: &str) -> Result<Policy, Stop> {
    Ok(match name {
        "drop_oldest" => Policy::DropOldest,
        "drop_newest" => Policy::DropNewest,
        "latest" => Policy::Latest,
        "block" => Policy::Block,
        "detach" => Policy::Detach,
        _ => return Err(Stop::Broken(format!("there is no policy `{name}`"))),
    })
}

fn wait(name: &str) -> Result<Wait, Stop> {
    Ok(match name {
        "adaptive" => Wait::Adaptive,
        "spin" => Wait::Spin,
        "park" => Wait::Park,
        _ => return Err(Stop::Broken(format!("there is no way to wait `{name}`"))),
    })
}

/// Waits for as long as the step says, for ever unless it does.
pub(crate) fn receive(
    subscription: &mut Subscription,
    step: &Step<'_>,
) -> Result<Option<Message>, Stop> {
    Ok(match step.duration_ns("timeout_ns") {
        Some(timeout) => subscription.recv_timeout(timeout)?,
        None => Some(subscription.recv()?),
    })
}

/// Observes a message and keeps it if the step names it.
fn keep(world: &mut World, step: &Step<'_>, message: Option<Message>) -> Outcome {
    let Some(message) = message else { return Ok(Seen::none()) };
    let seen = seen(&message);
    if let Some(name) = step.optional_text("as") {
        world.keep(name, Handle::Message(message))?;
    }
    Ok(seen)
}

pub(crate) fn seen(message: &Message) -> Seen {
    Seen::default()
        .with("topic", message.topic())
        .with("payload", digest(message.payload()))
        .with("lost_before", message.lost_before())
        .with("stamped", message.frame().time_ns() != 0)
}

fn batch(subscription: &mut Subscription, step: &Step<'_>) -> Outcome {
    let max = step.number("max")? as usize;
    let batch = subscription.recv_batch(max, step.duration_ns("timeout_ns"))?;
    let topics: Vec<&str> = batch.iter().map(|message| message.topic()).collect();
    let payloads: Vec<String> = batch.iter().map(|message| digest(message.payload())).collect();
    let lost: u64 = batch.iter().map(|message| message.lost_before()).sum();
    Ok(Seen::default()
        .with("count", batch.len())
        .with("topics", topics.join(","))
        .with("payloads", payloads.join(","))
        .with("lost", lost))
}

/// Receives messages whose payloads are decimal numbers, without waiting.
fn numbers(subscription: &mut Subscription, count: u64) -> Outcome {
    let (mut first, mut last, mut lost, mut received) = (0, 0, 0, 0);
    let mut in_order = true;
    while received < count {
        let Some(message) = subscription.try_recv()? else { break };
        let text = core::str::from_utf8(message.payload()).ok();
        let number = text.and_then(|text| text.parse::<u64>().ok());
        let number = number.ok_or_else(|| Stop::Broken("a payload is no number".to_owned()))?;
        if received == 0 {
            first = number;
        } else {
            in_order &= number > last;
        }
        last = number;
        lost += message.lost_before();
        received += 1;
    }
    Ok(Seen::default()
        .with("count", received)
        .with("first", first)
        .with("last", last)
        .with("in_order", in_order)
        .with("lost", lost))
}
