//! Waiting: without the interpreter's lock, and so that signals are noticed.

use core::time::Duration;
use std::time::Instant;

use neo::rsapi::{self, Interrupt};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::IntoPyResult as _;

/// Shorter waits do not ask for signals: to ask takes the interpreter's lock, which the thread
/// that is waited for may need.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs what may block without the interpreter's lock. Its hook runs the signal handlers of Python
/// every 100 ms; what one raises (Ctrl-C) ends the wait and is raised here.
pub(crate) fn blocking<T: Send>(
    py: Python<'_>,
    run: impl FnOnce(Interrupt<'_>) -> rsapi::Result<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let outcome = py.detach(|| {
        let mut asked = Instant::now();
        run(&mut || {
            if asked.elapsed() < PATIENCE {
                return false;
            }
            asked = Instant::now();
            // No interpreter to attach to: it is ending, and so does the wait.
            let Some(signals) = Python::try_attach(|py| py.check_signals()) else { return true };
            signals.map_err(|error| raised = Some(error)).is_err()
        })
    });
    match raised {
        Some(error) => Err(error),
        None => outcome.or_raise(py),
    }
}

/// A timeout in seconds; `None` and infinity are for ever.
pub(crate) fn timeout(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "timeout={seconds}: pass seconds of 0 or more, or None to wait for ever"
        )));
    }
    // What does not fit is longer than any process lives.
    Ok(Duration::try_from_secs_f64(seconds).ok())
}

/// Messages, and the time, after which a user in an asyncio loop lets others have a turn.
const TURN_MESSAGES: usize = 256;
const TURN: Duration = Duration::from_millis(5);

/// Messages between two looks at the clock, at most.
const STRIDE_MAX: usize = 8;

/// How much of its turn a user in an asyncio loop has had.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    messages: usize,
    since: Option<Instant>,
    /// When the clock is looked at next: the faster messages went, the later.
    look_at: usize,
    looked: Option<Instant>,
    stride: usize,
    is_over: bool,
}

impl Turn {
    /// Whether there is some left; begins one if none has begun.
    #[inline]
    pub(crate) fn goes_on(&mut self) -> bool {
        if self.messages >= self.look_at {
            self.look();
        }
        !self.is_over
    }

    fn look(&mut self) {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let was_fast = self.looked.is_some_and(|then| now - then < TURN / 16);
        self.stride = if was_fast { (self.stride * 2).min(STRIDE_MAX) } else { 1 };
        self.looked = Some(now);
        self.look_at = (self.messages + self.stride).min(TURN_MESSAGES);
        self.is_over = self.messages >= TURN_MESSAGES || now - since >= TURN;
    }

    #[inline]
    pub(crate) fn count(&mut self, messages: usize) {
        self.messages += messages;
    }

    /// Ends it. True: it was used up.
    pub(crate) fn end(&mut self) -> bool {
        self.look();
        core::mem::take(self).is_over
    }
}
