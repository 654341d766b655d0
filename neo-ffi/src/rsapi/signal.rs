//! What a source of events rings, and how threads wait for the ring.
//!
//! A source (subscription, service, call, room) hands one waker to the kernel, whoever waits: its
//! signal. A ring reaches every thread that is blocked at the source and the poller it is linked to,
//! and all of them look again. So it does not matter which of them registered last.

use core::task::Waker;
use core::time::Duration;
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Instant;

use neo_protocol::{Upkeep, Wait};
use parking_lot::{Condvar, Mutex};

use crate::sys::OfProcess;

use super::error::{Error, Result};
use super::poller::Shared;

/// Asked at least every 100 ms while a call blocks; `true` ends the wait with
/// [`Interrupted`](super::Code::Interrupted). It may run any code: no lock is held meanwhile.
pub type Interrupt<'a> = &'a mut dyn FnMut() -> bool;

/// Longest sleep between two questions to the hook.
const SLICE: Duration = Duration::from_millis(100);

/// The poller that a source is linked to, and the source's name there.
#[derive(Clone, Debug)]
struct Link {
    poller: Weak<OfProcess<Shared>>,
    token: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Raised by every ring.
    epoch: u64,
    /// Threads between [`Signal::enter`] and [`Signal::leave`].
    waiting: u32,
    link: Option<Link>,
}

#[derive(Debug)]
pub(crate) struct Signal {
    state: Mutex<State>,
    rung: Condvar,
    /// Rings come only while somebody does this.
    upkeep: Option<Upkeep>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Signal {
    pub(crate) fn new(upkeep: Option<Upkeep>) -> (Arc<Self>, Waker) {
        let signal = Arc::new(Self { state: Mutex::default(), rung: Condvar::new(), upkeep });
        let waker = Waker::from(signal.clone());
        (signal, waker)
    }

    /// Makes everybody who waits at the source look again.
    pub(crate) fn ring(&self) {
        let mut state = self.state.lock();
        state.epoch += 1;
        if state.waiting > 0 {
            self.rung.notify_all();
        }
        let link = state.link.clone();
        drop(state);
        if let Some(link) = link
            && let Some(poller) = link.poller.upgrade()
        {
            poller.report(link.token);
        }
    }

    pub(crate) fn upkeep(&self) -> Option<&Upkeep> {
        self.upkeep.as_ref()
    }

    fn epoch(&self) -> u64 {
        self.state.lock().epoch
    }

    fn enter(&self) {
        self.state.lock().waiting += 1;
    }

    fn leave(&self) {
        self.state.lock().waiting -= 1;
    }

    /// Whether more than `threads` threads, or a poller, wait for the next ring.
    pub(crate) fn has_waiters_beside(&self, threads: u32) -> bool {
        let state = self.state.lock();
        state.waiting > threads
            || state.link.as_ref().is_some_and(|link| link.poller.strong_count() > 0)
    }

    /// Sleeps until a ring after `epoch`, at most until `until`; for a nap where the upkeep is this
    /// thread's.
    fn sleep(&self, epoch: u64, until: Option<Instant>) {
        let Some(upkeep) = &self.upkeep else { return self.sleep_through(epoch, until) };
        let nap = Instant::now() + Upkeep::NAP;
        self.sleep_through(epoch, Some(until.map_or(nap, |until| until.min(nap))));
        upkeep.look();
    }

    fn sleep_through(&self, epoch: u64, until: Option<Instant>) {
        let mut state = self.state.lock();
        while state.epoch == epoch {
            match until {
                None => self.rung.wait(&mut state),
                Some(until) => {
                    if self.rung.wait_until(&mut state, until).timed_out() {
                        return;
                    }
                }
            }
        }
    }

    /// Links the source to a poller. False: it is linked to a living one already.
    pub(crate) fn link(&self, poller: &Arc<OfProcess<Shared>>, token: u64) -> bool {
        let mut state = self.state.lock();
        if state.link.as_ref().is_some_and(|link| link.poller.strong_count() > 0) {
            return false;
        }
        state.link = Some(Link { poller: Arc::downgrade(poller), token });
        true
    }

    pub(crate) fn unlink(&self) {
        self.state.lock().link = None;
    }
}

/// What a look at a source is to do if nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing, nor to wait for other threads that look: one of many looks in a row.
    Glance,
    /// Nothing.
    Try,
    /// Ask to be rung.
    Register,
    /// Take that back, unless somebody else waits.
    Withdraw,
}

/// What a look at a source found.
#[derive(Debug)]
pub(crate) enum Look<T> {
    Got(T),
    /// Nothing; the signal will be rung.
    Registered,
    /// Nothing, and nothing was asked; or something came in between: look again.
    Nothing,
}

/// A thread that waits; leaves however the wait ends.
struct Waiting<'s>(&'s Signal);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// How a thread spends the time until something comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) wait: Wait,
    /// Pauses of the processor between two glances.
    pub(crate) pauses: u32,
}

/// Blocks until `look` gets something, for at most `timeout` (`None`: for ever, then `None` is never
/// returned). No lock is held while it sleeps or asks the hook.
#[inline]
pub(crate) fn block<T>(
    signal: &Signal,
    patience: Patience,
    timeout: Option<Duration>,
    mut interrupt: Option<Interrupt<'_>>,
    mut look: impl FnMut(Mode) -> Result<Look<T>>,
) -> Result<Option<T>> {
    if let Look::Got(item) = look(Mode::Try)? {
        return Ok(Some(item));
    }
    if timeout == Some(Duration::ZERO) {
        return Ok(None);
    }
    // A timeout beyond the clock's range is for ever.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    if patience.wait != Wait::Park
        && let Some(item) = spin(patience.pauses, &mut look)?
    {
        return Ok(Some(item));
    }
    signal.enter();
    let _waiting = Waiting(signal);
    loop {
        if interrupt.as_mut().is_some_and(|interrupt| interrupt()) {
            return give_up(&mut look)?
                .map_or_else(|| Err(Error::interrupted()), |it| Ok(Some(it)));
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return give_up(&mut look);
        }
        if patience.wait == Wait::Spin {
            // What a glance passes over, such as a lock that is not given back, ends the wait here.
            if let Look::Got(item) = look(Mode::Try)? {
                return Ok(Some(item));
            }
            if let Some(item) = spin(patience.pauses, &mut look)? {
                return Ok(Some(item));
            }
            signal.upkeep().into_iter().for_each(Upkeep::look);
            continue;
        }
        // Read before the look: a ring that comes after it is not slept through.
        let epoch = signal.epoch();
        match look(Mode::Register)? {
            Look::Got(item) => return Ok(Some(item)),
            Look::Nothing => {}
            Look::Registered => {
                let slice = interrupt.is_some().then(|| now + SLICE);
                signal.sleep(epoch, deadline.into_iter().chain(slice).min());
            }
        }
    }
}

/// The last look of a thread that waits no longer.
fn give_up<T>(look: &mut impl FnMut(Mode) -> Result<Look<T>>) -> Result<Option<T>> {
    match look(Mode::Withdraw)? {
        Look::Got(item) => Ok(Some(item)),
        _ => Ok(None),
    }
}

/// Looks again and again for some microseconds: what a busy sender is about to send is had without
/// a sleep.
fn spin<T>(pauses: u32, look: &mut impl FnMut(Mode) -> Result<Look<T>>) -> Result<Option<T>> {
    const LOOKS: u32 = 100;
    const YIELDS: u32 = 4;
    for turn in 0..LOOKS + YIELDS {
        if let Look::Got(item) = look(Mode::Glance)? {
            return Ok(Some(item));
        }
        if turn < LOOKS {
            (0..pauses).for_each(|_| core::hint::spin_loop());
        } else {
            std::thread::yield_now();
        }
    }
    Ok(None)
}
