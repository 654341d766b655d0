//! Named kernels that are open in this process: `mem://NAME`, and `shm://NAME`.

use std::collections::HashMap;

use parking_lot::Mutex;
use precursor_broker::{Broker, Error, ErrorKind, Limits, Result, WeakBroker};

use crate::kernel::error;
use crate::options::Options;

/// The names of one scheme. Another open of a name joins the memory that this process has mapped.
#[derive(Debug)]
pub(crate) struct Registry {
    scheme: &'static str,
    make: fn(&str, &Limits) -> Result<Broker>,
    /// Joins a name that is open in another process.
    join: fn(&str) -> Result<Broker>,
    names: Mutex<Option<HashMap<String, WeakBroker>>>,
}

/// `mem://NAME`: lives as long as one of its handles.
pub(crate) static MEMORY: Registry = Registry {
    scheme: "mem",
    make: |_, limits| Broker::private(limits),
    join: |name| Err(MEMORY.not_found(name)),
    names: Mutex::new(None),
};

/// `shm://NAME`: lives as long as one of its handles in any process.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) static SHARED_MEMORY: Registry = Registry {
    scheme: "shm",
    make: Broker::open_shared,
    join: Broker::open_existing,
    names: Mutex::new(None),
};

impl Registry {
    /// Opens the kernel of this name, or joins it.
    pub(crate) fn open(&self, name: &str, options: &Options) -> Result<Broker> {
        let mut names = self.names.lock();
        let names = names.get_or_insert_default();
        if let Some(joined) = names.get(name).and_then(WeakBroker::join) {
            let broker = joined?;
            if !options.existing_only {
                self.check(name, broker.limits(), &options.limits)?;
            }
            return Ok(broker);
        }
        names.retain(|_, broker| broker.is_alive());
        let broker = if options.existing_only {
            (self.join)(name)?
        } else {
            (self.make)(name, &options.limits)?
        };
        names.insert(name.into(), broker.downgrade());
        Ok(broker)
    }

    fn not_found(&self, name: &str) -> Error {
        let scheme = self.scheme;
        error(
            ErrorKind::NotFound,
            format!(
                "this process does not have {scheme}://{name} open; such a kernel is within one \
                 process: open it here first"
            ),
        )
    }

    fn check(&self, name: &str, open: &Limits, wanted: &Limits) -> Result<()> {
        let Some((limit, open, wanted)) = open.difference(wanted) else { return Ok(()) };
        let scheme = self.scheme;
        Err(error(
            ErrorKind::Invalid,
            format!(
                "{scheme}://{name} is open with {limit} = {open}, not {wanted}: open it with the \
                 same options, or under another name"
            ),
        ))
    }
}
