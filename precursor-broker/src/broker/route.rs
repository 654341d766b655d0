//! Routes as publishers keep them: resolved to mailboxes, private to a thread, so that a publish
//! looks nothing up, takes no lock and shares no counter with other threads.

use core::cell::Cell;
use std::rc::Rc;

use crate::mailbox::cells_mapped::MailboxRef;
use crate::sync::{AtomicU64, Ordering};

use super::core::Core;
use super::policy::Policy;

/// Routes that a thread keeps. Two that fall on one place replace each other.
const CACHED: usize = 1_024;

/// One mailbox that a topic leads to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) mailbox: MailboxRef,
    pub(crate) policy: Policy,
    /// A position that is known to be free up to.
    pub(crate) free_hint: AtomicU64,
    /// Bytes in blocks that are known to have left it.
    pub(crate) bytes_out_hint: AtomicU64,
    pub(crate) depth: u64,
    pub(crate) block_bytes_max: u64,
}

/// All mailboxes that a topic leads to, as of a version of the routes.
#[derive(Debug)]
pub(crate) struct Route {
    key: Key,
    version: u64,
    pub(crate) targets: Vec<Target>,
    /// Some subscription has wildcards: the frame must carry the topic's text.
    pub(crate) needs_topic: bool,
    /// Some subscription keeps only the newest: the frame must lie in a block.
    pub(crate) needs_block: bool,
}

impl Route {
    /// Whether no route was opened or closed since.
    #[inline(always)]
    fn is_current(&self, core: &Core) -> bool {
        self.version == core.region.header().routes_version.0.load(Ordering::Acquire)
    }

    fn resolve(core: &Core, key: Key, topic: &str) -> Self {
        let mut router = core.router.lock();
        let version = router.refresh(&core.region);
        let mut route =
            Self { key, version, targets: Vec::new(), needs_topic: false, needs_block: false };
        router.for_each_match(topic, |entry| {
            let Some(mailbox) = entry.mailbox_ref(&core.region) else { return };
            let view = mailbox.get(&core.region);
            let block_bytes_max = view.header.config.block_bytes_max.load(Ordering::Relaxed);
            route.needs_topic |= !entry.is_literal();
            route.needs_block |= entry.policy == Policy::Latest;
            route.targets.push(Target {
                mailbox,
                policy: entry.policy,
                free_hint: AtomicU64::new(0),
                bytes_out_hint: AtomicU64::new(0),
                depth: entry.depth,
                block_bytes_max,
            });
        });
        route
    }
}

/// A region, and a publisher in it.
type Key = (u64, u64);

/// Where a route lies between two publishes.
type Place = Cell<Option<Rc<Route>>>;

thread_local! {
    static ROUTES: [Place; CACHED] = const { [const { Place::new(None) }; CACHED] };
}

/// Takes this thread's route of the publisher `publisher` of `core` from its place, if it is known
/// and current. [`give_back`] it.
///
/// Nothing is locked meanwhile: what a publish wakes may publish itself. Where it finds the place
/// empty it resolves the route anew, and the last one that comes back stays.
#[inline(always)]
pub(crate) fn take(core: &Core, publisher: u64) -> Option<Rc<Route>> {
    let known = ROUTES.try_with(|routes| routes[place(publisher)].take());
    let route = known.ok().flatten()?;
    if route.key == (core.region.number(), publisher) && route.is_current(core) {
        return Some(route);
    }
    give_back(route);
    None
}

/// Puts a route where [`take`] finds it.
#[inline(always)]
pub(crate) fn give_back(route: Rc<Route>) {
    let place = place(route.key.1);
    let mut route = Some(route);
    let _ = ROUTES.try_with(|routes| route = routes[place].replace(route.take()));
    // Another one that lay there; or this one, at the end of a thread, where there is no place.
    if route.is_some() {
        discard(route);
    }
}

#[cold]
#[inline(never)]
fn discard(route: Option<Rc<Route>>) {
    drop(route);
}

/// This thread's route of the publisher `publisher` of `core`, resolved again if routes changed.
#[inline]
pub(crate) fn cached(core: &Core, publisher: u64, topic: &str) -> Rc<Route> {
    let route = match take(core, publisher) {
        Some(route) => route,
        None => resolve(core, publisher, topic),
    };
    give_back(route.clone());
    route
}

fn place(publisher: u64) -> usize {
    (publisher as usize) % CACHED
}

#[cold]
fn resolve(core: &Core, publisher: u64, topic: &str) -> Rc<Route> {
    Rc::new(Route::resolve(core, (core.region.number(), publisher), topic))
}
