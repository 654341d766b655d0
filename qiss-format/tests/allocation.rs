//! Reading and building allocate nothing: invariant 1 and 5 of the architecture.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a global allocator cannot be written without it")]

mod common;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

use common::cases;
use qiss_format::{
    Frame, FrameBuilder, FrameMut, Kind, Stamp, Template, VerifyOptions, frame_len, verify,
};

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

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(allocations(|| drop(core::hint::black_box(vec![0_u8; 9]))), 1);
}

#[test]
fn verifying_and_reading_valid_frames_allocates_nothing() {
    for case in cases::valid() {
        let count = allocations(|| {
            let peeked = Frame::peek(&case.bytes).unwrap();
            let options = VerifyOptions::new().with_expected_seq(peeked.seq());
            let frame = verify(&case.bytes, &options).unwrap();
            assert!(frame_len(&case.bytes, u32::MAX).is_ok());
            core::hint::black_box((frame.topic(), frame.method(), frame.reply_to()));
            core::hint::black_box((frame.deadline_ns(), frame.traceparent(), frame.payload()));
            core::hint::black_box((frame.headers().count(), frame.extensions().count()));
        });
        assert_eq!(count, 0, "{}", case.name);
    }
}

#[test]
fn refusing_invalid_frames_allocates_nothing() {
    for case in cases::invalid() {
        let options = VerifyOptions::new()
            .with_expected_seq(case.expected_seq)
            .with_frame_bytes_max(case.frame_bytes_max)
            .with_require_crc(case.require_crc);
        let count = allocations(|| assert!(verify(&case.bytes, &options).is_err()));
        assert_eq!(count, 0, "{}", case.name);
    }
}

#[test]
fn building_frames_allocates_nothing() {
    let mut out = [0; 1024];
    let count = allocations(|| {
        let mut builder = FrameBuilder::new();
        builder.kind(Kind::REQUEST).topic("a.b").method("s/m").header("k", b"v").crc(true);
        builder.encode_into(&mut out, b"payload").unwrap();
        let template = Template::new(&builder).unwrap();
        template.write(&mut out, b"payload", Stamp::new(1, 2)).unwrap();
        template.begin(&mut out, 100, Stamp::NONE).unwrap().fill(1);
        FrameMut::new(&mut out).unwrap().truncate(10).unwrap();
    });
    assert_eq!(count, 0);
}
