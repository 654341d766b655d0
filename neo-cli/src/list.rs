//! `neo ls`.

use neo_protocol::{NamedProcess, Observer, SharedName};
use serde::Serialize;

use crate::args::{self, LsArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::process::Process;
use crate::text;

#[derive(Debug, Serialize)]
struct Listing {
    directory: String,
    names: Vec<Name>,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Open,
    /// Nobody has it open: debris.
    Stale,
    /// It is open and cannot be looked at from here.
    Unreadable,
}

#[derive(Debug, Serialize)]
pub(crate) struct Name {
    pub(crate) url: String,
    pub(crate) state: State,
    pub(crate) processes: Vec<Process>,
    /// Processes that ended without leaving, and are named still.
    pub(crate) ended: Vec<u32>,
    /// What can be seen of an open one.
    #[serde(flatten)]
    pub(crate) kernel: Option<Seen>,
    /// Why it cannot be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    pub(crate) participants: usize,
    pub(crate) routes: usize,
    pub(crate) resident_bytes: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) memory_bytes_max: u64,
    /// How long the kernel exists.
    pub(crate) age_s: Option<f64>,
}

pub(crate) fn run(arguments: &LsArguments, output: &mut Output) -> Result<u8, Failure> {
    let names = args::names(arguments.group.as_deref())?;
    let listing = Listing {
        directory: names.directory.display().to_string(),
        names: names.names.iter().map(Name::of).collect(),
    };
    if output.is_json() {
        output.json(&listing)?;
    } else if listing.names.is_empty() {
        output.line(&format!("no kernel is open in {}", listing.directory))?;
    } else {
        let header = ["URL", "PROCESSES", "ROUTES", "MEMORY", "AGE", "STATE"];
        let rows: Vec<Vec<String>> = listing.names.iter().map(Name::row).collect();
        for line in text::table(&header, &rows) {
            output.line(&line)?;
        }
    }
    Ok(0)
}

impl Name {
    pub(crate) fn of(name: &SharedName) -> Self {
        let mut listed = Self {
            url: format!("shm://{}", name.name),
            state: if name.is_stale() { State::Stale } else { State::Open },
            processes: Vec::new(),
            ended: Vec::new(),
            kernel: None,
            problem: None,
        };
        for process in &name.processes {
            match process {
                NamedProcess::Open { pid } => listed.processes.push(Process::of(*pid)),
                NamedProcess::Ended { pid } => listed.ended.push(*pid),
                // Its number means nothing here; the problem says where it is.
                _ => {}
            }
        }
        if listed.state == State::Open {
            match Observer::open(&name.name) {
                Ok(observer) => listed.kernel = Some(Seen::of(&observer)),
                Err(error) => {
                    listed.state = State::Unreadable;
                    listed.problem = Some(error.to_string());
                }
            }
        }
        listed
    }

    fn row(&self) -> Vec<String> {
        let seen = |show: fn(&Seen) -> String| self.kernel.as_ref().map_or("-".into(), show);
        vec![
            self.url.clone(),
            self.processes.len().to_string(),
            seen(|kernel| text::grouped(kernel.routes as u64)),
            seen(|kernel| text::bytes(kernel.resident_bytes)),
            seen(|kernel| kernel.age_s.map_or("-".into(), text::seconds)),
            self.says(),
        ]
    }

    fn says(&self) -> String {
        let ended = text::plural(self.ended.len() as u64, "process");
        match self.state {
            State::Stale => format!("stale: {ended} ended without leaving; `neo doctor` clears it"),
            State::Unreadable => self.problem.clone().unwrap_or_default(),
            State::Open if !self.ended.is_empty() => format!("open; {ended} ended without leaving"),
            State::Open if self.processes.iter().any(|process| process.is_stopped) => {
                "open; a process is stopped".into()
            }
            State::Open => "open".into(),
        }
    }
}

impl Seen {
    fn of(observer: &Observer) -> Self {
        let look = observer.look();
        Self {
            participants: look.participants.iter().filter(|one| !one.is_dead).count(),
            routes: look.routes.len(),
            resident_bytes: look.resident_bytes,
            memory_bytes: look.totals.memory_bytes,
            memory_bytes_max: observer.limits().memory_bytes_max,
            age_s: observer.age().map(|age| age.as_secs_f64()),
        }
    }
}
