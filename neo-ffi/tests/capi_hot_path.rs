//! After warming up, what a C program receives costs no allocation.
#![cfg(not(feature = "test-hooks"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a global allocator, and the exports that C programs call")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::{null, null_mut};
use std::alloc::System;

use neo::capi::*;
use neo::rsapi::{Kernel, Options};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; the counter is a plain cell of the
// calling thread, whose access neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, hence from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TIMES: u32 = 2_000;
const LONG_NS: i64 = 60_000_000_000;
const PAYLOAD: [u8; 64] = [7; 64];

/// Does something until it is warm, then counts what it allocates.
fn assert_free(what: &str, mut work: impl FnMut()) {
    (0..TIMES).for_each(|_| work());
    let before = ALLOCATIONS.get();
    (0..TIMES).for_each(|_| work());
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations of {TIMES} times: {what}");
}

fn text(text: &'static str) -> neo_slice_t {
    neo_slice_t { data: text.as_ptr(), len: text.len() }
}

fn payload() -> *const c_void {
    PAYLOAD.as_ptr().cast()
}

fn kernel() -> *mut neo_kernel_t {
    kernel_into_handle(Kernel::open("mem://", &Options::new()).unwrap())
}

fn no_view() -> neo_view_t {
    let none = neo_slice_t { data: null(), len: 0 };
    let msg = null_mut();
    neo_view_t { msg, data: none, topic: none, seq: 0, lost_before: 0, timestamp_ns: 0 }
}

fn open_service(kernel: *mut neo_kernel_t) -> *mut neo_service_t {
    let mut service = null_mut();
    // SAFETY: a live kernel, and a place for the result.
    let status =
        unsafe { neo_service_open(kernel, text("echo"), null(), &raw mut service, null_mut()) };
    assert_eq!(status, NEO_OK);
    service
}

fn answer(service: *mut neo_service_t) {
    let mut request = null_mut();
    // SAFETY: a live service, and a place for the result.
    let status = unsafe { neo_service_recv(service, &raw mut request, LONG_NS, null_mut()) };
    assert_eq!(status, NEO_OK);
    // SAFETY: a live request, and bytes that are borrowed for the call.
    assert_eq!(unsafe { neo_reply(request, payload(), 64, null_mut()) }, NEO_OK);
    // SAFETY: the request's only reference.
    unsafe { neo_request_release(request) };
}

fn call(kernel: *mut neo_kernel_t) {
    let (mut view, size) = (no_view(), size_of::<neo_view_t>());
    let (name, place) = (text("echo"), &raw mut view);
    // SAFETY: a live kernel, bytes that are borrowed for the call, and a place for the result.
    let status =
        unsafe { neo_call(kernel, name, name, payload(), 64, null(), place, size, null_mut()) };
    assert_eq!((status, view.data.len), (NEO_OK, 64));
    // SAFETY: the reply's only reference.
    unsafe { neo_msg_release(view.msg) };
}

/// A handle that another thread may have.
struct Shared(*mut neo_service_t);
// SAFETY: handles are for any thread.
unsafe impl Send for Shared {}

#[test]
fn calls_in_c_allocate_nothing() {
    let kernel = kernel();
    let service = Shared(open_service(kernel));
    let worker = std::thread::spawn(move || {
        let service = service;
        (0..2 * TIMES).for_each(|_| answer(service.0));
        // SAFETY: the service's only reference.
        unsafe { neo_service_release(service.0) };
    });
    assert_free("a call", || call(kernel));
    worker.join().unwrap();
    // SAFETY: the kernel's only reference.
    unsafe { neo_kernel_release(kernel) };
}

#[test]
fn requests_that_are_there_are_answered_in_c_without_allocating() {
    /// As many as may be in flight, and wait.
    const BACKLOG: u32 = 1_000;
    let kernel = Kernel::open("mem://", &Options::new()).unwrap();
    let handle = kernel_into_handle(kernel.clone());
    let service = open_service(handle);
    for round in 0..3 {
        let start = |_| kernel.start_call("echo", "echo", &PAYLOAD).unwrap();
        let calls: Vec<_> = (0..BACKLOG).map(start).collect();
        let before = ALLOCATIONS.get();
        (0..BACKLOG).for_each(|_| answer(service));
        let allocations = ALLOCATIONS.get() - before;
        assert!(round == 0 || allocations == 0, "{allocations} in round {round}");
        for call in calls {
            assert_eq!(call.try_take().unwrap().unwrap()[..], PAYLOAD);
        }
    }
    // SAFETY: the service's only reference.
    unsafe { neo_service_release(service) };
    // SAFETY: the kernel's only reference.
    unsafe { neo_kernel_release(handle) };
}

#[test]
fn messages_received_in_c_allocate_nothing() {
    let kernel = kernel();
    let mut sub = null_mut();
    // SAFETY: a live kernel, and a place for the result.
    let status = unsafe { neo_sub_open(kernel, text("t"), null(), &raw mut sub, null_mut()) };
    assert_eq!(status, NEO_OK);
    let size = size_of::<neo_view_t>();
    assert_free("a publish and its message", || {
        // SAFETY: a live kernel, and bytes that are borrowed for the call.
        let status =
            unsafe { neo_publish_to(kernel, text("t"), payload(), 64, null_mut(), null_mut()) };
        assert_eq!(status, NEO_OK);
        let mut view = no_view();
        // SAFETY: a live subscription, and a place for the result.
        let status = unsafe { neo_recv(sub, &raw mut view, size, LONG_NS, null_mut()) };
        assert_eq!((status, view.data.len), (NEO_OK, 64));
        // SAFETY: the message's only reference.
        unsafe { neo_msg_release(view.msg) };
    });
    // SAFETY: the subscription's only reference.
    unsafe { neo_sub_release(sub) };
    // SAFETY: the kernel's only reference.
    unsafe { neo_kernel_release(kernel) };
}
