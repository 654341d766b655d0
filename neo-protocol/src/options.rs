//! Options of a kernel.

use core::time::Duration;

use precursor_broker::{Clock, Limits, Wait};

/// How a kernel is opened. The defaults suit most programs.
///
/// ```
/// use neo_protocol::{Kernel, Options};
///
/// let options = Options::new().with_memory_bytes_max(64 << 20).with_calls_in_flight_max(64);
/// let kernel = Kernel::open_with("mem://", &options)?;
/// # Ok::<(), neo_protocol::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    pub(crate) limits: Limits,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) call_wait: Wait,
    pub(crate) has_thread: bool,
    pub(crate) existing_only: bool,
    pub(crate) clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        let call_timeout = Some(Duration::from_secs(5));
        Self {
            limits: Limits::new(),
            call_timeout,
            call_wait: Wait::Adaptive,
            has_thread: true,
            existing_only: false,
            clock: Clock::system(),
        }
    }

    /// Payload memory in bytes that the kernel takes at most, 256 MiB unless set. It grows and
    /// shrinks with use; at the cap, loans and publishes of large messages fail with `Full`.
    pub fn with_memory_bytes_max(mut self, bytes: u64) -> Self {
        self.limits = self.limits.with_memory_bytes_max(bytes);
        self
    }

    /// Subscriptions, groups and services that may be open at a time, 131,072 unless set.
    pub fn with_subscriptions_max(mut self, subscriptions: u32) -> Self {
        self.limits = self.limits.with_routes_max(subscriptions);
        self
    }

    /// Calls that may wait for an answer at a time, 1,024 unless set.
    pub fn with_calls_in_flight_max(mut self, calls: u32) -> Self {
        self.limits = self.limits.with_calls_in_flight_max(calls);
        self
    }

    /// Opens of one name, or processes of one shared kernel, at a time; 64 unless set.
    pub fn with_participants_max(mut self, participants: u32) -> Self {
        self.limits = self.limits.with_participants_max(participants);
        self
    }

    /// Starts no thread. A kernel of `shm://` starts one otherwise, for each name that the process
    /// has open, which sleeps until another process dies, or joins, or wakes a task or a descriptor
    /// of this one. Without it the host calls [`Kernel::maintain`](crate::Kernel::maintain) whenever
    /// [`Kernel::maintain_fd`](crate::Kernel::maintain_fd) is readable, and deaths and wakes are
    /// noticed then. A thread that waits for others meanwhile looks for deaths itself, every 5 ms.
    pub fn without_thread(mut self) -> Self {
        self.has_thread = false;
        self
    }

    /// Opens a name only if somebody has it open, and takes the limits that it has; those of these
    /// options are not looked at. A name that nobody has open is
    /// [`NotFound`](crate::ErrorKind::NotFound), and the error says which are.
    ///
    /// ```
    /// use neo_protocol::{ErrorKind, Kernel, Options};
    ///
    /// let small = Options::new().with_memory_bytes_max(4 << 20);
    /// let _maker = Kernel::open_with("mem://doc-existing", &small)?;
    /// Kernel::open_with("mem://doc-existing", &Options::new().existing_only())?;
    /// let error = Kernel::open_with("mem://other", &Options::new().existing_only()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn existing_only(mut self) -> Self {
        self.existing_only = true;
        self
    }

    /// Measures timeouts and stamps messages by this clock, for a kernel of `mem://` alone: tests
    /// and simulations move it by hand, and a run by it can be repeated. Kernels with a name are by
    /// the system's clock, which all who open the name share.
    ///
    /// ```
    /// use core::time::Duration;
    /// use neo_protocol::{Clock, Kernel, Options};
    ///
    /// let clock = Clock::manual(0);
    /// let kernel = Kernel::open_with("mem://", &Options::new().with_clock(clock.clone()))?;
    /// let mut quiet = kernel.subscribe("quiet").open()?;
    /// let waiting = std::thread::spawn(move || quiet.recv_timeout(Duration::from_secs(3_600)));
    /// while !waiting.is_finished() {
    ///     clock.advance(Duration::from_secs(60));
    /// }
    /// assert!(waiting.join().unwrap()?.is_none());
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long [`Kernel::call`](crate::Kernel::call) waits for an answer; 5 s unless set, `None`
    /// for ever.
    pub fn with_call_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// How long [`Kernel::call`](crate::Kernel::call) waits for an answer; `None` for ever.
    #[must_use]
    pub fn call_timeout(&self) -> Option<Duration> {
        self.call_timeout
    }

    /// How callers wait for answers; adaptive unless set.
    pub fn with_call_wait(mut self, wait: Wait) -> Self {
        self.call_wait = wait;
        self
    }
}
