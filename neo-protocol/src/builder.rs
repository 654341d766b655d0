//! Builders of subscriptions, publishers and services.

use core::time::Duration;

use precursor_broker::{
    Broker, MessageHeaders, Policy, PublishOptions, Publisher, Result, Service, SubscribeOptions,
    Subscription, Wait,
};

/// A subscription in the making. See [`Kernel::subscribe`](crate::Kernel::subscribe).
#[derive(Clone, Debug)]
#[must_use = "nothing is subscribed until open()"]
pub struct SubscribeBuilder<'k> {
    broker: &'k Broker,
    pattern: &'k str,
    options: SubscribeOptions,
    policy: Option<Policy>,
}

impl<'k> SubscribeBuilder<'k> {
    pub(crate) fn new(broker: &'k Broker, pattern: &'k str) -> Self {
        Self { broker, pattern, options: SubscribeOptions::default(), policy: None }
    }

    /// Messages that may wait, 1 to 65,536; 1,024 unless set. With [`Policy::Latest`]: topics.
    pub fn depth(mut self, messages: u32) -> Self {
        self.options.depth = messages;
        self
    }

    /// Bytes that may wait in blocks; 1 MiB unless set. Frames of up to 256 bytes do not count.
    pub fn mailbox_bytes_max(mut self, bytes: u64) -> Self {
        self.options.mailbox_bytes_max = bytes;
        self
    }

    /// What happens when it is full: [`Policy::DropOldest`] unless set, and [`Policy::Block`] in a
    /// group.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Joins a queue group: each message goes to one of its members. Policy and depth belong to the
    /// group and must be the same for all; a group has at most 64 members.
    pub fn group(mut self, name: &str) -> Self {
        self.options.group = Some(name.into());
        self
    }

    /// How the reader waits; adaptive unless set.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.options.wait = wait;
        self
    }

    /// Bytes of large messages that may be kept without being copied; 64 MiB unless set.
    pub fn pinned_bytes_max(mut self, bytes: u64) -> Self {
        self.options.pinned_bytes_max = bytes;
        self
    }

    /// Subscribes. A publish that starts after this returned is delivered.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a malformed pattern or options, or a group that is
    /// open with others; [`Full`](crate::ErrorKind::Full) if a table or the memory is used up;
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn open(mut self) -> Result<Subscription> {
        let by_default =
            if self.options.group.is_some() { Policy::Block } else { Policy::DropOldest };
        self.options.policy = self.policy.unwrap_or(by_default);
        self.broker.subscribe(self.pattern, &self.options)
    }
}

/// A publisher in the making. See [`Kernel::publisher`](crate::Kernel::publisher).
#[derive(Clone, Debug)]
#[must_use = "there is no publisher until open()"]
pub struct PublisherBuilder<'k> {
    broker: &'k Broker,
    topic: &'k str,
    options: PublishOptions,
    headers: Option<&'k MessageHeaders>,
}

impl<'k> PublisherBuilder<'k> {
    pub(crate) fn new(broker: &'k Broker, topic: &'k str) -> Self {
        Self { broker, topic, options: PublishOptions::default(), headers: None }
    }

    /// How long one publish may wait for room at full mailboxes with [`Policy::Block`]; not at all
    /// unless set.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.options.send_timeout = timeout;
        self
    }

    /// Whether each message carries the wall clock of its sending; no unless set.
    pub fn stamp_time(mut self, stamp: bool) -> Self {
        self.options.stamp_time = stamp;
        self
    }

    /// Headers that each message carries: keys and values, and a trace context. Readers find them in
    /// [`Message::frame`](crate::Message::frame).
    ///
    /// They are checked and encoded once, when it is opened. To give a message headers of its own,
    /// open a publisher for it.
    ///
    /// ```
    /// use neo_protocol::{Kernel, MessageHeaders};
    ///
    /// let kernel = Kernel::open("mem://")?;
    /// let mut rows = kernel.subscribe("rows").open()?;
    /// let headers = MessageHeaders::new().with("content-type", b"text/csv");
    /// kernel.publisher("rows").headers(&headers).open()?.publish(b"1,2,3")?;
    /// let message = rows.recv()?;
    /// let found: Vec<(&str, &[u8])> = message.frame().headers().collect();
    /// assert_eq!(found, [("content-type", b"text/csv".as_slice())]);
    /// # Ok::<(), neo_protocol::Error>(())
    /// ```
    pub fn headers(mut self, headers: &'k MessageHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Makes the publisher.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a malformed topic, or headers that break the limits
    /// of [`MessageHeaders`]; [`Closed`](crate::ErrorKind::Closed).
    pub fn open(self) -> Result<Publisher> {
        match self.headers {
            None => self.broker.publisher(self.topic, self.options),
            Some(headers) => self.broker.publisher_with_headers(self.topic, self.options, headers),
        }
    }
}

/// A service worker in the making. See [`Kernel::serve`](crate::Kernel::serve).
#[derive(Clone, Debug)]
#[must_use = "nothing is served until open()"]
pub struct ServiceBuilder<'k> {
    broker: &'k Broker,
    name: &'k str,
    options: SubscribeOptions,
}

impl<'k> ServiceBuilder<'k> {
    pub(crate) fn new(broker: &'k Broker, name: &'k str) -> Self {
        Self { broker, name, options: SubscribeOptions::default() }
    }

    /// Requests that may wait, 1 to 65,536; 1,024 unless set. All workers use the same.
    pub fn depth(mut self, requests: u32) -> Self {
        self.options.depth = requests;
        self
    }

    /// How the worker waits; adaptive unless set.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.options.wait = wait;
        self
    }

    /// Joins the service as a worker; the first one opens it. A service has at most 64 workers.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a malformed name or a depth that differs from the
    /// other workers'; [`Full`](crate::ErrorKind::Full); [`Closed`](crate::ErrorKind::Closed).
    pub fn open(self) -> Result<Service> {
        self.broker.serve(self.name, &self.options)
    }
}
