//! Errors by the names of their codes, which are the same in every language.

use neo::rsapi::Code;
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

/// An error as an observation. What a service answers with is the caller's business and is shown;
/// the library's own texts may differ from one language to another.
pub(crate) fn seen(error: &Error) -> Seen {
    let seen = Seen::default().with("error", Code::from(error.kind()).symbol());
    if error.kind() == ErrorKind::Service { seen.with("text", error) } else { seen }
}
