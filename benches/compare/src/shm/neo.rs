//! Neo between two processes: a topic for each direction.

use neo_protocol::{Kernel, Publisher, Subscription, Wait};

use super::end::{End, Shape, Side, Waits};
use crate::drive::Tally;
use crate::neo::{options, publisher, subscription};

/// Payloads up to this length are copied as they are published, longer ones are written by loan.
const COPIED_BYTES_MAX: usize = 64;
/// Messages that a receiver takes at a time, at most.
const TAKEN: usize = 256;
const MEM: &str = "mem://";

/// One end.
#[derive(Debug)]
pub struct Neo {
    payload_bytes: usize,
    publisher: Publisher,
    subscription: Subscription,
    /// Open until both handles are gone.
    _kernel: Kernel,
}

/// The place of a kernel that is shared within this process only.
pub fn in_memory(name: &str) -> String {
    format!("{MEM}{name}")
}

/// The URL of a place.
pub fn url(place: &str) -> String {
    if place.starts_with(MEM) { place.to_owned() } else { format!("shm://{place}") }
}

impl End for Neo {
    const NAME: &'static str = "neo";

    fn open(place: &str, side: Side, shape: Shape) -> Self {
        let kernel = Kernel::open_with(&url(place), &options()).expect("a kernel opens");
        let (to, from) = match side {
            Side::Near => ("there", "back"),
            Side::Far => ("back", "there"),
        };
        let wait = match shape.waits {
            Waits::Spin => Wait::Spin,
            Waits::Adaptive => Wait::Adaptive,
            Waits::Park => Wait::Park,
        };
        Self {
            payload_bytes: shape.payload_bytes,
            publisher: publisher(&kernel, to),
            subscription: subscription(&kernel, from, shape.depth(), wait),
            _kernel: kernel,
        }
    }

    #[inline]
    fn send(&mut self, write: impl Fn(&mut [u8])) {
        if self.payload_bytes <= COPIED_BYTES_MAX {
            let mut payload = [0; COPIED_BYTES_MAX];
            write(&mut payload[..self.payload_bytes]);
            let published = self.publisher.publish(&payload[..self.payload_bytes]);
            published.expect("the other end reads");
        } else {
            let mut loan = self.publisher.loan(self.payload_bytes).expect("memory is there");
            write(&mut loan);
            loan.send().expect("the other end reads");
        }
    }

    #[inline]
    fn receive<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R {
        read(self.subscription.recv().expect("the other end sends").payload())
    }

    fn drain(&mut self, tally: &mut Tally) {
        while tally.missing() > 0 {
            let batch = self.subscription.recv_batch(TAKEN, None).expect("the other end sends");
            batch.iter().for_each(|message| tally.add(message.payload()));
        }
    }
}
