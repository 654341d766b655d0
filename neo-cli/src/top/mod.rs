//! `neo top`: a kernel's subscriptions, their rates and losses, its memory and its processes.
//!
//! `model` makes figures of two looks, `view` draws them, `screen` keeps a terminal up to date.
//! Without a terminal the same tables are printed, or one JSON object for each look.

pub(crate) mod model;
mod screen;
mod view;

use neo_protocol::{Observation, Observer};

use crate::args::{self, TopArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::Stop;

pub(crate) use model::Model;

pub(crate) fn run(arguments: &TopArguments, output: &mut Output) -> Result<u8, Failure> {
    let name = args::shared_name(&arguments.url)?;
    let stop = Stop::listen()?;
    let mut watch = Watch::new(&name)?;
    if output.is_terminal() && !output.is_json() && !arguments.once {
        screen::run(arguments, &mut watch, &stop, output)?;
    } else {
        print(arguments, &mut watch, &stop, output)?;
    }
    Ok(0)
}

/// A kernel, looked at again and again.
pub(crate) struct Watch {
    url: String,
    observer: Observer,
    last: Observation,
}

impl Watch {
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let observer = Observer::open(name)?;
        let last = observer.look();
        Ok(Self { url: format!("shm://{name}"), observer, last })
    }

    pub(crate) fn say_over(&self, output: &Output) {
        output.note(&format!("{} was closed by its last process", self.url));
    }

    /// What happened since the last look. `None`: the last process has closed the kernel.
    pub(crate) fn next(&mut self) -> Option<Model> {
        let look = self.observer.look();
        if look.is_over() {
            return None;
        }
        let model = Model::new(&self.url, &self.observer, &self.last, &look);
        self.last = look;
        Some(model)
    }
}

fn print(
    arguments: &TopArguments,
    watch: &mut Watch,
    stop: &Stop,
    output: &mut Output,
) -> Result<(), Failure> {
    loop {
        stop.wait(arguments.interval)?;
        let Some(mut model) = watch.next() else {
            watch.say_over(output);
            return Ok(());
        };
        model.sort(arguments.sort);
        if output.is_json() {
            output.json(&model)?;
        } else {
            for line in view::lines(&model) {
                output.line(&line)?;
            }
        }
        output.flush()?;
        if arguments.once {
            return Ok(());
        }
        if !output.is_json() {
            output.line("")?;
        }
    }
}
