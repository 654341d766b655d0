//! What a publish and a call cost in C++, through `neo.hpp`; `cpp.cpp` holds that side.

use core::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

use neo::capi::kernel_into_handle;
use neo::rsapi;

use super::TOPIC;
use super::scene::{self, Scene};
use crate::content::small;
use crate::drive::round_trip;
use crate::harness::{Sample, Scale};
use crate::peers::{DEPTH, TRIPS};

/// An object of C++.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn cpp_kernel(kernel: *mut c_void) -> *mut Opaque;
    fn cpp_kernel_end(kernel: *mut Opaque);
    fn cpp_publisher(kernel: *const Opaque, topic: *const c_char) -> *mut Opaque;
    fn cpp_publisher_end(publisher: *mut Opaque);
    fn counted_publish_by_cpp(publisher: *const Opaque, payload: *const c_void) -> u32;
    fn cpp_service(kernel: *const Opaque, name: *const c_char) -> *mut Opaque;
    fn cpp_service_end(service: *mut Opaque);
    fn cpp_answer(service: *const Opaque);
    fn cpp_call(
        kernel: *const Opaque,
        service: *const c_char,
        payload: *const c_void,
        answer: *mut c_void,
    );
}

/// Something of C++, ended by its destructor.
struct Owned {
    it: *mut Opaque,
    end: unsafe extern "C" fn(*mut Opaque),
}

// SAFETY: the handles of neo.hpp may be used and destroyed by any thread.
unsafe impl Send for Owned {}
// SAFETY: only their const functions are called while they are shared.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it was made with this end, and nobody uses it any more.
        unsafe { (self.end)(self.it) };
    }
}

impl Owned {
    fn kernel(kernel: rsapi::Kernel) -> Self {
        // SAFETY: the handle's one reference is taken over.
        let it = unsafe { cpp_kernel(kernel_into_handle(kernel).cast()) };
        Self { it, end: cpp_kernel_end }
    }

    fn publisher(&self, topic: &CStr) -> Self {
        // SAFETY: a live kernel, and text that ends in NUL.
        let it = unsafe { cpp_publisher(self.it, topic.as_ptr()) };
        Self { it, end: cpp_publisher_end }
    }

    fn service(&self, name: &CStr) -> Self {
        // SAFETY: a live kernel, and text that ends in NUL.
        let it = unsafe { cpp_service(self.it, name.as_ptr()) };
        Self { it, end: cpp_service_end }
    }
}

const PUBLISH: Scene = ("publish by C++", publish);
/// Every scene of this file.
pub const SCENES: [Scene; 1] = [PUBLISH];

/// Messages that are counted: the mailbox takes all of them.
const PUBLISHED: u64 = DEPTH as u64 / 2;

/// Instructions of one publish of 64 bytes, with its result. They do not vary from run to run.
pub fn instructions(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    let count = || scene::instructions(PUBLISH, "counted_publish") / PUBLISHED as f64;
    Sample::new(*COUNT.get_or_init(count))
}

fn open() -> rsapi::Kernel {
    rsapi::Kernel::open("mem://", &super::options()).expect("a kernel opens")
}

fn publish() -> f64 {
    let kernel = open();
    let mut options = rsapi::SubscribeOptions::default();
    options.depth = Some(DEPTH as u32);
    options.policy = Some(rsapi::Policy::Block);
    let reader = kernel.subscribe(TOPIC, &options).expect("a subscription opens");
    let kernel = Owned::kernel(kernel);
    let topic = std::ffi::CString::new(TOPIC).expect("a topic holds no NUL");
    let publisher = kernel.publisher(&topic);
    for n in 0..PUBLISHED {
        let payload = small(n);
        // SAFETY: a live publisher, and 64 bytes that are borrowed for the call.
        let accepted = unsafe { counted_publish_by_cpp(publisher.it, payload.as_ptr().cast()) };
        assert_eq!(accepted, 1, "there is room");
    }
    assert_eq!(reader.queued().expect("the kernel is open"), PUBLISHED, "not all were published");
    PUBLISHED as f64
}

/// A call to a worker on the other core, both in C++ and spinning.
pub fn call_worker(scale: Scale) -> Sample {
    let kernel = Owned::kernel(open());
    let service = kernel.service(c"echo");
    let kernel = &kernel;
    round_trip(
        scale.of(TRIPS),
        move |payload| {
            let mut answer = [0_u8; 64];
            let place = answer.as_mut_ptr().cast();
            // SAFETY: a live kernel, and twice 64 bytes that are borrowed for the call.
            unsafe { cpp_call(kernel.it, c"echo".as_ptr(), payload.as_ptr().cast(), place) };
            answer
        },
        move || {
            let service = &service;
            // SAFETY: a live worker.
            unsafe { cpp_answer(service.it) };
        },
    )
}
