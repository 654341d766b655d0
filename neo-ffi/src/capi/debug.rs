//! Versions, and what is alive.

use core::ffi::{CStr, c_char};

use crate::rsapi::{Code, Error, KINDS, Outcome, live, live_total};

use super::caller::Caller;
use super::error::neo_error_t;
use super::status::{NEO_ABI_MAJOR, NEO_ABI_MINOR, NEO_LIVE_ALL, neo_status_t};
use super::table::{api_table, neo_api_t};

/// The ABI of this library: `NEO_ABI_MAJOR << 16 | NEO_ABI_MINOR` of the header that it was built
/// with. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn neo_abi_version() -> u32 {
    NEO_ABI_MAJOR << 16 | NEO_ABI_MINOR
}

/// Whether a program that was built with this version of the header can use this library: the same
/// major version, and no newer minor one. Call it once, with NEO_ABI_MAJOR and NEO_ABI_MINOR.
///
/// @param err  receives both versions in words; may be NULL
/// @return NEO_OK; NEO_E_VERSION
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_abi_check(
    major: u32,
    minor: u32,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.run(err, |_| {
        if (major, minor) == (NEO_ABI_MAJOR, NEO_ABI_MINOR)
            || (major == NEO_ABI_MAJOR && minor < NEO_ABI_MINOR)
        {
            return Ok(Outcome::Ok);
        }
        Err(Error::new(
            Code::Version,
            format!(
                "the program was built for ABI {major}.{minor}, the library has \
                 {NEO_ABI_MAJOR}.{NEO_ABI_MINOR}: build and run with the same version of Neo"
            ),
        ))
    })
}

/// The library's version, such as "0.1.0". Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn neo_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version holds no NUL"),
        };
    VERSION.as_ptr()
}

/// Live objects of a kind in this process, by which tests prove that nothing leaks.
///
/// @param kind  a `NEO_LIVE_` number
/// @return how many; UINT64_MAX for a kind that this version does not know
///
/// Any thread; exact while no other thread makes or releases one.
#[unsafe(no_mangle)]
pub extern "C" fn neo_debug_live(kind: i32) -> u64 {
    if kind == NEO_LIVE_ALL {
        return live_total();
    }
    KINDS.iter().find(|known| known.number() == kind).map_or(u64::MAX, |kind| live(*kind))
}

/// The table of this library's functions. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn neo_api() -> *const neo_api_t {
    api_table()
}
