//! Loans: messages written in the kernel's memory.

use parking_lot::Mutex;

use crate::rsapi::{Loan, Outcome};

use super::caller::Caller;
use super::error::neo_error_t;
use super::handle::{Handle, Object};
use super::publish::{neo_pub_t, neo_publish_result_t};
use super::status::neo_status_t;

/// A message being written in place. It has one owner, who ends it by neo_loan_commit or
/// neo_loan_abort.
#[derive(Debug)]
pub struct neo_loan_t {
    _private: [u8; 0],
}

impl Object for neo_loan_t {
    type Value = Mutex<Loan>;
    const TAG: u32 = 0x4E45_4F03;
    const WHAT: &'static str = "loan";
}

/// Lends memory of the kernel to write a message in place: the form without any copy. What it holds
/// beforehand is not specified.
///
/// @param pub   the publisher; the loan keeps what it needs of it
/// @param len   bytes to lend
/// @param out   receives the loan, for neo_loan_commit or neo_loan_abort
/// @param data  receives where to write; at least 64-byte aligned unless `len` is 0, valid until the
///              loan ends
/// @param err   receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_FULL if the memory is used up, NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID,
///         NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_loan(
    r#pub: *mut neo_pub_t,
    len: usize,
    out: *mut *mut neo_loan_t,
    data: *mut *mut u8,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(r#pub, err, |caller, publisher| {
        let out = caller.out(out, "out")?;
        let data = caller.out(data, "data")?;
        let mut loan = publisher.value.loan(len)?;
        data.write(loan.data_mut()?.as_mut_ptr());
        out.write(Handle::give(Mutex::new(loan)));
        Ok(Outcome::Ok)
    })
}

/// Sends only the first `len` bytes.
///
/// @param len  at most what was lent
/// @param err  receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// The loan's owner. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_loan_truncate(
    loan: *mut neo_loan_t,
    len: usize,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(loan, err, |_, loan| {
        loan.value.lock().truncate(len)?;
        Ok(Outcome::Ok)
    })
}

/// Publishes the message. The loan is gone afterwards, also if this fails.
///
/// @param loan    consumed, unless it is none or a struct is of a wrong version
/// @param result  receives what became of it; may be NULL
/// @param err     receives what went wrong; may be NULL
/// @return as neo_publish
///
/// The loan's owner. Waits as neo_publish does without options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_loan_commit(
    loan: *mut neo_loan_t,
    result: *mut neo_publish_result_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.run(err, |caller| {
        let result = caller.out_versioned(result)?;
        let published = caller.take_value(loan)?.into_inner().send()?;
        if let Some(result) = result {
            result.write(&neo_publish_result_t::of(published, 1));
        }
        Ok(Outcome::Ok)
    })
}

/// Gives the memory back and sends nothing; NULL does nothing. The loan's owner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_loan_abort(loan: *mut neo_loan_t) {
    // SAFETY: the caller keeps to what is said above.
    super::handle::release(unsafe { Caller::new() }, loan);
}
