//! Calls: finding a service by name, running an inline one, sending a request to a worker.

use core::borrow::Borrow;
use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::{Arc, Weak};

use qiss_format::{FrameBuilder, Kind, Stamp, Template, type_id};

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::extent::Extent;
use crate::region::hint::AllocHint;
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

use super::answer::clipped;
use super::core::Core;
use super::deliver::{self, Content, Deadline, Retry, is_inline};
use super::inline::Handler;
use super::policy::{Policy, Published, Wait};
use super::reply::{PendingCall, timed_out};
use super::route::Target;
use super::router::RouteKind;
use super::service::{Call, Method, Reply, panic_text};
use super::subscription::validate_name;

/// Calls that inline services may make to each other on one thread.
pub const CALL_DEPTH_MAX: u32 = 16;
/// Callers that a thread keeps ready.
const KEPT: usize = 64;

/// What calling a method needs, kept ready by each thread.
struct Caller {
    service: Box<str>,
    method: Box<str>,
    template: Template,
    blocks: AllocHint,
    known: Option<Known>,
}

/// Where a service is, as of a version of the routes.
struct Known {
    region: u64,
    version: u64,
    inline: Option<Weak<Handler>>,
    target: Option<Target>,
    /// It is served inline in another process and has no workers.
    elsewhere: bool,
}

thread_local! {
    static CALLERS: RefCell<Vec<Option<Box<Caller>>>> = const { RefCell::new(Vec::new()) };
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
            known: None,
        })
    }

    fn is_of(&self, service: &str, method: &str) -> bool {
        *self.service == *service && *self.method == *method
    }

    /// What this thread keeps for a method, whose place is free then, or else a new one.
    fn taken(place: usize, service: &str, method: &str) -> Result<Box<Self>> {
        let kept = CALLERS.try_with(|callers| {
            let mut callers = callers.try_borrow_mut().ok()?;
            callers.get_mut(place)?.take_if(|caller| caller.is_of(service, method))
        });
        match kept {
            Ok(Some(caller)) => Ok(caller),
            _ => Self::new(service, method).map(Box::new),
        }
    }

    /// At thread exit the cache may be gone, and in a waker that calls it is lent: the caller then
    /// served this call only.
    fn keep(self: Box<Self>, place: usize) {
        let _ = CALLERS.try_with(|callers| {
            let Ok(mut callers) = callers.try_borrow_mut() else { return };
            if callers.is_empty() {
                callers.resize_with(KEPT, || None);
            }
            callers[place] = Some(self);
        });
    }
}

/// Enough to spread names over the places of a cache.
fn hash(name: &str) -> usize {
    let bytes = name.as_bytes();
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    at(0) + at(bytes.len() / 2) * 3 + at(bytes.len().wrapping_sub(1)) * 5
}

impl Known {
    #[inline(always)]
    fn is_current(&self, core: &Core) -> bool {
        self.version == core.region.header().routes_version.0.load(Ordering::Acquire)
            && self.region == core.region.number()
    }

    #[cold]
    fn resolve(core: &Core, service: &str) -> Self {
        let mut router = core.router.lock();
        let version = router.refresh(&core.region);
        let inline = core.inline_services.find(service);
        let (mut target, mut elsewhere) = (None, false);
        for (_, entry) in router.service(service) {
            elsewhere |= entry.kind == RouteKind::Inline;
            if let Some(mailbox) = entry.mailbox_ref(&core.region) {
                let config = &mailbox.get(&core.region).header.config;
                let block_bytes_max = config.block_bytes_max.load(Ordering::Relaxed);
                target = Some(Target {
                    mailbox,
                    policy: Policy::Block,
                    free_hint: AtomicU64::new(0),
                    bytes_out_hint: AtomicU64::new(0),
                    depth: entry.depth,
                    block_bytes_max,
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
    let mut deadline = Deadline::after(timeout.unwrap_or(Duration::MAX));
    match start(&core, service, method, payload, timeout, &mut deadline)? {
        Started::Inline(handler) => call_inline(&handler, service, method, payload),
        Started::Waits(pending) => pending.wait(timeout, &mut deadline, wait).map(Reply::received),
    }
}

/// Sends a request; the answer is awaited apart.
pub(crate) fn begin(
    core: &Arc<Core>,
    service: &str,
    method: &str,
    payload: &[u8],
) -> Result<core::result::Result<PendingCall, Reply>> {
    core.check_open()?;
    let mut deadline = Deadline::after(Duration::ZERO);
    match start(core, service, method, payload, None, &mut deadline)? {
        Started::Inline(handler) => call_inline(&handler, service, method, payload).map(Err),
        Started::Waits(pending) => Ok(Ok(pending)),
    }
}

/// What a call has come to.
enum Started<C: Borrow<Arc<Core>>> {
    /// It is for a handler that runs here.
    Inline(Arc<Handler>),
    /// Its request is sent.
    Waits(PendingCall<C>),
}

/// Runs no handler: what it borrows stands in the way of other names.
#[inline(always)]
fn start<C: Borrow<Arc<Core>> + Clone>(
    core: &C,
    service: &str,
    method: &str,
    payload: &[u8],
    timeout: Option<Duration>,
    deadline: &mut Deadline,
) -> Result<Started<C>> {
    let place = (service.len() * 31 + method.len() * 7 + hash(service) + hash(method)) % KEPT;
    let started = CALLERS.try_with(|callers| {
        let callers = callers.borrow();
        let caller = callers.get(place)?.as_ref().filter(|caller| caller.is_of(service, method))?;
        let known = caller.known.as_ref().filter(|known| known.is_current((*core).borrow()))?;
        Some(start_known(core, caller, known, payload, timeout, deadline))
    });
    match started {
        Ok(Some(started)) => started,
        _ => start_anew(core, place, (service, method), payload, timeout, deadline),
    }
}

/// Looks for the service before it starts the call.
#[cold]
#[inline(never)]
fn start_anew<C: Borrow<Arc<Core>> + Clone>(
    core: &C,
    place: usize,
    (service, method): (&str, &str),
    payload: &[u8],
    timeout: Option<Duration>,
    deadline: &mut Deadline,
) -> Result<Started<C>> {
    let mut caller = Caller::taken(place, service, method)?;
    let known = Known::resolve((*core).borrow(), service);
    let started = start_known(core, &caller, &known, payload, timeout, deadline);
    caller.known = Some(known);
    caller.keep(place);
    started
}

#[inline(always)]
fn start_known<C: Borrow<Arc<Core>> + Clone>(
    core: &C,
    caller: &Caller,
    known: &Known,
    payload: &[u8],
    timeout: Option<Duration>,
    deadline: &mut Deadline,
) -> Result<Started<C>> {
    match known.inline.as_ref().and_then(Weak::upgrade) {
        Some(handler) => Ok(Started::Inline(handler)),
        None => begin_call(core, caller, known, payload, timeout, deadline).map(Started::Waits),
    }
}

/// Runs a handler on this thread. No claim and no lock is held meanwhile.
fn call_inline(
    handler: &Arc<Handler>,
    service: &str,
    method: &str,
    payload: &[u8],
) -> Result<Reply> {
    let depth = CALL_DEPTH.with(|depth| depth.replace(depth.get() + 1));
    let result = if depth >= CALL_DEPTH_MAX {
        Err(too_deep(service, method))
    } else {
        let call = Call { method: Method::Name(method), payload, caller: None };
        match catch_unwind(AssertUnwindSafe(|| handler(&call))) {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(failure)) => Err(Error::new(ErrorKind::Service, clipped(&failure.0).to_owned())),
            Err(panic) => {
                let text = panic_text(&*panic);
                Err(Error::new(ErrorKind::Panicked, clipped(&text).to_owned()))
            }
        }
    };
    CALL_DEPTH.with(|depth| depth.set(depth.get() - 1));
    result
}

#[cold]
fn too_deep(service: &str, method: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "inline services call each other {CALL_DEPTH_MAX} deep at \"{service}/{method}\", \
             which is the most: break the recursion, or serve one of them with a worker"
        ),
    )
}

#[inline]
fn begin_call<C: Borrow<Arc<Core>> + Clone>(
    core: &C,
    caller: &Caller,
    known: &Known,
    payload: &[u8],
    timeout: Option<Duration>,
    deadline: &mut Deadline,
) -> Result<PendingCall<C>> {
    let Some(target) = &known.target else {
        return Err(nobody(caller, known.elsewhere));
    };
    let pending = PendingCall::begin(core.clone(), timeout)?;
    let core: &Core = (*core).borrow();
    let stamp = Stamp::new(pending.id().0, 0);
    let is_sent = is_inline(caller.template.frame_len(payload.len()))
        && deliver::try_inline(core, target, &caller.template, payload, stamp) == Retry::Accepted;
    if !is_sent {
        send_slowly(core, caller, known, target, payload, stamp, deadline)?;
    }
    step!("call.sent");
    Ok(pending)
}

/// Sends a request in a block, or to a service that has no room now.
#[cold]
fn send_slowly(
    core: &Core,
    caller: &Caller,
    known: &Known,
    target: &Target,
    payload: &[u8],
    stamp: Stamp,
    deadline: &mut Deadline,
) -> Result<()> {
    let frame_len = caller.template.frame_len(payload.len());
    let sent = if is_inline(frame_len) {
        let content = Content::Inline { template: &caller.template, payload, stamp };
        deliver::to_one(core, target, ("", 0), &content, deadline)
    } else {
        send_in_block(core, caller, target, payload, stamp, deadline)?
    };
    if sent.accepted == 1 {
        return Ok(());
    }
    if sent.timed_out == 0 {
        return Err(nobody(caller, known.elsewhere));
    }
    Err(service_full(core, caller, target, frame_len))
}

#[cold]
fn service_full(core: &Core, caller: &Caller, target: &Target, frame_len: usize) -> Error {
    let text = if let Some(waiting) = deliver::bytes_over(core, target, frame_len) {
        format!(
            "the service \"{}\" has {waiting} bytes of requests waiting, and {frame_len} more are \
             beyond its mailbox_bytes_max of {}: call again later, give a longer timeout, or serve \
             it with a higher mailbox_bytes_max",
            caller.service, target.block_bytes_max
        )
    } else {
        format!(
            "the service \"{}\" has {} requests waiting, which is the most: call again later, give \
             a longer timeout, or add workers",
            caller.service, target.depth
        )
    };
    Error::new(ErrorKind::Full, text)
}

fn send_in_block(
    core: &Core,
    caller: &Caller,
    target: &Target,
    payload: &[u8],
    stamp: Stamp,
    deadline: &mut Deadline,
) -> Result<Published> {
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
    let offset = caller.template.payload_offset() as u32;
    let payload = Extent { offset, len: payload.len() as u32 };
    let content = Content::Block { block, payload };
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
