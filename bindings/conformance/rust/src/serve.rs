//! Steps of services and calls.

use neo_protocol::{Failure, Kernel, Reply, Result, Service};

use crate::errors::{Outcome, Stop};
use crate::handler::Handler;
use crate::step::{Seen, Step};
use crate::value::digest;
use crate::world::{Handle, World};

pub(crate) fn run(op: &str, world: &mut World, step: &Step<'_>) -> Outcome {
    match op {
        "serve" => {
            let service = serve(world.kernel_of(step)?, step)?;
            world.keep(step.text("as")?, Handle::Service(service))?;
        }
        "serve_handler" => {
            let workers = step.optional_number("workers").unwrap_or(1);
            let kernel = world.kernel_of(step)?;
            let services: core::result::Result<Vec<Service>, Stop> =
                (0..workers).map(|_| serve(kernel, step)).collect();
            let handler = Handler::new(step.text("handler")?, services?)?;
            world.keep(step.text("as")?, Handle::Handler(handler))?;
        }
        "unhold" => world.handler(step.text("of")?)?.unhold(),
        "request" => return request(world, step),
        "reply" => world.take_request(step.text("request")?)?.reply(&step.payload()?)?,
        "reply_error" => {
            let request = world.take_request(step.text("request")?)?;
            request.fail(&Failure::new(step.text("text")?));
        }
        _ => return Ok(replied(&Call::of(step)?.call(world.kernel_of(step)?)?)),
    }
    Ok(Seen::default())
}

fn serve(kernel: &Kernel, step: &Step<'_>) -> core::result::Result<Service, Stop> {
    let mut builder = kernel.serve(step.text("service")?);
    if let Some(depth) = step.optional_number("depth") {
        builder = builder.depth(u32::try_from(depth).unwrap_or(u32::MAX));
    }
    Ok(builder.open()?)
}

fn request(world: &mut World, step: &Step<'_>) -> Outcome {
    let service = world.service(step.text("service")?)?;
    let Some(request) = service.recv(step.duration_ns("timeout_ns"))? else {
        return Ok(Seen::none());
    };
    let seen =
        Seen::default().with("method", request.method()).with("payload", digest(request.payload()));
    world.keep(step.text("as")?, Handle::Request(request))?;
    Ok(seen)
}

/// A call as a step describes it; it may be made on another thread.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) payload: Vec<u8>,
    timeout: Option<core::time::Duration>,
}

impl Call {
    pub(crate) fn of(step: &Step<'_>) -> core::result::Result<Self, Stop> {
        Ok(Self {
            service: step.text("service")?.to_owned(),
            method: step.text("method")?.to_owned(),
            payload: step.payload()?,
            timeout: step.duration_ns("timeout_ns"),
        })
    }

    pub(crate) fn call(&self, kernel: &Kernel) -> Result<Reply> {
        match self.timeout {
            Some(timeout) => {
                kernel.call_timeout(&self.service, &self.method, &self.payload, timeout)
            }
            None => kernel.call(&self.service, &self.method, &self.payload),
        }
    }
}

pub(crate) fn replied(reply: &Reply) -> Seen {
    Seen::default().with("payload", digest(reply))
}
