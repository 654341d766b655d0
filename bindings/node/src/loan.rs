//! Loans: messages written in place.

use napi::Env;
use napi::bindgen_prelude::{ArrayBuffer, Either};
use napi_derive::napi;
use neo::rsapi;

use crate::error::{OrThrow as _, Result, misuse};
use crate::external::{Lend, Lender};
use crate::publisher::{Told, told};
use crate::table::{self, Key, kept};

pub(crate) type Loan = Lender<rsapi::Loan>;

kept!(Loan, "loan");

impl Lend for rsapi::Loan {
    const WHAT: &'static str = "loan";

    fn memory(&mut self) -> (*mut u8, usize) {
        // In a forked child there is none.
        self.data_mut().map_or((core::ptr::null_mut(), 0), |data| (data.as_mut_ptr(), data.len()))
    }
}

/// Its memory, once. The handle goes with the buffer, at the latest.
#[napi(catch_unwind)]
pub(crate) fn loan_view(env: &Env, loan: Key) -> Result<ArrayBuffer<'_>> {
    let lender = table::with(loan, |loan: &Loan| Ok(loan.clone()))?;
    lender.lend(env, loan)
}

/// Publishes the first `len` bytes. `buffer` is what `loan_view` returned; it has no bytes any more.
#[napi(catch_unwind)]
pub(crate) fn loan_send(loan: Key, buffer: ArrayBuffer<'_>, len: f64) -> Result<Either<u32, Told>> {
    let taken = table::with(loan, |loan: &Loan| loan.give_up(Some(buffer)))?;
    drop(table::take::<Loan>(loan));
    let mut loan = taken.ok_or_else(|| misuse("the loan was sent or given up already"))?;
    loan.truncate(len as usize).or_throw()?;
    Ok(told(loan.send().or_throw()?))
}

/// Gives the memory back and sends nothing. `buffer` as in `loan_send`.
#[napi(catch_unwind)]
pub(crate) fn loan_abort(loan: Key, buffer: ArrayBuffer<'_>) -> Result<()> {
    drop(table::with(loan, |loan: &Loan| loan.give_up(Some(buffer)))?);
    drop(table::take::<Loan>(loan));
    Ok(())
}
