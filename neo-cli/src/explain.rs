//! `neo explain`: who publishes a topic, who subscribes to it, who is slow, and since when.

use neo_protocol::{Observation, ObservedRoute, Observer};
use serde::Serialize;

use crate::args::{self, ExplainArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::process::Process;
use crate::stop::Stop;
use crate::text;
use crate::top::model::{self, Row, seconds_between};

#[derive(Debug, Serialize)]
struct Explanation {
    url: String,
    topic: String,
    /// Time between the two looks.
    interval_s: f64,
    subscribers: Vec<Subscriber>,
    /// What is to be seen, in words.
    says: Vec<String>,
}

/// A subscription or group that the topic's messages go to.
#[derive(Debug, Serialize)]
struct Subscriber {
    #[serde(flatten)]
    figures: Row,
    /// Lost or timed out between the two looks.
    lost_now: u64,
    /// How long ago the first message was lost.
    first_loss_s: Option<f64>,
    is_slow: bool,
    read_by: Vec<Reader>,
    published_by: Vec<Sender>,
}

#[derive(Debug, Serialize)]
struct Reader {
    participant: u16,
    #[serde(flatten)]
    process: Process,
    /// It sleeps until a message comes.
    is_waiting: bool,
    /// It has a batch, or a message's place, that it has not given back.
    is_holding: bool,
}

#[derive(Debug, Serialize)]
struct Sender {
    participant: u16,
    /// The process, if the participant is there still.
    #[serde(flatten)]
    process: Option<Process>,
    /// Messages among the last ones that the mailbox has places for.
    recent_messages: u64,
}

pub(crate) fn run(arguments: &ExplainArguments, output: &mut Output) -> Result<u8, Failure> {
    let stop = Stop::listen()?;
    let observer = Observer::open(&args::shared_name(&arguments.url)?)?;
    let before = observer.look();
    // A topic that is none is refused at once.
    let _ = before.routes_of(&arguments.topic)?;
    stop.wait(arguments.interval)?;
    let explanation = Explanation::new(arguments, &before, &observer.look())?;
    if output.is_json() {
        output.json(&explanation)?;
    } else {
        for line in explanation.lines() {
            output.line(&line)?;
        }
    }
    Ok(0)
}

impl Explanation {
    fn new(
        arguments: &ExplainArguments,
        before: &Observation,
        now: &Observation,
    ) -> Result<Self, Failure> {
        let subscribers: Vec<Subscriber> = now
            .routes_of(&arguments.topic)?
            .map(|route| Subscriber::new(route, before, now))
            .collect();
        let says = verdict(&subscribers);
        let (url, topic) = (arguments.url.clone(), arguments.topic.clone());
        let interval_s = seconds_between(before.at_ns, now.at_ns);
        Ok(Self { url, topic, interval_s, subscribers, says })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} at {}: {}",
            self.topic,
            self.url,
            text::plural(self.subscribers.len() as u64, "subscriber")
        )];
        for subscriber in &self.subscribers {
            lines.push(String::new());
            lines.extend(subscriber.lines());
        }
        lines.push(String::new());
        lines.extend(self.says.iter().cloned());
        lines
    }
}

impl Subscriber {
    fn new(route: &ObservedRoute, before: &Observation, now: &Observation) -> Self {
        let figures = Row::new(route, before, now);
        let lost_now = model::growth(route, before, model::not_delivered);
        let process = |id| {
            let mut participants = now.participants.iter();
            participants.find(|one| one.id == id).map(|one| Process::of(one.pid))
        };
        let read_by = route.readers.iter().filter_map(|reader| {
            Some(Reader {
                participant: reader.participant,
                process: process(reader.participant)?,
                is_waiting: reader.is_waiting,
                is_holding: reader.is_holding,
            })
        });
        let published_by = route.senders.iter().map(|sender| Sender {
            participant: sender.participant,
            process: process(sender.participant),
            recent_messages: sender.messages,
        });
        Self {
            lost_now,
            first_loss_s: route.first_loss_ns.map(|first| seconds_between(first, now.at_ns)),
            is_slow: lost_now > 0 || figures.is_half_full(),
            read_by: read_by.collect(),
            published_by: published_by.collect(),
            figures,
        }
    }

    fn lines(&self) -> Vec<String> {
        let Row { policy, depth, queued, delivered, open_s, .. } = self.figures;
        let readers: Vec<String> = self.read_by.iter().map(Reader::label).collect();
        let recent = self.published_by.iter().map(|sender| sender.recent_messages).sum();
        let senders = self.published_by.iter().map(|sender| sender.label(recent)).collect();
        let mut lines = vec![
            format!("{}, {policy}, open for {}", self.figures.title(), text::seconds(open_s)),
            format!("  read by       {}", joined(readers, "nobody")),
            format!("  published by  {}", joined(senders, "nobody so far")),
            format!(
                "  messages      {} in, {} out a second; {} delivered; {} of {} wait",
                text::grouped(self.figures.accepted_per_s.round() as u64),
                text::grouped(self.figures.delivered_per_s.round() as u64),
                text::grouped(delivered),
                text::grouped(queued),
                text::grouped(depth),
            ),
        ];
        let lost = self.figures.not_delivered();
        if lost > 0 {
            let since = self
                .first_loss_s
                .map_or(String::new(), |first| format!(", the first {} ago", text::seconds(first)));
            lines.push(format!(
                "  lost          {}{since}; {} while it was looked at",
                text::plural(lost, "message"),
                text::grouped(self.lost_now),
            ));
        }
        lines
    }

    /// What is wrong with it, if anything is.
    fn verdict(&self) -> Option<String> {
        let who: Vec<String> = self.read_by.iter().map(|reader| reader.process.label()).collect();
        let who = joined(who, "nobody");
        let title = self.figures.title();
        let stopped = self.read_by.iter().find(|reader| reader.process.is_stopped);
        if let Some(reader) = stopped {
            return Some(format!(
                "{title}: its reader {} is stopped: continue it (kill -CONT {}) or end it",
                reader.process.label(),
                reader.process.pid
            ));
        }
        if !self.is_slow {
            return None;
        }
        let full = if self.figures.queued >= self.figures.depth { "full" } else { "half full" };
        Some(match self.lost_now {
            0 => format!("{title} is slow: {full}, read by {who}"),
            lost => format!(
                "{title} is slow and loses by its policy {}: {} while it was looked at, read by {who}",
                self.figures.policy,
                text::plural(lost, "message"),
            ),
        })
    }
}

impl Reader {
    fn label(&self) -> String {
        let does = match (self.process.is_stopped, self.is_waiting) {
            (true, _) => ", which is stopped",
            (false, true) => ", which waits",
            (false, false) => "",
        };
        format!("{}{does}", self.process.label())
    }
}

impl Sender {
    fn label(&self, recent: u64) -> String {
        let who = self.process.as_ref().map_or("one that has left".into(), Process::label);
        let own = text::grouped(self.recent_messages);
        format!("{who}: {own} of the last {}", text::grouped(recent))
    }
}

fn joined(texts: Vec<String>, none: &str) -> String {
    if texts.is_empty() { none.into() } else { texts.join("; ") }
}

fn verdict(subscribers: &[Subscriber]) -> Vec<String> {
    if subscribers.is_empty() {
        let text = "nobody subscribes to it: what is published goes nowhere and leaves no trace";
        return vec![text.into()];
    }
    let wrong: Vec<String> = subscribers.iter().filter_map(Subscriber::verdict).collect();
    if wrong.is_empty() { vec!["nobody is slow".into()] } else { wrong }
}
