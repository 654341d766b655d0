//! Kernels: what a URL names, who shares it, how it ends.

use neo_protocol::{ErrorKind, Kernel, Options, Policy};

#[test]
fn a_private_kernel_is_shared_by_its_clones_only() {
    let kernel = Kernel::open("mem://").unwrap();
    let clone = kernel.clone();
    let other = Kernel::open("mem://").unwrap();
    let mut orders = kernel.subscribe("orders").open().unwrap();
    other.publish("orders", b"elsewhere").unwrap();
    clone.publish("orders", b"here").unwrap();
    assert_eq!(orders.recv().unwrap().payload(), b"here");
    assert!(orders.try_recv().unwrap().is_none());
}

#[test]
fn a_named_kernel_is_shared_by_every_open_of_the_name() {
    let one = Kernel::open("mem://named.shared").unwrap();
    let two = Kernel::open("mem://named.shared").unwrap();
    let other = Kernel::open("mem://named.other").unwrap();
    let mut orders = one.subscribe("orders").open().unwrap();
    other.publish("orders", b"elsewhere").unwrap();
    two.publish("orders", b"here").unwrap();
    assert_eq!(orders.recv().unwrap().payload(), b"here");
    assert_eq!(two.counters().routes.len(), 1);
}

#[test]
fn closing_one_open_of_a_name_leaves_the_others() {
    let one = Kernel::open("mem://named.close").unwrap();
    let two = Kernel::open("mem://named.close").unwrap();
    let mut theirs = two.subscribe("t").open().unwrap();
    one.close();
    assert!(one.is_closed() && !two.is_closed());
    assert_eq!(one.publish("t", b"").unwrap_err().kind(), ErrorKind::Closed);
    two.publish("t", b"goes on").unwrap();
    assert_eq!(theirs.recv().unwrap().payload(), b"goes on");
    one.close();
}

#[test]
fn a_name_is_free_again_when_nothing_uses_it() {
    let small = Options::new().with_memory_bytes_max(8 << 20);
    let large = Options::new().with_memory_bytes_max(16 << 20);
    let kernel = Kernel::open_with("mem://named.free", &small).unwrap();
    let refused = Kernel::open_with("mem://named.free", &large).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    // A subscription keeps the kernel alive when its handles are gone.
    let subscription = kernel.subscribe("t").open().unwrap();
    drop(kernel);
    assert!(Kernel::open_with("mem://named.free", &large).is_err());
    drop(subscription);
    Kernel::open_with("mem://named.free", &large).unwrap();
}

#[test]
fn a_received_message_outlives_the_kernel() {
    let kernel = Kernel::open("mem://").unwrap();
    let mut t = kernel.subscribe("t").open().unwrap();
    kernel.publish("t", &[7; 100_000]).unwrap();
    let message = t.recv().unwrap();
    kernel.close();
    drop((kernel, t));
    assert_eq!(message.payload(), [7; 100_000]);
}

#[test]
fn memory_is_given_back() {
    let kernel = Kernel::open("mem://").unwrap();
    let mut t = kernel.subscribe("t").mailbox_bytes_max(64 << 20).open().unwrap();
    for _ in 0..10 {
        kernel.publish("t", &vec![1; 1 << 20]).unwrap();
    }
    let used = kernel.counters().committed_bytes;
    assert!(used >= 10 << 20);
    while t.try_recv().unwrap().is_some() {}
    assert!(kernel.trim() >= 10 << 20);
    assert!(kernel.counters().committed_bytes < used);
}

#[test]
fn counters_tell_what_happened_at_each_subscription() {
    let kernel = Kernel::open("mem://").unwrap();
    let mut kept = kernel.subscribe("t").depth(2).policy(Policy::DropNewest).open().unwrap();
    let mut crew = kernel.subscribe("*").group("crew").depth(4).open().unwrap();
    for _ in 0..3 {
        kernel.publish("t", b"x").unwrap();
    }
    kept.recv().unwrap();
    crew.recv().unwrap();
    let mut routes = kernel.counters().routes;
    routes.sort_by_key(|route| route.group.clone());
    let counts: Vec<_> = routes
        .iter()
        .map(|route| {
            let name = (route.pattern.as_str(), route.group.as_str(), route.policy, route.depth);
            (name, route.accepted, route.delivered, route.lost, route.queued)
        })
        .collect();
    assert_eq!(
        counts,
        [
            (("t", "", Policy::DropNewest, 2), 2, 1, 1, 1),
            (("*", "crew", Policy::Block, 4), 3, 1, 0, 2),
        ]
    );
}
