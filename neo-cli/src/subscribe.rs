//! `neo sub`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use neo_protocol::{Message, Subscription};
use serde::Serialize;

use crate::args::{self, SubArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::text::{plural, printable};

/// A payload in JSON: as text if it is text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Payload<'a> {
    Text { data: &'a str },
    Bytes { data_base64: String },
}

impl<'a> Payload<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        match core::str::from_utf8(bytes) {
            Ok(data) => Self::Text { data },
            Err(_) => Self::Bytes { data_base64: STANDARD.encode(bytes) },
        }
    }
}

#[derive(Debug, Serialize)]
struct Received<'a> {
    topic: &'a str,
    #[serde(flatten)]
    payload: Payload<'a>,
    lost_before: u64,
}

pub(crate) fn run(arguments: &SubArguments, output: &mut Output) -> Result<u8, Failure> {
    let stop = Stop::listen()?;
    let kernel = args::open(&arguments.url, arguments.create)?;
    let mut builder = kernel.subscribe(&arguments.pattern).depth(arguments.depth);
    if let Some(group) = &arguments.group {
        builder = builder.group(group);
    }
    if let Some(policy) = arguments.policy {
        builder = builder.policy(policy.into());
    }
    let mut subscription = builder.open()?;
    let _closing = stop.then({
        let kernel = kernel.clone();
        move || kernel.close()
    });
    print_all(arguments, &mut subscription, &stop, output)?;
    Ok(0)
}

fn print_all(
    arguments: &SubArguments,
    subscription: &mut Subscription,
    stop: &Stop,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        let message = next(arguments, subscription, stop, output)?;
        print(&message, arguments.raw, output)?;
        left -= 1;
    }
    Ok(output.flush()?)
}

/// What waits is printed in one go; before this waits itself, all of it has been.
fn next(
    arguments: &SubArguments,
    subscription: &mut Subscription,
    stop: &Stop,
    output: &mut Output,
) -> Result<Message, Failure> {
    stop.check()?;
    if let Some(message) = stop.or_signal(subscription.try_recv())? {
        return Ok(message);
    }
    output.flush()?;
    let Some(timeout) = arguments.timeout else {
        return stop.or_signal(subscription.recv());
    };
    stop.or_signal(subscription.recv_timeout(timeout))?.ok_or_else(|| {
        Failure::Timeout(format!("no message of {} came within {timeout:?}", arguments.pattern))
    })
}

fn print(message: &Message, raw: bool, output: &mut Output) -> Result<(), Failure> {
    let (topic, lost_before) = (message.topic(), message.lost_before());
    if output.is_json() {
        output.json(&Received { topic, payload: Payload::of(message.payload()), lost_before })?;
        return Ok(());
    }
    if lost_before > 0 {
        // In its place among the messages, if both go to one terminal.
        output.flush()?;
        output.note(&format!("{} lost here", plural(lost_before, "message")));
    }
    if raw {
        output.bytes(message.payload())?;
        output.bytes(b"\n")?;
    } else {
        output.line(&format!("{topic}: {}", printable(message.payload())))?;
    }
    Ok(())
}
