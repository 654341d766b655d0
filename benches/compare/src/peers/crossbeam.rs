//! crossbeam-channel, bounded.

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::{
    DEPTH, DEPTH_1_KIB, DEPTH_64_KIB, MESSAGES, MESSAGES_1_KIB, MESSAGES_64_KIB, MESSAGES_OF_CROWD,
    TRIPS,
};
use crate::content::{fill, small, sum};
use crate::drive::{self, Tally, crowd, round_trip};
use crate::harness::{Sample, Scale};
use crate::threads::Cores;

/// 64 B by value, 1 → 1, blocking calls (which spin before they park).
pub fn one_way(scale: Scale) -> Sample {
    let (sender, receiver) = bounded::<[u8; 64]>(DEPTH);
    let send = move |messages| {
        (0..messages).for_each(|n| sender.send(small(n)).expect("the receiver lives"));
    };
    drive::one_way(scale.of(MESSAGES), 64, send, |tally| drain(&receiver, tally))
}

fn drain<T: AsRef<[u8]>>(receiver: &Receiver<T>, tally: &mut Tally) {
    while tally.missing() > 0 {
        tally.add(receiver.recv().expect("the sender sends them all").as_ref());
    }
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
        match receiver.try_recv() {
            Ok(payload) => return payload,
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
            Err(TryRecvError::Disconnected) => panic!("the other side left early"),
        }
    }
}

/// 1 KiB in a new `Vec` each, 1 → 1.
pub fn one_way_1_kib(scale: Scale) -> Sample {
    vectors(scale.of(MESSAGES_1_KIB), 1 << 10, DEPTH_1_KIB)
}

/// 64 KiB in a new `Vec` each, 1 → 1.
pub fn one_way_64_kib(scale: Scale) -> Sample {
    vectors(scale.of(MESSAGES_64_KIB), 64 << 10, DEPTH_64_KIB)
}

fn vectors(messages: u64, payload_bytes: usize, depth: usize) -> Sample {
    let (sender, receiver) = bounded::<Vec<u8>>(depth);
    let send = move |messages| {
        for sequence in 0..messages {
            let mut payload = vec![0; payload_bytes];
            fill(&mut payload, sequence);
            sender.send(payload).expect("the receiver lives");
        }
    };
    drive::one_way(messages, payload_bytes, send, |tally| drain(&receiver, tally))
}

/// 64 B, one sender that clones each message into three channels, threads free.
pub fn fan_out_free(scale: Scale) -> Sample {
    fan_out(Cores::Free, scale)
}

/// The same, all threads on one core.
pub fn fan_out_one_core(scale: Scale) -> Sample {
    fan_out(Cores::One, scale)
}

fn fan_out(cores: Cores, scale: Scale) -> Sample {
    let messages = scale.of(MESSAGES_OF_CROWD);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| bounded(DEPTH)).unzip();
    let send: drive::Sender = Box::new(move |sequences| {
        for payload in sequences.map(small) {
            senders.iter().for_each(|s| s.send(payload).expect("the receivers live"));
        }
    });
    crowd(cores, messages, 3, vec![send], receivers.into_iter().map(reader).collect())
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
    Box::new(move || receiver.iter().fold(0, |total, p| total.wrapping_add(sum(&p))))
}
