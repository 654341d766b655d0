//! The stage: a kernel with its subscribers at work, and what they tell at the end.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use neo_protocol::{Counters, Kernel, Publisher};

use crate::data::{Carrier, Failure, Flight, Month};
use crate::delays::{self, Mean};
use crate::readers::{self, Account, Board, DESKS, Ended, JFK, ROLES, Reading, Role, SLOW, Sums};
use crate::tally::Tally;

/// Members of the queue group.
const MEMBERS: usize = 3;
/// How long a publish waits for a subscriber with `Block`. Nobody here is ever that slow.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

type Worker = JoinHandle<Result<Ended, Failure>>;

/// Everything that runs while flights are published.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Publishers, callers and the service.
    kernel: Kernel,
    /// The subscribers' own open of the same kernel: closing it lets them finish what is queued.
    readers: Kernel,
    jfk: Arc<Sums>,
    desks: Vec<Arc<Sums>>,
    pub(crate) board: Board,
    workers: Vec<Worker>,
    ended: Vec<Ended>,
    slow: Worker,
    service: JoinHandle<()>,
    carriers: Vec<Carrier>,
}

/// What the publisher was told about all its messages.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) messages: u64,
    pub(crate) dropped: u64,
    pub(crate) timed_out: u64,
}

/// What is known once everything has ended, in whatever language it was.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: Sent,
    /// From the first publish until the last message was added up.
    pub(crate) took: Duration,
    pub(crate) jfk: Tally,
    pub(crate) desks: Tally,
    pub(crate) board: BTreeMap<String, Flight>,
    /// By the service, after the last message.
    pub(crate) means: BTreeMap<Carrier, Mean>,
    pub(crate) accounts: Vec<Account>,
}

impl Outcome {
    /// Messages that readers of any role received.
    pub(crate) fn received(&self) -> u64 {
        self.accounts.iter().map(|account| account.reading.received).sum()
    }
}

impl Stage {
    /// Opens the kernel of this name and starts every subscriber.
    pub(crate) fn open(name: &str, month: &Month, pause: Duration) -> Result<Self, Failure> {
        let url = format!("mem://{name}");
        let (kernel, readers) = (Kernel::open(&url)?, Kernel::open(&url)?);
        let jfk = Arc::new(Sums::default());
        let desks: Vec<Arc<Sums>> = (0..MEMBERS).map(|_| Arc::default()).collect();
        let mut workers = vec![start_worker(JFK, &readers, &jfk)?];
        for desk in &desks {
            workers.push(start_worker(DESKS, &readers, desk)?);
        }
        let slow = {
            let (subscription, readers) = (SLOW.subscribe(&readers)?, readers.clone());
            let work = move || readers::dawdle(subscription, &readers, pause);
            thread::Builder::new().name(SLOW.name.to_owned()).spawn(work)?
        };
        let board = Board::open(&readers)?;
        let service = delays::serve(&kernel, desks.clone())?;
        let carriers = month.carriers();
        let ended = Vec::new();
        Ok(Self { kernel, readers, jfk, desks, board, workers, ended, slow, service, carriers })
    }

    /// A publisher for each topic of the month.
    pub(crate) fn publishers(&self, month: &Month) -> Result<Vec<Publisher>, Failure> {
        let open = |topic: &String| self.kernel.publisher(topic).send_timeout(SEND_TIMEOUT).open();
        Ok(month.topics.iter().map(open).collect::<Result<_, _>>()?)
    }

    pub(crate) fn counters(&self) -> Counters {
        self.kernel.counters()
    }

    /// Flights that each member of the group has added up.
    pub(crate) fn shares(&self) -> Vec<u64> {
        self.desks.iter().map(|desk| desk.total().flights).collect()
    }

    /// The mean delay of each carrier, as the service answers now.
    pub(crate) fn ask_means(&self) -> Result<BTreeMap<Carrier, Mean>, Failure> {
        let mut means = BTreeMap::new();
        for carrier in &self.carriers {
            means.extend(delays::ask(&self.kernel, *carrier)?.map(|mean| (*carrier, mean)));
        }
        Ok(means)
    }

    /// Closes the subscribers' handle and waits until those that add up have done so with all that
    /// was published.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        self.readers.close();
        for worker in self.workers.drain(..) {
            self.ended.push(join(worker)?);
        }
        Ok(())
    }

    /// Ends the rest, and collects what everybody has. To be called once all have settled.
    pub(crate) fn finish(self, sent: Sent, took: Duration) -> Result<Outcome, Failure> {
        let means = self.ask_means()?;
        let mut ended = self.ended;
        let (board, board_ended) = self.board.end()?;
        ended.push(board_ended);
        ended.push(join(self.slow)?);
        let counters = self.kernel.counters();
        self.kernel.close();
        self.service.join().map_err(|_| "the service's thread panicked")?;
        let mut desks = Tally::default();
        self.desks.iter().for_each(|desk| desks.merge(&desk.take()));
        let jfk = self.jfk.take();
        let accounts = ROLES.map(|role| role.account(&counters, sum_of(role, &ended))).to_vec();
        Ok(Outcome { sent, took, jfk, desks, board, means, accounts })
    }
}

fn start_worker(role: Role, kernel: &Kernel, sums: &Arc<Sums>) -> Result<Worker, Failure> {
    let (subscription, sums) = (role.subscribe(kernel)?, sums.clone());
    let work = move || readers::add_up(role, subscription, &sums);
    Ok(thread::Builder::new().name(role.name.to_owned()).spawn(work)?)
}

fn sum_of(role: Role, ended: &[Ended]) -> Reading {
    let mut sum = Reading::default();
    ended.iter().filter(|one| one.role == role).for_each(|one| sum.merge(one.reading));
    sum
}

fn join<T>(thread: JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    let name = thread.thread().name().unwrap_or("a thread").to_owned();
    thread.join().map_err(|_| format!("{name} panicked"))?
}
