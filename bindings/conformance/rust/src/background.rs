//! Steps that run beside the others: calls on their way, and blocking operations on a thread.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::task::Wake;
use std::thread::Thread;
use std::time::Instant;

use neo_protocol::{CallFuture, Reply, Subscription};

use crate::errors::{Outcome, Stop};
use crate::serve::{Call, replied};
use crate::step::{Seen, Step};
use crate::world::{Handle, World};
use crate::{publish, receive};

/// Far beyond what any step needs; a wait that reaches it has been lost.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How an operation on a thread ended, and the subscription that it was lent.
#[derive(Debug)]
struct Ended {
    outcome: Outcome,
    lent: Option<(String, Subscription)>,
}

/// An operation on a thread of its own.
#[derive(Debug)]
pub(crate) struct Job(Receiver<Ended>);

impl Job {
    fn spawn(work: impl FnOnce() -> Ended + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        // Whoever abandons a job does not want to hear of it.
        std::thread::spawn(move || drop(sender.send(work())));
        Self(receiver)
    }
}

pub(crate) fn run(op: &str, world: &mut World, step: &Step<'_>) -> Outcome {
    match op {
        "start_call" => {
            let call = Call::of(step)?;
            let kernel = world.kernel_of(step)?;
            let future = kernel.call_async(&call.service, &call.method, &call.payload);
            world.keep(step.text("as")?, Handle::Call(future))?;
        }
        "await_call" => return Ok(replied(&wait(world.take_call(step.text("of")?)?)?)),
        "cancel_call" => drop(world.take_call(step.text("of")?)?),
        "join" => return join(world, step),
        _ => {
            let job = spawn(op, world, step)?;
            world.keep(step.text("as")?, Handle::Job(job))?;
        }
    }
    Ok(Seen::default())
}

fn spawn(op: &str, world: &mut World, step: &Step<'_>) -> Result<Job, Stop> {
    let alone = |outcome| Ended { outcome, lent: None };
    Ok(match op {
        "spawn_call" => {
            let (call, kernel) = (Call::of(step)?, world.kernel_of(step)?.clone());
            Job::spawn(move || {
                alone(call.call(&kernel).map(|reply| replied(&reply)).map_err(Stop::from))
            })
        }
        "spawn_recv" => {
            let name = step.text("sub")?.to_owned();
            let mut subscription = world.take_subscription(&name)?;
            Job::spawn(move || {
                let received = subscription.recv();
                let outcome = received.map(|message| receive::seen(&message)).map_err(Stop::from);
                Ended { outcome, lent: Some((name, subscription)) }
            })
        }
        _ => {
            let publisher = Arc::clone(world.publisher(step.text("publisher")?)?);
            let payload = step.payload()?;
            Job::spawn(move || {
                let published = publisher.publish(&payload);
                alone(published.map(|result| publish::seen(&result)).map_err(Stop::from))
            })
        }
    })
}

fn join(world: &mut World, step: &Step<'_>) -> Outcome {
    let name = step.text("of")?;
    let job = world.take_job(name)?;
    let ended = job.0.recv_timeout(LIMIT);
    let Ended { outcome, lent } = ended.map_err(|_| still_waiting(name))?;
    if let Some((name, subscription)) = lent {
        world.keep(&name, Handle::Subscription(subscription))?;
    }
    outcome
}

/// Wakes the thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait(future: CallFuture) -> Result<Reply, Stop> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Ok(answer?);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(still_waiting("the call"));
        }
        std::thread::park_timeout(left);
    }
}

fn still_waiting(what: &str) -> Stop {
    Stop::Broken(format!("{what} still waits after {} s", LIMIT.as_secs()))
}
