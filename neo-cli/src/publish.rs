//! `neo pub`.

use core::time::Duration;
use std::io::{self, BufRead};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use neo_protocol::{Published, Publisher};
use serde::Serialize;

use crate::args::{self, PubArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::text::plural;

/// What became of all messages.
#[derive(Debug, Default, Serialize)]
struct Sum {
    messages: u64,
    accepted: u64,
    dropped: u64,
    timed_out: u64,
}

/// What the input, or a signal, has to say.
enum Input {
    Line(io::Result<Vec<u8>>),
    End,
    Signal,
}

pub(crate) fn run(arguments: &PubArguments, output: &mut Output) -> Result<u8, Failure> {
    let stop = Stop::listen()?;
    let kernel = args::open(&arguments.url, arguments.create)?;
    let publisher =
        kernel.publisher(&arguments.topic).send_timeout(arguments.send_timeout).open()?;
    let (lines, input) = mpsc::sync_channel(1_024);
    let _closing = stop.then({
        let (kernel, lines) = (kernel.clone(), lines.clone());
        move || {
            kernel.close();
            // A full channel has lines for the command, which finds the kernel closed.
            let _ = lines.try_send(Input::Signal);
        }
    });
    let mut run = Run::new(arguments, &publisher, &stop);
    let ended = match arguments.data.as_deref() {
        Some(data) if data != "-" => run.repeat(data.as_bytes()),
        _ => {
            thread::spawn(move || read_lines(&lines));
            run.publish_lines(&input)
        }
    };
    run.report(output)?;
    ended.map(|()| 0)
}

/// Sends line after line, without their ends, until nobody wants them any more.
fn read_lines(lines: &mpsc::SyncSender<Input>) {
    let input = io::stdin().lock().split(b'\n').map(Input::Line);
    for line in input.chain(core::iter::once(Input::End)) {
        if lines.send(line).is_err() {
            return;
        }
    }
}

struct Run<'a> {
    publisher: &'a Publisher,
    stop: &'a Stop,
    topic: &'a str,
    count: Option<u64>,
    interval: Option<Duration>,
    began: Instant,
    sum: Sum,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a PubArguments, publisher: &'a Publisher, stop: &'a Stop) -> Self {
        Self {
            publisher,
            stop,
            topic: &arguments.topic,
            count: arguments.count,
            interval: arguments.interval,
            began: Instant::now(),
            sum: Sum::default(),
        }
    }

    fn repeat(&mut self, data: &[u8]) -> Result<(), Failure> {
        for _ in 0..self.count.unwrap_or(1) {
            self.publish(data)?;
        }
        Ok(())
    }

    fn publish_lines(&mut self, input: &Receiver<Input>) -> Result<(), Failure> {
        while self.count.is_none_or(|count| self.sum.messages < count) {
            match input.recv() {
                Ok(Input::Line(line)) => self.publish(&line?)?,
                Ok(Input::Signal) => return self.stop.check(),
                Ok(Input::End) | Err(_) => break,
            }
        }
        Ok(())
    }

    fn publish(&mut self, data: &[u8]) -> Result<(), Failure> {
        if let Some(interval) = self.interval {
            let due = interval.mul_f64(self.sum.messages as f64);
            self.stop.wait(due.saturating_sub(self.began.elapsed()))?;
        }
        let Published { accepted, dropped, timed_out, .. } =
            self.stop.or_signal(self.publisher.publish(data))?;
        self.sum.messages += 1;
        self.sum.accepted += u64::from(accepted);
        self.sum.dropped += u64::from(dropped);
        self.sum.timed_out += u64::from(timed_out);
        Ok(())
    }

    fn report(&self, output: &mut Output) -> Result<(), Failure> {
        let Sum { messages, accepted, dropped, timed_out } = self.sum;
        if output.is_json() {
            output.json(&self.sum)?;
        } else {
            output.line(&format!(
                "published {}: accepted {accepted}, dropped {dropped}, timed out {timed_out}",
                plural(messages, "message")
            ))?;
        }
        if messages > 0 && accepted + dropped + timed_out == 0 {
            output.note(&format!("nobody subscribes to {}", self.topic));
        }
        Ok(())
    }
}
