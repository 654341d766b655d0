//! Attaching to shared memory by name (`docs/spec/region.md` R6, ADR 7).
//!
//! `address` says what a name is and whose, `directory` where names are. `names` is a name's file,
//! which says who has the memory open; `entry` is one line of it, and how the memory is had from it.
//! `existing` joins or looks at what is open already. `bell` is how a process wakes the tasks of
//! another, `door` how one of another user does and gets the memory; who answers both is in
//! `broker::attendant`.

mod address;
pub(crate) mod bell;
mod directory;
pub(crate) mod door;
mod entry;
pub(crate) mod existing;
pub(crate) mod names;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::region::Limits;
use crate::region::map::Region;
use crate::steps::step;

use address::Address;
use directory::Directory;
use names::LockedName;

/// The region of a name, and the lock of the name: nobody else opens or leaves it meanwhile.
pub(crate) fn open(name: &str, limits: &Limits) -> Result<(Arc<Region>, LockedName)> {
    let about = |error: Error| error.about(format_args!("shm://{name}"));
    let Address { name, group } = Address::parse(name).map_err(about)?;
    let directory = Directory::of(group).map_err(about)?;
    directory.prepare().map_err(about)?;
    let mut locked = directory.lock(&name).map_err(about)?;
    step!("attach.locked");
    let region = open_locked(&mut locked, limits).map_err(about)?;
    Ok((region, locked))
}

fn open_locked(name: &mut LockedName, limits: &Limits) -> Result<Arc<Region>> {
    let found = name.find_memory()?;
    let region = match found {
        Some((control, data)) => {
            step!("attach.memory_found");
            Region::attach(control, data, limits)?
        }
        None => {
            name.sweep_others();
            let region = Region::create_shared(limits)?;
            step!("attach.memory_made");
            region
        }
    };
    name.enter(&region)?;
    Ok(region)
}

pub(crate) fn system(action: impl core::fmt::Display) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::system(format!("cannot {action}: {error}"), &error)
}
