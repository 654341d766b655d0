//! Loans that a face may keep in a handle.

use crate::sys::{OfProcess, OwnedLoan};

use neo_protocol::Published;

use super::error::{Error, Result};
use super::live::{Kind, Live};

/// A message being written in the kernel's memory. It keeps what it needs alive, blocks nobody and
/// may move to other threads. Dropped, it gives the memory back and sends nothing.
///
/// What the bytes hold beforehand is not specified.
#[derive(Debug)]
pub struct Loan(OfProcess<Parts>);

#[derive(Debug)]
struct Parts {
    loan: OwnedLoan,
    _live: Live,
}

impl Loan {
    pub(crate) fn new(loan: OwnedLoan) -> Self {
        Self(OfProcess::new(Parts { loan, _live: Live::new(Kind::Loan) }))
    }

    /// The bytes so far.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.0.loan.bytes()
    }

    /// The bytes, to write.
    ///
    /// # Errors
    ///
    /// [`Forked`](super::Code::Forked).
    pub fn data_mut(&mut self) -> Result<&mut [u8]> {
        self.0.here()?;
        Ok(self.0.loan.bytes_mut())
    }

    /// Sends only the first `len` bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](super::Code::Invalid) if `len` is more than was lent,
    /// [`Forked`](super::Code::Forked).
    pub fn truncate(&mut self, len: usize) -> Result<()> {
        self.0.here()?;
        Ok(self.0.loan.truncate(len)?)
    }

    /// Publishes the message.
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`](super::Publisher::publish); the memory is given back then as well.
    pub fn send(self) -> Result<Published> {
        let Parts { loan, .. } = self.0.into_inner().ok_or_else(Error::forked)?;
        Ok(loan.send()?)
    }

    /// Gives the memory back and sends nothing. The same as dropping it.
    pub fn abort(self) {
        drop(self);
    }
}
