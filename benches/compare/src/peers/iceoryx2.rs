//! iceoryx2 between two processes, polling: a service for each direction, nothing lost.

use core::hint::spin_loop;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{
    Alignment, AllocationStrategy, BackpressureStrategy, Node, NodeBuilder, ServiceName, ipc,
};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use crate::shm::end::{End, Shape, Side, Waits};

type Service = PortFactory<ipc::Service, [u8], ()>;

/// One end.
#[derive(Debug)]
pub struct Iceoryx2 {
    payload_bytes: usize,
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    /// Open until the ports are gone.
    _services: [Service; 2],
    _node: Node<ipc::Service>,
}

fn service(node: &Node<ipc::Service>, name: &str, shape: Shape) -> Service {
    let name = ServiceName::new(name).expect("a short name");
    let builder = node.service_builder(&name).publish_subscribe::<[u8]>();
    builder
        .payload_alignment(Alignment::new(64).expect("a power of two"))
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(shape.depth())
        .subscriber_max_borrowed_samples(1)
        .history_size(0)
        .max_publishers(1)
        .max_subscribers(1)
        .open_or_create()
        .expect("a service opens")
}

impl End for Iceoryx2 {
    const NAME: &'static str = "iceoryx2";

    fn open(place: &str, side: Side, shape: Shape) -> Self {
        assert_eq!(shape.waits, Waits::Spin, "its subscribers poll");
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node opens");
        let there = service(&node, &format!("{place}/there"), shape);
        let back = service(&node, &format!("{place}/back"), shape);
        let (to, from) = match side {
            Side::Near => (&there, &back),
            Side::Far => (&back, &there),
        };
        let publisher = to
            .publisher_builder()
            .initial_max_slice_len(shape.payload_bytes)
            .allocation_strategy(AllocationStrategy::Static)
            .max_loaned_samples(1)
            .backpressure_strategy(BackpressureStrategy::DiscardData)
            .create()
            .expect("a publisher opens");
        let subscriber = from.subscriber_builder().create().expect("a subscriber opens");
        let payload_bytes = shape.payload_bytes;
        Self { payload_bytes, publisher, subscriber, _services: [there, back], _node: node }
    }

    #[inline]
    fn send(&mut self, write: impl Fn(&mut [u8])) {
        // Its own way to wait for room yields and then sleeps; this one spins as its reader does.
        loop {
            let sample = self.publisher.loan_slice_uninit(self.payload_bytes);
            // SAFETY: bytes that the system mapped, zeros or what was sent before.
            let mut sample = unsafe { sample.expect("memory is there").assume_init() };
            write(sample.payload_mut());
            if sample.send().expect("the service is there") == 1 {
                return;
            }
            spin_loop();
        }
    }

    #[inline]
    fn receive<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R {
        loop {
            match self.subscriber.receive().expect("the other end sends") {
                Some(sample) => return read(sample.payload()),
                None => spin_loop(),
            }
        }
    }
}
