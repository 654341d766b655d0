//! Routes as publishers keep them: resolved to mailboxes, private to a thread, so that a publish
//! looks nothing up, takes no lock and shares no counter with other threads.

use core::cell::RefCell;
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
    pub(crate) depth: u64,
    pub(crate) block_bytes_max: u64,
}

/// All mailboxes that a topic leads to, as of a version of the routes.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) version: u64,
    pub(crate) targets: Vec<Target>,
    /// Some subscription has wildcards: the frame must carry the topic's text.
    pub(crate) needs_topic: bool,
    /// Some subscription keeps only the newest: the frame must lie in a block.
    pub(crate) needs_block: bool,
}

impl Route {
    /// Whether no route was opened or closed since.
    #[inline(always)]
    pub(crate) fn is_current(&self, core: &Core) -> bool {
        self.version == core.region.header().routes_version.0.load(Ordering::Acquire)
    }

    pub(crate) fn resolve(core: &Core, topic: &str) -> Self {
        let mut router = core.router.lock();
        let version = router.refresh(&core.region);
        let mut route =
            Self { version, targets: Vec::new(), needs_topic: false, needs_block: false };
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
                depth: entry.depth,
                block_bytes_max,
            });
        });
        route
    }
}

struct Cached {
    key: (u64, u64),
    route: Rc<Route>,
}

thread_local! {
    static ROUTES: RefCell<Vec<Option<Cached>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with this thread's route of the publisher `publisher` of `core`, if it is known and
/// current.
#[inline(always)]
pub(crate) fn with_known<R>(
    core: &Core,
    publisher: u64,
    f: impl FnOnce(&Route) -> Option<R>,
) -> Option<R> {
    let known = ROUTES.try_with(|routes| {
        let routes = routes.borrow();
        let cached = routes.get(place(publisher))?.as_ref()?;
        if cached.key != (core.region.number(), publisher) || !cached.route.is_current(core) {
            return None;
        }
        f(&cached.route)
    });
    known.ok().flatten()
}

/// This thread's route of the publisher `publisher` of `core`, resolved again if routes changed.
#[inline]
pub(crate) fn cached(core: &Core, publisher: u64, topic: &str) -> Rc<Route> {
    let key = (core.region.number(), publisher);
    let known = ROUTES.try_with(|routes| {
        let routes = routes.borrow();
        match routes.get(place(publisher)) {
            Some(Some(cached)) if cached.key == key && cached.route.is_current(core) => {
                Some(cached.route.clone())
            }
            _ => None,
        }
    });
    match known {
        Ok(Some(route)) => route,
        _ => resolve_and_keep(core, key, topic),
    }
}

fn place(publisher: u64) -> usize {
    (publisher as usize) % CACHED
}

#[cold]
fn resolve_and_keep(core: &Core, key: (u64, u64), topic: &str) -> Rc<Route> {
    let route = Rc::new(Route::resolve(core, topic));
    // At thread exit the cache may be gone, and in a waker that publishes it is lent: the route then
    // serves this publish only.
    let _ = ROUTES.try_with(|routes| {
        let Ok(mut routes) = routes.try_borrow_mut() else { return };
        if routes.is_empty() {
            routes.resize_with(CACHED, || None);
        }
        routes[place(key.1)] = Some(Cached { key, route: route.clone() });
    });
    route
}
