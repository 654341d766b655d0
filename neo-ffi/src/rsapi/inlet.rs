//! The receiving end behind a subscription or a service, shared by threads.
//!
//! The kernel's own receivers take `&mut self`. Here one stands behind a lock that is held for the
//! moments of taking, never for a wait, so that several threads may wait and `close` never blocks.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use neo_protocol::{Batch, Service, Subscription, Upkeep, Wait};
use parking_lot::{ArcMutexGuard, Mutex, MutexGuard, RawMutex};

use crate::sys::OfProcess;

use super::error::{Code, Error, Result};
use super::live::Live;
use super::poller::Source;
use super::signal::{Interrupt, Look, Mode, Patience, Signal, block};

/// What the kernel's receivers have in common.
pub(crate) trait Receiver: fmt::Debug + Send + 'static {
    type Item;
    const WHAT: &'static str;

    /// Whether there may be something to take. For many looks in a row.
    fn is_ready(&self) -> bool;
    fn take_one(&mut self) -> neo_protocol::Result<Option<Self::Item>>;
    fn ask(&mut self, context: &mut Context<'_>) -> Poll<()>;
    fn unask(&mut self);
}

impl Receiver for Subscription {
    type Item = neo_protocol::Message;
    const WHAT: &'static str = "subscription";

    fn is_ready(&self) -> bool {
        // Its end is for the taking to tell.
        Self::is_ready(self).unwrap_or(true)
    }

    #[inline]
    fn take_one(&mut self) -> neo_protocol::Result<Option<Self::Item>> {
        self.try_recv()
    }

    fn ask(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(context)
    }

    fn unask(&mut self) {
        self.cancel_ready();
    }
}

impl Receiver for Service {
    type Item = neo_protocol::Request;
    const WHAT: &'static str = "service";

    #[inline]
    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }

    fn take_one(&mut self) -> neo_protocol::Result<Option<Self::Item>> {
        self.try_recv()
    }

    fn ask(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(context)
    }

    fn unask(&mut self) {
        self.cancel_ready();
    }
}

/// A thread that waits for the lock; it is counted for as long as this lives.
struct Wanted<'i>(&'i AtomicU32);

impl<'i> Wanted<'i> {
    fn new(count: &'i AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct Inlet<R: Receiver> {
    /// `None` once it is closed.
    slot: Arc<Mutex<Option<R>>>,
    /// Threads that wait for the lock: those that only glance let them have it.
    wanted: AtomicU32,
    closed: AtomicBool,
    /// A [`Lock`] is out, for as long as its holder likes.
    lent: AtomicBool,
    signal: Arc<Signal>,
    waker: Waker,
    wait: Wait,
    _live: Live,
}

impl<R: Receiver> Inlet<R> {
    pub(crate) fn new(receiver: R, wait: Wait, upkeep: Option<Upkeep>, live: Live) -> Self {
        let (signal, waker) = Signal::new(upkeep);
        Self {
            slot: Arc::new(Mutex::new(Some(receiver))),
            wanted: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            lent: AtomicBool::new(false),
            signal,
            waker,
            wait,
            _live: live,
        }
    }

    #[cold]
    fn closed() -> Error {
        Error::closed(R::WHAT)
    }

    /// The receiver, unless a holder of [`Lock`] has it.
    #[inline]
    fn lock(&self) -> Result<MutexGuard<'_, Option<R>>> {
        if let Some(slot) = self.slot.try_lock() {
            return Ok(slot);
        }
        self.lock_contended()
    }

    #[cold]
    fn lock_contended(&self) -> Result<MutexGuard<'_, Option<R>>> {
        /// Others hold it for microseconds; a lend that begins meanwhile is noticed after this.
        const PATIENCE: Duration = Duration::from_millis(1);
        let _wanted = Wanted::new(&self.wanted);
        loop {
            if self.lent.load(Ordering::SeqCst) {
                return Err(Error::new(
                    Code::Misuse,
                    format!(
                        "the {} is locked to be read in place: release that first, or receive \
                         through it",
                        R::WHAT
                    ),
                ));
            }
            if let Some(slot) = self.slot.try_lock_for(PATIENCE) {
                return Ok(slot);
            }
        }
    }

    /// Uses the receiver for a moment.
    pub(crate) fn with<T>(
        &self,
        f: impl FnOnce(&mut R) -> core::result::Result<T, neo_protocol::Error>,
    ) -> Result<T> {
        let mut slot = self.lock()?;
        let receiver = slot.as_mut().ok_or_else(Self::closed)?;
        f(receiver).map_err(Error::from)
    }

    /// One look of a thread that looks again at once: if others use the receiver it sees nothing.
    #[inline]
    fn glance<T>(
        &self,
        looks: u32,
        take: &mut impl FnMut(&mut R) -> neo_protocol::Result<Option<T>>,
    ) -> Result<Look<T>> {
        if self.is_wanted() {
            return Ok(Look::Nothing);
        }
        let Some(mut slot) = self.slot.try_lock() else { return Ok(Look::Nothing) };
        let receiver = slot.as_mut().ok_or_else(Self::closed)?;
        for _ in 1..looks {
            if receiver.is_ready() || self.is_wanted() {
                break;
            }
            core::hint::spin_loop();
        }
        if !receiver.is_ready() {
            return Ok(Look::Nothing);
        }
        Ok(take(receiver)?.map_or(Look::Nothing, Look::Got))
    }

    #[inline]
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != 0
    }

    /// One look, in the given mode, at what `take` takes.
    #[inline]
    fn look<T>(
        &self,
        mode: Mode,
        take: &mut impl FnMut(&mut R) -> neo_protocol::Result<Option<T>>,
    ) -> Result<Look<T>> {
        let mut slot = self.lock()?;
        let receiver = slot.as_mut().ok_or_else(Self::closed)?;
        if let Some(item) = take(receiver)? {
            return Ok(Look::Got(item));
        }
        match mode {
            Mode::Glance | Mode::Try => {}
            Mode::Register => {
                if receiver.ask(&mut Context::from_waker(&self.waker)).is_pending() {
                    return Ok(Look::Registered);
                }
                self.tell_others(slot);
            }
            Mode::Withdraw => {
                if !self.signal.has_waiters_beside(1) {
                    receiver.unask();
                }
            }
        }
        Ok(Look::Nothing)
    }

    /// Asking again may have swallowed a wake that others wait for: they look themselves.
    fn tell_others(&self, slot: MutexGuard<'_, Option<R>>) {
        drop(slot);
        if self.signal.has_waiters_beside(0) {
            self.signal.ring();
        }
    }

    #[inline]
    pub(crate) fn try_take(&self) -> Result<Option<R::Item>> {
        self.with(R::take_one)
    }

    /// Blocks until `take` takes something that comes alone: it is seen as soon as can be.
    #[inline]
    pub(crate) fn wait_for_one<T>(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
        mut take: impl FnMut(&mut R) -> neo_protocol::Result<Option<T>>,
    ) -> Result<Option<T>> {
        /// Looks without giving the lock back.
        const LOOKS: u32 = 16;
        let patience = Patience { wait: self.wait, pauses: 1 };
        block(&self.signal, patience, timeout, hook, |mode| match mode {
            Mode::Glance => self.glance(LOOKS, &mut take),
            _ => self.look(mode, &mut take),
        })
    }

    /// Blocks until `take` takes something of a stream: the sender is left alone between two looks.
    pub(crate) fn wait_for_many<T>(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
        mut take: impl FnMut(&mut R) -> neo_protocol::Result<Option<T>>,
    ) -> Result<Option<T>> {
        let patience = Patience { wait: self.wait, pauses: 16 };
        block(&self.signal, patience, timeout, hook, |mode| match mode {
            Mode::Glance => self.glance(1, &mut take),
            _ => self.look(mode, &mut take),
        })
    }

    /// Closes it: every waiter returns, what is queued is given up. Never waits for user code.
    pub(crate) fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // Either this load sees the lock that is out, whose end then closes; or whoever locks next
        // sees `closed` and gives it back at once (both sides store first, then look).
        if !self.lent.load(Ordering::SeqCst) {
            let wanted = Wanted::new(&self.wanted);
            let receiver = self.slot.lock().take();
            drop(wanted);
            drop(receiver);
        }
        self.signal.ring();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl<R: Receiver> Source for OfProcess<Inlet<R>> {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn register(&self) -> bool {
        let Ok(mut slot) = self.lock() else {
            // Locked to be read in place: the end of that rings.
            return true;
        };
        let Some(receiver) = slot.as_mut() else { return false };
        if receiver.ask(&mut Context::from_waker(&self.waker)).is_pending() {
            return true;
        }
        drop(slot);
        if self.signal.has_waiters_beside(0) {
            self.signal.ring();
        }
        false
    }

    fn withdraw(&self) {
        if let Ok(mut slot) = self.lock()
            && let Some(receiver) = slot.as_mut()
            && !self.signal.has_waiters_beside(0)
        {
            receiver.unask();
        }
    }
}

/// A subscription that is locked to one user: who holds it reads batches in place. It may be kept
/// and may move to other threads; meanwhile the subscription's own methods fail with
/// [`Misuse`](Code::Misuse), and `close` takes effect when it is dropped.
pub struct Lock {
    inlet: Arc<OfProcess<Inlet<Subscription>>>,
    /// Given back by `drop` before others are rung.
    slot: Option<ArcMutexGuard<RawMutex, Option<Subscription>>>,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("inlet", &self.inlet).finish_non_exhaustive()
    }
}

/// A batch that a [`Lock`] lends.
pub type Lent<'l> = Batch<'l>;

impl Lock {
    pub(crate) fn new(inlet: &Arc<OfProcess<Inlet<Subscription>>>) -> Result<Self> {
        drop(inlet.lock()?);
        let wanted = Wanted::new(&inlet.wanted);
        let slot = inlet.slot.lock_arc();
        drop(wanted);
        inlet.lent.store(true, Ordering::SeqCst);
        let lock = Self { inlet: inlet.clone(), slot: Some(slot) };
        if inlet.closed.load(Ordering::SeqCst) {
            return Err(Inlet::<Subscription>::closed());
        }
        Ok(lock)
    }

    /// At most `max` messages that are there, read in place; empty if none is. Pins at most half the
    /// mailbox until it is dropped. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Closed`](Code::Closed) and [`Detached`](Code::Detached) once nothing is left;
    /// [`Forked`](Code::Forked).
    pub fn try_batch(&mut self, max: usize) -> Result<Lent<'_>> {
        self.inlet.here()?;
        let subscription = self.slot.as_mut().and_then(|slot| slot.as_mut());
        let subscription = subscription.ok_or_else(Inlet::<Subscription>::closed)?;
        Ok(subscription.try_recv_batch(max)?)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        if !self.inlet.is_here() {
            // The lock word is the parent's copy as well; nobody here will ever take it.
            let _leaked = core::mem::ManuallyDrop::new(slot);
            return;
        }
        self.inlet.lent.store(false, Ordering::SeqCst);
        let receiver = if self.inlet.closed.load(Ordering::SeqCst) { slot.take() } else { None };
        drop(slot);
        drop(receiver);
        if self.inlet.signal.has_waiters_beside(0) {
            self.inlet.signal.ring();
        }
    }
}
