//! Errors of the kernel as JavaScript sees them: `code` is the symbol of the table. `js/errors.cjs`
//! gives them their classes.

use std::borrow::Cow;

use neo::rsapi::{Code, Error};

/// The symbol of a code, as the property `code` of an error; behind a colon the number that the
/// operating system gave as the reason, which `js/errors.cjs` makes a property of its own.
#[derive(Debug)]
pub(crate) struct Symbol(Cow<'static, str>);

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

pub(crate) type Result<T> = core::result::Result<T, napi::Error<Symbol>>;

/// The error of the facade as one that can be thrown.
#[cold]
pub(crate) fn thrown(error: &Error) -> napi::Error<Symbol> {
    let code = error.code().symbol();
    let symbol = match error.os_error() {
        Some(errno) => format!("{code}:{errno}").into(),
        None => code.into(),
    };
    napi::Error::new(Symbol(symbol), error.message())
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
