//! kanal, bounded.

use kanal::{Receiver, Sender, bounded};

use super::{DEPTH, MESSAGES, MESSAGES_OF_CROWD, TRIPS};
use crate::content::{small, sum};
use crate::drive::{self, crowd, round_trip};
use crate::harness::{Sample, Scale};
use crate::threads::Cores;

/// 64 B by value, 1 → 1, blocking calls (which spin before they park).
pub fn one_way(scale: Scale) -> Sample {
    let (sender, receiver) = bounded::<[u8; 64]>(DEPTH);
    let send = move |messages| {
        (0..messages).for_each(|n| sender.send(small(n)).expect("the receiver lives"));
    };
    drive::one_way(scale.of(MESSAGES), 64, send, |tally| {
        while tally.missing() > 0 {
            tally.add(&receiver.recv().expect("the sender sends them all"));
        }
    })
}

/// 64 B there and back, spinning on `try_recv`.
pub fn round_trip_spinning(scale: Scale) -> Sample {
    let (there, at_echo) = bounded::<[u8; 64]>(DEPTH);
    let (back, at_asker) = bounded::<[u8; 64]>(DEPTH);
    let ask = |payload: &[u8; 64]| {
        there.send(*payload).expect("the echo lives");
        spin(&at_asker)
    };
    let echo = || back.send(spin(&at_echo)).expect("the asker lives");
    round_trip(scale.of(TRIPS), ask, echo)
}

fn spin(receiver: &Receiver<[u8; 64]>) -> [u8; 64] {
    loop {
        match receiver.try_recv().expect("the other side lives") {
            Some(payload) => return payload,
            None => std::hint::spin_loop(),
        }
    }
}

/// 64 B, two senders and two receivers on one channel, threads free.
pub fn group_free(scale: Scale) -> Sample {
    group(Cores::Free, scale)
}

/// The same, all threads on one core.
pub fn group_one_core(scale: Scale) -> Sample {
    group(Cores::One, scale)
}

fn group(cores: Cores, scale: Scale) -> Sample {
    let (sender, receiver) = bounded(DEPTH);
    let senders = vec![writer(sender.clone()), writer(sender)];
    let receivers = vec![reader(receiver.clone()), reader(receiver)];
    crowd(cores, scale.of(MESSAGES_OF_CROWD), 1, senders, receivers)
}

fn writer(sender: Sender<[u8; 64]>) -> drive::Sender {
    Box::new(move |sequences| {
        sequences.for_each(|n| sender.send(small(n)).expect("the receivers live"));
    })
}

/// Reads until the last sender is gone.
fn reader(receiver: Receiver<[u8; 64]>) -> drive::Receiver {
    Box::new(move || {
        core::iter::from_fn(|| receiver.recv().ok()).fold(0, |t, p| t.wrapping_add(sum(&p)))
    })
}
