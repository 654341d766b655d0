//! Named kernels of this process: `mem://NAME`.

use std::collections::HashMap;

use parking_lot::Mutex;
use precursor_broker::{Broker, ErrorKind, Limits, Result, WeakBroker};

use crate::kernel::error;

static NAMES: Mutex<Option<HashMap<String, WeakBroker>>> = Mutex::new(None);

/// Opens the kernel of this name, or joins it. It lives as long as one of its handles.
pub(crate) fn open(name: &str, limits: &Limits) -> Result<Broker> {
    let mut names = NAMES.lock();
    let names = names.get_or_insert_default();
    if let Some(joined) = names.get(name).and_then(WeakBroker::join) {
        let broker = joined?;
        return check(name, broker.limits(), limits).map(|()| broker);
    }
    names.retain(|_, broker| broker.is_alive());
    let broker = Broker::private(limits)?;
    names.insert(name.into(), broker.downgrade());
    Ok(broker)
}

fn check(name: &str, open: &Limits, wanted: &Limits) -> Result<()> {
    let Some((limit, open, wanted)) = open.difference(wanted) else { return Ok(()) };
    Err(error(
        ErrorKind::Invalid,
        format!(
            "mem://{name} is open with {limit} = {open}, not {wanted}: open it with the same \
             options, or under another name"
        ),
    ))
}
