//! The crate's error: a kind to act on, and a text that names the value, the limit and the way out.

use core::fmt;
use std::borrow::Cow;

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is not valid: correct the call.
    Invalid,
    /// A message is larger than a limit: send less, or raise the limit at open.
    TooLarge,
    /// Memory, a table or a mailbox has no room: try again later, or raise the limit at open.
    Full,
    /// The time given passed: try again, or give more.
    Timeout,
    /// The handle or the kernel is closed: open it again.
    Closed,
    /// The handle belongs to the parent process: open the kernel again in this one.
    Forked,
    /// The subscription was full under `Detach` and was closed: subscribe again.
    Detached,
    /// Nothing has that name: start what makes it, or correct the name.
    NotFound,
    /// Nobody serves what was called: start the service, or try again later.
    NoResponder,
    /// The service dropped the request without an answer.
    NoReply,
    /// Whoever was working on the call died.
    PeerDied,
    /// The service answered with an error.
    Service,
    /// The service's handler panicked; the service lives on.
    Panicked,
    /// This kind of kernel cannot do that.
    Unsupported,
    /// The operating system refused.
    Os,
}

/// Why an operation failed.
///
/// One pointer, so that what succeeds pays nothing for what may fail: results stay in registers.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Reason>);

#[derive(Clone, PartialEq, Eq)]
struct Reason {
    kind: ErrorKind,
    message: Cow<'static, str>,
    os_error: Option<i32>,
}

/// A result with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason { kind, message: message.into(), os_error: None }))
    }

    /// What the operating system refused, and its number for that.
    #[cold]
    pub(crate) fn system(message: impl Into<Cow<'static, str>>, error: &std::io::Error) -> Self {
        let mut this = Self::new(ErrorKind::Os, message);
        this.0.os_error = error.raw_os_error();
        this
    }

    /// The same error, with a word on what it is about before its text.
    #[cold]
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message).into();
        self
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the kernel is closed: open it again to go on")
    }

    pub(crate) fn forked() -> Self {
        Self::new(
            ErrorKind::Forked,
            "the kernel was opened before this process was forked: open it again here",
        )
    }

    /// An error of a layer above, told in the same form.
    #[must_use]
    pub fn from_parts(kind: ErrorKind, message: String) -> Self {
        Self::new(kind, message)
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The number that the operating system gave as the reason, such as that of `ENOSPC`: what
    /// [`std::io::Error::from_raw_os_error`] takes. `None` unless the kind is [`Os`](ErrorKind::Os),
    /// and where no call of the system is what failed.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        self.0.os_error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl core::error::Error for Error {}

impl From<crate::broker::topic::TopicError> for Error {
    fn from(error: crate::broker::topic::TopicError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}

impl From<qiss_format::BuildError> for Error {
    fn from(error: qiss_format::BuildError) -> Self {
        let kind = match error.kind() {
            qiss_format::BuildErrorKind::PayloadTooLarge => ErrorKind::TooLarge,
            _ => ErrorKind::Invalid,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<crate::region::RegionError> for Error {
    fn from(error: crate::region::RegionError) -> Self {
        use crate::region::RegionError as E;
        let kind = match &error {
            E::System { source, .. } => return Self::system(error.to_string(), source),
            E::ParticipantsFull { .. } => ErrorKind::Full,
            E::Private => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<crate::region::error::AllocError> for Error {
    fn from(error: crate::region::error::AllocError) -> Self {
        Self::new(ErrorKind::Full, error.to_string())
    }
}
