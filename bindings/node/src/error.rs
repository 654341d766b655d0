//! Errors of the kernel as JavaScript sees them: `code` is the symbol of the table. `js/errors.cjs`
//! gives them their classes.

use neo::rsapi::{Code, Error};

/// The symbol of a code, as the property `code` of an error.
#[derive(Debug)]
pub(crate) struct Symbol(&'static str);

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        self.0
    }
}

pub(crate) type Result<T> = core::result::Result<T, napi::Error<Symbol>>;

/// The error of the facade as one that can be thrown.
#[cold]
pub(crate) fn thrown(error: &Error) -> napi::Error<Symbol> {
    napi::Error::new(Symbol(error.code().symbol()), error.message())
}

/// A use of a handle that cannot be.
#[cold]
pub(crate) fn misuse(text: &str) -> napi::Error<Symbol> {
    thrown(&Error::new(Code::Misuse, text))
}

/// Turns results of others into those that throw.
pub(crate) trait OrThrow<T> {
    fn or_throw(self) -> Result<T>;
}

impl<T> OrThrow<T> for neo::rsapi::Result<T> {
    #[inline]
    fn or_throw(self) -> Result<T> {
        self.map_err(|error| thrown(&error))
    }
}

impl<T> OrThrow<T> for napi::Result<T> {
    /// The runtime refused: memory, or an environment that is ending.
    #[inline]
    fn or_throw(self) -> Result<T> {
        self.map_err(|error| thrown(&Error::new(Code::Os, format!("Node refused: {error}"))))
    }
}
