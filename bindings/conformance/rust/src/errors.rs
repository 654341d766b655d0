//! Errors by the names of their codes, which are the same in every language.

use neo_protocol::{Error, ErrorKind};

use crate::step::Seen;

/// Why a step did not run to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The library refused: that is an observation.
    Refused(Error),
    /// The step itself is wrong, or something waited beyond every limit: the case fails.
    Broken(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Broken(problem)
    }
}

pub(crate) type Outcome = Result<Seen, Stop>;

/// The name of an error's code.
pub(crate) fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "NEO_E_INVALID",
        ErrorKind::TooLarge => "NEO_E_TOO_LARGE",
        ErrorKind::Full => "NEO_E_FULL",
        ErrorKind::Timeout => "NEO_E_TIMEOUT",
        ErrorKind::Closed => "NEO_E_CLOSED",
        ErrorKind::Detached => "NEO_E_DETACHED",
        ErrorKind::NoResponder => "NEO_E_NO_RESPONDER",
        ErrorKind::NoReply => "NEO_E_NO_REPLY",
        ErrorKind::PeerDied => "NEO_E_PEER_DIED",
        ErrorKind::Service => "NEO_E_SERVICE",
        ErrorKind::Panicked => "NEO_E_PANICKED",
        ErrorKind::Unsupported => "NEO_E_UNSUPPORTED",
        ErrorKind::Os => "NEO_E_OS",
        _ => "NEO_E_INTERNAL",
    }
}

/// An error as an observation. What a service answers with is the caller's business and is shown;
/// the library's own texts may differ from one language to another.
pub(crate) fn seen(error: &Error) -> Seen {
    let seen = Seen::default().with("error", name(error.kind()));
    if error.kind() == ErrorKind::Service { seen.with("text", error) } else { seen }
}
