//! Handles in a forked child fail with a clear error and are leaked when dropped. One test, alone in
//! its process, which also counts all live objects.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork and _exit")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use core::time::Duration;

use neo::rsapi::{
    Code, KINDS, Kernel, Kind, Options, Poller, PublisherOptions, ServiceOptions, SubscribeOptions,
    generation, is_forked_since, live, live_total,
};

#[test]
fn a_forked_child_gets_forked_and_leaks_while_the_parent_goes_on() {
    let kernel = Kernel::open("mem://", &Options::new()).unwrap();
    let subscription = kernel.subscribe("t", &SubscribeOptions::default()).unwrap();
    let publisher = kernel.publisher("t", &PublisherOptions::default()).unwrap();
    let service = kernel.serve("s", &ServiceOptions::default()).unwrap();
    let poller = Poller::new().unwrap();
    poller.add(&subscription, 1).unwrap();
    publisher.publish(&[7; 5_000]).unwrap();
    let message = subscription.try_recv().unwrap().unwrap();
    let loan = publisher.loan(100).unwrap();
    let room = publisher.room(1).unwrap();
    let call = kernel.start_call("s", "m", b"1").unwrap();
    let request = service.recv(Some(Duration::from_secs(60))).unwrap().unwrap();
    for kind in KINDS {
        // The request's bytes are a message too.
        let wanted = match kind {
            Kind::Wake | Kind::Batch | Kind::Counters => 0,
            Kind::Message => 2,
            _ => 1,
        };
        assert_eq!(live(*kind), wanted, "{}", kind.name());
    }

    let before = generation();
    // SAFETY: the child calls nothing but this library, whose handles take no lock there, and _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let codes = [
            kernel.publish("t", b"x").err(),
            publisher.publish(b"x").err(),
            subscription.try_recv().err(),
            subscription.recv(None).err(),
            subscription.lock().err(),
            service.try_recv().err(),
            poller.arm().err(),
            room.is_ready().err(),
            request.reply(b"").err(),
            call.try_take().err(),
            loan.send().err(),
        ];
        let all_forked =
            codes.iter().all(|error| error.as_ref().is_some_and(|it| it.code() == Code::Forked));
        let readable = message.data() == [7; 5_000];
        subscription.close();
        kernel.close();
        drop((message, request, call, room, poller, service, publisher, subscription, kernel));
        let counted = is_forked_since(before);
        let status = i32::from(!(all_forked && readable && counted));
        // SAFETY: ends the child at once, without the test harness's handlers.
        unsafe { libc::_exit(status) }
    }
    let mut status = -1;
    // SAFETY: waits for the child made above; `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's findings");

    assert!(!is_forked_since(before));
    request.reply(b"2").unwrap();
    assert_eq!(&call.wait(Some(Duration::from_secs(60)), None).unwrap().unwrap()[..], b"2");
    assert_eq!(publisher.publish(b"still here").unwrap().accepted, 1);
    assert_eq!(message.data(), [7; 5_000]);
    drop((message, request, call, room, loan, poller, service, publisher, subscription, kernel));
    assert_eq!(live_total(), 0);
}
