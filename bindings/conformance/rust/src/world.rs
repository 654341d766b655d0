//! The handles of a running case, by the names that its steps gave them.

use std::sync::Arc;

use neo_protocol::{CallFuture, Kernel, Message, Publisher, Request, Service, Subscription};

use crate::background::Job;
use crate::errors::{self, Outcome, Stop};
use crate::handler::Handler;
use crate::loan::LentMemory;
use crate::step::{Seen, Step};
use crate::{background, kernel, publish, receive, serve};

/// Something that a step made and a later one refers to.
#[derive(Debug)]
pub(crate) enum Handle {
    Kernel(Kernel),
    Publisher(Arc<Publisher>),
    Loan(LentMemory),
    Subscription(Subscription),
    Message(Message),
    Service(Service),
    Handler(Handler),
    Request(Request),
    Call(CallFuture),
    Job(Job),
}

/// The state of a case.
#[derive(Debug)]
pub(crate) struct World {
    case: String,
    scheme: String,
    /// In the order in which they were made.
    handles: Vec<(String, Handle)>,
    /// Number of this turn of a step with `times`.
    turn: Option<u64>,
}

/// Borrows a handle of one kind by its name, mutably.
macro_rules! borrow {
    ($function:ident, $variant:ident, $type:ty) => {
        pub(crate) fn $function(&mut self, name: &str) -> Result<&mut $type, Stop> {
            match self.find(name)? {
                Handle::$variant(value) => Ok(value),
                _ => Err(Stop::Broken(format!(concat!("`{}` is no ", stringify!($variant)), name))),
            }
        }
    };
}

/// Takes a handle of one kind out of the world by its name.
macro_rules! take {
    ($function:ident, $variant:ident, $type:ty) => {
        pub(crate) fn $function(&mut self, name: &str) -> Result<$type, Stop> {
            match self.take(name)? {
                Handle::$variant(value) => Ok(value),
                _ => Err(Stop::Broken(format!(concat!("`{}` is no ", stringify!($variant)), name))),
            }
        }
    };
}

impl World {
    pub(crate) fn new(case: &str, scheme: &str) -> Self {
        Self { case: case.into(), scheme: scheme.into(), handles: Vec::new(), turn: None }
    }

    /// The URL of a kernel: shared under `name`, or this case's own.
    pub(crate) fn url(&self, name: Option<&str>) -> String {
        match (self.scheme.as_str(), name) {
            (scheme, Some(name)) => format!("{scheme}://{name}"),
            ("mem", None) => "mem://".to_owned(),
            (scheme, None) => format!("{scheme}://{}", self.case),
        }
    }

    borrow!(kernel, Kernel, Kernel);
    borrow!(publisher, Publisher, Arc<Publisher>);
    borrow!(loan, Loan, LentMemory);
    borrow!(subscription, Subscription, Subscription);
    borrow!(message, Message, Message);
    borrow!(service, Service, Service);
    borrow!(handler, Handler, Handler);
    take!(take_loan, Loan, LentMemory);
    take!(take_subscription, Subscription, Subscription);
    take!(take_request, Request, Request);
    take!(take_call, Call, CallFuture);
    take!(take_job, Job, Job);

    /// The kernel that a step names; `k` unless it does.
    pub(crate) fn kernel_of(&mut self, step: &Step<'_>) -> Result<&mut Kernel, Stop> {
        self.kernel(step.optional_text("kernel").unwrap_or("k"))
    }

    pub(crate) fn find(&mut self, name: &str) -> Result<&mut Handle, Stop> {
        let found = self.handles.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, handle)| handle).ok_or_else(|| Stop::Broken(format!("there is no `{name}`")))
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<Handle, Stop> {
        let place = self.handles.iter().position(|(known, _)| known == name);
        let place = place.ok_or_else(|| Stop::Broken(format!("there is no `{name}`")))?;
        Ok(self.handles.remove(place).1)
    }

    /// Keeps a handle under the name that the step gives, with the turn behind it.
    pub(crate) fn keep(&mut self, name: &str, handle: Handle) -> Result<(), Stop> {
        let name = match self.turn {
            Some(turn) => format!("{name}-{turn}"),
            None => name.to_owned(),
        };
        if self.find(&name).is_ok() {
            return Err(Stop::Broken(format!("`{name}` is in use")));
        }
        self.handles.push((name, handle));
        Ok(())
    }

    /// Runs a step as often as it says. Every turn is judged; the last one is the observation.
    pub(crate) fn repeat(
        &mut self,
        step: &Step<'_>,
        observed: &mut Vec<String>,
    ) -> Result<Seen, String> {
        let times = step.optional_number("times");
        let mut last = Seen::default();
        for turn in 0..times.unwrap_or(1) {
            self.turn = times.map(|_| turn);
            last = match self.run(step) {
                Ok(seen) => seen,
                Err(Stop::Refused(error)) => errors::seen(&error),
                Err(Stop::Broken(problem)) => return Err(problem),
            };
            if step.judge(&last).is_err() {
                break;
            }
        }
        observed.push(last.line());
        Ok(last)
    }

    fn run(&mut self, step: &Step<'_>) -> Outcome {
        let op = step.text("op")?;
        match op {
            "release" => self.take(step.text("of")?).map(|handle| {
                drop(handle);
                Seen::default()
            }),
            "open" | "close" | "is_closed" | "trim" | "memory" | "counters" | "kernel_counters"
            | "name" => kernel::run(op, self, step),
            "publisher" | "publish" | "publish_many" | "publish_numbers" | "loan" | "write"
            | "truncate" | "send" | "abort" => publish::run(op, self, step),
            "subscribe" | "try_recv" | "recv" | "recv_batch" | "recv_numbers" | "read"
            | "headers" | "take_lost" | "queued" => receive::run(op, self, step),
            "serve" | "serve_handler" | "unhold" | "request" | "reply" | "reply_error" | "call" => {
                serve::run(op, self, step)
            }
            "start_call" | "await_call" | "cancel_call" | "spawn_call" | "spawn_recv"
            | "spawn_publish" | "join" => background::run(op, self, step),
            _ => Err(Stop::Broken(format!("there is no op `{op}`"))),
        }
    }

    /// Gives everything back, kernels last, and returns what the kernels still count.
    pub(crate) fn finish(mut self) -> Result<u64, String> {
        let is_job = |handle: &Handle| matches!(handle, Handle::Job(_));
        let abandoned =
            self.handles.iter().find(|(_, handle)| is_job(handle)).map(|(name, _)| name);
        let result = abandoned.map_or(Ok(()), |name| Err(format!("`{name}` was never joined")));
        let mut kernels = Vec::new();
        while let Some((_, handle)) = self.handles.pop() {
            match handle {
                Handle::Kernel(kernel) => kernels.push(kernel),
                other => drop(other),
            }
        }
        result.map(|()| kernels.iter().map(kernel::live).sum())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(world: &mut World, step: &serde_json::Value) {
        let mut observed = Vec::new();
        let step = Step::of(step).unwrap();
        let seen = world.repeat(&step, &mut observed).unwrap();
        step.judge(&seen).unwrap();
    }

    #[test]
    fn what_is_still_held_after_the_last_step_is_counted() {
        let open = json!({ "op": "open" });
        let mut world = World::new("g.c", "mem");
        run(&mut world, &open);
        run(&mut world, &json!({ "op": "subscribe", "as": "s", "pattern": "t" }));
        assert_eq!(world.finish().unwrap(), 0);

        let mut world = World::new("g.c", "mem");
        run(&mut world, &open);
        let leaked = world.kernel("k").unwrap().subscribe("t").open().unwrap();
        assert!(world.finish().unwrap() > 0);
        drop(leaked);
    }

    #[test]
    fn an_operation_that_nobody_joined_fails_the_case() {
        let mut world = World::new("g.c", "mem");
        run(&mut world, &json!({ "op": "open" }));
        run(&mut world, &json!({ "op": "subscribe", "as": "s", "pattern": "t" }));
        run(&mut world, &json!({ "op": "spawn_recv", "as": "j", "sub": "s" }));
        run(&mut world, &json!({ "op": "close", "of": "k" }));
        assert!(world.finish().unwrap_err().contains("`j`"));
    }

    #[test]
    fn turns_of_a_step_have_names_of_their_own() {
        let mut world = World::new("g.c", "mem");
        run(&mut world, &json!({ "op": "open" }));
        run(&mut world, &json!({ "op": "subscribe", "as": "s", "pattern": "t", "times": 2 }));
        assert!(world.find("s").is_err());
        assert!(world.find("s-0").is_ok() && world.find("s-1").is_ok());
    }
}
