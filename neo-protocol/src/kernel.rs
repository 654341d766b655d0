//! The kernel: what a URL names.

use core::time::Duration;

use precursor_broker::{
    Broker, Call, CallFuture, Counters, Error, ErrorKind, Failure, InlineService, Published,
    Reclaimed, Reply, Result, Upkeep,
};

use crate::builder::{PublisherBuilder, ServiceBuilder, SubscribeBuilder};
use crate::options::Options;
use crate::registry::MEMORY;
#[cfg(all(target_os = "linux", not(miri)))]
use crate::registry::SHARED_MEMORY;
use crate::url::Address;

/// The engine instance that a URL names. Clones share it; it lives as long as one of its handles,
/// subscriptions, publishers or services.
#[derive(Clone, Debug)]
pub struct Kernel {
    broker: Broker,
    options: Options,
}

pub(crate) fn error(kind: ErrorKind, message: String) -> Error {
    Error::from_parts(kind, message)
}

impl Kernel {
    /// Opens a kernel with the default options.
    ///
    /// `mem://` is private to this handle and its clones. `mem://NAME` is shared by every open of
    /// that name in this process. `shm://NAME` is shared by every process of this user on this
    /// host, `shm://NAME?group=GROUP` by those of every user of a group (its name or number); both
    /// start one thread (see [`Options::without_thread`]).
    ///
    /// ```
    /// use neo_protocol::Kernel;
    ///
    /// let here = Kernel::open("mem://doc-open")?;
    /// let there = Kernel::open("mem://doc-open")?;
    /// let mut greetings = here.subscribe("greetings").open()?;
    /// there.publish("greetings", b"hello")?;
    /// assert_eq!(greetings.recv()?.payload(), b"hello");
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if it is no kernel URL, names no group of this system, or a
    /// limit is out of range,
    /// [`Unsupported`](ErrorKind::Unsupported) for a scheme that this version does not serve, or a
    /// name that is open in another PID namespace; [`Timeout`](ErrorKind::Timeout) if the others that
    /// have the name open do not go on; [`Os`](ErrorKind::Os) if this process is not in the group, or
    /// the system has no memory to give.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(url, &Options::new())
    }

    /// Opens a kernel. The limits of a name are those of its first open; another open must ask for
    /// the same.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`Invalid`](ErrorKind::Invalid) with both values if the name is
    /// open with other limits; [`Full`](ErrorKind::Full) if as many have it open as the limits
    /// allow; [`NotFound`](ErrorKind::NotFound) under
    /// [`existing_only`](Options::existing_only) if nobody has it open.
    pub fn open_with(url: &str, options: &Options) -> Result<Self> {
        let broker = match url.parse()? {
            address if options.clock.is_manual() && address != (Address::Memory { name: None }) => {
                return Err(error(
                    ErrorKind::Unsupported,
                    format!("{url} is by the system's clock; only mem:// takes one of its own"),
                ));
            }
            Address::Memory { name: None } if options.existing_only => {
                return Err(error(
                    ErrorKind::NotFound,
                    "mem:// is a new kernel at every open: give it a name, mem://NAME".into(),
                ));
            }
            Address::Memory { name: None } => {
                Broker::private(&options.limits)?.with_clock(options.clock.clone())
            }
            Address::Memory { name: Some(name) } => MEMORY.open(&name, options)?,
            #[cfg(all(target_os = "linux", not(miri)))]
            Address::SharedMemory { name, group } => {
                let name = group.map_or(name.clone(), |group| format!("{name}?group={group}"));
                SHARED_MEMORY.open(&name, options)?
            }
            address => {
                return Err(error(
                    ErrorKind::Unsupported,
                    format!(
                        "this version opens mem:// and mem://NAME, and on Linux shm://NAME; {}:// \
                         is not part of it ({url})",
                        address.scheme()
                    ),
                ));
            }
        };
        if options.has_thread {
            broker.start_thread()?;
        }
        Ok(Self { broker, options: options.clone() })
    }

    /// Opens what the environment variable `NEO_URL` names, else `mem://default`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_env() -> Result<Self> {
        match std::env::var("NEO_URL") {
            Ok(url) => Self::open(&url),
            Err(_) => Self::open("mem://default"),
        }
    }

    /// Starts a subscription to a pattern: dot-separated, `*` for one token, `>` for the rest.
    ///
    /// Whoever wants to be told that a process of a shared kernel died, a publisher for one,
    /// subscribes to [`DEATHS_TOPIC`](crate::DEATHS_TOPIC): each message is the number of a process.
    ///
    /// ```
    /// use neo_protocol::{Kernel, Policy};
    ///
    /// let kernel = Kernel::open("mem://")?;
    /// let mut newest = kernel.subscribe("prices.*").policy(Policy::Latest).depth(100).open()?;
    /// for price in [b"101", b"102", b"103"] {
    ///     kernel.publish("prices.NEO", price)?;
    /// }
    /// let message = newest.recv()?;
    /// assert_eq!((message.payload(), message.lost_before()), (b"103".as_slice(), 2));
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn subscribe<'k>(&'k self, pattern: &'k str) -> SubscribeBuilder<'k> {
        SubscribeBuilder::new(&self.broker, pattern)
    }

    /// Starts a publisher: a topic made ready, the fastest way to publish.
    ///
    /// ```
    /// use neo_protocol::Kernel;
    ///
    /// let kernel = Kernel::open("mem://")?;
    /// let mut readings = kernel.subscribe("readings").open()?;
    /// let publisher = kernel.publisher("readings").open()?;
    /// publisher.publish_many(&[b"20.5", b"20.7"])?;
    /// let mut loan = publisher.loan(1 << 10)?;
    /// loan.fill(7);
    /// loan.send()?;
    /// let lengths: Vec<usize> =
    ///     readings.recv_batch(8, None)?.iter().map(|m| m.payload().len()).collect();
    /// assert_eq!(lengths, [4, 4, 1024]);
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn publisher<'k>(&'k self, topic: &'k str) -> PublisherBuilder<'k> {
        PublisherBuilder::new(&self.broker, topic)
    }

    /// Publishes one message to a topic by name, without waiting for room. Each thread keeps the
    /// names ready that it used last.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed topic; [`Full`](ErrorKind::Full) if no
    /// subscription had room and one has [`Policy::Block`](crate::Policy::Block), or the memory is
    /// used up; [`TooLarge`](ErrorKind::TooLarge); [`Closed`](ErrorKind::Closed).
    #[inline]
    pub fn publish(&self, topic: &str, payload: &[u8]) -> Result<Published> {
        self.broker.publish(topic, payload)
    }

    /// Starts a worker of a service: requests are taken by whichever worker is free.
    ///
    /// ```
    /// use neo_protocol::Kernel;
    ///
    /// let kernel = Kernel::open("mem://")?;
    /// let mut worker = kernel.serve("user_service").open()?;
    /// let caller = std::thread::spawn({
    ///     let kernel = kernel.clone();
    ///     move || kernel.call("user_service", "get_user", b"42").map(|reply| reply.to_vec())
    /// });
    /// let request = worker.recv(None)?.expect("a request came");
    /// assert_eq!((request.method(), request.payload()), ("get_user", b"42".as_slice()));
    /// request.reply(b"Ada")?;
    /// assert_eq!(caller.join().unwrap()?, b"Ada");
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn serve<'k>(&'k self, name: &'k str) -> ServiceBuilder<'k> {
        ServiceBuilder::new(&self.broker, name)
    }

    /// Serves on the callers' own threads, at the price of a function call. The handler may publish,
    /// call (16 deep at most), subscribe and close; a panic becomes its caller's error.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a malformed name, or one that is served inline already.
    pub fn serve_inline(
        &self,
        name: &str,
        handler: impl Fn(&Call<'_>) -> core::result::Result<Reply, Failure> + Send + Sync + 'static,
    ) -> Result<InlineService> {
        self.broker.serve_inline(name, handler)
    }

    /// Calls a method and waits for the answer, for as long as the options say (5 s by default).
    ///
    /// # Errors
    ///
    /// [`NoResponder`](ErrorKind::NoResponder) at once if nobody serves it;
    /// [`Timeout`](ErrorKind::Timeout); [`Full`](ErrorKind::Full);
    /// [`NoReply`](ErrorKind::NoReply) if the request was dropped;
    /// [`Service`](ErrorKind::Service) and [`Panicked`](ErrorKind::Panicked) as the handler ended;
    /// [`PeerDied`](ErrorKind::PeerDied); [`Closed`](ErrorKind::Closed).
    #[inline]
    pub fn call(&self, service: &str, method: &str, payload: &[u8]) -> Result<Reply> {
        let (timeout, wait) = (self.options.call_timeout, self.options.call_wait);
        self.broker.call(service, method, payload, timeout, wait)
    }

    /// The same with a timeout of its own. Zero is expired before it starts.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_timeout(
        &self,
        service: &str,
        method: &str,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<Reply> {
        self.broker.call(service, method, payload, Some(timeout), self.options.call_wait)
    }

    /// Calls a method from any executor. Dropping the future cancels the call; timeouts are the
    /// executor's.
    pub fn call_async(&self, service: &str, method: &str, payload: &[u8]) -> CallFuture {
        self.broker.call_async(service, method, payload)
    }

    /// What happened so far: per subscription accepted, delivered, lost and queued messages.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.broker.counters()
    }

    /// Gives memory that nothing uses back to the system. Returns bytes.
    pub fn trim(&self) -> u64 {
        self.broker.trim()
    }

    /// Puts right what dead processes left at this kernel, and fires the wakes that others asked
    /// for. Only a kernel of `shm://` that was opened [`without_thread`](Options::without_thread)
    /// needs it: call it when [`maintain_fd`](Self::maintain_fd) is readable.
    ///
    /// Does not wait for other processes' work; for at most two seconds for one that was stopped
    /// while it opened or left something that is shared.
    ///
    /// # Errors
    ///
    /// [`Forked`](ErrorKind::Forked) in a child of the process that opened it;
    /// [`Os`](ErrorKind::Os) if the system refuses.
    pub fn maintain(&self) -> Result<Reclaimed> {
        self.broker.maintain()
    }

    /// Readable when there is something to [`maintain`](Self::maintain). `None` for kernels of one
    /// process.
    #[cfg(unix)]
    #[must_use]
    pub fn maintain_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.broker.maintain_fd()
    }

    /// What a thread is to do that sleeps until a future of this kernel wakes it. `None`: nothing, as
    /// everywhere but at a kernel that was opened [`without_thread`](Options::without_thread).
    ///
    /// ```
    /// use neo_protocol::{Kernel, Options};
    ///
    /// let kernel = Kernel::open_with("shm://doc-upkeep", &Options::new().without_thread())?;
    /// let upkeep = kernel.upkeep();
    /// // Between two polls of a future that is pending:
    /// match &upkeep {
    ///     Some(upkeep) => {
    ///         std::thread::park_timeout(neo_protocol::Upkeep::NAP);
    ///         upkeep.look();
    ///     }
    ///     None => std::thread::park(),
    /// }
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    #[must_use]
    pub fn upkeep(&self) -> Option<Upkeep> {
        self.broker.upkeep()
    }

    /// Closes this handle, its clones, and all that was made of them: every waiter returns with
    /// [`Closed`](ErrorKind::Closed); what is queued can still be received, what was received stays
    /// valid. Legal from anywhere, handlers included; closing twice does nothing. Other opens of the
    /// same name stay open.
    pub fn close(&self) {
        self.broker.close();
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.broker.is_closed()
    }
}
