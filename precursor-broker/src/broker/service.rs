//! Services: workers that take requests, handlers that run on their callers' threads, and calls.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::ops::Deref;
use core::time::Duration;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::RwLock;
use qiss_format::{FrameBuilder, Kind, Stamp, Template, type_id};

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells_mapped::ChunkKind;
use crate::region::hint::AllocHint;
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

use super::core::Core;
use super::deliver::{self, Content, Deadline, is_inline};
use super::message::Message;
use super::per_region::PerRegion;
use super::policy::{Policy, SubscribeOptions, Wait};
use super::reader::{Reader, ReaderOptions, Waited};
use super::reply::{CallId, PendingCall, ReplyToken, timed_out};
use super::route::Target;
use super::router::{RouteEntry, RouteKind};
use super::subscription::{close_reader, open_reader, validate_name};

/// Calls that inline services may make to each other on one thread.
pub const CALL_DEPTH_MAX: u32 = 16;
/// Callers that a thread keeps ready.
const KEPT: usize = 64;

/// What a handler answers with when it cannot do what was asked. The caller sees the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure with a text for the caller, of which 180 bytes travel.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
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
    method: &'c str,
    payload: &'c [u8],
}

impl<'c> Call<'c> {
    /// The method that was called.
    #[must_use]
    pub fn method(&self) -> &'c str {
        self.method
    }

    /// The argument.
    #[must_use]
    pub fn payload(&self) -> &'c [u8] {
        self.payload
    }
}

type Handler = dyn Fn(&Call<'_>) -> core::result::Result<Reply, Failure> + Send + Sync;

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

/// The services of one region that run on their callers' threads. All of this process's
/// participants share them: a handler is as near to one as to the other.
#[derive(Default)]
pub(crate) struct InlineServices(RwLock<HashMap<Box<str>, Arc<Handler>>>);

impl InlineServices {
    /// The table for the region with identity `region`.
    pub(crate) fn of(region: u64) -> Arc<Self> {
        static TABLES: PerRegion<InlineServices> = PerRegion::new();
        TABLES.get(region)
    }
}

impl fmt::Debug for InlineServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlineServices").field(&self.0.read().len()).finish()
    }
}

/// An inline service. Dropping it ends the service; calls that are running finish.
#[derive(Debug)]
pub struct InlineService {
    core: Arc<Core>,
    name: Box<str>,
    route: u32,
}

impl InlineService {
    pub(crate) fn open(core: &Arc<Core>, name: &str, handler: Arc<Handler>) -> Result<Self> {
        validate_name("service", name)?;
        core.check_open()?;
        // The handler comes before the route: whoever sees the route finds the handler.
        let mut router = core.router.lock();
        let mut handlers = core.inline_services.0.write();
        if handlers.contains_key(name) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("the service \"{name}\" is served inline already: close that one first"),
            ));
        }
        let entry = RouteEntry {
            kind: RouteKind::Inline,
            policy: Policy::Block,
            depth: 0,
            mailbox: None,
            pattern: name.into(),
            group: "".into(),
            owner: core.owner_id(),
        };
        handlers.insert(name.into(), handler);
        let route = core.with_route_hint(|hint| {
            router.open_route(&core.region, hint, core.owner_id(), &entry)
        });
        match route {
            Ok(route) => Ok(Self { core: core.clone(), name: name.into(), route }),
            Err(error) => {
                handlers.remove(name);
                Err(error)
            }
        }
    }

    /// Ends the service. The same as dropping it.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for InlineService {
    fn drop(&mut self) {
        self.core.inline_services.0.write().remove(&self.name);
        self.core.router.lock().close_route(&self.core.region, self.route);
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
            owner: core.owner_id(),
        };
        let (reader, route) = open_reader(
            core,
            ChunkKind::Shared,
            entry,
            options.mailbox_bytes_max,
            reader_options,
        )?;
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
    /// [`Closed`](ErrorKind::Closed) when the kernel closes.
    pub fn recv(&mut self, timeout: Option<Duration>) -> Result<Option<Request>> {
        loop {
            if let Some(message) = self.reader.try_recv() {
                let id = CallId(message.frame().corr_id());
                let token = ReplyToken::new(&self.reader.core, id);
                return Ok(Some(Request { message, token }));
            }
            match self.reader.wait(timeout) {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(None),
                Waited::Closed => return Err(self.reader.over()),
            }
        }
    }

    /// Answers requests with `handler` until the kernel closes. A handler that panics costs its
    /// caller an error, and the service goes on.
    ///
    /// # Errors
    ///
    /// What ended it: [`Closed`](ErrorKind::Closed).
    pub fn run(
        &mut self,
        handler: impl Fn(&Call<'_>) -> core::result::Result<Reply, Failure>,
    ) -> Result<()> {
        while let Some(request) = self.recv(None)? {
            request.answer_with(&handler);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        close_reader(&self.reader, self.route);
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
        let name = self.message.frame().method().unwrap_or_default();
        name.split_once('/').map_or(name, |(_, method)| method)
    }

    /// The argument.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.message.payload()
    }

    /// Answers. A caller that no longer waits is no error.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) or [`Full`](ErrorKind::Full) if the reply has no room; the
    /// caller is told as well.
    pub fn reply(self, payload: &[u8]) -> Result<()> {
        self.token.reply(payload)
    }

    /// Answers with an error, which the caller gets as [`Service`](ErrorKind::Service).
    pub fn fail(self, failure: &Failure) {
        self.token.fail(false, &failure.0);
    }

    /// Runs a handler and answers with what it returns. A panic becomes the caller's error.
    pub fn answer_with(
        self,
        handler: &impl Fn(&Call<'_>) -> core::result::Result<Reply, Failure>,
    ) {
        let call = Call { method: self.method(), payload: self.payload() };
        match catch_unwind(AssertUnwindSafe(|| handler(&call))) {
            Ok(Ok(reply)) => {
                // What went wrong with a reply was told to the caller.
                let _ = self.token.reply(&reply);
            }
            Ok(Err(failure)) => self.token.fail(false, &failure.0),
            Err(panic) => self.token.fail(true, &panic_text(&*panic)),
        }
    }
}

fn panic_text(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the handler panicked: {text}")
}

/// What calling a method needs, kept ready by each thread.
struct Caller {
    service: Box<str>,
    method: Box<str>,
    template: Template,
    blocks: AllocHint,
    known: RefCell<Option<Rc<Known>>>,
}

/// Where a service is, as of a version of the routes.
struct Known {
    region: u64,
    version: u64,
    inline: Option<std::sync::Weak<Handler>>,
    target: Option<Target>,
    /// It is served inline in another process and has no workers.
    elsewhere: bool,
}

thread_local! {
    static CALLERS: RefCell<Vec<Option<Rc<Caller>>>> = const { RefCell::new(Vec::new()) };
    static CALL_DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Caller {
    fn new(service: &str, method: &str) -> Result<Self> {
        validate_name("service", service)?;
        validate_name("method", method)?;
        let name = format!("{service}/{method}");
        let mut builder = FrameBuilder::new();
        let template = Template::new(builder.kind(Kind::REQUEST).method(&name).align64(true))?;
        Ok(Self {
            service: service.into(),
            method: method.into(),
            template,
            blocks: AllocHint::new(type_id(&name) as u32),
            known: RefCell::new(None),
        })
    }

    fn of(service: &str, method: &str) -> Result<Rc<Self>> {
        let place = (service.len() * 31 + method.len() * 7 + hash(service) + hash(method)) % KEPT;
        let known = CALLERS.try_with(|callers| match callers.borrow().get(place) {
            Some(Some(caller)) if *caller.service == *service && *caller.method == *method => {
                Some(caller.clone())
            }
            _ => None,
        });
        if let Ok(Some(caller)) = known {
            return Ok(caller);
        }
        let caller = Rc::new(Self::new(service, method)?);
        let _ = CALLERS.try_with(|callers| {
            let mut callers = callers.borrow_mut();
            if callers.is_empty() {
                callers.resize_with(KEPT, || None);
            }
            callers[place] = Some(caller.clone());
        });
        Ok(caller)
    }

    fn find(&self, core: &Core) -> Rc<Known> {
        let version = core.region.header().routes_version.0.load(Ordering::Acquire);
        if let Some(known) = &*self.known.borrow()
            && known.version == version
            && known.region == core.region.number()
        {
            return known.clone();
        }
        let known = Rc::new(Known::resolve(core, &self.service));
        *self.known.borrow_mut() = Some(known.clone());
        known
    }
}

/// Enough to spread names over the places of a cache.
fn hash(name: &str) -> usize {
    let bytes = name.as_bytes();
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    at(0) + at(bytes.len() / 2) * 3 + at(bytes.len().wrapping_sub(1)) * 5
}

impl Known {
    fn resolve(core: &Core, service: &str) -> Self {
        let mut router = core.router.lock();
        let version = router.refresh(&core.region);
        let inline = core.inline_services.0.read().get(service).map(Arc::downgrade);
        let (mut target, mut elsewhere) = (None, false);
        for (_, entry) in router.service(service) {
            elsewhere |= entry.kind == RouteKind::Inline;
            if let Some(mailbox) = entry.mailbox_ref(&core.region) {
                target = Some(Target {
                    mailbox,
                    policy: Policy::Block,
                    free_hint: AtomicU64::new(0),
                    depth: entry.depth,
                    block_bytes_max: u64::MAX,
                });
            }
        }
        Self { region: core.region.number(), version, inline, target, elsewhere }
    }
}

/// Calls a method and waits for the answer, for at most `timeout` (`None`: for ever).
#[inline]
pub(crate) fn call(
    core: &Arc<Core>,
    service: &str,
    method: &str,
    payload: &[u8],
    timeout: Option<Duration>,
    wait: Wait,
) -> Result<Reply> {
    core.check_open()?;
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(timed_out(Duration::ZERO));
    }
    let caller = Caller::of(service, method)?;
    let known = caller.find(core);
    if let Some(handler) = known.inline.as_ref().and_then(std::sync::Weak::upgrade) {
        return call_inline(&handler, &caller, payload);
    }
    let pending = begin_call(core, &caller, &known, payload, timeout)?;
    pending.wait(timeout, wait).map(|message| Reply(Answer::Message(message)))
}

/// Sends a request; the answer is awaited apart.
pub(crate) fn begin(
    core: &Arc<Core>,
    service: &str,
    method: &str,
    payload: &[u8],
) -> Result<core::result::Result<PendingCall, Reply>> {
    core.check_open()?;
    let caller = Caller::of(service, method)?;
    let known = caller.find(core);
    if let Some(handler) = known.inline.as_ref().and_then(std::sync::Weak::upgrade) {
        return call_inline(&handler, &caller, payload).map(Err);
    }
    begin_call(core, &caller, &known, payload, Some(Duration::ZERO)).map(Ok)
}

/// The answer to [`begin`], as the caller gets it.
pub(crate) fn answered(message: Message) -> Reply {
    Reply(Answer::Message(message))
}

/// Runs a handler on this thread. No claim and no lock is held meanwhile.
fn call_inline(handler: &Arc<Handler>, caller: &Caller, payload: &[u8]) -> Result<Reply> {
    let depth = CALL_DEPTH.with(|depth| depth.replace(depth.get() + 1));
    let result = if depth >= CALL_DEPTH_MAX {
        Err(too_deep(caller))
    } else {
        let call = Call { method: &caller.method, payload };
        match catch_unwind(AssertUnwindSafe(|| handler(&call))) {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(failure)) => Err(Error::new(ErrorKind::Service, failure.0)),
            Err(panic) => Err(Error::new(ErrorKind::Panicked, panic_text(&*panic))),
        }
    };
    CALL_DEPTH.with(|depth| depth.set(depth.get() - 1));
    result
}

#[cold]
fn too_deep(caller: &Caller) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "inline services call each other {CALL_DEPTH_MAX} deep at \"{}/{}\", which is the \
             most: break the recursion, or serve one of them with a worker",
            caller.service, caller.method
        ),
    )
}

fn begin_call(
    core: &Arc<Core>,
    caller: &Caller,
    known: &Known,
    payload: &[u8],
    timeout: Option<Duration>,
) -> Result<PendingCall> {
    let Some(target) = &known.target else {
        return Err(nobody(caller, known.elsewhere));
    };
    let pending = PendingCall::begin(core)?;
    let stamp = Stamp::new(pending.id().0, 0);
    let frame_len = caller.template.frame_len(payload.len());
    let mut deadline = Deadline::after(timeout.unwrap_or(Duration::MAX));
    let sent = if is_inline(frame_len) {
        let content = Content::Inline { template: &caller.template, payload, stamp };
        deliver::to_one(core, target, ("", 0), &content, &mut deadline)
    } else {
        send_in_block(core, caller, target, payload, stamp, &mut deadline)?
    };
    step!("call.sent");
    if sent.accepted == 1 {
        return Ok(pending);
    }
    if sent.timed_out == 0 {
        return Err(nobody(caller, known.elsewhere));
    }
    Err(Error::new(
        ErrorKind::Full,
        format!(
            "the service \"{}\" has {} requests waiting, which is the most: call again later, give \
             a longer timeout, or add workers",
            caller.service, target.depth
        ),
    ))
}

fn send_in_block(
    core: &Core,
    caller: &Caller,
    target: &Target,
    payload: &[u8],
    stamp: Stamp,
    deadline: &mut Deadline,
) -> Result<super::policy::Published> {
    let frame_len = caller.template.frame_len(payload.len());
    if frame_len as u64 > core.region.limits().frame_bytes_max() {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "an argument of {} bytes is more than this kernel takes ({}): send less, or open \
                 the kernel with a higher memory_bytes_max",
                payload.len(),
                core.region.limits().frame_bytes_max()
            ),
        ));
    }
    let mut block = core.region.alloc(core.owner_id(), frame_len, &caller.blocks)?;
    caller.template.write(block.bytes_mut(frame_len), payload, stamp)?;
    let Some((block, holder)) = core.share(block, 1) else {
        return Err(Error::new(
            ErrorKind::Full,
            "all holder entries of this kernel are in use: drop received messages",
        ));
    };
    let content = Content::Block { block, frame_len };
    let sent = deliver::to_one(core, target, ("", 0), &content, deadline);
    core.holders.release(holder);
    Ok(sent)
}

#[cold]
fn nobody(caller: &Caller, elsewhere: bool) -> Error {
    if elsewhere {
        return Error::new(
            ErrorKind::Unsupported,
            format!(
                "\"{}\" runs on its callers' threads in another process: serve it there with a \
                 worker as well",
                caller.service
            ),
        );
    }
    Error::new(
        ErrorKind::NoResponder,
        format!("nobody serves \"{}\": start the service, or call again later", caller.service),
    )
}
