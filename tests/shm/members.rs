//! What the processes of other users do at a name of a group.

use std::io::IoSliceMut;

use neo_protocol::{DEATHS_TOPIC, ErrorKind, Kernel};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendFlags, SocketAddrUnix, SocketType,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::process::{next, options};
use crate::roles::{block_on, waiting_task};

/// Talks to the waiting task of another user.
pub(crate) fn partner(kernel: &Kernel) {
    let mut replies = kernel.subscribe("from.task").open().unwrap();
    // It may have said that it is there before this one listened.
    while kernel.publish("to.task", &[255]).unwrap().accepted == 0 {
        std::thread::yield_now();
    }
    while next(&mut replies) != [255] {}
    for n in 0..100_u8 {
        let payload = vec![n; if n.is_multiple_of(2) { 8 } else { 5_000 }];
        kernel.publish("to.task", &payload).unwrap();
        let message = block_on(replies.recv_async()).unwrap();
        assert_eq!(message.payload(), payload);
    }
}

/// Waits for the death of another user's process.
pub(crate) fn mourn(kernel: &Kernel) {
    let mut deaths = kernel.subscribe(DEATHS_TOPIC).open().unwrap();
    kernel.publish("told", b"waiting").unwrap();
    next(&mut deaths);
    // What the dead had open is gone with it.
    assert_eq!(kernel.publish("to.task", b"nobody").unwrap().accepted, 0);
}

/// Is not in the group.
pub(crate) fn stay_outside(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Os, "{text}");
    assert!(text.contains(url) && text.contains("of user 60003"), "{text}");
    assert!(text.contains("group 4242") && text.contains("usermod"), "{text}");
}

/// Is not in the group, and asks for the memory all the same.
pub(crate) fn knock() {
    let path = std::env::var("NEO_SHM_TEST_DOOR").unwrap();
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    let wish = (u64::MAX - 2).to_le_bytes();
    let _ = rustix::net::send(&socket, &wish, SendFlags::NOSIGNAL);
    let mut space = [core::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 64];
    let buffers = &mut [IoSliceMut::new(&mut bytes)];
    let answer = rustix::net::recvmsg(&socket, buffers, &mut ancillary, RecvFlags::empty());
    assert_eq!((answer.unwrap().bytes, ancillary.drain().count()), (32, 0), "no descriptors");
    let words: Vec<u64> =
        bytes[..32].chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!((words[0], words[2], words[3]), (1, 4_242, 60_003), "refused, and told why");
}

/// Is in the group, and nobody answers.
pub(crate) fn lose_patience(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{text}");
    let stopped = std::env::var("NEO_SHM_TEST_PEER").unwrap();
    assert!(text.contains(&stopped) && text.contains("stopped"), "{text}");
}

/// A waiting task in a process that nobody may look into, as one with file capabilities.
pub(crate) fn closed_task(url: &str) {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap();
    let kernel = Kernel::open_with(url, &options()).unwrap();
    waiting_task(&kernel);
}
