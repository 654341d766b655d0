//! Publishers, flat batches, and waiting for room.

use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use neo_protocol::{Kernel, MessageHeaders, PublishRun, Published, Upkeep, Wait};

use crate::sys::{OfProcess, OwnedLoan};

use super::error::{Code, Error, Result};
use super::live::{Kind, Live};
use super::loan::Loan;
use super::poller::{Pollable, Source, sealed};
use super::signal::{Interrupt, Look, Mode, Patience, Signal, block};

/// Payloads that are handed to the kernel at a time.
const RUN: usize = 256;

/// Races for room that a waiting publish loses before it believes that the memory is used up.
const LOST_RACES_MAX: u32 = 16;

/// Options of a publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherOptions {
    /// How long one publish may block its thread at full mailboxes with
    /// [`Policy::Block`](super::Policy::Block); not at all unless set.
    pub send_timeout: Duration,
    /// Whether each message carries the wall clock of its sending.
    pub stamp_time: bool,
    /// What each message carries beside its payload; nothing unless set.
    pub headers: MessageHeaders,
}

/// How far a batch came.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// Messages that were published, from the first on.
    pub messages: usize,
    /// What became of them, summed over mailboxes.
    pub published: Published,
    /// What the next message met; `None` if all were published.
    pub error: Option<Error>,
}

impl Run {
    /// Adds the run that followed.
    pub(crate) fn add(&mut self, next: Self) {
        self.messages += next.messages;
        self.published.accepted += next.published.accepted;
        self.published.dropped += next.published.dropped;
        self.published.timed_out += next.published.timed_out;
        self.error = next.error;
    }
}

/// A topic made ready for publishing. Clones share it; any thread may use any of them.
#[derive(Clone, Debug)]
pub struct Publisher {
    inner: Arc<OfProcess<Inner>>,
}

#[derive(Debug)]
struct Inner {
    publisher: Arc<neo_protocol::Publisher>,
    upkeep: Option<Upkeep>,
    _live: Live,
}

impl Publisher {
    pub(crate) fn open(kernel: &Kernel, topic: &str, options: &PublisherOptions) -> Result<Self> {
        let publisher = kernel
            .publisher(topic)
            .send_timeout(options.send_timeout)
            .stamp_time(options.stamp_time)
            .headers(&options.headers)
            .open()?;
        let publisher = Arc::new(publisher);
        let upkeep = kernel.upkeep();
        let inner = Inner { publisher, upkeep, _live: Live::new(Kind::Publisher) };
        Ok(Self { inner: Arc::new(OfProcess::new(inner)) })
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.inner.publisher.topic()
    }

    /// Publishes one message and says what became of it. Blocks only for the publisher's
    /// `send_timeout`.
    ///
    /// # Errors
    ///
    /// [`Full`](Code::Full) if no mailbox accepted and at least one had no room, or the memory is
    /// used up; [`TooLarge`](Code::TooLarge); [`Closed`](Code::Closed); [`Forked`](Code::Forked).
    #[inline]
    pub fn publish(&self, payload: &[u8]) -> Result<Published> {
        Ok(self.inner.here()?.publisher.publish(payload)?)
    }

    /// As [`publish`](Self::publish) where that is simple: one mailbox, which has room, and a small
    /// payload. `false`: nothing was done, go on with [`publish_otherwise`](Self::publish_otherwise).
    /// So it is in a forked child.
    #[inline(always)]
    pub fn publish_at_once(&self, payload: &[u8]) -> bool {
        self.inner.publisher.publish_at_once(payload)
    }

    /// [`publish`](Self::publish) where [`publish_at_once`](Self::publish_at_once) did nothing: the
    /// same, without trying that once more.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_otherwise(&self, payload: &[u8]) -> Result<Published> {
        Ok(self.inner.here()?.publisher.publish_otherwise(payload)?)
    }

    /// Waits until there is room, for at most `timeout` (`None`: for ever), then publishes. The hook
    /// is asked at least every 100 ms.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish), and [`Interrupted`](Code::Interrupted).
    pub fn publish_with(
        &self,
        payload: &[u8],
        timeout: Option<Duration>,
        mut hook: Option<Interrupt<'_>>,
    ) -> Result<Published> {
        self.inner.here()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let room = self.room(payload.len())?;
        let mut lost_races = 0;
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let has_room = room.wait(left, hook.as_mut().map(|hook| &mut **hook as _))?;
            match self.publish(payload) {
                Err(error) if error.code() == Code::Full && has_room => {
                    lost_races = if room.is_ready()? { lost_races + 1 } else { 0 };
                    // There is room at the mailboxes, again and again: it is the memory that is full.
                    if lost_races > LOST_RACES_MAX {
                        return Err(error);
                    }
                }
                // The kernel was given no time; this has waited for it.
                Err(error) if error.code() == Code::Full && !has_room => {
                    return Err(self.had_no_room(timeout.unwrap_or_default()));
                }
                outcome => return outcome,
            }
        }
    }

    #[cold]
    fn had_no_room(&self, timeout: Duration) -> Error {
        Error::new(
            Code::Full,
            format!(
                "no subscription of {:?} had room within {timeout:?}: read faster, give a longer \
                 send_timeout, or subscribe with a greater depth, a higher mailbox_bytes_max or a \
                 dropping policy",
                self.topic()
            ),
        )
    }

    /// Publishes each payload as a message of its own, in order, with one claim and one wake for
    /// many. Partial acceptance is told, not an error.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn publish_many(&self, payloads: &[&[u8]]) -> Result<Run> {
        let publisher = &self.inner.here()?.publisher;
        let PublishRun { messages, published, error, .. } = publisher.publish_run(payloads);
        Ok(Run { messages, published, error: error.map(Error::from) })
    }

    /// As [`publish_many`](Self::publish_many), of payloads that stand one behind the other in
    /// `data`, `lens` long each.
    ///
    /// # Errors
    ///
    /// [`Invalid`](Code::Invalid) before anything is published if the lengths do not add up to the
    /// data; [`Forked`](Code::Forked).
    pub fn publish_flat(&self, data: &[u8], lens: &[u32]) -> Result<Run> {
        let publisher = &self.inner.here()?.publisher;
        let total: u64 = lens.iter().map(|len| u64::from(*len)).sum();
        if total != data.len() as u64 {
            return Err(Error::new(
                Code::Invalid,
                format!(
                    "the {} lengths add up to {total} bytes, the data has {}: pass one length for \
                     each message, and all of its bytes",
                    lens.len(),
                    data.len()
                ),
            ));
        }
        let mut run = Run { messages: 0, published: Published::default(), error: None };
        let mut rest = data;
        for lens in lens.chunks(RUN) {
            let mut payloads = [&[][..]; RUN];
            for (payload, len) in payloads.iter_mut().zip(lens) {
                (*payload, rest) = rest.split_at(*len as usize);
            }
            let one = publisher.publish_run(&payloads[..lens.len()]);
            run.messages += one.messages;
            run.published.accepted += one.published.accepted;
            run.published.dropped += one.published.dropped;
            run.published.timed_out += one.published.timed_out;
            if let Some(error) = one.error {
                run.error = Some(error.into());
                break;
            }
        }
        Ok(run)
    }

    /// Lends `len` bytes of the kernel's memory to write a message in place.
    ///
    /// # Errors
    ///
    /// [`Full`](Code::Full) if the memory is used up, [`TooLarge`](Code::TooLarge),
    /// [`Closed`](Code::Closed), [`Forked`](Code::Forked).
    pub fn loan(&self, len: usize) -> Result<Loan> {
        let publisher = self.inner.here()?.publisher.clone();
        Ok(Loan::new(OwnedLoan::new(publisher, len)?))
    }

    /// The awaitable form of backpressure: ready when a message of `payload_bytes` would have to wait
    /// at no full mailbox. Others may take the room first; then await another.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn room(&self, payload_bytes: usize) -> Result<Room> {
        let inner = self.inner.here()?;
        let publisher = inner.publisher.clone();
        let (signal, waker) = Signal::new(inner.upkeep.clone());
        let live = Live::new(Kind::Room);
        let inner = RoomInner { publisher, payload_bytes, signal, waker, _live: live };
        Ok(Room { inner: Arc::new(OfProcess::new(inner)) })
    }
}

#[derive(Debug)]
struct RoomInner {
    publisher: Arc<neo_protocol::Publisher>,
    payload_bytes: usize,
    signal: Arc<Signal>,
    waker: Waker,
    _live: Live,
}

impl RoomInner {
    fn has_room(&self) -> Result<bool> {
        Ok(self.publisher.has_room(self.payload_bytes)?)
    }

    /// As [`has_room`](Self::has_room); if there is none the signal will be rung.
    fn poll(&self) -> Result<bool> {
        let context = &mut Context::from_waker(&self.waker);
        match self.publisher.poll_room(self.payload_bytes, context) {
            Poll::Pending => Ok(false),
            Poll::Ready(outcome) => Ok(outcome.map(|()| true)?),
        }
    }
}

impl Drop for RoomInner {
    fn drop(&mut self) {
        self.publisher.cancel_room(&self.waker);
    }
}

impl Source for OfProcess<RoomInner> {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn register(&self) -> bool {
        matches!(self.poll(), Ok(false))
    }

    fn withdraw(&self) {
        if !self.signal.has_waiters_beside(0) {
            self.publisher.cancel_room(&self.waker);
        }
    }
}

/// Room for one more message, awaited. See [`Publisher::room`].
#[derive(Clone, Debug)]
pub struct Room {
    inner: Arc<OfProcess<RoomInner>>,
}

impl Room {
    /// Whether there is room now. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Closed`](Code::Closed), [`Forked`](Code::Forked).
    pub fn is_ready(&self) -> Result<bool> {
        self.inner.here()?.poll()
    }

    /// Waits for room, for at most `timeout` (`None`: for ever). False: the time passed.
    ///
    /// # Errors
    ///
    /// [`Closed`](Code::Closed), [`Forked`](Code::Forked), [`Interrupted`](Code::Interrupted).
    pub fn wait(&self, timeout: Option<Duration>, hook: Option<Interrupt<'_>>) -> Result<bool> {
        let inner = self.inner.here()?;
        let look = |mode| {
            Ok(match mode {
                Mode::Register if !inner.poll()? => Look::Registered,
                Mode::Register => Look::Got(()),
                _ if inner.has_room()? => Look::Got(()),
                _ => Look::Nothing,
            })
        };
        // A busy reader makes room sooner than a sleep ends.
        let patience = Patience { wait: Wait::Adaptive, pauses: 16 };
        Ok(block(&inner.signal, patience, timeout, hook, look)?.is_some())
    }
}

impl sealed::Sealed for Room {
    fn source(&self) -> sealed::Watched {
        sealed::Watched(self.inner.clone())
    }
}

impl Pollable for Room {}
