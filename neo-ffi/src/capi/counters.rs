//! Counters: a snapshot of what happened so far.

use crate::rsapi::Live;
use crate::rsapi::{Counters, Kind, Outcome};

use super::caller::{Caller, bad_place};
use super::config::policy_number;
use super::error::neo_error_t;
use super::handle::{Handle, Object, release};
use super::kernel::neo_kernel_t;
use super::message::neo_slice_t;
use super::status::neo_status_t;
use super::versioned::Versioned;

/// A snapshot of a kernel's counters. Immutable; it has one owner.
#[derive(Debug)]
pub struct neo_counters_t {
    _private: [u8; 0],
}

#[derive(Debug)]
pub(super) struct Snapshot {
    counters: Counters,
    _live: Live,
}

impl Object for neo_counters_t {
    type Value = Snapshot;
    const TAG: u32 = 0x4E45_4F0C;
    const WHAT: &'static str = "snapshot of counters";
}

/// Counters of a whole kernel. Begin with `NEO_TOTALS_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_totals_t {
    /// `sizeof(neo_totals_t)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Subscriptions, groups and services that are listed: neo_counters_route reads them.
    pub routes: u64,
    /// Replies that came after their callers had given up.
    pub late_replies: u64,
    /// Requests that workers passed over because their callers had given up.
    pub expired_requests: u64,
    /// Bytes of payload memory in use.
    pub memory_bytes: u64,
    /// Bytes of payload memory that are backed.
    pub committed_bytes: u64,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_totals_t {
    const SIZE_FIRST: usize = 48;
    const NAME: &'static str = "neo_totals_t";
}

/// Counters of one subscription, group or service. Its texts are valid until the snapshot is
/// released.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_route_t {
    /// Its pattern, or the service's name.
    pub pattern: neo_slice_t,
    /// Its group; empty if it is none.
    pub group: neo_slice_t,
    /// Messages that it holds at most.
    pub depth: u64,
    /// Messages that entered the mailbox.
    pub accepted: u64,
    /// Messages that a receiver took.
    pub delivered: u64,
    /// Messages that were refused, evicted, replaced, or died with their publishers.
    pub lost: u64,
    /// Messages that waited for room until their publishers gave up.
    pub timed_out: u64,
    /// Messages in the mailbox.
    pub queued: u64,
    /// What happens when it is full: a `NEO_POLICY_` number.
    pub policy: i32,
    /// Zero.
    pub reserved: u32,
}

impl neo_route_t {
    const SIZE_FIRST: usize = 2 * size_of::<neo_slice_t>() + 56;
}

/// Takes a snapshot of the counters: per subscription, group and service, and of the whole kernel.
///
/// @param kernel  the kernel
/// @param out     receives the snapshot, for neo_counters_release
/// @param err     receives what went wrong; may be NULL
/// @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_kernel_counters(
    kernel: *mut neo_kernel_t,
    out: *mut *mut neo_counters_t,
    err: *mut neo_error_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(kernel, err, |caller, kernel| {
        let out = caller.out(out, "out")?;
        let counters = kernel.value.counters()?;
        out.write(Handle::give(Snapshot { counters, _live: Live::new(Kind::Counters) }));
        Ok(Outcome::Ok)
    })
}

/// The counters of the whole kernel.
///
/// @param counters  the snapshot
/// @param totals    receives them
/// @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_counters_totals(
    counters: *const neo_counters_t,
    totals: *mut neo_totals_t,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(counters, core::ptr::null_mut(), |caller, snapshot| {
        let totals = caller.out_versioned(totals)?.ok_or_else(|| bad_place("totals"))?;
        let counters = &snapshot.value.counters;
        totals.write(&neo_totals_t {
            struct_size: 0,
            reserved: 0,
            routes: counters.routes.len() as u64,
            late_replies: counters.late_replies,
            expired_requests: counters.expired_requests,
            memory_bytes: counters.memory_bytes,
            committed_bytes: counters.committed_bytes,
        });
        Ok(Outcome::Ok)
    })
}

/// The counters of one subscription, group or service.
///
/// @param counters    the snapshot
/// @param index       from 0
/// @param route       receives them
/// @param route_size  sizeof(neo_route_t)
/// @return NEO_OK; NEO_EOS if there are fewer; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
///
/// Any thread. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_counters_route(
    counters: *const neo_counters_t,
    index: usize,
    route: *mut neo_route_t,
    route_size: usize,
) -> neo_status_t {
    // SAFETY: the caller keeps to what is said above.
    unsafe { Caller::new() }.on(counters, core::ptr::null_mut(), |caller, snapshot| {
        let place = caller.out_array(route, route_size, 1, neo_route_t::SIZE_FIRST)?;
        let Some(route) = snapshot.value.counters.routes.get(index) else {
            return Ok(Outcome::Eos);
        };
        place.write(
            0,
            &neo_route_t {
                pattern: neo_slice_t::of(route.pattern.as_bytes()),
                group: neo_slice_t::of(route.group.as_bytes()),
                depth: route.depth,
                accepted: route.accepted,
                delivered: route.delivered,
                lost: route.lost,
                timed_out: route.timed_out,
                queued: route.queued,
                policy: policy_number(route.policy),
                reserved: 0,
            },
        );
        Ok(Outcome::Ok)
    })
}

/// Gives a snapshot back; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neo_counters_release(counters: *mut neo_counters_t) {
    // SAFETY: the caller keeps to what is said above.
    release(unsafe { Caller::new() }, counters);
}
