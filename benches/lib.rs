//! What the criterion suites share: one configuration, kernels, and subscriptions that lose nothing.

use core::time::Duration;

use criterion::Criterion;
use neo_protocol::{Kernel, Policy, Publisher, Subscription, Wait};

/// The topic of every benchmark that needs only one.
pub const TOPIC: &str = "sensors.hall.temperature";
/// The payload of every benchmark that is not about sizes.
pub const PAYLOAD: [u8; 64] = [0x5A; 64];
/// Messages that a mailbox holds.
pub const DEPTH: u32 = 1024;
/// A mailbox of large messages is bounded by its depth alone.
const MAILBOX_BYTES_MAX: u64 = 256 << 20;
/// Longer than any benchmark: a publisher that waits this long has lost its receiver.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// Ten samples in about a second: a suite takes a minute or two.
#[must_use]
pub fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(600))
        .without_plots()
}

/// A new kernel of its own.
///
/// # Panics
///
/// If the system has no memory to give.
#[must_use]
pub fn kernel() -> Kernel {
    Kernel::open("mem://").expect("a kernel opens")
}

/// A subscription whose publishers wait for room.
///
/// # Panics
///
/// If `pattern` is malformed or the memory is used up.
#[must_use]
pub fn lossless(kernel: &Kernel, pattern: &str, wait: Wait) -> Subscription {
    let builder = kernel.subscribe(pattern).policy(Policy::Block).depth(DEPTH).wait(wait);
    builder.mailbox_bytes_max(MAILBOX_BYTES_MAX).open().expect("a subscription opens")
}

/// A publisher on [`TOPIC`] that waits for room.
///
/// # Panics
///
/// If the kernel is closed.
#[must_use]
pub fn publisher(kernel: &Kernel) -> Publisher {
    kernel.publisher(TOPIC).send_timeout(SEND_TIMEOUT).open().expect("a publisher opens")
}

/// Reads the message that was just published.
///
/// # Panics
///
/// If nothing is there: then the benchmark does not measure what it says.
pub fn take(subscription: &mut Subscription) -> usize {
    let batch = subscription.recv_batch(1, Some(Duration::ZERO)).expect("the kernel is open");
    let message = batch.get(0).expect("the message is there");
    core::hint::black_box(message.payload()).len()
}
