//! The layout of every struct of the header, as the Rust compiler has it. `cargo xtask test c` holds
//! the C compiler against the same list.
#![cfg(target_pointer_width = "64")]

use core::fmt::Write as _;
use core::mem::offset_of;

use super::*;

/// The size of what a field holds.
fn size_of_field<T, F>(_: impl FnOnce(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layout {
    ($($name:ident { $($field:ident),+ })+) => {{
        let mut text = String::new();
        $(
            writeln!(text, "{} {}", stringify!($name), size_of::<$name>()).unwrap();
            $(writeln!(
                text,
                "{}.{} {} {}",
                stringify!($name),
                stringify!($field),
                offset_of!($name, $field),
                size_of_field(|it: &$name| &it.$field),
            ).unwrap();)+
        )+
        text
    }};
}

#[test]
fn structs_are_laid_out_as_the_list_says() {
    let found = layout! {
        neo_slice_t { data, len }
        neo_view_t { msg, data, topic, seq, lost_before, timestamp_ns }
        neo_error_t { struct_size, code, os_errno, len, msg }
        neo_config_t { struct_size, subscriptions_max, participants_max, calls_in_flight_max, memory_bytes_max, call_timeout_ns, without_thread, existing_only, reserved }
        neo_reclaimed_t { struct_size, reserved, participants, routes, claims, blocks }
        neo_totals_t { struct_size, reserved, routes, late_replies, expired_requests, memory_bytes, committed_bytes }
        neo_route_t { pattern, group, depth, accepted, delivered, lost, timed_out, queued, policy, reserved }
        neo_header_t { key, value }
        neo_pub_opts_t { struct_size, stamp_time, reserved, send_timeout_ns, headers, header_count, traceparent }
        neo_send_opts_t { struct_size, reserved, timeout_ns }
        neo_publish_result_t { struct_size, accepted, dropped, timed_out, messages }
        neo_sub_opts_t { struct_size, depth, policy, wait, mailbox_bytes_max, pinned_bytes_max, group }
        neo_service_opts_t { struct_size, depth, wait, reserved }
        neo_request_view_t { method, data }
        neo_call_opts_t { struct_size, reserved, timeout_ns }
        neo_capsule_t { struct_size, reserved, api, kernel }
    };
    assert_eq!(found, include_str!("../../abi/layout.txt"));
}
