//! Services: workers that take requests and answer them.

use core::fmt;
use core::ops::Deref;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;

use qiss_format::Frame;

use crate::error::Result;
use crate::mailbox::cells_mapped::ChunkKind;

use super::answer::{Caller, ReplyToken};
use super::core::Core;
use super::deliver::Deadline;
use super::message::Message;
use super::policy::{Policy, SubscribeOptions};
use super::reader::{Reader, ReaderOptions, Waited};
use super::reply::{self, CallId};
use super::router::{RouteEntry, RouteKind};
use super::subscription::{close_reader, open_reader, validate_name};

/// What a handler answers with when it cannot do what was asked. The caller sees the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub(super) String);

impl Failure {
    /// A failure with a text for the caller, of which 180 bytes travel.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, whole.
    ///
    /// ```
    /// use precursor_broker::Failure;
    ///
    /// assert_eq!(Failure::new("no such flight").text(), "no such flight");
    /// ```
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// One call as its handler sees it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    pub(super) method: Method<'c>,
    pub(super) payload: &'c [u8],
    /// A worker's: the caller waits elsewhere.
    pub(super) caller: Option<Caller<'c>>,
}

/// The method of a call. A handler that serves one does not ask for its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method<'c> {
    Name(&'c str),
    /// What a request names.
    Of(Frame<'c>),
}

impl<'c> Call<'c> {
    /// The method that was called.
    #[must_use]
    pub fn method(&self) -> &'c str {
        match &self.method {
            Method::Name(name) => name,
            Method::Of(request) => method_of(request),
        }
    }

    /// The argument.
    #[must_use]
    pub fn payload(&self) -> &'c [u8] {
        self.payload
    }

    /// As [`Request::remaining`]. `None` in a handler that runs on its caller's own thread: that
    /// caller waits until it returns.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.caller.and_then(Caller::remaining)
    }

    /// As [`Request::is_cancelled`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}

/// The answer to a call. Reads as its bytes.
#[derive(Debug)]
pub struct Reply(Answer);

#[derive(Debug)]
enum Answer {
    Small(u8, [u8; SMALL_BYTES]),
    Bytes(Vec<u8>),
    Message(Message),
}

/// Answers up to this size are passed without allocating.
const SMALL_BYTES: usize = 127;

impl Reply {
    /// A copy of `bytes`. Allocates beyond 127 bytes.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(len) if bytes.len() <= SMALL_BYTES => {
                let mut small = [0; SMALL_BYTES];
                small[..bytes.len()].copy_from_slice(bytes);
                Self(Answer::Small(len, small))
            }
            _ => Self(Answer::Bytes(bytes.to_vec())),
        }
    }

    /// The message that it came in, from a worker; else the reply as it is. Whoever keeps replies
    /// keeps a pointer then, and not the room for short ones.
    ///
    /// # Errors
    ///
    /// The reply, if it came from a handler on the caller's own thread.
    #[inline(always)]
    #[expect(clippy::result_large_err, reason = "inlined: the reply stays where it is")]
    pub fn into_message(self) -> core::result::Result<Message, Self> {
        match self.0 {
            Answer::Message(message) => Ok(message),
            other => Err(Self(other)),
        }
    }

    /// A reply as it came from a worker.
    pub(super) fn received(message: Message) -> Self {
        Self(Answer::Message(message))
    }
}

impl From<&[u8]> for Reply {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_of(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Reply {
    fn from(bytes: &[u8; N]) -> Self {
        Self::copy_of(bytes)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::copy_of(text.as_bytes())
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self(Answer::Bytes(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Answer::Bytes(bytes))
    }
}

impl Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Answer::Small(len, bytes) => &bytes[..usize::from(*len)],
            Answer::Bytes(bytes) => bytes,
            Answer::Message(message) => message.payload(),
        }
    }
}

/// A worker of a service: takes requests and answers them. Dropping it leaves the service; requests
/// that nobody is left to take are answered with `NoReply`.
#[derive(Debug)]
pub struct Service {
    reader: Reader,
    name: Box<str>,
    route: u32,
}

impl Service {
    pub(crate) fn open(core: &Arc<Core>, name: &str, options: &SubscribeOptions) -> Result<Self> {
        validate_name("service", name)?;
        options.check_depth()?;
        core.check_open()?;
        let reader_options = ReaderOptions {
            policy: Policy::Block,
            depth: options.depth,
            shared: true,
            wait: options.wait,
            topic: None,
            pinned_max: options.pinned_bytes_max,
        };
        let entry = RouteEntry {
            kind: RouteKind::Service,
            policy: Policy::Block,
            depth: u64::from(options.depth),
            mailbox: None,
            pattern: name.into(),
            group: "".into(),
        };
        let (reader, route) =
            open_reader(core, ChunkKind::Shared, entry, options.mailbox_bytes_max, reader_options)?;
        Ok(Self { reader, name: name.into(), route })
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next request, or `None` if none comes within `timeout` (`None`: wait for ever).
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the kernel closes.
    pub fn recv(&mut self, timeout: Option<Duration>) -> Result<Option<Request>> {
        Ok(self.next(timeout)?.map(|taken| self.request(taken)))
    }

    fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Taken>> {
        let mut deadline = timeout.map(Deadline::after);
        loop {
            if let Some(taken) = self.take_request() {
                return Ok(Some(taken));
            }
            let clock = self.reader.core.clock();
            let left = deadline.as_mut().map(|deadline| deadline.remaining(clock));
            match self.reader.wait(left) {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(None),
                Waited::Closed => return Err(self.reader.over()),
            }
        }
    }

    /// The next request, or `None` if none is there. Never blocks.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Request>> {
        let taken = self.take_request();
        if taken.is_none() {
            self.reader.check_open()?;
        }
        Ok(taken.map(|taken| self.request(taken)))
    }

    /// Whether [`try_recv`](Self::try_recv) may find a request. Reads the one word that the next
    /// request's caller writes, so that who asks again and again does not slow callers down. Says
    /// nothing about the end of the service.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reader.is_ready()
    }

    fn request(&self, Taken { message, id }: Taken) -> Request {
        Request { message, token: ReplyToken::new(self.reader.core.clone(), id) }
    }

    /// Ready when a request can be received or the service is over; else the task is woken, once.
    /// Takes nothing.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.reader.poll_ready(context).map(drop)
    }

    /// Takes back what [`poll_ready`](Self::poll_ready) asked for, when nobody waits any more: a
    /// wake that came already goes to another worker.
    pub fn cancel_ready(&mut self) {
        self.reader.cancel_ready();
    }

    /// Requests whose callers wait no longer are passed over.
    #[inline]
    fn take_request(&mut self) -> Option<Taken> {
        loop {
            let message = self.reader.try_recv()?;
            let core = &self.reader.core;
            let id = CallId(message.frame().corr_id());
            if reply::remaining(core, id) != Some(Duration::ZERO) {
                return Some(Taken { message, id });
            }
            core.count_expired_request();
        }
    }

    /// Answers requests with `handler` until the kernel closes. A handler that panics costs its
    /// caller an error, and the service goes on; what the handler keeps is as the panic left it.
    ///
    /// ```
    /// use precursor_broker::{Broker, Limits, SubscribeOptions, Wait};
    ///
    /// let broker = Broker::private(&Limits::new())?;
    /// let mut worker = broker.serve("tickets", &SubscribeOptions::default())?;
    /// let served = std::thread::spawn(move || {
    ///     let mut sold = 0;
    ///     worker.run(|_| {
    ///         sold += 1;
    ///         Ok(format!("ticket {sold}").into())
    ///     })
    /// });
    /// let buy = || broker.call("tickets", "buy", b"", None, Wait::Adaptive);
    /// assert_eq!((&buy()?[..], &buy()?[..]), (&b"ticket 1"[..], &b"ticket 2"[..]));
    /// broker.close();
    /// assert!(served.join().unwrap().is_err(), "the kernel is closed");
    /// # Ok::<(), precursor_broker::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What ended it: [`Closed`](crate::ErrorKind::Closed).
    pub fn run(
        &mut self,
        mut handler: impl FnMut(&Call<'_>) -> core::result::Result<Reply, Failure>,
    ) -> Result<()> {
        while let Some(Taken { message, id }) = self.next(None)? {
            answer_once(&message, ReplyToken::new(&*self.reader.core, id), &mut handler);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        close_reader(&self.reader, self.route);
    }
}

/// A request that this worker has signed, and the call that it is to answer.
struct Taken {
    message: Message,
    id: CallId,
}

/// The method that a request's frame names.
fn method_of<'f>(frame: &Frame<'f>) -> &'f str {
    let name = frame.method().unwrap_or_default();
    name.split_once('/').map_or(name, |(_, method)| method)
}

/// Runs a handler and answers with what it returns. A panic becomes the caller's error.
fn answer_once<C: Deref<Target = Core>>(
    message: &Message,
    token: ReplyToken<C>,
    handler: impl FnOnce(&Call<'_>) -> core::result::Result<Reply, Failure>,
) {
    let frame = message.frame();
    let caller = Some(token.caller());
    let call = Call { method: Method::Of(frame), payload: frame.payload(), caller };
    match catch_unwind(AssertUnwindSafe(|| handler(&call))) {
        Ok(Ok(reply)) => {
            // What went wrong with a reply was told to the caller.
            let _ = token.reply(&reply);
        }
        Ok(Err(failure)) => token.fail(false, &failure.0),
        Err(panic) => token.fail(true, &panic_text(&*panic)),
    }
}

/// The right to answer one request, once. Dropped unanswered, the caller gets `NoReply`.
#[derive(Debug)]
pub struct Responder(ReplyToken);

impl Responder {
    /// As [`Request::reply`].
    ///
    /// # Errors
    ///
    /// As [`Request::reply`].
    pub fn reply(self, payload: &[u8]) -> Result<()> {
        self.0.reply(payload)
    }

    /// As [`Request::fail`].
    pub fn fail(self, failure: &Failure) {
        self.0.fail(false, &failure.0);
    }
}

/// A request with the right to answer it once. Dropped unanswered, the caller gets `NoReply`.
#[derive(Debug)]
pub struct Request {
    message: Message,
    token: ReplyToken,
}

impl Request {
    /// The method that was called.
    #[must_use]
    pub fn method(&self) -> &str {
        method_of(&self.message.frame())
    }

    /// The argument.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.message.payload()
    }

    /// Parts the request's bytes from the right to answer it.
    #[must_use = "dropping the responder answers with NoReply"]
    pub fn into_parts(self) -> (Message, Responder) {
        (self.message, Responder(self.token))
    }

    /// What is left of the caller's time: zero once it waits no longer, because its time is over,
    /// it cancelled the call or it died and was reclaimed. `None` if it waits for ever, or until it
    /// cancels.
    ///
    /// A handler at long work asks now and then, and hands it on to the calls that it makes itself.
    /// Never blocks.
    ///
    /// ```
    /// use core::time::Duration;
    /// use precursor_broker::{Broker, Limits, SubscribeOptions, Wait};
    ///
    /// let broker = Broker::private(&Limits::new())?;
    /// let mut worker = broker.serve("flights", &SubscribeOptions::default())?;
    /// let caller = std::thread::spawn({
    ///     let broker = broker.clone();
    ///     let time = Some(Duration::from_secs(60));
    ///     move || broker.call("flights", "find", b"AA1", time, Wait::Park)
    /// });
    /// let request = worker.recv(None)?.expect("a request came");
    /// let left = request.remaining().expect("the caller has a timeout");
    /// assert!(!left.is_zero() && left <= Duration::from_secs(60));
    /// request.reply(b"on time")?;
    /// assert_eq!(&caller.join().unwrap()?[..], b"on time");
    /// # Ok::<(), precursor_broker::Error>(())
    /// ```
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.token.caller().remaining()
    }

    /// Whether nobody waits for the answer any more. Then work on it is in vain.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Answers. A caller that no longer waits is no error.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::ErrorKind::TooLarge) or [`Full`](crate::ErrorKind::Full) if the
    /// reply has no room; the caller is told as well.
    pub fn reply(self, payload: &[u8]) -> Result<()> {
        self.token.reply(payload)
    }

    /// Answers with an error, which the caller gets as [`Service`](crate::ErrorKind::Service).
    pub fn fail(self, failure: &Failure) {
        self.token.fail(false, &failure.0);
    }

    /// Runs a handler and answers with what it returns. A panic becomes the caller's error.
    pub fn answer_with(self, handler: &impl Fn(&Call<'_>) -> core::result::Result<Reply, Failure>) {
        answer_once(&self.message, self.token, handler);
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the handler panicked: {text}")
}
