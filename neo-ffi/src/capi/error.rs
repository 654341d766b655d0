//! Errors: a struct of the caller's, and the texts of codes.

use core::ffi::c_char;

use crate::rsapi::{Code, Error, Outcome};

use super::caller::Caller;
use super::status::neo_status_t;
use super::versioned::Versioned;

/// Bytes of `neo_error_t.msg`, its NUL included.
pub const NEO_ERROR_MSG_BYTES: usize = 240;

/// What went wrong, in the caller's own memory: begin with `NEO_ERROR_INIT`. It is written only by a
/// function that returns an error, and only as far as `struct_size` says.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_error_t {
    /// `sizeof(neo_error_t)`.
    pub struct_size: u32,
    /// The status that the function returned.
    pub code: i32,
    /// With `NEO_E_OS`, the `errno` that the operating system gave as the reason; 0 where no call of
    /// the system is what failed, and with other codes.
    pub os_errno: i32,
    /// Bytes of `msg` without its NUL.
    pub len: u32,
    /// The text for a person: UTF-8, ends in NUL, is cut at the end of a character if it is longer.
    pub msg: [c_char; NEO_ERROR_MSG_BYTES],
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_error_t {
    const SIZE_FIRST: usize = 256;
    const NAME: &'static str = "neo_error_t";
}

impl Caller {
    /// Writes the error where the caller wants it, and returns its status.
    #[cold]
    pub(super) fn fail(&self, target: *mut neo_error_t, error: &Error) -> neo_status_t {
        let code = error.code().number();
        // A struct of a wrong size cannot be told so: the status says enough.
        if let Ok(Some(target)) = self.out_versioned(target) {
            let text = error.message();
            let len = text.floor_char_boundary(NEO_ERROR_MSG_BYTES - 1);
            let mut msg = [0; NEO_ERROR_MSG_BYTES];
            for (to, from) in msg.iter_mut().zip(&text.as_bytes()[..len]) {
                *to = from.cast_signed() as c_char;
            }
            let os_errno = error.os_error().unwrap_or(0);
            let len = len as u32;
            target.write(&neo_error_t { struct_size: 0, code, os_errno, len, msg });
        }
        code
    }
}

pub(super) fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::Invalid, text)
}

/// The symbol of a status, such as "NEO_E_CLOSED"; "NEO_E_UNKNOWN" for a number that this version
/// does not know. Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn neo_status_name(status: neo_status_t) -> *const c_char {
    let code = Code::from_number(status).map(Code::symbol_c);
    let outcome = || Outcome::from_number(status).map(Outcome::symbol_c);
    code.or_else(outcome).unwrap_or(c"NEO_E_UNKNOWN").as_ptr()
}

/// What a status means, in a few words. Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn neo_status_str(status: neo_status_t) -> *const c_char {
    let code = Code::from_number(status).map(Code::text_c);
    let outcome = || Outcome::from_number(status).map(Outcome::text_c);
    code.or_else(outcome).unwrap_or(c"a status that this version does not know").as_ptr()
}
