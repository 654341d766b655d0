//! Subscriptions.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use neo_protocol::{Batch, Kernel, Policy, Wait};

use crate::sys::OfProcess;

use super::batch::OwnedBatch;
use super::error::Result;
use super::inlet::{Inlet, Lock};
use super::live::{Kind, Live};
use super::message::Message;
use super::poller::{Pollable, sealed};
use super::signal::Interrupt;

/// Options of a subscription; what is `None` is as the kernel has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// Messages that may wait, 1 to 65,536; 1,024 unless set. With [`Policy::Latest`]: topics.
    pub depth: Option<u32>,
    /// Bytes that may wait in blocks; 1 MiB unless set.
    pub mailbox_bytes_max: Option<u64>,
    /// What happens when it is full: [`Policy::DropOldest`] unless set, [`Policy::Block`] in a group.
    pub policy: Option<Policy>,
    /// The queue group to join.
    pub group: Option<String>,
    /// How receivers wait; adaptive unless set.
    pub wait: Wait,
    /// Bytes of large messages that may be kept without being copied; 64 MiB unless set.
    pub pinned_bytes_max: Option<u64>,
}

/// The receiving end of a pattern. Clones share it; any thread may use any of them, and a message
/// goes to one caller. It ends by [`close`](Self::close) or with its last clone.
#[derive(Clone, Debug)]
pub struct Subscription {
    inlet: Arc<OfProcess<Inlet<neo_protocol::Subscription>>>,
    pattern: Arc<str>,
}

impl Subscription {
    pub(crate) fn open(kernel: &Kernel, pattern: &str, options: &SubscribeOptions) -> Result<Self> {
        let mut builder = kernel.subscribe(pattern).wait(options.wait);
        if let Some(depth) = options.depth {
            builder = builder.depth(depth);
        }
        if let Some(bytes) = options.mailbox_bytes_max {
            builder = builder.mailbox_bytes_max(bytes);
        }
        if let Some(policy) = options.policy {
            builder = builder.policy(policy);
        }
        if let Some(group) = &options.group {
            builder = builder.group(group);
        }
        if let Some(bytes) = options.pinned_bytes_max {
            builder = builder.pinned_bytes_max(bytes);
        }
        let live = Live::new(Kind::Subscription);
        let inlet = Inlet::new(builder.open()?, options.wait, kernel.upkeep(), live);
        Ok(Self { inlet: Arc::new(OfProcess::new(inlet)), pattern: pattern.into() })
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
    /// [`Closed`](super::Code::Closed) or [`Detached`](super::Code::Detached) once nothing is left
    /// and nothing will come; [`Misuse`](super::Code::Misuse) while a [`Lock`] is out;
    /// [`Forked`](super::Code::Forked).
    #[inline]
    pub fn try_recv(&self) -> Result<Option<Message>> {
        Ok(self.inlet.here()?.try_take()?.map(Message::new))
    }

    /// The next message; waits for at most `timeout` (`None`: for ever). `None`: the time passed.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn recv(&self, timeout: Option<Duration>) -> Result<Option<Message>> {
        self.recv_with(timeout, None)
    }

    /// As [`recv`](Self::recv), asking `hook` at least every 100 ms; if it says `true` the wait ends.
    /// What was received before that is not lost.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv), and [`Interrupted`](super::Code::Interrupted).
    pub fn recv_with(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
    ) -> Result<Option<Message>> {
        let inlet = self.inlet.here()?;
        let message = inlet.wait_for_many(timeout, hook, |receiver| receiver.try_recv())?;
        Ok(message.map(Message::new))
    }

    /// Appends at most `max` messages that are there to `messages`, and waits for the first one for
    /// at most `timeout`. Returns how many came; 0: the time passed.
    ///
    /// # Errors
    ///
    /// As [`recv_with`](Self::recv_with), if the first message meets one.
    pub fn recv_batch(
        &self,
        messages: &mut Vec<Message>,
        max: usize,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
    ) -> Result<usize> {
        self.recv_each(max, timeout, hook, |message| messages.push(message))
    }

    /// As [`recv_batch`](Self::recv_batch), handing each message to `take` when it is taken: for
    /// faces that keep copies, or handles of their own. `take` must not use the subscription.
    ///
    /// # Errors
    ///
    /// As [`recv_batch`](Self::recv_batch).
    pub fn recv_each(
        &self,
        max: usize,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
        mut take: impl FnMut(Message),
    ) -> Result<usize> {
        let came = self.inlet.here()?.wait_for_many(timeout, hook, |receiver| {
            let mut count = 0;
            while count < max {
                match receiver.try_recv() {
                    Ok(Some(message)) => take(Message::new(message)),
                    Err(error) if count == 0 => return Err(error),
                    _ => break,
                }
                count += 1;
            }
            Ok(Some(count).filter(|count| *count > 0 || max == 0))
        })?;
        Ok(came.unwrap_or(0))
    }

    /// Lends `f` a batch of at most `max` messages, read in place; waits for the first one for at
    /// most `timeout`. `None`: the time passed, `f` was not called. While `f` runs the subscription is
    /// locked as by [`lock`](Self::lock).
    ///
    /// # Errors
    ///
    /// As [`recv_with`](Self::recv_with).
    pub fn with_batch<T>(
        &self,
        max: usize,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
        f: impl FnOnce(&Batch<'_>) -> T,
    ) -> Result<Option<T>> {
        let Some(batch) = self.batch(max, timeout, hook)? else { return Ok(None) };
        batch.with(|batch| Ok(f(batch))).map(Some)
    }

    /// As [`with_batch`](Self::with_batch), with the batch to keep: the subscription is locked until
    /// it is dropped.
    ///
    /// # Errors
    ///
    /// As [`recv_with`](Self::recv_with).
    pub fn batch(
        &self,
        max: usize,
        timeout: Option<Duration>,
        mut hook: Option<Interrupt<'_>>,
    ) -> Result<Option<OwnedBatch>> {
        let inlet = self.inlet.here()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let hook = hook.as_mut().map(|hook| &mut **hook as Interrupt<'_>);
            // Nothing is taken before the lock is had.
            let is_there =
                inlet.wait_for_many(left, hook, |it| Ok(it.is_ready()?.then_some(())))?;
            if is_there.is_none() {
                return Ok(None);
            }
            let batch = OwnedBatch::new(self.lock()?, max)?;
            // Another thread may have been faster.
            if !batch.with(|batch| Ok(batch.is_empty()))? {
                return Ok(Some(batch));
            }
        }
    }

    /// Locks the subscription to one user, who reads batches in place: see [`Lock`].
    ///
    /// # Errors
    ///
    /// [`Closed`](super::Code::Closed), [`Misuse`](super::Code::Misuse) if it is locked,
    /// [`Forked`](super::Code::Forked).
    pub fn lock(&self) -> Result<Lock> {
        self.inlet.here()?;
        Lock::new(&self.inlet)
    }

    /// Losses since the last message that no message has told.
    ///
    /// # Errors
    ///
    /// [`Closed`](super::Code::Closed), [`Misuse`](super::Code::Misuse),
    /// [`Forked`](super::Code::Forked).
    pub fn take_lost(&self) -> Result<u64> {
        self.inlet.here()?.with(|receiver| Ok(receiver.take_lost()))
    }

    /// Messages that wait to be received.
    ///
    /// # Errors
    ///
    /// As [`take_lost`](Self::take_lost).
    pub fn queued(&self) -> Result<u64> {
        self.inlet.here()?.with(|receiver| Ok(receiver.queued()))
    }

    /// Unsubscribes: nothing arrives any more, what is queued is given up, and every waiting thread
    /// returns with [`Closed`](super::Code::Closed). Any thread; closing twice does nothing. Messages
    /// that were received stay valid. In a forked child it does nothing.
    pub fn close(&self) {
        if let Ok(inlet) = self.inlet.here() {
            inlet.close();
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inlet.is_closed()
    }
}

impl sealed::Sealed for Subscription {
    fn source(&self) -> sealed::Watched {
        sealed::Watched(self.inlet.clone())
    }
}

impl Pollable for Subscription {}
