//! Services that run on their callers' threads.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::error::{Error, ErrorKind, Result};

use super::core::Core;
use super::per_region::PerRegion;
use super::policy::Policy;
use super::router::{RouteEntry, RouteKind};
use super::service::{Call, Failure, Reply};
use super::subscription::validate_name;

pub(super) type Handler = dyn Fn(&Call<'_>) -> core::result::Result<Reply, Failure> + Send + Sync;

/// The services of one region that run on their callers' threads. All of this process's
/// participants share them: a handler is as near to one as to the other.
#[derive(Default)]
pub(crate) struct InlineServices(RwLock<Handlers>);

type Handlers = HashMap<Box<str>, Arc<Handler>>;

impl InlineServices {
    /// The table for the region with identity `region`.
    pub(crate) fn of(region: u64) -> Arc<Self> {
        static TABLES: PerRegion<InlineServices> = PerRegion::new();
        TABLES.get(region)
    }

    /// The handler of the service called `name`, for as long as that is open.
    pub(super) fn find(&self, name: &str) -> Option<Weak<Handler>> {
        self.0.read().get(name).map(Arc::downgrade)
    }
}

impl fmt::Debug for InlineServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlineServices").field(&self.0.read().len()).finish()
    }
}

/// An inline service. Dropping it ends the service; calls that are running finish.
#[derive(Debug)]
pub struct InlineService {
    core: Arc<Core>,
    name: Box<str>,
    route: u32,
}

impl InlineService {
    pub(crate) fn open(core: &Arc<Core>, name: &str, handler: Arc<Handler>) -> Result<Self> {
        validate_name("service", name)?;
        core.check_open()?;
        // The handler comes before the route: whoever sees the route finds the handler.
        let mut router = core.router.lock();
        let mut handlers = core.inline_services.0.write();
        if handlers.contains_key(name) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("the service \"{name}\" is served inline already: close that one first"),
            ));
        }
        let entry = RouteEntry {
            kind: RouteKind::Inline,
            policy: Policy::Block,
            depth: 0,
            mailbox: None,
            pattern: name.into(),
            group: "".into(),
        };
        handlers.insert(name.into(), handler);
        let route = core
            .with_route_hint(|hint| router.open_route(&core.region, hint, core.owner_id(), &entry));
        match route {
            Ok(route) => Ok(Self { core: core.clone(), name: name.into(), route }),
            Err(error) => {
                handlers.remove(name);
                Err(error)
            }
        }
    }

    /// Ends the service. The same as dropping it.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for InlineService {
    fn drop(&mut self) {
        self.core.inline_services.0.write().remove(&self.name);
        self.core.router.lock().close_route(&self.core.region, self.route);
    }
}
