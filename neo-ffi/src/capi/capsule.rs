//! A kernel for C code in the same process.

use crate::rsapi::Kernel;

use super::caller::Caller;
use super::handle::{Handle, release};
use super::kernel::neo_kernel_t;
use super::table::{api_table, neo_api_t};

/// The name of a Python capsule, and of what else may carry a `neo_capsule_t`.
pub const NEO_CAPSULE_NAME: &core::ffi::CStr = c"neo.api.v1";

/// A kernel of a host in another language (a Python capsule named "neo.api.v1" holds one), and the
/// functions to use it: those of the host's library image, which need not be exported.
///
/// The capsule owns its reference to the kernel. Check `struct_size` and `api->abi`, and
/// retain the kernel to keep it longer than the capsule.
#[derive(Debug)]
#[repr(C)]
pub struct neo_capsule_t {
    /// Bytes of this struct, for fields that later versions append.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// The functions. Static.
    pub api: *const neo_api_t,
    /// The kernel.
    pub kernel: *mut neo_kernel_t,
}

// SAFETY: kernels are used and released on any thread, and the table is static.
unsafe impl Send for neo_capsule_t {}
// SAFETY: as above.
unsafe impl Sync for neo_capsule_t {}

impl neo_capsule_t {
    /// Hands a kernel to C code: pass a pointer to the capsule, which must stay where it is
    /// meanwhile. It keeps the kernel; dropped, it gives its reference back.
    #[must_use]
    pub fn new(kernel: Kernel) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            api: api_table(),
            kernel: kernel_into_handle(kernel),
        }
    }
}

impl Drop for neo_capsule_t {
    fn drop(&mut self) {
        // SAFETY: the pointer was made by `new`; C code has a pointer to a constant capsule.
        release(unsafe { Caller::new() }, self.kernel);
    }
}

/// A kernel as C uses it: one reference, for `neo_kernel_release`.
#[must_use]
pub fn kernel_into_handle(kernel: Kernel) -> *mut neo_kernel_t {
    Handle::give(kernel)
}
