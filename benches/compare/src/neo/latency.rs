//! Round trips: publish and publish back, calls, and waking a reader that sleeps.

use neo_protocol::{Publisher, Reply, Subscription, Wait};

use super::{kernel, publisher, subscription};
use crate::drive::{self, round_trip};
use crate::harness::{Sample, Scale};
use crate::peers::{DEPTH, TRIPS};

/// Publish on `there`, answer published on `back`, both sides spinning.
pub fn round_trip_spinning(scale: Scale) -> Sample {
    let kernel = kernel();
    let mut at_echo = subscription(&kernel, "there", DEPTH, Wait::Spin);
    let mut at_asker = subscription(&kernel, "back", DEPTH, Wait::Spin);
    let (there, back) = (publisher(&kernel, "there"), publisher(&kernel, "back"));
    round_trip(
        scale.of(TRIPS),
        |payload| ask(&there, &mut at_asker, payload),
        || echo(&mut at_echo, &back),
    )
}

pub(crate) fn ask(to: &Publisher, from: &mut Subscription, payload: &[u8; 64]) -> [u8; 64] {
    to.publish(payload).expect("the echo reads");
    *from.recv().expect("the echo answers").payload().as_array().expect("64 bytes")
}

pub(crate) fn echo(from: &mut Subscription, to: &Publisher) {
    to.publish(from.recv().expect("the asker asks").payload()).expect("the asker reads");
}

/// The same with both readers asleep whenever nothing is there, cores 0 and 1.
pub fn round_trip_parked(scale: Scale) -> Sample {
    parked(1, scale.of(1 << 10))
}

/// The same on core 0 alone.
pub fn round_trip_parked_one_core(scale: Scale) -> Sample {
    parked(0, scale.of(1 << 12))
}

fn parked(echo_core: usize, trips: u64) -> Sample {
    let kernel = kernel();
    let mut at_echo = subscription(&kernel, "there", DEPTH, Wait::Park);
    let mut at_asker = subscription(&kernel, "back", DEPTH, Wait::Park);
    let (there, back) = (publisher(&kernel, "there"), publisher(&kernel, "back"));
    drive::round_trip_stamped(
        echo_core,
        trips,
        |payload| ask(&there, &mut at_asker, payload),
        || echo(&mut at_echo, &back),
    )
}

/// A call to a worker on the other core, both sides spinning.
pub fn call_worker(scale: Scale) -> Sample {
    let kernel = kernel();
    let mut worker = kernel.serve("echo").wait(Wait::Spin).open().expect("a worker joins");
    round_trip(
        scale.of(TRIPS),
        |payload| call(&kernel, payload),
        || {
            let request = worker.recv(None).expect("the kernel is open").expect("a request came");
            let payload: [u8; 64] = *request.payload().as_array().expect("64 bytes");
            request.reply(&payload).expect("the caller waits");
        },
    )
}

/// A call to a handler on the caller's own thread.
pub fn call_inline(scale: Scale) -> Sample {
    let kernel = kernel();
    let handler = |call: &neo_protocol::Call<'_>| Ok(Reply::copy_of(call.payload()));
    let _service = kernel.serve_inline("echo", handler).expect("a service opens");
    round_trip(scale.of(4 * TRIPS), |payload| call(&kernel, payload), || {})
}

fn call(kernel: &neo_protocol::Kernel, payload: &[u8; 64]) -> [u8; 64] {
    let reply = kernel.call("echo", "echo", payload).expect("the service answers");
    *reply.as_array().expect("64 bytes")
}
