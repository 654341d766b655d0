//! Signals that ask for the end. The command ends as it would by itself: the kernel is left, and
//! nothing stays behind.

use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Failure;

/// Whether a signal has come.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    signal: Option<u8>,
    then: Option<Box<dyn FnOnce() + Send>>,
}

/// Keeps an action for the first signal.
pub(crate) struct OnSignal<'s>(&'s Stop);

impl Drop for OnSignal<'_> {
    fn drop(&mut self) {
        self.0.state().then = None;
    }
}

impl Stop {
    /// Listens from now on: the first thing that a command does. The first signal is noted; a second
    /// one ends the process at once.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let noted = stop.clone();
        thread::spawn(move || {
            for signal in signals.forever() {
                if !noted.set(u8::try_from(signal).unwrap_or(u8::MAX)) {
                    let _ = emulate_default_handler(signal);
                }
            }
        });
        Ok(stop)
    }

    /// Has a signal do this too, on a thread of its own, for as long as the guard lives; at once if
    /// one has come already. The action must not wait. Whoever learns of the signal finds it done,
    /// and what it owned is gone with the guard at the latest.
    #[must_use = "without the guard nothing is done"]
    pub(crate) fn then(&self, action: impl FnOnce() + Send + 'static) -> OnSignal<'_> {
        let mut state = self.state();
        if state.signal.is_none() {
            state.then = Some(Box::new(action));
        } else {
            action();
        }
        drop(state);
        OnSignal(self)
    }

    /// False: one has come before.
    fn set(&self, signal: u8) -> bool {
        let mut state = self.state();
        if state.signal.is_some() {
            return false;
        }
        state.signal = Some(signal);
        // Under the lock: a kernel that the action holds has been let go before the command ends.
        if let Some(then) = state.then.take() {
            then();
        }
        self.0.1.notify_all();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failure that says so, if a signal has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.wait(Duration::ZERO)
    }

    /// Waits, and ends early if a signal comes.
    pub(crate) fn wait(&self, duration: Duration) -> Result<(), Failure> {
        let waited =
            self.0.1.wait_timeout_while(self.state(), duration, |state| state.signal.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.signal.map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
    }

    /// What an operation came to; the signal, if that is why it failed.
    pub(crate) fn or_signal<T>(&self, result: neo_protocol::Result<T>) -> Result<T, Failure> {
        result.or_else(|error| {
            self.check()?;
            Err(error.into())
        })
    }
}
