//! A loan that outlives the step that took it.
//!
//! In Rust a loan borrows its publisher; the steps of a case come one at a time. A thread keeps the
//! borrow and is told what to do with it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use neo_protocol::{Loan, Published, Publisher, Result};

use crate::errors::Stop;

enum Order {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
    Send,
    Abort,
}

type Answer = core::result::Result<Published, Stop>;

/// Memory of a kernel on loan.
#[derive(Debug)]
pub(crate) struct LentMemory {
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    keeper: Option<JoinHandle<()>>,
    len: usize,
}

impl LentMemory {
    pub(crate) fn new(publisher: Arc<Publisher>, len: usize) -> core::result::Result<Self, Stop> {
        let (orders, inbox) = channel();
        let (outbox, answers) = channel();
        let (opened, opening) = channel::<Result<usize>>();
        let keeper = std::thread::spawn(move || match publisher.loan(len) {
            Ok(loan) => {
                // A receiver that is gone has given the loan up: the keeper then ends by itself.
                let _ = opened.send(Ok(loan.len()));
                keep(loan, &inbox, &outbox);
            }
            Err(error) => drop(opened.send(Err(error))),
        });
        let len = opening.recv().map_err(|_| gone())??;
        Ok(Self { orders: Some(orders), answers, keeper: Some(keeper), len })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn write(&mut self, at: usize, bytes: Vec<u8>) -> core::result::Result<(), Stop> {
        self.order(Order::Write { at, bytes }).map(drop)
    }

    pub(crate) fn truncate(&mut self, len: usize) -> core::result::Result<(), Stop> {
        self.order(Order::Truncate(len)).map(drop)
    }

    pub(crate) fn send(self) -> Answer {
        self.order(Order::Send)
    }

    pub(crate) fn abort(self) -> core::result::Result<(), Stop> {
        self.order(Order::Abort).map(drop)
    }

    fn order(&self, order: Order) -> Answer {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent { self.answers.recv().map_err(|_| gone())? } else { Err(gone()) }
    }
}

impl Drop for LentMemory {
    /// Returns when the memory is back.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Carries orders out until the loan is sent, aborted or given up.
fn keep(mut loan: Loan<'_>, orders: &Receiver<Order>, answers: &Sender<Answer>) {
    while let Ok(order) = orders.recv() {
        let answer = match order {
            Order::Write { at, bytes } => match loan.get_mut(at..at + bytes.len()) {
                Some(place) => {
                    place.copy_from_slice(&bytes);
                    Ok(Published::default())
                }
                None => Err(Stop::Broken("the step writes beyond the loan".to_owned())),
            },
            Order::Truncate(len) => {
                loan.truncate(len).map(|()| Published::default()).map_err(Stop::from)
            }
            Order::Send => {
                let _ = answers.send(loan.send().map_err(Stop::from));
                return;
            }
            Order::Abort => {
                loan.abort();
                let _ = answers.send(Ok(Published::default()));
                return;
            }
        };
        let _ = answers.send(answer);
    }
}

fn gone() -> Stop {
    Stop::Broken("the thread that keeps the loan is gone".to_owned())
}
