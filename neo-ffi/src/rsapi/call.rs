//! Calls on their way.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use neo_protocol::{CallFuture, Upkeep, Wait};
use parking_lot::Mutex;

use crate::sys::OfProcess;

use super::error::{Code, Error, Result};
use super::live::{Kind, Live};
use super::message::Reply;
use super::poller::{Pollable, Source, sealed};
use super::signal::{Interrupt, Look, Mode, Patience, Signal, block};

#[derive(Debug)]
enum Progress {
    Waiting(CallFuture),
    Ended(Result<Reply>),
    /// The answer was taken, or the call cancelled.
    Over,
}

#[derive(Debug)]
struct Inner {
    progress: Mutex<Progress>,
    signal: Arc<Signal>,
    waker: Waker,
    _live: Live,
}

impl Inner {
    /// Whether the call has ended; if not, its end rings the signal.
    fn poll(&self, progress: &mut Progress) -> bool {
        if let Progress::Waiting(future) = progress {
            match Pin::new(future).poll(&mut Context::from_waker(&self.waker)) {
                Poll::Pending => return false,
                Poll::Ready(answer) => {
                    *progress = Progress::Ended(answer.map(Reply::new).map_err(Error::from));
                }
            }
        }
        true
    }

    fn look(&self) -> Result<Look<Reply>> {
        let mut progress = self.progress.lock();
        if !self.poll(&mut progress) {
            return Ok(Look::Registered);
        }
        match core::mem::replace(&mut *progress, Progress::Over) {
            Progress::Ended(answer) => {
                drop(progress);
                // Other threads that wait for the same answer learn that it is gone.
                self.signal.ring();
                answer.map(Look::Got)
            }
            _ => Err(Error::new(
                Code::Misuse,
                "the call is over: its answer was taken, or it was cancelled",
            )),
        }
    }
}

impl Source for OfProcess<Inner> {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn register(&self) -> bool {
        !self.poll(&mut self.progress.lock())
    }

    fn withdraw(&self) {}
}

/// A call that was started and not waited for. Clones share it; dropping the last one cancels it. It
/// has no timeout of its own: whoever waits has.
#[derive(Clone, Debug)]
pub struct PendingCall {
    inner: Arc<OfProcess<Inner>>,
}

impl PendingCall {
    pub(crate) fn new(future: CallFuture, upkeep: Option<Upkeep>) -> Self {
        let (signal, waker) = Signal::new(upkeep);
        let progress = Mutex::new(Progress::Waiting(future));
        let inner = Inner { progress, signal, waker, _live: Live::new(Kind::Call) };
        Self { inner: Arc::new(OfProcess::new(inner)) }
    }

    /// The answer, once; `None` if it has not come. Never blocks.
    ///
    /// # Errors
    ///
    /// What the call ended with: [`NoResponder`](Code::NoResponder), [`Full`](Code::Full),
    /// [`NoReply`](Code::NoReply), [`Service`](Code::Service), [`Panicked`](Code::Panicked),
    /// [`PeerDied`](Code::PeerDied), [`Closed`](Code::Closed). [`Misuse`](Code::Misuse) once the answer
    /// was taken or the call cancelled; [`Forked`](Code::Forked).
    pub fn try_take(&self) -> Result<Option<Reply>> {
        Ok(match self.inner.here()?.look()? {
            Look::Got(reply) => Some(reply),
            _ => None,
        })
    }

    /// The answer; waits for at most `timeout` (`None`: for ever). `None`: the time passed, and the
    /// call goes on until it is cancelled or dropped.
    ///
    /// # Errors
    ///
    /// As [`try_take`](Self::try_take), and [`Interrupted`](Code::Interrupted) by the hook.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
    ) -> Result<Option<Reply>> {
        let inner = self.inner.here()?;
        let patience = Patience { wait: Wait::Adaptive, pauses: 16 };
        block(&inner.signal, patience, timeout, hook, |_: Mode| inner.look())
    }

    /// Gives the call up. Threads that wait for it return with [`Misuse`](Code::Misuse). Any thread;
    /// after the end it does nothing.
    pub fn cancel(&self) {
        let Ok(inner) = self.inner.here() else { return };
        let progress = core::mem::replace(&mut *inner.progress.lock(), Progress::Over);
        drop(progress);
        inner.signal.ring();
    }
}

impl sealed::Sealed for PendingCall {
    fn source(&self) -> sealed::Watched {
        sealed::Watched(self.inner.clone())
    }
}

impl Pollable for PendingCall {}
