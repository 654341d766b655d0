//! Signals that ask for the end. The command ends as it would by itself: the kernel is left, and
//! nothing stays behind.

use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Failure;

/// Whether a signal has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<(Mutex<Option<u8>>, Condvar)>);

impl Stop {
    /// Listens from now on. The first signal is noted and `then` is called, on a thread of its own;
    /// a second one ends the process at once.
    pub(crate) fn listen(then: impl FnOnce() + Send + 'static) -> Result<Self, Failure> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let noted = stop.clone();
        thread::spawn(move || {
            let mut then = Some(then);
            for signal in signals.forever() {
                match then.take() {
                    Some(then) => {
                        noted.set(u8::try_from(signal).unwrap_or(u8::MAX));
                        then();
                    }
                    None => _ = emulate_default_handler(signal),
                }
            }
        });
        Ok(stop)
    }

    fn set(&self, signal: u8) {
        let (came, changed) = &*self.0;
        *came.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
        changed.notify_all();
    }

    /// The failure that says so, if a signal has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.wait(Duration::ZERO)
    }

    /// Waits, and ends early if a signal comes.
    pub(crate) fn wait(&self, duration: Duration) -> Result<(), Failure> {
        let (came, changed) = &*self.0;
        let came = came.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(came, duration, |came| came.is_none());
        let (came, _) = waited.unwrap_or_else(PoisonError::into_inner);
        came.map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
    }

    /// What an operation came to; the signal, if that is why it failed.
    pub(crate) fn or_signal<T>(&self, result: neo_protocol::Result<T>) -> Result<T, Failure> {
        result.or_else(|error| {
            self.check()?;
            Err(error.into())
        })
    }
}
