//! A region that is there already: joined, or looked at, with the limits that it has.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::region::Limits;
use crate::region::map::Region;
use crate::region::records::Header;

use super::names::{LockedName, listing};
use super::system;

/// As [`super::open`] for a name that somebody has open.
pub(crate) fn open(name: &str) -> Result<(Arc<Region>, LockedName)> {
    let about = |error: Error| error.about(format_args!("shm://{name}"));
    let (directory, bare) = listing::place_of(name).map_err(about)?;
    let mut locked = directory.lock_existing(&bare)?;
    let Some((control, data)) = locked.find_memory().map_err(about)? else {
        locked.clean().map_err(about)?;
        return Err(directory.not_found(&bare));
    };
    let control = File::from(control);
    let limits = limits_of(&control).map_err(about)?;
    let region = Region::attach(control.into(), data, &limits).map_err(|e| about(e.into()))?;
    locked.enter(&region).map_err(about)?;
    Ok((region, locked))
}

/// Maps the region of a name for reading only. Nobody notices, and it lives no longer for it than
/// the others have it open.
pub(crate) fn look_at(name: &str) -> Result<Arc<Region>> {
    let about = |error: Error| error.about(format_args!("shm://{name}"));
    let (control, data) = listing::open_to_read(name)?;
    let limits = limits_of(&control).map_err(about)?;
    Region::attach(control.into(), data.into(), &limits).map_err(|error| about(error.into()))
}

/// The limits in a region's header. Whether it is a region is for the attach to check.
fn limits_of(control: &File) -> Result<Limits> {
    let first = core::mem::offset_of!(Header, limits) as u64;
    let mut words = [0_u64; 4];
    for (at, word) in (first..).step_by(8).zip(&mut words) {
        let mut bytes = [0; 8];
        control.read_exact_at(&mut bytes, at).map_err(system("read the region's limits"))?;
        *word = read_word(bytes);
    }
    let [memory, participants, subscriptions, calls] = words;
    // What does not fit is no limit, and is refused as one that is out of range.
    let narrow = |word| u32::try_from(word).unwrap_or(u32::MAX);
    Ok(Limits::new()
        .with_memory_bytes_max(memory)
        .with_participants_max(narrow(participants))
        .with_routes_max(narrow(subscriptions))
        .with_calls_in_flight_max(narrow(calls)))
}

#[allow(clippy::host_endian_bytes, reason = "a region has the byte order of its host (R3)")]
fn read_word(bytes: [u8; 8]) -> u64 {
    u64::from_ne_bytes(bytes)
}
