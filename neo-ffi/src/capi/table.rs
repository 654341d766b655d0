//! The table of functions: for C code that finds no exported symbols, because the library is linked
//! into a host (a Python module).

use core::ffi::c_void;

use super::*;

macro_rules! table {
    ($($name:ident,)+) => {
        /// The functions' names, in their order.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        const COUNT: usize = [$(stringify!($name)),+].len();
        static TABLE: neo_api_t = neo_api_t {
            struct_size: size_of::<neo_api_t>() as u32,
            abi: NEO_ABI_MAJOR << 16 | NEO_ABI_MINOR,
            functions: [$($name as *const c_void),+],
        };
    };
}

/// Every function, each at a place that never changes: `include/neo.h` spells their types out, in
/// this order (`cargo xtask headers`). New ones are appended.
#[derive(Debug)]
#[repr(C)]
pub struct neo_api_t {
    /// Bytes of this struct, for functions that later versions append.
    pub struct_size: u32,
    /// As `neo_abi_version` says.
    pub abi: u32,
    functions: [*const c_void; COUNT],
}

// SAFETY: it is read only, and functions are called on any thread.
unsafe impl Send for neo_api_t {}
// SAFETY: as above.
unsafe impl Sync for neo_api_t {}

table! {
    neo_abi_version,
    neo_abi_check,
    neo_version,
    neo_debug_live,
    neo_status_name,
    neo_status_str,
    neo_kernel_open,
    neo_kernel_close,
    neo_kernel_is_closed,
    neo_kernel_url,
    neo_kernel_trim,
    neo_kernel_retain,
    neo_kernel_release,
    neo_kernel_counters,
    neo_counters_totals,
    neo_counters_route,
    neo_counters_release,
    neo_pub_open,
    neo_publish,
    neo_publish_to,
    neo_publish_batch_flat,
    neo_publish_batchv,
    neo_pub_topic,
    neo_pub_retain,
    neo_pub_release,
    neo_loan,
    neo_loan_truncate,
    neo_loan_commit,
    neo_loan_abort,
    neo_room_open,
    neo_room_wait,
    neo_room_retain,
    neo_room_release,
    neo_sub_open,
    neo_try_recv,
    neo_recv,
    neo_recv_batch,
    neo_borrow_batch,
    neo_batch_release,
    neo_sub_take_lost,
    neo_sub_queued,
    neo_sub_pattern,
    neo_sub_close,
    neo_sub_retain,
    neo_sub_release,
    neo_msg_view,
    neo_msg_header,
    neo_msg_retain,
    neo_msg_release,
    neo_msg_release_batch,
    neo_service_open,
    neo_service_recv,
    neo_service_name,
    neo_service_close,
    neo_service_retain,
    neo_service_release,
    neo_request_view,
    neo_reply,
    neo_reply_error,
    neo_request_retain,
    neo_request_release,
    neo_call,
    neo_call_start,
    neo_call_wait,
    neo_call_cancel,
    neo_call_retain,
    neo_call_release,
    neo_poller_open,
    neo_poller_open_wake,
    neo_poller_add_sub,
    neo_poller_add_service,
    neo_poller_add_call,
    neo_poller_add_room,
    neo_poller_remove,
    neo_poller_fd,
    neo_poller_arm,
    neo_poller_take,
    neo_poller_interrupt,
    neo_poller_wait,
    neo_poller_retain,
    neo_poller_release,
    neo_kernel_maintain,
    neo_kernel_maintain_fd,
    neo_recv_batch_into,
    neo_msg_traceparent,
    neo_request_data,
}

/// The table of this library image.
#[must_use]
pub fn api_table() -> &'static neo_api_t {
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_order_that_the_header_is_made_from() {
        let golden: Vec<&str> = include_str!("../../abi/api.txt").lines().collect();
        assert_eq!(NAMES, golden);
    }

    #[test]
    fn the_table_is_as_large_as_it_says() {
        let table = api_table();
        assert_eq!(table.struct_size as usize, 8 + NAMES.len() * size_of::<*const c_void>());
        assert_eq!(table.abi, neo_abi_version());
        assert!(table.functions.iter().all(|function| !function.is_null()));
    }
}
