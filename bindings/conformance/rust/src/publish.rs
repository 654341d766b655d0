//! Steps that publish: by handle, by name, many at once, in loaned memory.

use std::sync::Arc;

use neo::rsapi::{Code, parse_traceparent};
use neo_protocol::{Error, ErrorKind, MessageHeaders, PublishRun, Published};

use crate::errors::{Outcome, Stop};
use crate::loan::LentMemory;
use crate::step::{Seen, Step};
use crate::value;
use crate::world::{Handle, World};

pub(crate) fn run(op: &str, world: &mut World, step: &Step<'_>) -> Outcome {
    match op {
        "publisher" => publisher(world, step),
        "publish" => one(world, step, &step.payload()?).map(|result| seen(&result)),
        "publish_many" => {
            let payloads = step.payloads()?;
            let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
            let run = world.publisher(step.text("publisher")?)?.publish_run(&slices);
            many(run)
        }
        "publish_numbers" => numbers(world, step),
        "loan" => {
            let publisher = Arc::clone(world.publisher(step.text("publisher")?)?);
            let loan = LentMemory::new(publisher, step.number("len")? as usize)?;
            let len = loan.len();
            world.keep(step.text("as")?, Handle::Loan(loan))?;
            Ok(Seen::default().with("len", len))
        }
        "write" => {
            let at = step.optional_number("at").unwrap_or(0) as usize;
            world.loan(step.text("loan")?)?.write(at, step.payload()?)?;
            Ok(Seen::default())
        }
        "truncate" => {
            let len = step.number("len")? as usize;
            world.loan(step.text("loan")?)?.truncate(len)?;
            Ok(Seen::default().with("len", len))
        }
        "send" => Ok(seen(&world.take_loan(step.text("loan")?)?.send()?)),
        _ => {
            world.take_loan(step.text("loan")?)?.abort()?;
            Ok(Seen::default())
        }
    }
}

fn publisher(world: &mut World, step: &Step<'_>) -> Outcome {
    let headers = headers(step)?;
    let kernel = world.kernel_of(step)?;
    let mut builder = kernel.publisher(step.text("topic")?).stamp_time(step.flag("stamp_time"));
    builder = builder.headers(&headers);
    if let Some(timeout) = step.duration_ns("send_timeout_ns") {
        builder = builder.send_timeout(timeout);
    }
    let publisher = Arc::new(builder.open()?);
    world.keep(step.text("as")?, Handle::Publisher(publisher))?;
    Ok(Seen::default())
}

fn headers(step: &Step<'_>) -> Result<MessageHeaders, Stop> {
    let mut headers = MessageHeaders::new();
    for (key, value) in step.list("header_keys").iter().zip(step.list("header_values")) {
        let key = key.as_str().ok_or("a header's key is no text".to_owned())?;
        headers = headers.with(key, &value::bytes(value)?);
    }
    if let Some(text) = step.optional_text("traceparent") {
        // As an error of the library, which a case may expect.
        let trace = parse_traceparent(text).map_err(|error| {
            Stop::Refused(Error::from_parts(ErrorKind::Invalid, error.to_string()))
        })?;
        headers = headers.with_trace(trace);
    }
    Ok(headers)
}

/// Publishes by the handle that the step names, else to its topic.
fn one(world: &mut World, step: &Step<'_>, payload: &[u8]) -> Result<Published, Stop> {
    match step.optional_text("publisher") {
        Some(name) => Ok(world.publisher(name)?.publish(payload)?),
        None => Ok(world.kernel_of(step)?.publish(step.text("topic")?, payload)?),
    }
}

/// A run that came to nothing is an error; one that came to something says what ended it.
fn many(run: PublishRun) -> Outcome {
    match run.error {
        Some(error) if run.messages == 0 => Err(error.into()),
        error => {
            let stopped = error.map_or("-", |error| Code::from(error.kind()).symbol());
            let Published { accepted, dropped, timed_out, .. } = run.published;
            Ok(Seen::default()
                .with("messages", run.messages)
                .with("accepted", accepted)
                .with("dropped", dropped)
                .with("timed_out", timed_out)
                .with("stopped", stopped))
        }
    }
}

/// Publishes numbers as decimal text, one message each, and adds up the results.
fn numbers(world: &mut World, step: &Step<'_>) -> Outcome {
    let (from, count) = (step.number("from")?, step.number("count")?);
    let (mut accepted, mut dropped, mut timed_out) = (0, 0, 0);
    for number in from..from + count {
        let published = one(world, step, number.to_string().as_bytes())?;
        accepted += published.accepted;
        dropped += published.dropped;
        timed_out += published.timed_out;
    }
    Ok(counts(accepted, dropped, timed_out))
}

pub(crate) fn seen(published: &Published) -> Seen {
    counts(published.accepted, published.dropped, published.timed_out)
}

fn counts(accepted: u32, dropped: u32, timed_out: u32) -> Seen {
    Seen::default().with("accepted", accepted).with("dropped", dropped).with("timed_out", timed_out)
}
