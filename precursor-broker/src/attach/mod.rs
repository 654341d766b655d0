//! Attaching to shared memory by name (`docs/spec/region.md` R6, ADR 7).
//!
//! `names` is the place of a user's names: one small file for each, which says who has the memory
//! open. `entry` is one line of it, and how the memory is had from it. `existing` joins or looks at
//! what is open already. `bell` is how a process wakes
//! the tasks of another; who answers it is in `broker::attendant`.

pub(crate) mod bell;
mod entry;
pub(crate) mod existing;
pub(crate) mod names;

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::region::Limits;
use crate::region::map::Region;
use crate::steps::step;

use names::{Directory, LockedName};

/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 63;

/// The region of a name, and the lock of the name: nobody else opens or leaves it meanwhile.
pub(crate) fn open(name: &str, limits: &Limits) -> Result<(Arc<Region>, LockedName)> {
    let about = |error: Error| Error::new(error.kind(), format!("shm://{name}: {error}"));
    check(name).map_err(about)?;
    let directory = Directory::of_user().map_err(about)?;
    let mut locked = directory.lock(name).map_err(about)?;
    step!("attach.locked");
    let region = open_locked(&mut locked, limits).map_err(about)?;
    Ok((region, locked))
}

/// A name becomes a file's.
fn check(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(is_plain);
    if is_name {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        format!(
            "a name has 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' or '-', and does not begin \
             with '.'"
        ),
    ))
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
    move |error| Error::new(ErrorKind::Os, format!("cannot {action}: {error}"))
}
