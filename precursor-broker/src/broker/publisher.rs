//! Publishing: by a handle, by name, and many at once. Loans are in `loan`.

use core::time::Duration;
use std::sync::Arc;

use qiss_format::Stamp;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::INLINE_BYTES;

use super::core::Core;
use super::deliver::{self, Content, Deadline, Retry, is_inline};
use super::loan::Loan;
use super::policy::{Policy, PublishOptions, Published};
use super::route::{self, Route, Target};
use super::shape::{self, Shape};

/// A topic made ready for publishing: its headers are encoded, its route is cached.
///
/// Any number of threads may use one handle at the same time. Order is kept per thread and
/// subscription.
#[derive(Debug)]
pub struct Publisher {
    pub(super) core: Arc<Core>,
    pub(super) shape: Shape,
    options: PublishOptions,
}

/// How far a run of payloads came. See [`Publisher::publish_run`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PublishRun {
    /// Payloads that were published, from the first on.
    pub messages: usize,
    /// What became of them, summed over mailboxes.
    pub published: Published,
    /// What the next payload met; `None` if all were published.
    pub error: Option<Error>,
}

impl Publisher {
    pub(crate) fn new(core: &Arc<Core>, topic: &str, options: PublishOptions) -> Result<Self> {
        core.check_open()?;
        Ok(Self { core: core.clone(), shape: Shape::new(topic)?, options })
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.shape.topic
    }

    /// Publishes one message to every subscription whose pattern matches, and says what became of
    /// it. With no subscription it goes nowhere, which is no error.
    ///
    /// Blocks only if a mailbox with [`Policy::Block`] is full and the publisher has a
    /// `send_timeout`. Mailboxes are served in order, nothing is rolled back.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if no mailbox accepted and at least one timed out, or if the
    /// kernel's memory is used up; [`TooLarge`](ErrorKind::TooLarge); [`Closed`](ErrorKind::Closed).
    #[inline]
    pub fn publish(&self, payload: &[u8]) -> Result<Published> {
        publish(&self.core, &self.shape, &self.options, payload)
    }

    /// As [`publish`](Self::publish) where that is simple: one mailbox, which has room, and a small
    /// payload. `false`: nothing was done, go on with [`publish_otherwise`](Self::publish_otherwise).
    /// Compiled into its caller, for faces whose own border should cost no more than that of this
    /// crate.
    #[inline(always)]
    pub fn publish_at_once(&self, payload: &[u8]) -> bool {
        publish_at_once(&self.core, &self.shape, &self.options, payload)
    }

    /// [`publish`](Self::publish) where [`publish_at_once`](Self::publish_at_once) did nothing: the
    /// same, without trying that once more.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_otherwise(&self, payload: &[u8]) -> Result<Published> {
        self.core.check_open()?;
        publish_to_many(&self.core, &self.shape, &self.options, payload)
    }

    /// Publishes each payload as a message of its own, in order. Equal to a loop over
    /// [`publish`](Self::publish), with one claim and one wake for many.
    ///
    /// The sum of all results is returned; `accepted` counts mailboxes, message by message.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish), if the first payload meets one. A later one ends the
    /// run, and the sum tells how far it came.
    pub fn publish_many(&self, payloads: &[&[u8]]) -> Result<Published> {
        let PublishRun { published, error, .. } = self.publish_run(payloads);
        match error {
            None => Ok(published),
            Some(error) if published == Published::default() => Err(error),
            Some(error) => {
                let timed_out = u32::from(error.kind() == ErrorKind::Full);
                Ok(Published { timed_out: published.timed_out + timed_out, ..published })
            }
        }
    }

    /// As [`publish_many`](Self::publish_many), for those who go on where a run ended: tells how many
    /// payloads were published, and what ended it.
    pub fn publish_run(&self, payloads: &[&[u8]]) -> PublishRun {
        let mut run = PublishRun::default();
        run.error = self.publish_into(payloads, &mut run).err();
        run
    }

    fn publish_into(&self, payloads: &[&[u8]], run: &mut PublishRun) -> Result<()> {
        let (core, shape, options) = (&self.core, &self.shape, &self.options);
        core.check_open()?;
        let route = route::cached(core, shape.number, &shape.topic);
        let template = if route.needs_topic { &shape.named } else { &shape.plain };
        if let [target] = route.targets.as_slice()
            && target.policy != Policy::Latest
            && payloads.iter().all(|payload| is_inline(template.frame_len(payload.len())))
        {
            run.messages =
                deliver::run_inline(core, target, template, payloads, stamp(core, options));
            run.published.accepted = run.messages as u32;
        }
        for payload in &payloads[run.messages..] {
            run.published.add(publish(core, shape, options, payload)?);
            run.messages += 1;
        }
        Ok(())
    }

    /// Lends `len` bytes of the kernel's memory to write a message in place. Sending it copies
    /// nothing; dropping it gives the memory back.
    ///
    /// What the bytes hold beforehand is not specified: it may be what an earlier message held.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if the kernel's memory is used up,
    /// [`TooLarge`](ErrorKind::TooLarge), [`Closed`](ErrorKind::Closed).
    #[inline]
    pub fn loan(&self, len: usize) -> Result<Loan<'_>> {
        Loan::new(&self.core, &self.shape, &self.options, len)
    }
}

/// Publishes to a topic by name.
#[inline]
pub(crate) fn publish_to(
    core: &Core,
    topic: &str,
    send_timeout: Duration,
    payload: &[u8],
) -> Result<Published> {
    let shape = shape::of(topic)?;
    publish(core, &shape, &PublishOptions { send_timeout, stamp_time: false }, payload)
}

#[inline]
fn publish(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    payload: &[u8],
) -> Result<Published> {
    if publish_at_once(core, shape, options, payload) {
        return Ok(Published { accepted: 1, ..Published::default() });
    }
    core.check_open()?;
    publish_to_many(core, shape, options, payload)
}

/// The case of one mailbox that has room for a small payload; false: nothing was done. Nothing but
/// this one bit comes out, so that the case stays in registers, also across a face's border.
#[inline(always)]
fn publish_at_once(core: &Core, shape: &Shape, options: &PublishOptions, payload: &[u8]) -> bool {
    // Such a payload never is: said first, its length needs no other check on the way.
    if payload.len() > INLINE_BYTES || core.is_closed() {
        return false;
    }
    let Some(route) = route::take(core, shape.number) else { return false };
    let is_accepted = to_one(core, shape, options, &route, payload);
    route::give_back(route);
    is_accepted
}

#[inline(always)]
fn to_one(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    route: &Route,
    payload: &[u8],
) -> bool {
    let [target] = route.targets.as_slice() else { return false };
    let template = if route.needs_topic { &shape.named } else { &shape.plain };
    target.policy != Policy::Latest
        && is_inline(template.frame_len(payload.len()))
        && deliver::try_inline(core, target, template, payload, stamp(core, options))
            == Retry::Accepted
}

/// Serves mailbox after mailbox as far as that is simple.
#[inline(never)]
fn publish_to_many(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    payload: &[u8],
) -> Result<Published> {
    let route = route::cached(core, shape.number, &shape.topic);
    let template = if route.needs_topic { &shape.named } else { &shape.plain };
    let mut accepted = 0;
    if is_inline(template.frame_len(payload.len())) {
        let stamp = stamp(core, options);
        for target in &route.targets {
            if target.policy == Policy::Latest
                || deliver::try_inline(core, target, template, payload, stamp) != Retry::Accepted
            {
                break;
            }
            accepted += 1;
        }
    }
    if accepted == 0 || accepted < route.targets.len() {
        return publish_rest(core, shape, options, &route, payload, accepted);
    }
    Ok(Published { accepted: accepted as u32, ..Published::default() })
}

/// The general case, behind the first `accepted` mailboxes, which took the message: a full one, a
/// table of newest messages, a large payload, none at all.
#[inline(never)]
fn publish_rest(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    route: &Route,
    payload: &[u8],
    accepted: usize,
) -> Result<Published> {
    let template = if route.needs_topic { &shape.named } else { &shape.plain };
    if !is_inline(template.frame_len(payload.len())) {
        return publish_in_block(core, shape, options, route, payload, |_| true);
    }
    let content = Content::Inline { template, payload, stamp: stamp(core, options) };
    let mut deadline = Deadline::after(options.send_timeout);
    let topic = (&*shape.topic, shape.topic_id);
    let in_ring = |target: &Target| target.policy != Policy::Latest;
    let rest = &route.targets[accepted..];
    let mut result = deliver::to_all(core, rest, topic, &content, &mut deadline, in_ring);
    result.accepted += accepted as u32;
    if route.needs_block {
        // Tables of newest messages refer to blocks; their neighbours need not pay for that.
        let in_table = |target: &Target| target.policy == Policy::Latest;
        match publish_in_block(core, shape, options, route, payload, in_table) {
            Ok(in_tables) => result.add(in_tables),
            Err(error) if result == Published::default() => return Err(error),
            // Nothing is rolled back: where there was no memory the message is dropped.
            Err(_) => result.dropped += deliver::refuse(core, route, in_table),
        }
    }
    outcome(core, shape, options, template.frame_len(payload.len()), result)
}

#[inline(never)]
fn publish_in_block(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    route: &Route,
    payload: &[u8],
    serves: impl Fn(&Target) -> bool,
) -> Result<Published> {
    let mut loan = Loan::new(core, shape, options, payload.len())?;
    loan.copy_from_slice(payload);
    loan.deliver(route, serves)
}

#[inline(always)]
pub(crate) fn stamp(core: &Core, options: &PublishOptions) -> Stamp {
    if !options.stamp_time {
        return Stamp::NONE;
    }
    Stamp::new(0, core.clock().wall_ns().cast_signed())
}

#[inline(always)]
pub(crate) fn outcome(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    frame_len: usize,
    result: Published,
) -> Result<Published> {
    if result.accepted == 0 && result.timed_out > 0 {
        return Err(full(core, shape, options, frame_len, result));
    }
    if result == Published::default() && core.is_closed() {
        return Err(Error::closed());
    }
    Ok(result)
}

#[cold]
fn full(
    core: &Core,
    shape: &Shape,
    options: &PublishOptions,
    frame_len: usize,
    result: Published,
) -> Error {
    let route = route::cached(core, shape.number, &shape.topic);
    let mut waiting = route.targets.iter().filter(|target| target.policy == Policy::Block);
    let full_of_bytes =
        waiting.find_map(|target| Some((target, deliver::bytes_over(core, target, frame_len)?)));
    let advice = match full_of_bytes {
        Some((target, bytes)) => format!(
            "{bytes} bytes of large messages wait there, and {frame_len} more are beyond its \
             mailbox_bytes_max of {}: read faster, give a longer send_timeout, or subscribe with a \
             higher mailbox_bytes_max or a dropping policy",
            target.block_bytes_max
        ),
        None => "read faster, give a longer send_timeout, or subscribe with a greater depth or a \
                 dropping policy"
            .into(),
    };
    Error::new(
        ErrorKind::Full,
        format!(
            "no subscription of \"{}\" had room within {:?} ({} full): {advice}",
            shape.topic, options.send_timeout, result.timed_out
        ),
    )
}
