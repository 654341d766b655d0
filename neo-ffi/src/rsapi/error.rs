//! The one table of error codes, from which the C header, the exceptions of Python and Node and the
//! sentinels of Go are made.

use core::ffi::CStr;
use core::fmt;

use neo_protocol::ErrorKind;

/// A result with this facade's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// Evaluated by the compiler only.
const fn c_text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a text of the table holds a NUL"),
    }
}

macro_rules! table {
    (
        $(#[$meta:meta])* $name:ident, $all:ident, $all_doc:literal;
        $($variant:ident = $number:literal, $symbol:literal, $text:literal;)+
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum $name {
            $(#[doc = concat!("`", $symbol, "`: ", $text, ".")] $variant = $number,)+
        }

        #[doc = $all_doc]
        pub const $all: &[$name] = &[$($name::$variant),+];

        impl $name {
            /// The number, as it stands in the C header. Never changes.
            #[must_use]
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// The symbol, as it stands in the C header. Never changes.
            #[must_use]
            pub const fn symbol(self) -> &'static str {
                match self {
                    $(Self::$variant => $symbol,)+
                }
            }

            /// What it says, in a few words without a full stop.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The symbol, as a C program reads it.
            #[must_use]
            pub const fn symbol_c(self) -> &'static CStr {
                match self {
                    $(Self::$variant => const { c_text(concat!($symbol, "\0")) },)+
                }
            }

            /// The text, as a C program reads it.
            #[must_use]
            pub const fn text_c(self) -> &'static CStr {
                match self {
                    $(Self::$variant => const { c_text(concat!($text, "\0")) },)+
                }
            }

            /// The entry with this number.
            #[must_use]
            pub fn from_number(number: i32) -> Option<Self> {
                $all.iter().copied().find(|entry| entry.number() == number)
            }
        }
    };
}

table! {
    /// Why an operation failed. Numbers are negative and frozen.
    Code, CODES, "Every code, in the order of their numbers.";
    Invalid = -1, "NEO_E_INVALID", "an argument is not valid";
    TooLarge = -2, "NEO_E_TOO_LARGE", "a message is larger than a limit";
    Full = -3, "NEO_E_FULL", "memory, a table or a mailbox has no room";
    Timeout = -4, "NEO_E_TIMEOUT", "the time given has passed";
    Closed = -5, "NEO_E_CLOSED", "the handle or its kernel is closed";
    Detached = -6, "NEO_E_DETACHED", "the subscription was full and has been closed";
    NoResponder = -7, "NEO_E_NO_RESPONDER", "nobody serves what was called";
    NoReply = -8, "NEO_E_NO_REPLY", "the service dropped the request unanswered";
    PeerDied = -9, "NEO_E_PEER_DIED", "the process that worked on the call died";
    Service = -10, "NEO_E_SERVICE", "the service answered with an error";
    Panicked = -11, "NEO_E_PANICKED", "the service's handler panicked";
    Unsupported = -12, "NEO_E_UNSUPPORTED", "this kind of kernel cannot do that";
    Os = -13, "NEO_E_OS", "the operating system refused";
    Forked = -14, "NEO_E_FORKED", "the handle belongs to the parent process";
    Interrupted = -15, "NEO_E_INTERRUPTED", "the caller's hook ended the wait";
    Misuse = -16, "NEO_E_MISUSE", "the handle cannot be used like this";
    Internal = -17, "NEO_E_INTERNAL", "a defect of the library";
    BadHandle = -18, "NEO_E_BAD_HANDLE", "the pointer is no live handle of this type";
    Version = -19, "NEO_E_VERSION", "a struct or the header is of another version";
    NotFound = -20, "NEO_E_NOT_FOUND", "nothing has that name";
}

table! {
    /// What an operation that did not fail may say. Numbers are not negative and frozen.
    Outcome, OUTCOMES, "Every outcome, in the order of their numbers.";
    Ok = 0, "NEO_OK", "done";
    Again = 1, "NEO_AGAIN", "nothing is there now";
    Eos = 2, "NEO_EOS", "nothing is left and nothing will come";
    AlreadyReady = 3, "NEO_ALREADY_READY", "not armed: something is ready now";
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::TooLarge => Self::TooLarge,
            ErrorKind::Full => Self::Full,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Closed => Self::Closed,
            ErrorKind::Forked => Self::Forked,
            ErrorKind::Detached => Self::Detached,
            ErrorKind::NoResponder => Self::NoResponder,
            ErrorKind::NoReply => Self::NoReply,
            ErrorKind::PeerDied => Self::PeerDied,
            ErrorKind::Service => Self::Service,
            ErrorKind::Panicked => Self::Panicked,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Os => Self::Os,
            ErrorKind::NotFound => Self::NotFound,
            _ => Self::Internal,
        }
    }
}

/// Why an operation failed: a code to act on, and a text that names the value, the limit and the way
/// out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
    os_error: Option<i32>,
}

impl Error {
    /// An error of a face, told in the same form.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), os_error: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The number that the operating system gave as the reason, such as that of `ENOSPC`. `None`
    /// unless the code is [`Os`](Code::Os), and where no call of the system is what failed.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        self.os_error
    }

    /// What the operating system refused.
    pub(crate) fn system(message: impl Into<String>, error: &std::io::Error) -> Self {
        Self { os_error: error.raw_os_error(), ..Self::new(Code::Os, message) }
    }

    /// The text for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    #[cold]
    pub(crate) fn forked() -> Self {
        Self::new(
            Code::Forked,
            "this handle was made before fork() and belongs to the parent process: open the kernel \
             in the child, or start the child by spawn",
        )
    }

    #[cold]
    pub(crate) fn interrupted() -> Self {
        Self::new(Code::Interrupted, "the wait was ended by the caller's hook")
    }

    #[cold]
    pub(crate) fn closed(what: &str) -> Self {
        Self::new(Code::Closed, format!("the {what} is closed: open it again to go on"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Error {}

impl From<neo_protocol::Error> for Error {
    fn from(error: neo_protocol::Error) -> Self {
        Self { os_error: error.os_error(), ..Self::new(error.kind().into(), error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_down_and_outcomes_count_up_without_gaps() {
        let codes: Vec<i32> = CODES.iter().map(|code| code.number()).collect();
        assert_eq!(codes, (1..=20).map(|n| -n).collect::<Vec<i32>>());
        let outcomes: Vec<i32> = OUTCOMES.iter().map(|outcome| outcome.number()).collect();
        assert_eq!(outcomes, [0, 1, 2, 3]);
    }

    #[test]
    fn symbols_are_c_names_and_unique() {
        let mut seen = std::collections::HashSet::new();
        for symbol in CODES.iter().map(|code| code.symbol()) {
            assert!(symbol.starts_with("NEO_E_"), "{symbol}");
            assert!(symbol.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{symbol}");
            assert!(seen.insert(symbol), "{symbol} twice");
        }
    }

    #[test]
    fn frozen_numbers_stay() {
        let frozen = [(Code::Invalid, -1), (Code::Full, -3), (Code::Closed, -5), (Code::Os, -13)];
        for (code, number) in frozen {
            assert_eq!(code.number(), number);
            assert_eq!(Code::from_number(number), Some(code));
        }
        assert_eq!(Code::from_number(0), None);
    }

    #[test]
    fn kernel_errors_keep_kind_and_text() {
        let refused = neo_protocol::Kernel::open("ftp://x").expect_err("no such scheme");
        let error = Error::from(refused.clone());
        assert_eq!(error.message(), refused.to_string());
        assert_eq!(error.code(), Code::from(refused.kind()));
    }
}
