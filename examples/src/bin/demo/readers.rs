//! The subscribers: what each does with the messages that it receives.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use neo_protocol::{Counters, ErrorKind, Kernel, Policy, RouteCounters, Subscription};

use crate::data::{Carrier, Failure, Flight};
use crate::tally::{Delays, Tally};

/// Messages that are read at once.
const BATCH: usize = 256;

/// A subscription of the demo, or the three that form its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) group: &'static str,
    pub(crate) policy: Policy,
    depth: u32,
}

const BLOCK: Policy = Policy::Block;

pub(crate) const JFK: Role =
    Role { name: "jfk", pattern: "flights.JFK.>", group: "", policy: BLOCK, depth: 4096 };
pub(crate) const DESKS: Role =
    Role { name: "desks", pattern: "flights.>", group: "desks", policy: BLOCK, depth: 4096 };
/// Its depth counts topics, of which January has 307.
pub(crate) const BOARD: Role =
    Role { name: "board", pattern: "flights.>", group: "", policy: Policy::Latest, depth: 512 };
pub(crate) const SLOW: Role =
    Role { name: "slow", pattern: "flights.>", group: "", policy: Policy::DropOldest, depth: 64 };

pub(crate) const ROLES: [Role; 4] = [JFK, DESKS, BOARD, SLOW];

impl Role {
    pub(crate) fn subscribe(&self, kernel: &Kernel) -> Result<Subscription, Failure> {
        let mut builder = kernel.subscribe(self.pattern).policy(self.policy).depth(self.depth);
        if !self.group.is_empty() {
            builder = builder.group(self.group);
        }
        Ok(builder.open()?)
    }

    /// The kernel's counters of this subscription.
    pub(crate) fn find<'c>(&self, counters: &'c Counters) -> Option<&'c RouteCounters> {
        counters.routes.iter().find(|route| {
            (&*route.pattern, &*route.group, route.policy)
                == (self.pattern, self.group, self.policy)
        })
    }

    /// What the kernel and the readers counted of this role.
    pub(crate) fn account(self, counters: &Counters, reading: Reading) -> Account {
        let ledger = self.find(counters).map(|route| Ledger {
            delivered: route.delivered,
            lost: route.lost,
            timed_out: route.timed_out,
            queued: route.queued,
        });
        Account { role: self, reading, ledger }
    }

    /// What all topics begin with that the pattern matches.
    pub(crate) fn prefix(&self) -> &'static str {
        self.pattern.trim_end_matches('>')
    }
}

/// What a reader counted itself.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Reading {
    pub(crate) received: u64,
    /// Losses that the kernel told it, by `lost_before` and at last by `take_lost`.
    pub(crate) told_lost: u64,
}

impl Reading {
    pub(crate) fn merge(&mut self, other: Self) {
        self.received += other.received;
        self.told_lost += other.told_lost;
    }

    fn note(&mut self, lost_before: u64) {
        self.received += 1;
        self.told_lost += lost_before;
    }
}

/// Where the kernel says that the messages went which were routed to a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ledger {
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) timed_out: u64,
    pub(crate) queued: u64,
}

impl Ledger {
    pub(crate) fn total(&self) -> u64 {
        self.delivered + self.lost + self.timed_out + self.queued
    }
}

/// A role at the end: what its readers counted, and what the kernel did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    pub(crate) role: Role,
    pub(crate) reading: Reading,
    /// `None` if the kernel has no counters of it.
    pub(crate) ledger: Option<Ledger>,
}

/// How a reader ended. The subscription stays open, so that its counters can still be read.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) role: Role,
    pub(crate) reading: Reading,
    pub(crate) _open: Subscription,
}

impl Ended {
    fn new(role: Role, mut reading: Reading, mut subscription: Subscription) -> Self {
        reading.told_lost += subscription.take_lost();
        Self { role, reading, _open: subscription }
    }
}

/// Sums that a reader adds to while others look.
#[derive(Debug, Default)]
pub(crate) struct Sums(Mutex<Tally>);

impl Sums {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of_carrier(&self, carrier: Carrier) -> Delays {
        self.lock().carriers.get(&carrier).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> Delays {
        self.lock().total
    }

    pub(crate) fn take(&self) -> Tally {
        core::mem::take(&mut *self.lock())
    }
}

/// Adds up every flight, a batch at a time, until the kernel closes and nothing is left.
pub(crate) fn add_up(
    role: Role,
    mut subscription: Subscription,
    sums: &Sums,
) -> Result<Ended, Failure> {
    let mut reading = Reading::default();
    loop {
        match subscription.recv_batch(BATCH, None) {
            Ok(batch) => {
                let mut tally = sums.lock();
                for message in batch.iter() {
                    reading.note(message.lost_before());
                    tally.add(&decode(message.payload())?);
                }
            }
            Err(error) if error.kind() == ErrorKind::Closed => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ended::new(role, reading, subscription))
}

/// Takes a message, pauses, takes the next: too slow on purpose. It leaves what waits at the end.
pub(crate) fn dawdle(
    mut subscription: Subscription,
    kernel: &Kernel,
    pause: Duration,
) -> Result<Ended, Failure> {
    let mut reading = Reading::default();
    while !kernel.is_closed() {
        match subscription.recv() {
            Ok(message) => {
                decode(message.payload())?;
                reading.note(message.lost_before());
            }
            Err(error) if error.kind() == ErrorKind::Closed => break,
            Err(error) => return Err(error.into()),
        }
        thread::sleep(pause);
    }
    Ok(Ended::new(SLOW, reading, subscription))
}

/// The newest flight of each topic, from a `Latest` subscription that is read now and then.
#[derive(Debug)]
pub(crate) struct Board {
    subscription: Subscription,
    reading: Reading,
    pub(crate) newest: BTreeMap<String, Flight>,
}

impl Board {
    pub(crate) fn open(kernel: &Kernel) -> Result<Self, Failure> {
        let subscription = BOARD.subscribe(kernel)?;
        Ok(Self { subscription, reading: Reading::default(), newest: BTreeMap::new() })
    }

    /// Takes what changed since the last look, at most each topic once. False once it is closed and
    /// nothing is left.
    pub(crate) fn refresh(&mut self) -> Result<bool, Failure> {
        for _ in 0..BOARD.depth {
            match self.subscription.try_recv() {
                Ok(Some(message)) => {
                    self.reading.note(message.lost_before());
                    self.newest.insert(message.topic().to_owned(), decode(message.payload())?);
                }
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::Closed => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// The last to leave by the schedule as of a minute, newest first. What was to leave later is
    /// of the month's repetition before.
    pub(crate) fn last(&self, count: usize, minute: u32) -> Vec<Flight> {
        let mut flights: Vec<Flight> = self.newest.values().copied().collect();
        flights.sort_by_key(|flight| {
            core::cmp::Reverse((flight.scheduled <= minute, flight.scheduled, flight.number))
        });
        flights.truncate(count);
        flights
    }

    pub(crate) fn end(mut self) -> Result<(BTreeMap<String, Flight>, Ended), Failure> {
        while self.refresh()? {}
        Ok((self.newest, Ended::new(BOARD, self.reading, self.subscription)))
    }
}

fn decode(payload: &[u8]) -> Result<Flight, Failure> {
    let flight = Flight::decode(payload);
    flight.ok_or_else(|| format!("no flight has {} bytes like these", payload.len()).into())
}
