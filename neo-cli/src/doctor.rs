//! `neo doctor`: says what is wrong with kernels, and takes away what dead processes left.

use neo_protocol::{Kernel, NamedProcess, Observation, Observer, Options, SharedName};
use serde::Serialize;

use crate::args::{self, DoctorArguments};
use crate::failure::{self, Failure};
use crate::output::Output;
use crate::process::Process;
use crate::text::{grouped, plural};

#[derive(Debug, Serialize)]
struct Report {
    directory: String,
    /// Names that were looked at.
    names: usize,
    findings: Vec<Finding>,
    /// Nothing is wrong any more.
    is_well: bool,
}

/// Something that was wrong with a name.
#[derive(Debug, Serialize)]
struct Finding {
    url: String,
    /// One word for programs.
    kind: &'static str,
    text: String,
    is_mended: bool,
}

pub(crate) fn run(arguments: &DoctorArguments, output: &mut Output) -> Result<u8, Failure> {
    let wanted = arguments.url.as_deref().map(args::shared_name).transpose()?;
    let group = wanted.as_deref().map_or(arguments.group.as_deref(), args::group_of);
    let listing = args::names(group)?;
    let names: Vec<&SharedName> = listing
        .names
        .iter()
        .filter(|name| wanted.as_ref().is_none_or(|wanted| name.name == *wanted))
        .collect();
    if let Some(wanted) = wanted.filter(|_| names.is_empty()) {
        // The error says what there is.
        Observer::open(&wanted)?;
    }
    let mut doctor = Doctor { may_mend: !arguments.check, findings: Vec::new() };
    names.iter().for_each(|name| doctor.examine(name));
    let findings = doctor.findings;
    let is_well = findings.iter().all(|finding| finding.is_mended);
    let directory = listing.directory.display().to_string();
    report(&Report { directory, names: names.len(), findings, is_well }, output)?;
    Ok(if is_well { 0 } else { failure::UNWELL })
}

fn report(report: &Report, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(output.json(report)?);
    }
    for Finding { url, text, is_mended, .. } in &report.findings {
        let mark = if *is_mended { "mended" } else { "wrong" };
        output.line(&format!("{mark:<7} {url}: {text}"))?;
    }
    let names = plural(report.names as u64, "name");
    let ending = match (report.findings.is_empty(), report.is_well) {
        (true, _) => "nothing is wrong",
        (false, true) => "all is well now",
        (false, false) => "not all is well",
    };
    Ok(output.line(&format!("{names} in {}: {ending}", report.directory))?)
}

struct Doctor {
    may_mend: bool,
    findings: Vec<Finding>,
}

impl Doctor {
    fn find(&mut self, name: &SharedName, kind: &'static str, text: String, is_mended: bool) {
        self.findings.push(Finding { url: format!("shm://{}", name.name), kind, text, is_mended });
    }

    fn examine(&mut self, name: &SharedName) {
        self.debris(name);
        if name.is_stale() {
            return;
        }
        for process in &name.processes {
            if let NamedProcess::Open { pid } = process {
                self.stopped(name, &Process::of(*pid));
            }
        }
        match Observer::open(&name.name) {
            Ok(observer) => {
                self.dead(name, &observer);
                self.room(name, &observer, &observer.look());
            }
            Err(error) => self.find(name, "unreadable", error.to_string(), false),
        }
    }

    /// Lines of processes that have ended, and the file if nobody else has one.
    fn debris(&mut self, name: &SharedName) {
        let is_ended = |process: &&NamedProcess| matches!(process, NamedProcess::Ended { .. });
        let ended = name.processes.iter().filter(is_ended).count();
        if ended == 0 && !name.is_stale() {
            return;
        }
        let kind = if name.is_stale() { "stale-name" } else { "stale-process" };
        let left = format!("{} ended without leaving", plural(ended as u64, "process"));
        if !self.may_mend {
            let text = format!("{left}; the next open, or `neo doctor`, clears what is left");
            return self.find(name, kind, text, false);
        }
        match neo_protocol::clean_name(&name.name) {
            Ok(cleaned) if cleaned.removed => {
                self.find(name, kind, format!("{left}; its file was removed"), true);
            }
            Ok(_) => self.find(name, kind, format!("{left}; their lines were cleared"), true),
            Err(error) => self.find(name, kind, format!("{left}: {error}"), false),
        }
    }

    fn stopped(&mut self, name: &SharedName, process: &Process) {
        if process.is_stopped {
            let text = format!(
                "process {} is stopped: what it holds stays held, and it reads nothing; continue it \
                 (kill -CONT {}) or end it",
                process.label(),
                process.pid
            );
            self.find(name, "stopped-process", text, false);
        }
    }

    /// Participants whose processes have ended, if no survivor has put right what they held.
    fn dead(&mut self, name: &SharedName, observer: &Observer) {
        let look = observer.look();
        let dead: Vec<String> = look
            .participants
            .iter()
            .filter(|one| one.is_dead)
            .map(|one| one.pid.to_string())
            .collect();
        if dead.is_empty() {
            return;
        }
        let left = format!("what dead processes held is held still ({})", dead.join(", "));
        if !self.may_mend {
            let text = format!("{left}; `neo doctor` gives it back");
            return self.find(name, "dead-participant", text, false);
        }
        match reclaim(name).map(|()| observer.look()) {
            Ok(after) if after.participants.iter().any(|one| one.is_dead) => {
                let text = format!("{left}: another survivor is at it; try again");
                self.find(name, "dead-participant", text, false);
            }
            Ok(after) => {
                let routes = look.routes.len().saturating_sub(after.routes.len());
                let text = format!(
                    "{left}: gave back {} and {}",
                    plural(dead.len() as u64, "participant"),
                    plural(routes as u64, "subscription")
                );
                self.find(name, "dead-participant", text, true);
            }
            Err(error) => {
                self.find(name, "dead-participant", format!("{left}: {error}"), false);
            }
        }
    }

    /// Limits that are nearly reached: the next open, or publish, is refused.
    fn room(&mut self, name: &SharedName, observer: &Observer, look: &Observation) {
        let limits = observer.limits();
        let mut full = |kind, what: &str, used: u64, max: u64, advice: &str| {
            if used * 10 >= max * 9 {
                let text =
                    format!("{} of {} {what} are in use: {advice}", grouped(used), grouped(max));
                self.find(name, kind, text, false);
            }
        };
        let advice = "close some, or open the kernel with a higher participants_max";
        let used = look.participants.len() as u64;
        full("participants", "participants", used, limits.participants_max.into(), advice);
        let advice = "read faster, keep fewer messages, or open it with a higher memory_bytes_max";
        let used = look.totals.memory_bytes;
        full("memory", "bytes of memory", used, limits.memory_bytes_max, advice);
        let advice = "close some, or open the kernel with a higher subscriptions_max";
        let used = look.routes.len() as u64;
        full("subscriptions", "subscriptions", used, limits.routes_max.into(), advice);
    }
}

/// Joins for a moment, as the survivor that puts things right.
fn reclaim(name: &SharedName) -> neo_protocol::Result<()> {
    let options = Options::new().existing_only().without_thread();
    Kernel::open_with(&format!("shm://{}", name.name), &options)?.maintain().map(drop)
}
