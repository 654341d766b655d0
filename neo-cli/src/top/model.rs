//! Figures of a kernel between two looks.

use neo_protocol::{
    Observation, ObservedParticipant, ObservedRoute, Observer, Policy, RouteCounters, RouteKind,
};
use serde::Serialize;

use crate::args::SortBy;
use crate::process::Process;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Model {
    pub(crate) url: String,
    pub(crate) age_s: Option<f64>,
    /// Time between the two looks, which the rates stand for.
    pub(crate) interval_s: f64,
    pub(crate) memory: Memory,
    pub(crate) late_replies: u64,
    pub(crate) expired_requests: u64,
    pub(crate) routes: Vec<Row>,
    pub(crate) participants: Vec<Participant>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// Payload memory in use, in whole segments.
    pub(crate) used_bytes: u64,
    pub(crate) max_bytes: u64,
    /// What the system has given, control words included.
    pub(crate) resident_bytes: u64,
}

/// A subscription, group or service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    pub(crate) policy: &'static str,
    pub(crate) depth: u64,
    pub(crate) queued: u64,
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) timed_out: u64,
    pub(crate) accepted_per_s: f64,
    pub(crate) delivered_per_s: f64,
    pub(crate) lost_per_s: f64,
    /// How long it is open.
    pub(crate) open_s: f64,
    /// Numbers of the participants that read it.
    pub(crate) readers: Vec<u16>,
}

/// An open of the name in a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Participant {
    pub(crate) id: u16,
    #[serde(flatten)]
    pub(crate) process: Process,
    /// Its process has ended, and no survivor has put right yet what it held.
    pub(crate) is_dead: bool,
    pub(crate) routes: usize,
    pub(crate) calls_in_flight: u32,
    pub(crate) blocks_held: u32,
}

impl Model {
    pub(crate) fn new(
        url: &str,
        observer: &Observer,
        before: &Observation,
        now: &Observation,
    ) -> Self {
        Self {
            url: url.into(),
            age_s: observer.age().map(|age| age.as_secs_f64()),
            interval_s: seconds_between(before.at_ns, now.at_ns),
            memory: Memory {
                used_bytes: now.totals.memory_bytes,
                max_bytes: observer.limits().memory_bytes_max,
                resident_bytes: now.resident_bytes,
            },
            late_replies: now.totals.late_replies,
            expired_requests: now.totals.expired_requests,
            routes: now.routes.iter().map(|route| Row::new(route, before, now)).collect(),
            participants: now.participants.iter().map(|one| Participant::new(one, now)).collect(),
        }
    }

    pub(crate) fn sort(&mut self, by: SortBy) {
        let figure = |row: &Row| match by {
            SortBy::Rate => row.accepted_per_s,
            SortBy::Lag => row.queued as f64,
            SortBy::Lost => row.not_delivered() as f64,
            SortBy::Name => 0.0,
        };
        self.routes.sort_by(|a, b| {
            figure(b)
                .total_cmp(&figure(a))
                .then_with(|| (&a.pattern, &a.group).cmp(&(&b.pattern, &b.group)))
        });
    }
}

impl Row {
    /// Its figures now, and how they grew since `before`, from 0 if it was not open then.
    pub(crate) fn new(route: &ObservedRoute, before: &Observation, now: &Observation) -> Self {
        let RouteCounters {
            kind,
            pattern,
            group,
            policy,
            depth,
            accepted,
            delivered,
            lost,
            timed_out,
            queued,
            ..
        } = route.counters.clone();
        let interval_s = seconds_between(before.at_ns, now.at_ns);
        let per_s = |figure: fn(&RouteCounters) -> u64| {
            let grown = growth(route, before, figure);
            if interval_s > 0.0 { grown as f64 / interval_s } else { 0.0 }
        };
        Self {
            kind: kind_word(kind),
            pattern,
            group: Some(group).filter(|group| !group.is_empty()),
            policy: policy_word(policy),
            depth,
            queued,
            accepted,
            delivered,
            lost,
            timed_out,
            accepted_per_s: per_s(|counters| counters.accepted),
            delivered_per_s: per_s(|counters| counters.delivered),
            lost_per_s: per_s(not_delivered),
            open_s: seconds_between(route.opened_ns, now.at_ns),
            readers: route.readers.iter().map(|reader| reader.participant).collect(),
        }
    }

    /// Messages that were lost, or for which there was no room in time.
    pub(crate) fn not_delivered(&self) -> u64 {
        self.lost + self.timed_out
    }

    /// Half of its places are taken.
    pub(crate) fn is_half_full(&self) -> bool {
        self.depth > 0 && self.queued * 2 >= self.depth
    }

    /// `flights.*`, `work (group crew)`, `gates (service)`.
    pub(crate) fn title(&self) -> String {
        match (&self.group, self.kind) {
            (Some(group), _) => format!("{} (group {group})", self.pattern),
            (None, "subscription") => self.pattern.clone(),
            (None, kind) => format!("{} ({kind})", self.pattern),
        }
    }
}

impl Participant {
    fn new(participant: &ObservedParticipant, look: &Observation) -> Self {
        let reads = |route: &&ObservedRoute| {
            route.readers.iter().any(|reader| reader.participant == participant.id)
        };
        Self {
            id: participant.id,
            process: Process::of(participant.pid),
            is_dead: participant.is_dead,
            routes: look.routes.iter().filter(reads).count(),
            calls_in_flight: participant.calls_in_flight,
            blocks_held: participant.blocks_held,
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        match (self.is_dead, self.process.is_stopped) {
            (true, _) => "dead",
            (false, true) => "stopped",
            (false, false) => "runs",
        }
    }
}

/// How much a figure of a route grew since an earlier look: all of it, if it was not open then.
pub(crate) fn growth(
    route: &ObservedRoute,
    before: &Observation,
    figure: fn(&RouteCounters) -> u64,
) -> u64 {
    let same = |old: &&ObservedRoute| (old.index, old.opened_ns) == (route.index, route.opened_ns);
    let old = before.routes.iter().find(same).map_or(0, |old| figure(&old.counters));
    figure(&route.counters).saturating_sub(old)
}

pub(crate) fn not_delivered(counters: &RouteCounters) -> u64 {
    counters.lost + counters.timed_out
}

/// From one time of the monotonic clock to a later one.
pub(crate) fn seconds_between(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}

fn kind_word(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Subscription => "subscription",
        RouteKind::Group => "group",
        RouteKind::Service => "service",
        RouteKind::Inline => "inline service",
        _ => "other",
    }
}

fn policy_word(policy: Policy) -> &'static str {
    match policy {
        Policy::DropOldest => "drop-oldest",
        Policy::DropNewest => "drop-newest",
        Policy::Latest => "latest",
        Policy::Block => "block",
        Policy::Detach => "detach",
        _ => "other",
    }
}
