//! The kernel's handle.

use core::time::Duration;
use std::sync::Arc;

use neo_protocol::{Counters, Options, Published, Reclaimed};

use crate::sys::{self, OfProcess};

use super::call::PendingCall;
use super::error::{Code, Error, Result};
use super::live::{Kind, Live};
use super::message::Reply;
use super::publisher::{Publisher, PublisherOptions, Run};
use super::service::{Service, ServiceOptions};
use super::signal::Interrupt;
use super::subscription::{SubscribeOptions, Subscription};

/// The engine instance that a URL names. Clones share it; any thread may use any of them.
///
/// Dropping the last clone leaves what was made of it open; [`close`](Self::close) ends all of it.
#[derive(Clone, Debug)]
pub struct Kernel {
    inner: Arc<OfProcess<Inner>>,
}

#[derive(Debug)]
struct Inner {
    kernel: neo_protocol::Kernel,
    url: String,
    call_timeout: Option<Duration>,
    _live: Live,
}

impl Kernel {
    /// Opens what a URL names: `mem://` is private to this handle, `mem://NAME` is shared by every
    /// open of that name through this library image, `shm://NAME` by every process of this user.
    ///
    /// # Errors
    ///
    /// [`Invalid`](Code::Invalid) if it is no kernel URL, a limit is out of range, or the name is open
    /// with other limits; [`Unsupported`](Code::Unsupported); [`Os`](Code::Os).
    pub fn open(url: &str, options: &Options) -> Result<Self> {
        sys::watch_forks();
        let inner = Inner {
            kernel: neo_protocol::Kernel::open_with(url, options)?,
            url: url.into(),
            call_timeout: options.call_timeout(),
            _live: Live::new(Kind::Kernel),
        };
        Ok(Self { inner: Arc::new(OfProcess::new(inner)) })
    }

    /// Opens what the environment variable `NEO_URL` names, else `mem://default`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`Invalid`](Code::Invalid) if the variable is not UTF-8.
    pub fn open_default(options: &Options) -> Result<Self> {
        match std::env::var("NEO_URL") {
            Ok(url) => Self::open(&url, options),
            Err(std::env::VarError::NotPresent) => Self::open("mem://default", options),
            Err(error) => Err(Error::new(Code::Invalid, format!("NEO_URL: {error}"))),
        }
    }

    #[inline]
    fn kernel(&self) -> Result<&neo_protocol::Kernel> {
        Ok(&self.inner.here()?.kernel)
    }

    /// The URL that it was opened with.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Publishes one message to a topic by name, without waiting for room.
    ///
    /// # Errors
    ///
    /// [`Invalid`](Code::Invalid) for a malformed topic; [`Full`](Code::Full),
    /// [`TooLarge`](Code::TooLarge), [`Closed`](Code::Closed), [`Forked`](Code::Forked).
    #[inline]
    pub fn publish(&self, topic: &str, payload: &[u8]) -> Result<Published> {
        Ok(self.kernel()?.publish(topic, payload)?)
    }

    /// Publishes each payload as a message of its own, in order. Partial acceptance is told, not an
    /// error. A [`Publisher`] is faster.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn publish_many(&self, topic: &str, payloads: &[&[u8]]) -> Result<Run> {
        let kernel = self.kernel()?;
        let mut run = Run { messages: 0, published: Published::default(), error: None };
        for payload in payloads {
            match kernel.publish(topic, payload) {
                Ok(one) => {
                    run.messages += 1;
                    run.published.accepted += one.accepted;
                    run.published.dropped += one.dropped;
                    run.published.timed_out += one.timed_out;
                }
                Err(error) => {
                    run.error = Some(error.into());
                    break;
                }
            }
        }
        Ok(run)
    }

    /// Makes a topic ready for publishing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](Code::Invalid) for a malformed topic, [`Closed`](Code::Closed),
    /// [`Forked`](Code::Forked).
    pub fn publisher(&self, topic: &str, options: &PublisherOptions) -> Result<Publisher> {
        Publisher::open(self.kernel()?, topic, options)
    }

    /// Subscribes to a pattern. A publish that starts after this returned is delivered.
    ///
    /// # Errors
    ///
    /// [`Invalid`](Code::Invalid) for a malformed pattern or options, or a group that is open with
    /// others; [`Full`](Code::Full), [`Closed`](Code::Closed), [`Forked`](Code::Forked).
    pub fn subscribe(&self, pattern: &str, options: &SubscribeOptions) -> Result<Subscription> {
        Subscription::open(self.kernel()?, pattern, options)
    }

    /// Joins a service as a worker; the first one opens it.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn serve(&self, name: &str, options: &ServiceOptions) -> Result<Service> {
        Service::open(self.kernel()?, name, options)
    }

    /// Calls a method and blocks until the answer comes, for at most `timeout` (`None`: as long as
    /// the kernel's options say). It may wait that long for room at the service.
    ///
    /// # Errors
    ///
    /// [`NoResponder`](Code::NoResponder) at once if nobody serves it; [`Timeout`](Code::Timeout),
    /// [`Full`](Code::Full), [`NoReply`](Code::NoReply), [`Service`](Code::Service),
    /// [`Panicked`](Code::Panicked), [`PeerDied`](Code::PeerDied), [`Closed`](Code::Closed),
    /// [`Forked`](Code::Forked).
    #[inline(always)]
    pub fn call(
        &self,
        service: &str,
        method: &str,
        payload: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Reply> {
        let kernel = self.kernel()?;
        match timeout {
            None => kernel.call(service, method, payload),
            Some(timeout) => kernel.call_timeout(service, method, payload, timeout),
        }
        .map(Reply::new)
        .map_err(Error::from)
    }

    /// As [`call`](Self::call), asking `hook` at least every 100 ms; if it says `true` the call is
    /// cancelled. A service without room is [`Full`](Code::Full) at once.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`Interrupted`](Code::Interrupted).
    pub fn call_with(
        &self,
        service: &str,
        method: &str,
        payload: &[u8],
        timeout: Option<Duration>,
        hook: Interrupt<'_>,
    ) -> Result<Reply> {
        let timeout = timeout.or(self.inner.call_timeout);
        if timeout == Some(Duration::ZERO) {
            // It has expired before it starts: nothing is sent.
            return self.call(service, method, payload, timeout);
        }
        let pending = self.start_call(service, method, payload)?;
        pending
            .wait(timeout, Some(hook))?
            .ok_or_else(|| neo_protocol::CallFuture::timed_out(timeout.unwrap_or_default()).into())
    }

    /// Starts a call and returns at once. What is wrong with it is told by the
    /// [`PendingCall`]; an inline service has answered when this returns.
    ///
    /// The request is sent before this returns, or not at all, and the payload is not kept: so a
    /// service without room is [`Full`](Code::Full) here, while [`call`](Self::call) waits for room.
    /// Whoever would queue behind a full service shall know it, and try again or give up.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn start_call(&self, service: &str, method: &str, payload: &[u8]) -> Result<PendingCall> {
        let kernel = self.kernel()?;
        Ok(PendingCall::new(kernel.call_async(service, method, payload), kernel.upkeep()))
    }

    /// What happened so far: per subscription accepted, delivered, lost and queued messages.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn counters(&self) -> Result<Counters> {
        Ok(self.kernel()?.counters())
    }

    /// Gives memory that nothing uses back to the system. Returns bytes.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn trim(&self) -> Result<u64> {
        Ok(self.kernel()?.trim())
    }

    /// Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
    /// asked for. Needed if it was opened by [`Options::without_thread`]: call it whenever
    /// [`maintain_fd`](Self::maintain_fd) is readable, from any thread.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked); [`Os`](Code::Os) if the system refuses.
    pub fn maintain(&self) -> Result<Reclaimed> {
        Ok(self.kernel()?.maintain()?)
    }

    /// Readable while there is something to [`maintain`](Self::maintain); it is the kernel's, never
    /// to be read. `None` for kernels of one process.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    #[cfg(unix)]
    pub fn maintain_fd(&self) -> Result<Option<std::os::fd::BorrowedFd<'_>>> {
        Ok(self.kernel()?.maintain_fd())
    }

    /// Closes this handle, its clones and all that was made of them: every waiter returns with
    /// [`Closed`](Code::Closed), pollers report their sources, what is queued can still be received
    /// and what was received stays valid. Any thread; closing twice does nothing. In a forked child it
    /// does nothing.
    pub fn close(&self) {
        if let Ok(kernel) = self.kernel() {
            kernel.close();
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.kernel.is_closed()
    }
}
