//! What processes do that are killed in the middle of it.

use core::time::Duration;

use neo_protocol::{ErrorKind, Failure, Kernel, Policy};

use crate::content::{Choices, HEAD_BYTES, checked, fill, filled};
use crate::process::LONG;

/// What a victim may be.
pub(crate) const TRADES: &[&str] =
    &["publisher", "subscriber", "member", "worker", "caller", "holder"];

/// Plies a trade until it is killed. What it receives must be whole, what it calls must end.
pub(crate) fn ply(kernel: &Kernel, trade: &str, seed: u64) {
    let choices = Choices::new(seed);
    match trade {
        "publisher" => publish(kernel, choices, seed),
        "subscriber" => subscribe(kernel, choices),
        "member" => join(kernel, choices),
        "worker" => work(kernel, choices),
        "caller" => call(kernel, choices, seed),
        "holder" => hold(kernel, choices, seed),
        _ => panic!("there is no trade {trade}"),
    }
}

/// A mailbox without room, or memory that is used up: others are slow, or dead and not yet put right.
fn may_be_full<T>(result: neo_protocol::Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::Full => None,
        result => Some(result.unwrap()),
    }
}

fn publish(kernel: &Kernel, mut choices: Choices, id: u64) {
    let publisher = kernel.publisher("load").open().unwrap();
    let mut kept = None;
    for number in (0_u64..).step_by(4) {
        let len = HEAD_BYTES + choices.one_of(&[0, 8, 200, 700, 5_000, 60_000]);
        may_be_full(publisher.publish(&filled(id, number, len)));
        let pair = [filled(id, number + 1, 40), filled(id, number + 2, 150)];
        may_be_full(publisher.publish_many(&[&pair[0], &pair[1]]));
        if let Some(mut loan) = may_be_full(publisher.loan(len.max(700))) {
            fill(&mut loan, id, number + 3);
            match choices.below(3) {
                0 => drop(loan),
                1 => kept = Some(loan),
                _ => _ = may_be_full(loan.send()),
            }
        }
        if choices.below(4) == 0 {
            kept = None;
        }
    }
    drop(kept);
}

fn subscribe(kernel: &Kernel, mut choices: Choices) {
    let policy = choices.one_of(&[Policy::DropOldest, Policy::DropNewest, Policy::Latest]);
    let depth = choices.one_of(&[1, 16, 300]);
    let mut load = kernel.subscribe("load").policy(policy).depth(depth).open().unwrap();
    let mut tasks = kernel.subscribe("tasks").policy(Policy::Block).depth(depth).open().unwrap();
    let mut kept = std::collections::VecDeque::new();
    loop {
        kept.extend(tasks.recv_timeout(LONG).unwrap());
        if policy != Policy::Latest {
            let batch = load.try_recv_batch(8).unwrap();
            batch.iter().for_each(|message| _ = checked(message.payload()));
        }
        kept.extend(load.try_recv().unwrap());
        kept.iter().for_each(|message| _ = checked(message.payload()));
        while kept.len() > 4 {
            kept.pop_front();
        }
        if choices.below(64) == 0 {
            // Leaves and comes again, as one does.
            drop(load);
            load = kernel.subscribe("load").policy(policy).depth(depth).open().unwrap();
        }
    }
}

fn join(kernel: &Kernel, mut choices: Choices) {
    let member = || kernel.subscribe("load").group("crew").depth(64).open().unwrap();
    let mut own = member();
    loop {
        if let Some(message) = own.recv_timeout(LONG).unwrap() {
            checked(message.payload());
        }
        if choices.below(64) == 0 {
            drop(own);
            own = member();
        }
    }
}

fn work(kernel: &Kernel, mut choices: Choices) {
    let mut worker = kernel.serve("work").open().unwrap();
    let mut kept = Vec::new();
    loop {
        let patience = if kept.is_empty() { LONG } else { Duration::from_millis(1) };
        let Some(request) = worker.recv(Some(patience)).unwrap() else {
            kept.clear();
            continue;
        };
        let (publisher, number) = checked(request.payload());
        match choices.below(8) {
            0 => request.fail(&Failure::new("as it may happen")),
            1 => kept.push(request),
            _ => {
                let len = HEAD_BYTES + choices.one_of(&[0, 100, 3_000]);
                may_be_full(request.reply(&filled(publisher, number, len)));
            }
        }
    }
}

fn call(kernel: &Kernel, mut choices: Choices, id: u64) {
    for number in 0.. {
        let service = choices.one_of(&["work", "echo"]);
        let len = HEAD_BYTES + choices.one_of(&[0, 100, 3_000]);
        call_once(kernel, service, id, number, len);
    }
}

/// One call, which may fail as its worker dies, and must end.
pub(crate) fn call_once(kernel: &Kernel, service: &str, id: u64, number: u64, len: usize) {
    match kernel.call_timeout(service, "m", &filled(id, number, len), LONG) {
        Ok(reply) => assert_eq!(checked(&reply), (id, number), "the answer to another call"),
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::PeerDied
                    | ErrorKind::NoResponder
                    | ErrorKind::NoReply
                    | ErrorKind::Service
                    | ErrorKind::Full
            ),
            "{service}: {error}"
        ),
    }
}

/// Holds loans, messages and unread ones.
fn hold(kernel: &Kernel, mut choices: Choices, id: u64) {
    let mut load = kernel.subscribe("load").depth(32).open().unwrap();
    let publisher = kernel.publisher("load").open().unwrap();
    let _loans: Vec<_> = (0..choices.below(20)).map(|_| publisher.loan(10_000)).collect();
    let mut kept = Vec::new();
    for number in 0.. {
        if kept.len() < 16 {
            kept.extend(load.recv_timeout(LONG).unwrap());
        } else {
            std::thread::park_timeout(LONG);
        }
        may_be_full(publisher.publish(&filled(id, number, 2_000)));
    }
}
