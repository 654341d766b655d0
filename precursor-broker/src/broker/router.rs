//! Routing: the shared table of routes, and this process's private view of it.
//!
//! The truth is the region's table: one record a subscription, group or service, committed by its
//! state word. Each process keeps an index in ordinary memory and brings it up to date when the
//! region's version has moved: it scans the packed state words and applies what differs.

use std::collections::HashMap;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells_mapped::{ChunkClass, MailboxRef};
use crate::region::blocks::BlockId;
use crate::region::map::Region;
use crate::region::records::{load_text, store_text};
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};
use crate::sys;

use super::patterns::Patterns;
use super::policy::Policy;
use super::topic::{TOPIC_BYTES_MAX, is_literal};

/// What a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteKind {
    /// One subscription.
    Subscription,
    /// A queue group: its members share the messages.
    Group,
    /// A service with workers.
    Service,
    /// A service that runs on its callers' threads, within one process only.
    Inline,
}

impl RouteKind {
    fn from_word(word: u64) -> Option<Self> {
        Some(match word {
            0 => Self::Subscription,
            1 => Self::Group,
            2 => Self::Service,
            3 => Self::Inline,
            _ => return None,
        })
    }
}

/// Status of a route's state word: `version:40 · status:8 · owner:16`.
const FREE: u64 = 0;
const OPENING: u64 = 1;
const OPEN: u64 = 2;

fn state(version: u64, status: u64, owner: u16) -> u64 {
    version << 24 | status << 16 | u64::from(owner)
}

fn status(state: u64) -> u64 {
    state >> 16 & 0xFF
}

/// Where a route's mailbox lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MailboxAddress {
    pub(crate) offset: usize,
    pub(crate) class: ChunkClass,
    pub(crate) cells: BlockId,
    pub(crate) generation: u32,
}

/// A route as read from the region, every field checked.
#[derive(Clone, Debug)]
pub(crate) struct RouteEntry {
    pub(crate) kind: RouteKind,
    pub(crate) policy: Policy,
    pub(crate) depth: u64,
    pub(crate) mailbox: Option<MailboxAddress>,
    pub(crate) pattern: Box<str>,
    pub(crate) group: Box<str>,
}

/// This process's view of the routes.
#[derive(Debug, Default)]
pub(crate) struct Router {
    version: u64,
    /// The state word under which each route was applied.
    applied: Vec<u64>,
    entries: HashMap<u32, RouteEntry>,
    patterns: Patterns,
    services: HashMap<Box<str>, Vec<u32>>,
    groups: HashMap<(Box<str>, Box<str>), u32>,
}

fn group_key(entry: &RouteEntry) -> (Box<str>, Box<str>) {
    (entry.group.clone(), entry.pattern.clone())
}

impl Router {
    /// Brings the view up to date and returns the version it stands for.
    pub(crate) fn refresh(&mut self, region: &Region) -> u64 {
        let version = region.header().routes_version.0.load(Ordering::Acquire);
        if version == self.version {
            return version;
        }
        let states = region.route_states();
        let used =
            (region.header().routes_end.0.load(Ordering::Acquire) as usize).min(states.len());
        if self.applied.len() < used {
            self.applied.resize(used, 0);
        }
        for (index, state) in states[..used].iter().enumerate() {
            let now = state.load(Ordering::Acquire);
            if now != self.applied[index] {
                self.apply(region, index as u32, now);
            }
        }
        self.version = version;
        version
    }

    /// Opens a route: every publish that starts after this returned sees it.
    pub(crate) fn open_route(
        &mut self,
        region: &Region,
        hint: &mut u32,
        owner: u16,
        entry: &RouteEntry,
    ) -> Result<u32> {
        let index = reserve_route(region, hint, owner)?;
        step!("subscribe.route_opening");
        write_record(region, index, entry);
        step!("subscribe.route_written");
        let word = &region.route_states()[index as usize];
        let open = state((word.load(Ordering::Relaxed) >> 24) + 1, OPEN, owner);
        word.store(open, Ordering::Release);
        step!("subscribe.route_stored");
        let before = region.header().routes_version.0.fetch_add(1, Ordering::AcqRel);
        step!("subscribe.route_open");
        self.apply_own(region, before, index, open);
        Ok(index)
    }

    /// Closes a route: no publish that starts after this returned uses it.
    pub(crate) fn close_route(&mut self, region: &Region, index: u32) {
        if let Some((before, closed)) = close_route(region, index) {
            self.apply_own(region, before, index, closed);
        }
    }

    /// Applies a change of this process without a scan, if it is the only one since the last look.
    fn apply_own(&mut self, region: &Region, before: u64, index: u32, now: u64) {
        if before == self.version {
            let needed = index as usize + 1;
            if self.applied.len() < needed {
                self.applied.resize(needed, 0);
            }
            self.apply(region, index, now);
            self.version = before.wrapping_add(1);
        }
    }

    fn apply(&mut self, region: &Region, index: u32, now: u64) {
        if let Some(old) = self.entries.remove(&index) {
            self.forget(index, &old);
        }
        self.applied[index as usize] = now;
        if status(now) != OPEN {
            return;
        }
        // The record may change under the copy: it counts only if its state did not.
        let entry = read_record(region, index);
        if region.route_states()[index as usize].load(Ordering::Acquire) != now {
            self.applied[index as usize] = 0;
            return;
        }
        let Some(entry) = entry else { return };
        match entry.kind {
            RouteKind::Subscription | RouteKind::Group => {
                if self.patterns.insert(&entry.pattern, index).is_err() {
                    return;
                }
                if entry.kind == RouteKind::Group {
                    self.groups.insert(group_key(&entry), index);
                }
            }
            RouteKind::Service | RouteKind::Inline => {
                self.services.entry(entry.pattern.clone()).or_default().push(index);
            }
        }
        self.entries.insert(index, entry);
    }

    fn forget(&mut self, index: u32, old: &RouteEntry) {
        match old.kind {
            RouteKind::Subscription | RouteKind::Group => {
                self.patterns.remove(&old.pattern, index);
                if self.groups.get(&group_key(old)) == Some(&index) {
                    self.groups.remove(&group_key(old));
                }
            }
            RouteKind::Service | RouteKind::Inline => {
                if let Some(routes) = self.services.get_mut(&old.pattern) {
                    routes.retain(|route| *route != index);
                    if routes.is_empty() {
                        self.services.remove(&old.pattern);
                    }
                }
            }
        }
    }

    /// Visits every route that a message of `topic` goes to.
    pub(crate) fn for_each_match(&self, topic: &str, mut visit: impl FnMut(&RouteEntry)) {
        self.patterns.for_each_match(topic, &mut |index| {
            if let Some(entry) = self.entries.get(&index) {
                visit(entry);
            }
        });
    }

    /// The routes of a service.
    pub(crate) fn service(&self, name: &str) -> impl Iterator<Item = (u32, &RouteEntry)> {
        let routes = self.services.get(name).map_or(&[] as &[u32], Vec::as_slice);
        routes.iter().filter_map(|index| Some((*index, self.entries.get(index)?)))
    }

    /// The open group or service that `wanted` belongs to.
    pub(crate) fn shared(&self, wanted: &RouteEntry) -> Option<(u32, &RouteEntry)> {
        match wanted.kind {
            RouteKind::Subscription | RouteKind::Inline => None,
            RouteKind::Service => {
                self.service(&wanted.pattern).find(|(_, entry)| entry.kind == RouteKind::Service)
            }
            RouteKind::Group => self
                .groups
                .get(&group_key(wanted))
                .and_then(|index| Some((*index, self.entries.get(index)?))),
        }
    }

    /// Every open route.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (u32, &RouteEntry)> {
        self.entries.iter().map(|(index, entry)| (*index, entry))
    }
}

impl RouteEntry {
    pub(crate) fn is_literal(&self) -> bool {
        is_literal(&self.pattern)
    }

    pub(crate) fn mailbox_ref(&self, region: &Region) -> Option<MailboxRef> {
        let at = self.mailbox?;
        MailboxRef::new(region, at.class, at.offset, at.cells, at.generation)
    }
}

pub(crate) fn read_record(region: &Region, index: u32) -> Option<RouteEntry> {
    let record = region.routes().get(index as usize)?;
    let read = |word: &AtomicU64| word.load(Ordering::Relaxed);
    let narrow = |word: &AtomicU64| u32::try_from(read(word)).ok();
    let mut text = [0; TOPIC_BYTES_MAX + 1];
    let pattern = load_text(&record.pattern, &mut text)?.into();
    let group = load_text(&record.group, &mut text)?.into();
    let kind = RouteKind::from_word(read(&record.kind))?;
    let [class, cells, depth, _] = &record.fields;
    let mailbox = if kind == RouteKind::Inline {
        None
    } else {
        Some(MailboxAddress {
            offset: usize::try_from(read(&record.mailbox)).ok()?,
            class: ChunkClass::from_number(u16::try_from(read(class)).ok()?)?,
            cells: BlockId(narrow(cells)?),
            generation: narrow(&record.mailbox_generation)?,
        })
    };
    let policy = Policy::from_word(read(&record.policy))?;
    Some(RouteEntry { kind, policy, depth: read(depth), mailbox, pattern, group })
}

/// When a route was opened, on the monotonic clock; of an open one only.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn opened_ns(region: &Region, index: u32) -> u64 {
    let [_, _, _, opened] = &region.routes()[index as usize].fields;
    opened.load(Ordering::Relaxed)
}

fn write_record(region: &Region, index: u32, entry: &RouteEntry) {
    let record = &region.routes()[index as usize];
    let write = |word: &AtomicU64, value: u64| word.store(value, Ordering::Relaxed);
    let [class, cells, depth, opened] = &record.fields;
    write(opened, sys::monotonic_ns());
    write(&record.kind, entry.kind as u64);
    write(&record.policy, entry.policy.to_word());
    write(depth, entry.depth);
    if let Some(at) = entry.mailbox {
        write(&record.mailbox, at.offset as u64);
        write(&record.mailbox_generation, u64::from(at.generation));
        write(class, u64::from(at.class.number()));
        write(cells, u64::from(at.cells.0));
    }
    store_text(&record.pattern, &entry.pattern);
    store_text(&record.group, &entry.group);
}

fn reserve_route(region: &Region, hint: &mut u32, owner: u16) -> Result<u32> {
    let states = region.route_states();
    for offset in 0..states.len() as u32 {
        let index = (*hint + offset) % states.len() as u32;
        let word = &states[index as usize];
        let seen = word.load(Ordering::Acquire);
        let mine = state((seen >> 24) + 1, OPENING, owner);
        if status(seen) == FREE
            && region.commit_route(index as usize).is_ok()
            && word.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        {
            region.header().routes_end.0.fetch_max(u64::from(index) + 1, Ordering::AcqRel);
            *hint = index + 1;
            return Ok(index);
        }
    }
    Err(Error::new(
        ErrorKind::Full,
        format!(
            "all {} subscriptions of this kernel are in use: close some, or open the kernel with \
             a higher subscriptions_max",
            states.len()
        ),
    ))
}

/// Closes a route: no publish that starts after this uses it. Returns the version before and the
/// state word; `None` if it was closed already.
pub(crate) fn close_route(region: &Region, index: u32) -> Option<(u64, u64)> {
    let word = &region.route_states()[index as usize];
    let seen = word.load(Ordering::Acquire);
    if status(seen) == FREE {
        return None;
    }
    let closed = state((seen >> 24) + 1, FREE, 0);
    let done = word.compare_exchange(seen, closed, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    step!("close.route_freed");
    let before = done.then(|| region.header().routes_version.0.fetch_add(1, Ordering::AcqRel));
    step!("close.route_closed");
    before.map(|version| (version, closed))
}

/// Who holds a route, and whether it is open; `None` if it is free.
pub(crate) fn route_owner(region: &Region, index: usize) -> Option<(u16, bool)> {
    let seen = region.route_states()[index].load(Ordering::Acquire);
    (status(seen) != FREE).then_some(((seen & 0xFFFF) as u16, status(seen) == OPEN))
}
