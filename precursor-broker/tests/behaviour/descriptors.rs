//! Descriptors for a host's event loop: armed on the edge.

use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};

use precursor_broker::{Policy, SubscribeOptions, Subscription};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::{holding, start};

/// What an event loop asks, without waiting.
fn is_readable(descriptor: &OwnedFd) -> bool {
    wait_readable(descriptor, 0)
}

fn wait_readable(descriptor: &OwnedFd, seconds: i64) -> bool {
    let mut descriptors = [PollFd::from_borrowed_fd(descriptor.as_fd(), PollFlags::IN)];
    let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
    poll(&mut descriptors, Some(&timeout)).unwrap() == 1
}

#[expect(clippy::host_endian_bytes, reason = "an eventfd is read in the host's order")]
/// How often it was signalled since the last look.
fn signals(descriptor: &OwnedFd) -> u64 {
    let mut count = [0; 8];
    match File::from(descriptor.try_clone().unwrap()).read(&mut count) {
        Ok(_) => u64::from_ne_bytes(count),
        Err(error) if error.kind() == IoErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}

fn open(world: &crate::world::World) -> (Subscription, OwnedFd) {
    let mut subscription = world.subscribe("n", &SubscribeOptions::default());
    let descriptor = subscription.event_fd().unwrap();
    (subscription, descriptor)
}

everywhere! {
    fn an_armed_descriptor_is_signalled_exactly_once(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        for round in 0..20 {
            assert!(subscription.arm().unwrap(), "round {round}: nothing is there");
            assert!(!is_readable(&descriptor));
            world.publish_numbers("n", 0..5);
            assert!(is_readable(&descriptor));
            assert_eq!(signals(&descriptor), 1, "five messages, one signal");
            assert!(!is_readable(&descriptor));
            while subscription.try_recv().unwrap().is_some() {}
        }
    }

    fn a_descriptor_that_is_not_armed_stays_silent(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        world.publish_numbers("n", 0..5);
        assert!(!is_readable(&descriptor));
        assert!(!subscription.arm().unwrap(), "something is there: receive first");
        world.publish_numbers("n", 5..6);
        assert!(!is_readable(&descriptor));
        while subscription.try_recv().unwrap().is_some() {}
        assert!(subscription.arm().unwrap());
        assert!(!is_readable(&descriptor));
    }

    fn arming_clears_an_old_signal(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        assert!(subscription.arm().unwrap());
        world.publish_numbers("n", 0..1);
        assert!(is_readable(&descriptor));
        assert!(subscription.try_recv().unwrap().is_some());
        assert!(subscription.arm().unwrap());
        assert!(!is_readable(&descriptor));
        assert!(subscription.arm().unwrap(), "arming twice changes nothing");
        world.publish_numbers("n", 1..2);
        assert_eq!(signals(&descriptor), 1);
    }

    fn an_event_loop_in_poll_is_woken(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        assert!(subscription.arm().unwrap());
        let host = start(move || {
            assert!(wait_readable(&descriptor, 60));
            subscription.try_recv().unwrap().expect("a message").payload().to_vec()
        });
        host.wait_until_asleep();
        world.publishers.publish("n", b"wake up").unwrap();
        assert_eq!(host.join(), b"wake up");
    }

    fn close_and_detach_make_an_armed_descriptor_readable(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        let mut small = world.subscribe("small", &holding(1, Policy::Detach));
        let detached = small.event_fd().unwrap();
        world.publish_numbers("small", 0..1);
        assert!(small.try_recv().unwrap().is_some());
        assert!(small.arm().unwrap());
        world.publish_numbers("small", 0..3);
        assert!(is_readable(&detached));
        assert!(subscription.arm().unwrap());
        world.subscribers.close();
        assert!(is_readable(&descriptor));
        assert!(!subscription.arm().unwrap(), "nothing will come");
    }

    fn a_reader_may_go_back_to_waiting_itself(place: Place) {
        let world = place.open();
        let (mut subscription, descriptor) = open(&world);
        assert!(subscription.arm().unwrap());
        let reader = start(move || subscription.recv().unwrap().payload().to_vec());
        reader.wait_until_asleep();
        world.publishers.publish("n", b"1").unwrap();
        assert_eq!(reader.join(), b"1");
        assert!(!is_readable(&descriptor), "the thread was woken, not the descriptor");
    }
}
