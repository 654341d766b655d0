//! Subscriptions: opening them, and the forms of receiving.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells_mapped::{ChunkKind, MailboxRef};
use crate::mailbox::life::{Opening, REQUESTS};

use super::batch::Batch;
use super::core::Core;
use super::counters::RouteCounters;
use super::deliver::Deadline;
use super::message::Message;
use super::policy::{Policy, SubscribeOptions};
use super::reader::{Reader, ReaderOptions, Waited};
use super::router::{RouteEntry, RouteKind, read_record};
use super::topic::{is_literal, validate_pattern};

/// The receiving end of a pattern. Dropping it unsubscribes.
///
/// Receiving needs `&mut self`; the value may be sent to other threads.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) reader: Reader,
    route: u32,
    pattern: Arc<str>,
}

impl Subscription {
    pub(crate) fn open(
        core: &Arc<Core>,
        pattern: &str,
        options: &SubscribeOptions,
    ) -> Result<Self> {
        validate_pattern(pattern)?;
        validate(core, options)?;
        let text: Arc<str> = pattern.into();
        let reader_options = ReaderOptions {
            policy: options.policy,
            depth: options.depth,
            shared: options.group.is_some(),
            wait: options.wait,
            topic: is_literal(pattern).then(|| text.clone()),
            pinned_max: options.pinned_bytes_max,
        };
        let entry = RouteEntry {
            kind: if options.group.is_some() { RouteKind::Group } else { RouteKind::Subscription },
            policy: options.policy,
            depth: u64::from(options.depth),
            mailbox: None,
            pattern: pattern.into(),
            group: options.group.as_deref().unwrap_or_default().into(),
        };
        let kind = match options {
            SubscribeOptions { group: Some(_), .. } => ChunkKind::Shared,
            SubscribeOptions { policy: Policy::Latest, .. } => ChunkKind::Latest,
            _ => ChunkKind::Single,
        };
        let (reader, route) =
            open_reader(core, kind, entry, options.mailbox_bytes_max, reader_options)?;
        Ok(Self { reader, route, pattern: text })
    }

    /// The pattern that it was opened with.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The next message, or `None` if none is there. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) or [`Detached`](ErrorKind::Detached) once nothing is left and
    /// nothing will come.
    #[inline]
    pub fn try_recv(&mut self) -> Result<Option<Message>> {
        if let Some(message) = self.reader.try_recv() {
            return Ok(Some(message));
        }
        self.reader.check_open()?;
        Ok(None)
    }

    /// The next message; waits for it. It is the caller's own.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    #[inline]
    pub fn recv(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.reader.try_recv() {
                return Ok(message);
            }
            if self.reader.wait(None) == Waited::Closed {
                return Err(self.reader.over());
            }
        }
    }

    /// The next message, or `None` if none comes within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>> {
        let mut deadline = Deadline::after(timeout);
        loop {
            if let Some(message) = self.reader.try_recv() {
                return Ok(Some(message));
            }
            match self.reader.wait(Some(deadline.remaining(self.reader.core.clock()))) {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(None),
                Waited::Closed => return Err(self.reader.over()),
            }
        }
    }

    /// All messages that are there, at most `max`, read in place; waits for the first, for at most
    /// `timeout` (`None`: for ever). Empty if the timeout passed.
    ///
    /// The batch pins its slots until it is dropped, at most half the mailbox. Groups and
    /// [`Policy::Latest`] get their messages as the batch's own.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    #[inline]
    pub fn recv_batch(&mut self, max: usize, timeout: Option<Duration>) -> Result<Batch<'_>> {
        if self.reader.wait_for_batch(timeout) == Waited::Closed {
            return Err(self.reader.over());
        }
        Ok(Batch::take(&mut self.reader, max))
    }

    /// The next message, for any executor. Cancelling the future loses nothing.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub async fn recv_async(&mut self) -> Result<Message> {
        core::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// The polled form of [`recv_async`](Self::recv_async).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Message>> {
        loop {
            if let Some(message) = self.reader.try_recv() {
                return Poll::Ready(Ok(message));
            }
            match self.reader.poll_ready(context) {
                Poll::Ready(Waited::Closed) => return Poll::Ready(Err(self.reader.over())),
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// As [`recv_batch`](Self::recv_batch), without waiting: empty if nothing is there.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_batch(&mut self, max: usize) -> Result<Batch<'_>> {
        if !self.reader.is_ready() {
            self.reader.check_open()?;
        }
        Ok(Batch::take(&mut self.reader, max))
    }

    /// Whether something can be received, told without taking it.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn is_ready(&self) -> Result<bool> {
        let is_ready = self.reader.is_ready();
        if !is_ready {
            self.reader.check_open()?;
        }
        Ok(is_ready)
    }

    /// Ready when something can be received or the subscription is over; else the task is woken,
    /// once. Takes nothing, so that whoever polls may be another than who receives.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.reader.poll_ready(context).map(drop)
    }

    /// Takes back what [`poll_ready`](Self::poll_ready) asked for, when nobody waits any more: a wake
    /// that came already goes to another member of the group.
    pub fn cancel_ready(&mut self) {
        self.reader.cancel_ready();
    }

    /// A descriptor for the host's event loop. It becomes readable once after each
    /// [`arm`](Self::arm), when something comes or the subscription closes.
    ///
    /// # Errors
    ///
    /// [`Os`](ErrorKind::Os) if the system has none to give.
    pub fn event_fd(&mut self) -> Result<OwnedFd> {
        let descriptor = self.reader.descriptor()?;
        descriptor.as_fd().try_clone_to_owned().map_err(|error| {
            Error::new(ErrorKind::Os, format!("the event descriptor cannot be shared: {error}"))
        })
    }

    /// Arms the descriptor. `false`: something is there already (or the end), receive first.
    ///
    /// # Errors
    ///
    /// As [`event_fd`](Self::event_fd).
    pub fn arm(&mut self) -> Result<bool> {
        self.reader.arm_descriptor()
    }

    /// Losses since the last message that no message has told.
    pub fn take_lost(&mut self) -> u64 {
        self.reader.take_lost()
    }

    /// Messages that wait to be received.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.reader.view().queued()
    }

    /// What happened here so far; for a member of a group, at the group. Disturbs nobody.
    ///
    /// ```
    /// use precursor_broker::{Broker, Limits, Policy, SubscribeOptions};
    ///
    /// let broker = Broker::private(&Limits::new())?;
    /// let mut options = SubscribeOptions::default();
    /// (options.depth, options.policy) = (2, Policy::DropNewest);
    /// let mut prices = broker.subscribe("prices.*", &options)?;
    /// for price in [b"101", b"102", b"103"] {
    ///     broker.publish("prices.NEO", price)?;
    /// }
    /// prices.recv()?;
    /// let counters = prices.counters();
    /// assert_eq!((counters.delivered, counters.queued, counters.lost), (1, 1, 1));
    /// # Ok::<(), precursor_broker::Error>(())
    /// ```
    #[must_use]
    pub fn counters(&self) -> RouteCounters {
        let region = &self.reader.core.region;
        // The record is another's by now if a survivor took this participant for dead.
        let generation = self.reader.mailbox.generation();
        let entry = read_record(region, self.route).filter(|entry| {
            *entry.pattern == *self.pattern
                && entry.mailbox.is_some_and(|at| at.generation == generation)
        });
        let entry = entry.unwrap_or_else(|| RouteEntry {
            kind: RouteKind::Subscription,
            policy: self.reader.policy,
            depth: u64::from(self.reader.depth),
            mailbox: None,
            pattern: self.pattern.as_ref().into(),
            group: "".into(),
        });
        RouteCounters::of(&entry, self.reader.view())
    }

    /// Unsubscribes. The same as dropping it: nothing that is published afterwards arrives.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        close_reader(&self.reader, self.route);
    }
}

impl futures_core::Stream for Subscription {
    type Item = Result<Message>;

    /// Ends when the subscription closes; being detached is told as an error first.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(context).map(|received| match received {
            Err(error) if error.kind() == ErrorKind::Closed => None,
            received => Some(received),
        })
    }
}

fn validate(core: &Core, options: &SubscribeOptions) -> Result<()> {
    core.check_open()?;
    options.check_depth()?;
    let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
    if options.policy == Policy::Latest {
        if options.group.is_some() {
            return invalid("a group cannot keep the latest: each member would miss some".into());
        }
        if options.depth > SubscribeOptions::DEPTH_MAX / 2 {
            return invalid(format!(
                "Latest keeps at most {} topics, not {}",
                SubscribeOptions::DEPTH_MAX / 2,
                options.depth
            ));
        }
    }
    if let Some(group) = &options.group {
        validate_name("group", group)?;
    }
    Ok(())
}

/// Names of groups and services: 1 to 63 bytes, without white space or control characters.
pub(crate) fn validate_name(what: &str, name: &str) -> Result<()> {
    const NAME_BYTES_MAX: usize = 63;
    let message = if name.is_empty() {
        format!("a {what} needs a name")
    } else if name.len() > NAME_BYTES_MAX {
        format!("the {what} name \"{name}\" has {} bytes, at most {NAME_BYTES_MAX}", name.len())
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        format!("the {what} name {name:?} has white space or control characters")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Opens a mailbox and its route, or joins the group or service that is open already.
pub(crate) fn open_reader(
    core: &Arc<Core>,
    kind: ChunkKind,
    mut entry: RouteEntry,
    mailbox_bytes_max: u64,
    options: ReaderOptions,
) -> Result<(Reader, u32)> {
    // One opening of a group at a time: nobody opens it twice, or joins what is being closed.
    let _membership = match entry.kind {
        RouteKind::Group | RouteKind::Service => Some(core.membership().ok_or_else(busy)?),
        _ => None,
    };
    let mut router = core.router.lock();
    router.refresh(&core.region);
    if let Some((route, known)) = router.shared(&entry) {
        return join_reader(core, route, known, &entry, options);
    }
    let keys_max = if kind == ChunkKind::Latest { entry.depth } else { 0 };
    let opening = Opening {
        depth: entry.depth,
        block_bytes_max: mailbox_bytes_max,
        policy: entry.policy.to_word()
            | if entry.kind == RouteKind::Service { REQUESTS } else { 0 },
        keys_max,
    };
    let opened = core.open_mailbox(kind, &opening)?;
    entry.mailbox = Some(opened.address);
    let reader = Reader::open(core, opened.mailbox, options)?;
    let route =
        core.with_route_hint(|hint| router.open_route(&core.region, hint, core.owner_id(), &entry));
    match route {
        Ok(route) => Ok((reader, route)),
        Err(error) => {
            reader.leave();
            core.close_mailbox(&reader.mailbox);
            Err(error)
        }
    }
}

fn join_reader(
    core: &Arc<Core>,
    route: u32,
    known: &RouteEntry,
    wanted: &RouteEntry,
    options: ReaderOptions,
) -> Result<(Reader, u32)> {
    if known.policy != wanted.policy || known.depth != wanted.depth {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "\"{}\" on \"{}\" is open with {:?} and depth {}, not {:?} and {}: all members \
                 use the same",
                if known.group.is_empty() { &known.pattern } else { &known.group },
                known.pattern,
                known.policy,
                known.depth,
                wanted.policy,
                wanted.depth
            ),
        ));
    }
    let mailbox: Option<MailboxRef> = known.mailbox_ref(&core.region);
    let mailbox = mailbox.ok_or_else(|| Error::new(ErrorKind::Os, "the route is damaged"))?;
    Ok((Reader::open(core, mailbox, options)?, route))
}

#[cold]
fn busy() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "another process has been changing a group for seconds: look whether it is stopped",
    )
}

/// Leaves a mailbox; the last reader closes it.
pub(crate) fn close_reader(reader: &Reader, route: u32) {
    let core = &reader.core;
    // If the right cannot be had, an empty mailbox stays behind, which a survivor or the next
    // reclaim closes.
    let membership = if reader.is_shared() { core.membership() } else { None };
    if reader.leave() && (membership.is_some() || !reader.is_shared()) {
        core.router.lock().close_route(&core.region, route);
        core.close_mailbox(&reader.mailbox);
    }
}
