//! What a publish costs through the C interface: instructions, beside those of Rust's.

use core::ffi::c_void;
use core::hint::black_box;
use core::ptr::{null, null_mut};
use std::sync::OnceLock;

use neo::capi::{
    NEO_OK, kernel_into_handle, neo_kernel_release, neo_kernel_t, neo_pub_open, neo_pub_release,
    neo_pub_t, neo_publish, neo_publish_result_t, neo_slice_t, neo_status_t,
};
use neo::rsapi;
use neo_protocol::{Publisher, Wait};

use super::scene::{self, Scene};
use super::{TOPIC, kernel, publisher, subscription};
use crate::content::small;
use crate::harness::{Sample, Scale};
use crate::peers::DEPTH;

const BY_RUST: Scene = ("publish by Rust", publish_by_rust);
const BY_C: Scene = ("publish by C", || publish_by_c(counted_publish_by_c));
const ASKING_BY_C: Scene = ("publish by C, asking", || publish_by_c(counted_publish_asking_by_c));
/// Every scene of this file.
pub const SCENES: [Scene; 3] = [BY_RUST, BY_C, ASKING_BY_C];

/// Messages that are counted: the mailbox takes all of them.
const PUBLISHED: u64 = DEPTH as u64 / 2;

/// Instructions of one publish of 64 bytes. They do not vary from run to run, so they are counted
/// once.
pub fn instructions_of_rust(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    Sample::new(*COUNT.get_or_init(|| instructions(BY_RUST)))
}

/// The same through `neo_publish`.
pub fn instructions_of_c(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    Sample::new(*COUNT.get_or_init(|| instructions(BY_C)))
}

/// The same, with the result that Rust always gives.
pub fn instructions_of_c_asking(_: Scale) -> Sample {
    static COUNT: OnceLock<f64> = OnceLock::new();
    Sample::new(*COUNT.get_or_init(|| instructions(ASKING_BY_C)))
}

fn instructions(scene: Scene) -> f64 {
    scene::instructions(scene, "counted_publish") / PUBLISHED as f64
}

fn publish_by_rust() -> f64 {
    let kernel = kernel();
    let reader = subscription(&kernel, TOPIC, DEPTH, Wait::Spin);
    let publisher = publisher(&kernel, TOPIC);
    for n in 0..PUBLISHED {
        counted_publish_by_rust(&publisher, &small(n));
    }
    assert_eq!(reader.queued(), PUBLISHED, "not all were published");
    PUBLISHED as f64
}

/// Its name is what the counter looks for; what it returns a program looks at.
#[inline(never)]
fn counted_publish_by_rust(publisher: &Publisher, payload: &[u8; 64]) -> u32 {
    publisher.publish(payload).expect("there is room").accepted
}

fn publish_by_c(publish: fn(Publish, *mut neo_pub_t, &[u8; 64])) -> f64 {
    let kernel = rsapi::Kernel::open("mem://", &super::options()).expect("a kernel opens");
    let mut options = rsapi::SubscribeOptions::default();
    options.depth = Some(DEPTH as u32);
    options.policy = Some(rsapi::Policy::Block);
    let reader = kernel.subscribe(TOPIC, &options).expect("a subscription opens");
    let handle = kernel_into_handle(kernel);
    let publisher = open_by_c(handle);
    let call = black_box(neo_publish as Publish);
    for n in 0..PUBLISHED {
        publish(call, publisher, &small(n));
    }
    assert_eq!(reader.queued().expect("the kernel is open"), PUBLISHED, "not all were published");
    // SAFETY: the publisher's only reference.
    unsafe { neo_pub_release(publisher) };
    // SAFETY: the kernel's only reference.
    unsafe { neo_kernel_release(handle) };
    PUBLISHED as f64
}

fn open_by_c(kernel: *mut neo_kernel_t) -> *mut neo_pub_t {
    let topic = neo_slice_t { data: TOPIC.as_ptr(), len: TOPIC.len() };
    let mut publisher = null_mut();
    // SAFETY: a live kernel, a topic that is borrowed for the call, a place for the result.
    let status = unsafe { neo_pub_open(kernel, topic, null(), &raw mut publisher, null_mut()) };
    assert_eq!(status, NEO_OK, "a publisher opens");
    publisher
}

/// The type of `neo_publish`: called by its address, as by a program in another image.
type Publish = unsafe extern "C" fn(
    *mut neo_pub_t,
    *const c_void,
    usize,
    *const neo::capi::neo_send_opts_t,
    *mut neo_publish_result_t,
    *mut neo::capi::neo_error_t,
) -> neo_status_t;

/// As a program calls it that does not ask how many mailboxes took the message.
#[inline(never)]
fn counted_publish_by_c(call: Publish, publisher: *mut neo_pub_t, payload: &[u8; 64]) {
    let data = payload.as_ptr().cast();
    // SAFETY: a live publisher, and 64 bytes that are borrowed for the call.
    let status = unsafe { call(publisher, data, 64, null(), null_mut(), null_mut()) };
    assert_eq!(status, NEO_OK, "there is room");
}

/// As `counted_publish_by_rust`, result and all.
#[inline(never)]
fn counted_publish_asking_by_c(call: Publish, publisher: *mut neo_pub_t, payload: &[u8; 64]) {
    let mut result = neo_publish_result_t {
        struct_size: size_of::<neo_publish_result_t>() as u32,
        accepted: 0,
        dropped: 0,
        timed_out: 0,
        messages: 0,
    };
    let data = payload.as_ptr().cast();
    // SAFETY: a live publisher, 64 bytes that are borrowed for the call, a place for the result.
    let status = unsafe { call(publisher, data, 64, null(), &raw mut result, null_mut()) };
    assert_eq!((status, result.accepted), (NEO_OK, 1), "there is room");
}
