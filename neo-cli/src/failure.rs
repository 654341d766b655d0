//! Why a command did not come to its end, and what the shell is told.

use core::fmt;
use std::io;

use neo_protocol::{Error, ErrorKind};

/// Exit codes; `args` lists them for the help.
pub(crate) const REFUSED: u8 = 1;
pub(crate) const INVALID: u8 = 2;
pub(crate) const NOT_FOUND: u8 = 3;
pub(crate) const TIMEOUT: u8 = 4;
pub(crate) const NO_ROOM: u8 = 5;
pub(crate) const SERVICE: u8 = 6;
pub(crate) const UNWELL: u8 = 7;

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The kernel's error.
    Kernel(Error),
    /// What was asked for makes no sense.
    Invalid(String),
    /// The time given has passed.
    Timeout(String),
    /// The input or the output failed.
    Stream(io::Error),
    /// A signal asked for the end.
    Signal(u8),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Kernel(error) => match error.kind() {
                ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::Unsupported => INVALID,
                ErrorKind::NotFound | ErrorKind::NoResponder => NOT_FOUND,
                ErrorKind::Timeout => TIMEOUT,
                ErrorKind::Full | ErrorKind::Detached => NO_ROOM,
                ErrorKind::NoReply
                | ErrorKind::PeerDied
                | ErrorKind::Service
                | ErrorKind::Panicked => SERVICE,
                _ => REFUSED,
            },
            Self::Invalid(_) => INVALID,
            Self::Timeout(_) => TIMEOUT,
            Self::Stream(_) if self.is_quiet() => 0,
            Self::Stream(_) => REFUSED,
            Self::Signal(number) => 128 + number,
        }
    }

    /// Whether there is nothing to be said: the reader of the output has gone, or the user has
    /// ended the command.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Stream(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Signal(_) => true,
            _ => false,
        }
    }

    /// The kind, by the word that JSON has for it.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Kernel(error) => format!("{:?}", error.kind()),
            Self::Invalid(_) => "Invalid".into(),
            Self::Timeout(_) => "Timeout".into(),
            Self::Stream(_) => "Os".into(),
            Self::Signal(_) => "Signal".into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(error) => error.fmt(f),
            Self::Invalid(text) | Self::Timeout(text) => f.write_str(text),
            Self::Stream(error) => write!(f, "the input or the output failed: {error}"),
            Self::Signal(number) => write!(f, "ended by signal {number}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}
