//! What the other processes do.

use core::task::{Context, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

use neo_protocol::{DEATHS_TOPIC, ErrorKind, Kernel, Options, Policy};

use crate::content::{checked, filled};
use crate::members;
use crate::process::{LONG, options, role};
use crate::victims::ply;

/// Runs in the processes that tests start; does nothing in a run of the tests.
#[test]
fn play() {
    let Some((role, url)) = role() else { return };
    let open = || Kernel::open_with(&url, &options()).unwrap();
    match role.as_str() {
        "peer" => peer(&open()),
        "opener" => drop(open()),
        "holder" => hold(&open()),
        "flood" => flood(&open()),
        "silent worker" => silent_worker(&open()),
        "watcher" => watch(&open()),
        "full reader" => full_reader(&open()),
        "meet" => meet(&open()),
        "waiting task" => waiting_task(&open()),
        "waiting caller" => waiting_caller(&open()),
        "waiting for room" => waiting_for_room(&open()),
        "stranger" => stranger(&url),
        "blind" => blind(&url),
        "other user" => other_user(&open()),
        "intruder" => intrude(&url),
        "unprivileged" => lack_rights(&url),
        "idle" => idle(&Kernel::open(&url).unwrap()),
        "hoarder" => hoard(&open()),
        "filler" => fill(&open()),
        "reborn" => reborn(&open()),
        "partner" => members::partner(&open()),
        "mourner" => members::mourn(&open()),
        "outsider" => members::stay_outside(&url),
        "knocker" => members::knock(),
        "impatient" => members::lose_patience(&url),
        "closed task" => members::closed_task(&url),
        victim => {
            let (trade, seed) = victim.split_once(' ').unwrap();
            ply(&open(), trade, seed.parse().unwrap());
        }
    }
}

/// Serves, echoes what it receives, sends large payloads; ends when it is told to.
fn peer(kernel: &Kernel) {
    let mut inbox = kernel.subscribe("to.peer").open().unwrap();
    let _member = kernel.subscribe("work").group("crew").depth(1_024).open().unwrap();
    let _newest = kernel.subscribe("prices.*").policy(Policy::Latest).depth(4).open().unwrap();
    let mut worker = kernel.serve("sum").open().unwrap();
    let serving = thread::spawn(move || {
        worker.run(|call| {
            Ok(call.payload().iter().map(|n| u64::from(*n)).sum::<u64>().to_string().into())
        })
    });
    let replies = kernel.publisher("from.peer").open().unwrap();
    replies.publish(b"here").unwrap();
    loop {
        let message = inbox.recv().unwrap();
        if message.payload() == b"end" {
            break;
        }
        let mut loan = replies.loan(message.payload().len()).unwrap();
        loan.copy_from_slice(message.payload());
        loan.send().unwrap();
    }
    kernel.close();
    assert_eq!(serving.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

/// Holds a loan and unread messages until it is killed.
fn hold(kernel: &Kernel) {
    let mut inbox = kernel.subscribe("to.holder").open().unwrap();
    let publisher = kernel.publisher("from.holder").open().unwrap();
    let _loan = publisher.loan(100_000).unwrap();
    publisher.publish(b"holding").unwrap();
    let mut kept = Vec::new();
    loop {
        kept.push(inbox.recv().unwrap());
    }
}

/// Publishes, loans, receives and calls until it is killed.
fn flood(kernel: &Kernel) {
    let publisher = kernel.publisher("load").open().unwrap();
    let mut own = kernel.subscribe("*").open().unwrap();
    let mut member =
        kernel.subscribe("load").group("crew").policy(Policy::DropOldest).open().unwrap();
    for n in 0_u64.. {
        let mut payload = vec![n as u8; if n.is_multiple_of(5) { 3_000 } else { 24 }];
        payload[..8].copy_from_slice(&n.to_le_bytes());
        publisher.publish(&payload).unwrap();
        publisher.publish_many(&[&[n as u8; 24], &[n as u8; 24]]).unwrap();
        let mut loan = publisher.loan(700).unwrap();
        loan.fill(n as u8);
        loan.send().unwrap();
        while own.try_recv().unwrap().is_some() {}
        while member.try_recv().unwrap().is_some() {}
        if n.is_multiple_of(16) {
            let sum = kernel.call("echo", "of", &n.to_le_bytes()).unwrap();
            assert_eq!(&sum[..], n.to_le_bytes());
        }
    }
}

/// Takes a request and never answers.
fn silent_worker(kernel: &Kernel) {
    let mut worker = kernel.serve("silent").open().unwrap();
    kernel.publish("ready", b"serving").unwrap();
    let _request = worker.recv(None).unwrap();
    kernel.publish("ready", b"taken").unwrap();
    loop {
        thread::park();
    }
}

/// Passes on what it is told of deaths.
fn watch(kernel: &Kernel) {
    let mut deaths = kernel.subscribe(DEATHS_TOPIC).open().unwrap();
    kernel.publish("told", b"watching").unwrap();
    loop {
        kernel.publish("told", deaths.recv().unwrap().payload()).unwrap();
    }
}

/// Wants to be waited for and never reads.
fn full_reader(kernel: &Kernel) {
    let _narrow = kernel.subscribe("narrow").policy(Policy::Block).depth(1).open().unwrap();
    kernel.publish("narrow", b"unread").unwrap();
    kernel.publish("ready", b"full").unwrap();
    loop {
        thread::park();
    }
}

/// One of several that open the name at the same moment.
fn meet(kernel: &Kernel) {
    let mut go = kernel.subscribe("go").open().unwrap();
    kernel.publish("met", &std::process::id().to_le_bytes()).unwrap();
    go.recv_timeout(LONG).unwrap().expect("all have met");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread: asleep unless its waker was called.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = Box::pin(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            core::task::Poll::Ready(value) => return value,
            core::task::Poll::Pending => thread::park(),
        }
    }
}

/// Echoes as a task.
pub(crate) fn waiting_task(kernel: &Kernel) {
    let mut inbox = kernel.subscribe("to.task").open().unwrap();
    kernel.publish("from.task", b"here").unwrap();
    loop {
        let message = block_on(inbox.recv_async()).unwrap();
        kernel.publish("from.task", message.payload()).unwrap();
    }
}

/// Calls as a task.
fn waiting_caller(kernel: &Kernel) {
    for n in 0..100_u8 {
        let reply = block_on(kernel.call_async("twice", "of", &[n])).unwrap();
        assert_eq!(&reply[..], &[n, n]);
    }
}

/// Publishes as a task to a mailbox without room.
fn waiting_for_room(kernel: &Kernel) {
    let publisher = kernel.publisher("narrow").open().unwrap();
    for n in 0..200_u8 {
        block_on(core::future::poll_fn(|context| publisher.poll_room(1, context))).unwrap();
        publisher.publish(&[n]).unwrap();
    }
}

/// Is in another PID namespace.
fn stranger(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("shareProcessNamespace"), "{error}");
    let (name, group) = url
        .split_once('?')
        .map_or((url, String::new()), |(name, group)| (name, format!("?{group}")));
    drop(Kernel::open_with(&format!("{name}-own{group}"), &Options::new()).unwrap());
}

/// Cannot look at the processes that it could share a kernel with.
fn blind(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("this process is 1, and"), "{error}");
}

/// Has a kernel of its own, and cannot look into the other.
fn other_user(kernel: &Kernel) {
    assert_eq!(kernel.counters().routes.len(), 0, "nobody else is here");
    let peer = std::env::var("NEO_SHM_TEST_PEER").unwrap();
    let error = std::fs::read_dir(format!("/proc/{peer}/fd")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

/// Names the directory of another user.
fn intrude(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Os, "{text}");
    assert!(text.contains("a directory of user 65534"), "{text}");
    assert!(text.contains("belongs to user 0 and group 0 and has mode 700"), "{text}");
}

/// May not look into the process that has the name open.
fn lack_rights(url: &str) {
    let error = Kernel::open_with(url, &options()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Os, "{text}");
    assert!(text.contains("in one user namespace"), "{text}");
}

/// Has everything open and waits.
fn idle(kernel: &Kernel) {
    let mut quiet = kernel.subscribe("quiet").open().unwrap();
    let _service = kernel.serve("quiet").open().unwrap();
    let _publisher = kernel.publisher("quiet").open().unwrap();
    kernel.publish("ready", b"idle").unwrap();
    let _ = quiet.recv();
}

/// Holds as many loans as it may until it is killed.
fn hoard(kernel: &Kernel) {
    let publisher = kernel.publisher("t").open().unwrap();
    let _loans: Vec<_> = (0..8).map(|_| publisher.loan(1 << 20).unwrap()).collect();
    kernel.publish("ready", b"full").unwrap();
    loop {
        thread::park();
    }
}

/// Uses far more memory than `/dev/shm` has.
fn fill(kernel: &Kernel) {
    let mut load = kernel.subscribe("load").mailbox_bytes_max(12 << 20).open().unwrap();
    for number in 0..8 {
        kernel.publish("load", &filled(1, number, 1 << 20)).unwrap();
    }
    for number in 0..8 {
        assert_eq!(checked(load.recv().unwrap().payload()), (1, number));
    }
}

/// Becomes another program with the same pid and start time.
fn reborn(kernel: &Kernel) {
    use std::os::unix::process::CommandExt;
    let _kept = kernel.subscribe("kept").open().unwrap();
    kernel.publish("from.reborn", b"here").unwrap();
    let error = std::process::Command::new("sleep").arg("1000").exec();
    panic!("{error}");
}
