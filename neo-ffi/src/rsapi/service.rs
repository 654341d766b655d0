//! Service workers: requests are pulled and answered by a one-shot token.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use neo_protocol::{Failure, Kernel, Responder, Wait};
use parking_lot::Mutex;

use crate::sys::OfProcess;

use super::error::{Code, Error, Result};
use super::inlet::Inlet;
use super::live::{Kind, Live};
use super::message::Message;
use super::poller::{Pollable, sealed};
use super::signal::Interrupt;

/// Options of a service worker; what is `None` is as the kernel has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// Requests that may wait, 1 to 65,536; 1,024 unless set. All workers use the same.
    pub depth: Option<u32>,
    /// How receivers wait; adaptive unless set.
    pub wait: Wait,
}

/// A worker of a service. Clones share it; any thread may use any of them, and a request goes to one
/// caller. It ends by [`close`](Self::close) or with its last clone.
#[derive(Clone, Debug)]
pub struct Service {
    inlet: Arc<OfProcess<Inlet<neo_protocol::Service>>>,
    name: Arc<str>,
}

impl Service {
    pub(crate) fn open(kernel: &Kernel, name: &str, options: &ServiceOptions) -> Result<Self> {
        let mut builder = kernel.serve(name).wait(options.wait);
        if let Some(depth) = options.depth {
            builder = builder.depth(depth);
        }
        let live = Live::new(Kind::Service);
        let inlet = Inlet::new(builder.open()?, options.wait, kernel.upkeep(), live);
        Ok(Self { inlet: Arc::new(OfProcess::new(inlet)), name: name.into() })
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next request, or `None` if none is there. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Closed`](Code::Closed), [`Forked`](Code::Forked).
    pub fn try_recv(&self) -> Result<Option<Request>> {
        Ok(self.inlet.here()?.try_take()?.map(Request::new))
    }

    /// The next request; waits for at most `timeout` (`None`: for ever). `None`: the time passed.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn recv(&self, timeout: Option<Duration>) -> Result<Option<Request>> {
        self.recv_with(timeout, None)
    }

    /// As [`recv`](Self::recv), asking `hook` at least every 100 ms; if it says `true` the wait ends.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv), and [`Interrupted`](Code::Interrupted).
    pub fn recv_with(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
    ) -> Result<Option<Request>> {
        self.recv_as(timeout, hook, |request| request)
    }

    /// As [`recv_with`](Self::recv_with), as what a face makes of the request when it is taken.
    #[inline]
    pub(crate) fn recv_as<T>(
        &self,
        timeout: Option<Duration>,
        hook: Option<Interrupt<'_>>,
        mut make: impl FnMut(Request) -> T,
    ) -> Result<Option<T>> {
        let inlet = self.inlet.here()?;
        inlet.wait_for_one(timeout, hook, |receiver| {
            Ok(receiver.try_recv()?.map(|request| make(Request::new(request))))
        })
    }

    /// Leaves the service: every waiting thread returns with [`Closed`](Code::Closed); requests that
    /// nobody is left to take are answered with `NoReply`. Any thread; closing twice does nothing.
    pub fn close(&self) {
        if let Ok(inlet) = self.inlet.here() {
            inlet.close();
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inlet.is_closed()
    }
}

impl sealed::Sealed for Service {
    fn source(&self) -> sealed::Watched {
        sealed::Watched(self.inlet.clone())
    }
}

impl Pollable for Service {}

/// A request with the right to answer it once, from any thread. Its bytes stay readable after the
/// answer. Dropped unanswered, its caller gets `NoReply`.
#[derive(Debug)]
pub struct Request(OfProcess<Parts>);

struct Parts {
    message: Message,
    responder: Mutex<Option<Responder>>,
    _live: Live,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Request {
    #[inline(always)]
    fn new(request: neo_protocol::Request) -> Self {
        let (message, responder) = request.into_parts();
        Self(OfProcess::new(Parts {
            message: Message::new(message),
            responder: Mutex::new(Some(responder)),
            _live: Live::new(Kind::Request),
        }))
    }

    /// The method that was called.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method_and_data().0
    }

    /// Both, for the price of one look at the request.
    #[must_use]
    pub fn method_and_data(&self) -> (&str, &[u8]) {
        let frame = self.0.message.frame();
        let name = frame.method().unwrap_or_default();
        // Bytes: a search for letters costs more than it finds in names that are this short.
        let method = match name.bytes().position(|byte| byte == b'/') {
            Some(at) => &name[at + 1..],
            None => name,
        };
        (method, frame.payload())
    }

    /// The argument.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.0.message.data()
    }

    /// Whether it was answered.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.0.is_here() && self.0.responder.lock().is_none()
    }

    /// Answers. A caller that no longer waits is no error.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Code::Misuse) if it was answered already; [`TooLarge`](Code::TooLarge) or
    /// [`Full`](Code::Full) if the reply has no room, of which the caller is told as well;
    /// [`Forked`](Code::Forked).
    pub fn reply(&self, payload: &[u8]) -> Result<()> {
        Ok(self.responder()?.reply(payload)?)
    }

    /// Answers with an error, which the caller gets as [`Service`](Code::Service) with the text, of
    /// which 180 bytes travel.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Code::Misuse) if it was answered already, [`Forked`](Code::Forked).
    pub fn fail(&self, text: &str) -> Result<()> {
        self.responder()?.fail(&Failure::new(text));
        Ok(())
    }

    fn responder(&self) -> Result<Responder> {
        self.0.here()?.responder.lock().take().ok_or_else(|| {
            Error::new(Code::Misuse, "the request was answered already: a request has one answer")
        })
    }
}
