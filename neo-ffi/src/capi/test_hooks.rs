//! What only the tests call. Not in the header, not in a released library.

use super::caller::Caller;
use super::error::neo_error_t;
use super::kernel::neo_kernel_t;
use super::status::neo_status_t;

/// A payload whose drop panics as well.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's drop panics");
    }
}

/// Panics in an export. With `mode` 1 the panic's payload panics when it is dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo__test_panic(
    kernel: *mut neo_kernel_t,
    mode: i32,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: a test passes a kernel.
    unsafe { Caller::new() }.on(kernel, err, |_, _| {
        if mode == 1 {
            std::panic::panic_any(Bomb);
        }
        panic!("a test asked for it");
    })
}
