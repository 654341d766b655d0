//! The poller: many sources, one wake-up.
//!
//! The host takes the tokens of ready sources, takes from those sources what it likes, and arms. Only
//! arming asks the kernel for wakes, and only at sources whose tokens were taken since, so a host
//! that never runs dry makes no system call and costs publishers nothing. A source that is still
//! ready when the host arms is reported again.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use core::fmt;
use core::time::Duration;

use neo_protocol::Upkeep;
use parking_lot::{Condvar, Mutex};

use crate::sys::OfProcess;

use super::error::{Code, Error, Result};
use super::live::{Kind, Live};
use super::signal::{Interrupt, Signal};
use super::wake::Callback;
#[cfg(unix)]
use super::wake::Descriptor;

/// What a poller can watch.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    fn signal(&self) -> &Signal;

    /// Asks for a ring of the signal. False: the source is ready (or over), nothing was asked.
    fn register(&self) -> bool;

    /// Takes the request back, unless somebody else waits.
    fn withdraw(&self);
}

/// A handle that a [`Poller`] can watch: [`Subscription`](super::Subscription),
/// [`Service`](super::Service), [`PendingCall`](super::PendingCall), [`Room`](super::Room).
pub trait Pollable: sealed::Sealed {}

pub(crate) mod sealed {
    use std::sync::Arc;

    pub trait Sealed {
        #[doc(hidden)]
        fn source(&self) -> Watched;
    }

    /// A source, for the poller alone.
    #[derive(Debug)]
    pub struct Watched(pub(in crate::rsapi) Arc<dyn super::Source>);
}

/// What [`Poller::arm`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "if something is ready already no wake will come"]
pub enum Armed {
    /// Nothing is ready: the host is woken once when something is.
    Armed,
    /// Something is ready now: take, no wake will come.
    AlreadyReady,
}

#[derive(Debug)]
struct Entry {
    source: Weak<dyn Source>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Asked: its ring puts it among the ready ones.
    Watched,
    /// In `ready`; perhaps in `rearm` too, from an earlier take.
    Ready,
    /// In `rearm`.
    Rearm,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    /// Tokens to be taken.
    ready: Vec<u64>,
    /// Tokens that were taken: their sources are asked when the host arms.
    rearm: Vec<u64>,
    armed: bool,
    interrupted: bool,
    /// The descriptor was or will be set, and not cleared since.
    signalled: bool,
    sleepers: u32,
    /// Of the kernels whose sources were added: a thread that blocks here does it.
    upkeeps: Vec<Upkeep>,
}

impl Table {
    fn has_news(&self) -> bool {
        self.interrupted || !self.ready.is_empty()
    }

    /// Puts a token among the ready ones, once.
    fn report(&mut self, token: u64) {
        if let Some(entry) = self.entries.get_mut(&token)
            && entry.place != Place::Ready
        {
            // In `rearm` it may stand as well: then it is ready again before the host armed.
            entry.place = Place::Ready;
            self.ready.push(token);
        }
    }

    /// What was told of a token is not told of the next source of that name.
    fn forget(&mut self, token: u64) {
        self.ready.retain(|ready| *ready != token);
        self.rearm.retain(|asked| *asked != token);
    }

    /// The host took a token from `ready`: its source is asked when the host arms.
    fn taken(&mut self, token: u64) {
        if let Some(entry) = self.entries.get_mut(&token) {
            entry.place = Place::Rearm;
        }
        self.rearm.push(token);
    }
}

#[derive(Debug)]
enum Target {
    #[cfg(unix)]
    Descriptor(Descriptor),
    Callback(Callback),
    None,
}

#[derive(Debug)]
pub(crate) struct Shared {
    table: Mutex<Table>,
    rung: Condvar,
    target: Target,
    _live: Live,
}

impl Shared {
    /// A source is ready.
    pub(crate) fn report(&self, token: u64) {
        let mut table = self.table.lock();
        table.report(token);
        self.wake(table);
    }

    /// Wakes the host if it is armed: at most once for each time it armed.
    fn wake(&self, mut table: parking_lot::MutexGuard<'_, Table>) {
        if !table.has_news() || !core::mem::take(&mut table.armed) {
            return;
        }
        if table.sleepers > 0 {
            self.rung.notify_all();
        }
        match &self.target {
            #[cfg(unix)]
            Target::Descriptor(descriptor) => {
                // Set without the lock, which the woken host would meet at once.
                table.signalled = true;
                drop(table);
                descriptor.set();
            }
            Target::Callback(callback) => {
                drop(table);
                callback.call();
            }
            Target::None => {}
        }
    }

    /// Asks a source that was in `rearm` for a ring.
    fn ask(&self, token: u64) {
        let mut table = self.table.lock();
        let Some(entry) = table.entries.get_mut(&token) else { return };
        // A token that is ready again is taken first and stands in `rearm` once more after that.
        if entry.place != Place::Rearm {
            return;
        }
        entry.place = Place::Watched;
        let Some(source) = entry.source.upgrade() else {
            table.entries.remove(&token);
            return;
        };
        drop(table);
        // Without the lock: sources ring while they are asked.
        if !source.register() {
            self.table.lock().report(token);
        }
    }

    fn arm(&self) -> Armed {
        let mut asked = core::mem::take(&mut self.table.lock().rearm);
        for token in &asked {
            self.ask(*token);
        }
        asked.clear();
        let mut table = self.table.lock();
        if table.rearm.is_empty() {
            // Its memory serves again.
            table.rearm = asked;
        }
        #[cfg(unix)]
        if let Target::Descriptor(descriptor) = &self.target
            && table.signalled
        {
            // Who is only about to set it wakes the host once in vain, and is cleared after that.
            table.signalled = !descriptor.clear();
        }
        if table.has_news() {
            return Armed::AlreadyReady;
        }
        table.armed = true;
        Armed::Armed
    }
}

/// Watches many sources and wakes its host once, when the first of them is ready.
///
/// A source is watched by one poller at a time. Readiness is a hint: another thread may have taken
/// what was there. All methods may be called from any thread; one thread takes and arms.
///
/// ```
/// use neo::rsapi::{Armed, Kernel, Options, Poller, SubscribeOptions};
///
/// let kernel = Kernel::open("mem://", &Options::new())?;
/// let readings = kernel.subscribe("readings", &SubscribeOptions::default())?;
/// let poller = Poller::new()?;
/// poller.add(&readings, 7)?;
/// assert_eq!(poller.arm()?, Armed::Armed);
/// kernel.publish("readings", b"20.5")?; // the descriptor becomes readable
/// let mut tokens = Vec::new();
/// poller.take(&mut tokens)?;
/// assert_eq!(tokens, [7]);
/// # Ok::<(), neo::rsapi::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Poller {
    shared: Arc<OfProcess<Shared>>,
}

impl Poller {
    fn with_target(target: Target) -> Self {
        crate::sys::watch_forks();
        let shared = Shared {
            table: Mutex::default(),
            rung: Condvar::new(),
            target,
            _live: Live::new(Kind::Poller),
        };
        Self { shared: Arc::new(OfProcess::new(shared)) }
    }

    /// A poller with a descriptor for the host's event loop; see [`fd`](Self::fd).
    ///
    /// # Errors
    ///
    /// [`Os`](Code::Os) if the system has no descriptor to give.
    #[cfg(unix)]
    pub fn new() -> Result<Self> {
        Ok(Self::with_target(Target::Descriptor(Descriptor::new()?)))
    }

    /// A poller that calls `wake` once each time it was armed, on the thread that made something
    /// ready. `wake` must return soon and must not take from a source; a panic in it is swallowed.
    #[must_use]
    pub fn with_wake(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with_target(Target::Callback(Callback::new(wake)))
    }

    /// A poller for a thread that blocks in [`wait`](Self::wait).
    #[must_use]
    pub fn with_wait() -> Self {
        Self::with_target(Target::None)
    }

    /// The descriptor: readable from the wake until the next [`arm`](Self::arm). The host watches
    /// it and never reads it. `None` if the poller has none.
    #[cfg(unix)]
    #[must_use]
    pub fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        match &self.shared.target {
            Target::Descriptor(descriptor) => Some(descriptor.fd()),
            _ => None,
        }
    }

    /// Watches a source under a name of the host's, from now on, also if the host is armed. The poller
    /// does not keep it alive.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Code::Misuse) if the token is in use, or another poller watches the source;
    /// [`Forked`](Code::Forked).
    pub fn add(&self, source: &impl Pollable, token: u64) -> Result<()> {
        let shared = self.shared.here()?;
        let source = source.source().0;
        let mut table = shared.table.lock();
        let is_free = |entry: Option<&Entry>| entry.is_none_or(|e| e.source.strong_count() == 0);
        if !is_free(table.entries.get(&token)) {
            return Err(Error::new(
                Code::Misuse,
                format!("the token {token} is in use: remove its source, or choose another"),
            ));
        }
        if !source.signal().link(&self.shared, token) {
            return Err(Error::new(
                Code::Misuse,
                "a poller watches this source already: remove it there first",
            ));
        }
        let entry = Entry { source: Arc::downgrade(&source), place: Place::Watched };
        if table.entries.insert(token, entry).is_some() {
            table.forget(token);
        }
        if let Some(upkeep) = source.signal().upkeep()
            && !table.upkeeps.contains(upkeep)
        {
            table.upkeeps.push(upkeep.clone());
        }
        drop(table);
        // The host may be armed already: the source is asked at once, as arming would.
        if !source.register() {
            shared.report(token);
        }
        Ok(())
    }

    /// Stops watching. Tokens of it that were not taken are forgotten. False: there was no such one.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn remove(&self, token: u64) -> Result<bool> {
        let shared = self.shared.here()?;
        let mut table = shared.table.lock();
        let Some(entry) = table.entries.remove(&token) else { return Ok(false) };
        table.forget(token);
        drop(table);
        if let Some(source) = entry.source.upgrade() {
            source.signal().unlink();
            source.withdraw();
        }
        Ok(true)
    }

    /// Asks for one wake when something is ready.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn arm(&self) -> Result<Armed> {
        Ok(self.shared.here()?.arm())
    }

    /// Appends the tokens of ready sources. True: [`interrupt`](Self::interrupt) was called since.
    /// A closed source is reported until it is removed or dropped.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn take(&self, tokens: &mut Vec<u64>) -> Result<bool> {
        let mut table = self.shared.here()?.table.lock();
        let first = tokens.len();
        tokens.append(&mut table.ready);
        for token in &tokens[first..] {
            table.taken(*token);
        }
        Ok(core::mem::take(&mut table.interrupted))
    }

    /// As [`take`](Self::take) into a slice that may be too short: tokens that found no place stay and
    /// are taken next time. Returns how many came, and whether [`interrupt`](Self::interrupt) was
    /// called since.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn take_some(&self, tokens: &mut [u64]) -> Result<(usize, bool)> {
        let mut table = self.shared.here()?.table.lock();
        let count = tokens.len().min(table.ready.len());
        let tokens = &mut tokens[..count];
        for (slot, token) in tokens.iter_mut().zip(table.ready.drain(..count)) {
            *slot = token;
        }
        tokens.iter().for_each(|token| table.taken(*token));
        Ok((count, core::mem::take(&mut table.interrupted)))
    }

    /// Wakes the host although nothing is ready. Any thread.
    ///
    /// # Errors
    ///
    /// [`Forked`](Code::Forked).
    pub fn interrupt(&self) -> Result<()> {
        let shared = self.shared.here()?;
        let mut table = shared.table.lock();
        table.interrupted = true;
        shared.wake(table);
        Ok(())
    }

    /// Arms and blocks until something is ready, for at most `timeout` (`None`: for ever). False: the
    /// time passed.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](Code::Interrupted) by the hook, [`Forked`](Code::Forked).
    pub fn wait(&self, timeout: Option<Duration>, mut hook: Option<Interrupt<'_>>) -> Result<bool> {
        const SLICE: Duration = Duration::from_millis(100);
        let shared = self.shared.here()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if shared.arm() == Armed::AlreadyReady {
                return Ok(true);
            }
            if hook.as_mut().is_some_and(|hook| hook()) {
                return Err(Error::interrupted());
            }
            let mut table = shared.table.lock();
            let upkeeps = table.upkeeps.clone();
            let nap = (!upkeeps.is_empty()).then_some(Upkeep::NAP);
            let slice = nap.or(hook.is_some().then_some(SLICE)).map(|slice| Instant::now() + slice);
            let until = deadline.into_iter().chain(slice).min();
            table.sleepers += 1;
            while table.armed {
                match until {
                    None => shared.rung.wait(&mut table),
                    Some(until) if shared.rung.wait_until(&mut table, until).timed_out() => break,
                    Some(_) => {}
                }
            }
            table.sleepers -= 1;
            if table.has_news() {
                return Ok(true);
            }
            table.armed = false;
            drop(table);
            upkeeps.iter().for_each(Upkeep::look);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(false);
            }
        }
    }
}
