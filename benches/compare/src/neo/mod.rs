//! Neo itself, through the API that its users have. Every figure opens its kernel with the same
//! [`options`]; rates subscribe with [`Policy::Block`], so that nothing is dropped.

pub mod cost;
pub mod cpp;
pub mod crowd;
pub mod faces;
pub mod latency;
pub mod memory;
pub mod neighbour;
pub mod rate;
pub mod scale;
pub mod scene;

use core::time::Duration;

use neo_protocol::{Kernel, Options, Policy, Publisher, Subscription, Wait};

/// The topic of every figure that needs only one.
pub const TOPIC: &str = "sensors.hall.temperature";
/// Longer than any figure: a publisher that waits this long has lost its receiver.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// A mailbox of large messages is bounded by its depth alone.
const MAILBOX_BYTES_MAX: u64 = 128 << 20;

/// The one configuration of all figures: the defaults, except that callers spin for their answers
/// and that a hundred thousand mailboxes may take their memory.
pub fn options() -> Options {
    Options::new().with_call_wait(Wait::Spin).with_memory_bytes_max(1 << 30)
}

/// A new kernel of its own.
pub fn kernel() -> Kernel {
    Kernel::open_with("mem://", &options()).expect("a kernel opens")
}

/// A subscription that loses nothing.
pub fn subscription(kernel: &Kernel, pattern: &str, depth: usize, wait: Wait) -> Subscription {
    let depth = u32::try_from(depth).expect("depths are small");
    let builder = kernel.subscribe(pattern).policy(Policy::Block).depth(depth).wait(wait);
    builder.mailbox_bytes_max(MAILBOX_BYTES_MAX).open().expect("a subscription opens")
}

/// A publisher that waits for room.
pub fn publisher(kernel: &Kernel, topic: &str) -> Publisher {
    kernel.publisher(topic).send_timeout(SEND_TIMEOUT).open().expect("a publisher opens")
}
