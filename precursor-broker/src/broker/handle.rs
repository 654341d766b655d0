//! The broker's handle: what `neo-protocol` builds the `Kernel` of.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::region::Limits;
use crate::region::map::Region;
use crate::sys::fork;

#[cfg(all(target_os = "linux", not(miri)))]
use super::attendant::Attendant;
use super::call;
use super::core::Core;
use super::counters::Counters;
use super::headers::MessageHeaders;
use super::inline::InlineService;
use super::policy::{PublishOptions, Published, SubscribeOptions, Wait};
use super::publisher::{Publisher, publish_to};
use super::reclaim::{self, Reclaimed};
use super::reply::{PendingCall, close_calls, timed_out};
use super::service::{Call, Failure, Reply, Service};
use super::subscription::Subscription;
use super::vigil::Upkeep;

/// One participant's handle on a region. Clones share it.
///
/// ```
/// use precursor_broker::{Broker, Limits, SubscribeOptions};
///
/// let broker = Broker::private(&Limits::new())?;
/// let mut subscription = broker.subscribe("flights.*", &SubscribeOptions::default())?;
/// broker.publish("flights.JFK", b"on time")?;
/// assert_eq!(subscription.recv()?.payload(), b"on time");
/// # Ok::<(), precursor_broker::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Broker {
    core: Arc<Core>,
}

impl Broker {
    /// A broker on memory of this process alone. Starts no thread.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for limits out of range, [`Os`](ErrorKind::Os) if the system
    /// has no address space to give.
    pub fn private(limits: &Limits) -> Result<Self> {
        Self::on(Region::create_private(limits)?)
    }

    /// A broker on memory that other mappings may attach to.
    ///
    /// # Errors
    ///
    /// As [`private`](Self::private).
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn shared(limits: &Limits) -> Result<Self> {
        Self::on(Region::create_shared(limits)?)
    }

    /// A further participant on the same memory, mapped at another address.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) on private memory, [`Full`](ErrorKind::Full) if all
    /// participants have joined.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn attach_again(&self) -> Result<Self> {
        let (control, data) = self.core.region.duplicate_fds()?;
        Self::attach(control, data, self.core.region.limits())
    }

    /// Attaches to memory that another process shares by its two descriptors. Threads wake each
    /// other across the processes; tasks and descriptors are woken, and deaths told, only on memory
    /// that was opened by name.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if it was created with other limits or another version; the
    /// text has both values.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn attach(
        control: std::os::fd::OwnedFd,
        data: std::os::fd::OwnedFd,
        limits: &Limits,
    ) -> Result<Self> {
        Self::on(Region::attach(control, data, limits)?)
    }

    /// The descriptors of the shared memory, control and data, for another process to
    /// [`attach`](Self::attach).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) on private memory.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn memory_fds(&self) -> Result<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)> {
        Ok(self.core.region.duplicate_fds()?)
    }

    /// Opens the memory that this user's processes share under `name`, or makes it. It lives as
    /// long as one of them has it open. `NAME?group=GROUP` is what the users of a group share: its
    /// name or number.
    ///
    /// Deaths of other processes are noticed, and tasks and descriptors of this one woken by others,
    /// by the thread that [`start_thread`](Self::start_thread) starts, or whenever
    /// [`maintain`](Self::maintain) is called.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed name, or if it is open with other limits or
    /// another version (the text has both values); [`Full`](ErrorKind::Full) if all participants
    /// have joined; [`Unsupported`](ErrorKind::Unsupported) if it is open in another PID namespace;
    /// [`Timeout`](ErrorKind::Timeout) if a process that opens or leaves it does not go on, or no
    /// process of another user answers; [`Os`](ErrorKind::Os), also if this process is not in the
    /// group.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn open_shared(name: &str, limits: &Limits) -> Result<Self> {
        let (region, locked) = crate::attach::open(name, limits)?;
        let opened = Self::on(region.clone());
        // What did not come about is left again, and that takes the lock.
        drop(locked);
        drop(region);
        opened
    }

    /// As [`open_shared`](Self::open_shared) for a name that somebody has open, with the limits that
    /// it has.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), with the names that are open; else as
    /// [`open_shared`](Self::open_shared).
    #[cfg(all(target_os = "linux", not(miri)))]
    pub fn open_existing(name: &str) -> Result<Self> {
        let (region, locked) = crate::attach::existing::open(name)?;
        let opened = Self::on(region.clone());
        drop(locked);
        drop(region);
        opened
    }

    /// Starts the thread that attends to shared memory, one for all participants of this process
    /// on it. It sleeps until somebody dies, joins, or wakes a task of this process, and ends with
    /// the last of them. Memory of this process alone needs none.
    ///
    /// # Errors
    ///
    /// [`Os`](ErrorKind::Os) if the system gives no thread.
    pub fn start_thread(&self) -> Result<()> {
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.core.attendant.get() {
            return attendant.start_thread();
        }
        Ok(())
    }

    /// Puts right what dead participants left and fires the wakes that other processes asked for.
    /// Does not wait for others' work. For a host that has not started the thread: call it when
    /// [`maintain_fd`](Self::maintain_fd) is readable, and now and then.
    ///
    /// # Errors
    ///
    /// [`Forked`](ErrorKind::Forked) in a child of the process that opened it;
    /// [`Os`](ErrorKind::Os) if the system refuses.
    pub fn maintain(&self) -> Result<Reclaimed> {
        self.core.check_same_process()?;
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(attendant) = self.core.attendant.get() {
            return attendant.maintain();
        }
        Ok(self.reclaim())
    }

    /// Readable when there is something to [`maintain`](Self::maintain). `None`: there never is.
    #[cfg(unix)]
    #[must_use]
    pub fn maintain_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        #[cfg(all(target_os = "linux", not(miri)))]
        return self.core.attendant.get().map(|attendant| attendant.descriptor());
        #[cfg(not(all(target_os = "linux", not(miri))))]
        None
    }

    /// For threads that wait for this kernel by wakers. `None`: the library's thread does what there
    /// is to do, or there is nothing.
    #[must_use]
    pub fn upkeep(&self) -> Option<Upkeep> {
        self.core.upkeep()
    }

    /// The same, by `clock` instead of the system's. Set before anything else is done with it; a
    /// second time changes nothing. Participants of one region need clocks that agree.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.core.set_clock(clock);
        self
    }

    /// A further participant on the same mapping.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if all participants have joined.
    pub fn join(&self) -> Result<Self> {
        Ok(Self::on(self.core.region.clone())?.with_clock(self.core.clock().clone()))
    }

    /// A handle that does not keep the memory alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakBroker {
        WeakBroker { region: Arc::downgrade(&self.core.region), made_in: fork::generation() }
    }

    /// The limits that the memory was created with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.core.region.limits()
    }

    #[cfg(all(test, target_os = "linux", not(miri)))]
    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    fn on(region: Arc<Region>) -> Result<Self> {
        let core = Core::new(region)?;
        #[cfg(all(target_os = "linux", not(miri)))]
        Attendant::join(&core)?;
        Ok(Self { core })
    }

    /// Number of this participant in the region.
    #[must_use]
    pub fn participant(&self) -> u16 {
        self.core.owner_id()
    }

    /// Subscribes to a pattern. A publish that starts after this returned is delivered.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed pattern or options, or a group that is open
    /// with others; [`Full`](ErrorKind::Full) if a table or the memory is used up;
    /// [`Closed`](ErrorKind::Closed).
    pub fn subscribe(&self, pattern: &str, options: &SubscribeOptions) -> Result<Subscription> {
        Subscription::open(&self.core, pattern, options)
    }

    /// Makes a topic ready for publishing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed topic, [`Closed`](ErrorKind::Closed).
    pub fn publisher(&self, topic: &str, options: PublishOptions) -> Result<Publisher> {
        Publisher::new(&self.core, topic, options)
    }

    /// Makes a topic ready for publishing messages that carry headers.
    ///
    /// # Errors
    ///
    /// As [`publisher`](Self::publisher), and [`Invalid`](ErrorKind::Invalid) if the headers break
    /// the limits of [`MessageHeaders`].
    pub fn publisher_with_headers(
        &self,
        topic: &str,
        options: PublishOptions,
        headers: &MessageHeaders,
    ) -> Result<Publisher> {
        let mut publisher = Publisher::new(&self.core, topic, options)?;
        publisher.set_headers(headers)?;
        Ok(publisher)
    }

    /// Publishes to a topic by name, without waiting for room.
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`], and [`Invalid`](ErrorKind::Invalid) for a malformed topic.
    #[inline]
    pub fn publish(&self, topic: &str, payload: &[u8]) -> Result<Published> {
        publish_to(&self.core, topic, Duration::ZERO, payload)
    }

    /// Joins a service as a worker; the first one opens it.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn serve(&self, name: &str, options: &SubscribeOptions) -> Result<Service> {
        Service::open(&self.core, name, options)
    }

    /// Serves on the callers' own threads. The handler may publish, call, subscribe and close.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed name or one that is served inline already.
    pub fn serve_inline(
        &self,
        name: &str,
        handler: impl Fn(&Call<'_>) -> core::result::Result<Reply, Failure> + Send + Sync + 'static,
    ) -> Result<InlineService> {
        InlineService::open(&self.core, name, Arc::new(handler))
    }

    /// Calls a method and waits for the answer, for at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    ///
    /// [`NoResponder`](ErrorKind::NoResponder) at once if nobody serves it,
    /// [`Timeout`](ErrorKind::Timeout), [`Full`](ErrorKind::Full),
    /// [`NoReply`](ErrorKind::NoReply), [`PeerDied`](ErrorKind::PeerDied),
    /// [`Service`](ErrorKind::Service) and [`Panicked`](ErrorKind::Panicked) as the handler ended,
    /// [`Closed`](ErrorKind::Closed).
    #[inline]
    pub fn call(
        &self,
        service: &str,
        method: &str,
        payload: &[u8],
        timeout: Option<Duration>,
        wait: Wait,
    ) -> Result<Reply> {
        call::call(&self.core, service, method, payload, timeout, wait)
    }

    /// Calls a method from any executor. Dropping the future cancels the call; time is the
    /// executor's. The request is sent now; if the service has no room for it the future fails with
    /// [`Full`](ErrorKind::Full).
    #[must_use = "the answer comes by awaiting"]
    pub fn call_async(&self, service: &str, method: &str, payload: &[u8]) -> CallFuture {
        CallFuture(match call::begin(&self.core, service, method, payload) {
            Ok(Ok(pending)) => Progress::Waiting(pending),
            Ok(Err(reply)) => Progress::Ended(Some(Ok(reply))),
            Err(error) => Progress::Ended(Some(Err(error))),
        })
    }

    /// Counters of the whole region.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.core.counters()
    }

    /// Puts right what dead participants left. Cheap if nobody died.
    ///
    /// One survivor does it at a time. While another one is at it this waits, for two seconds at
    /// most, and then leaves what is left to that one or to the next call.
    pub fn reclaim(&self) -> Reclaimed {
        reclaim::reclaim_dead(&self.core)
    }

    /// Declares another participant dead, as the abandon harness does for one that it stopped.
    #[cfg(feature = "__internal_steps")]
    pub fn declare_dead(&self, participant: u16) -> Reclaimed {
        match self.core.region.status(participant) {
            Some((owner, _)) => reclaim::reclaim(&self.core, owner),
            None => Reclaimed::default(),
        }
    }

    /// Gives memory that nothing uses back to the system. Returns bytes.
    pub fn trim(&self) -> u64 {
        reclaim::recount(&self.core);
        self.core.trim()
    }

    /// Closes this participant's handles: every waiter returns with [`Closed`](ErrorKind::Closed),
    /// what is queued can still be received. Closing twice does nothing.
    pub fn close(&self) {
        if self.core.set_closed() {
            close_calls(&self.core);
            self.core.wake_own();
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
impl Drop for Broker {
    fn drop(&mut self) {
        /// This handle, and perhaps the attendant at this moment.
        const LAST: usize = 2;
        if Arc::strong_count(&self.core) <= LAST
            && self.core.check_same_process().is_ok()
            && let Some(attendant) = self.core.attendant.get()
        {
            attendant.let_go(&self.core);
        }
    }
}

/// Names the memory of a broker without keeping it alive.
#[derive(Clone, Debug)]
pub struct WeakBroker {
    region: std::sync::Weak<Region>,
    made_in: u32,
}

impl WeakBroker {
    /// A new participant, if the memory still lives.
    ///
    /// # Errors
    ///
    /// As [`Broker::join`].
    pub fn join(&self) -> Option<Result<Broker>> {
        self.is_alive().then(|| self.region.upgrade()).flatten().map(Broker::on)
    }

    /// Whether anybody in this process still uses the memory. A forked child has to open it anew.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.made_in == fork::generation() && self.region.strong_count() > 0
    }
}

/// A call on its way. Dropping it cancels the call.
#[derive(Debug)]
#[must_use = "the answer comes by awaiting"]
pub struct CallFuture(Progress);

#[derive(Debug)]
enum Progress {
    Waiting(PendingCall),
    Ended(Option<Result<Reply>>),
}

impl CallFuture {
    /// The error of a call that its caller's timer ended.
    #[must_use]
    pub fn timed_out(timeout: Duration) -> Error {
        timed_out(timeout)
    }
}

impl Future for CallFuture {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Reply>> {
        let ended = match &mut self.0 {
            Progress::Waiting(pending) => loop {
                if let Some(answer) = pending.try_finish() {
                    break answer.map(Reply::received);
                }
                if pending.is_closed() {
                    break Err(Error::closed());
                }
                if pending.register(context.waker()) {
                    return Poll::Pending;
                }
            },
            Progress::Ended(answer) => answer.take().unwrap_or_else(|| {
                Err(Error::new(ErrorKind::Invalid, "the future was polled after it had ended"))
            }),
        };
        self.0 = Progress::Ended(None);
        Poll::Ready(ended)
    }
}
