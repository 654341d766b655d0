//! Processes of other users that reach this one by its doors (R6.8).

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::attach::door::{Visitor, Wish};
use crate::region::map::Region;
use crate::sys::Watch;

/// Token of every door; pids are lower.
pub(super) const DOOR: u64 = 1 << 32;
/// Visitors that are let in at once; who comes then is let in when another has gone.
const VISITORS_MAX: usize = 2_048;
/// Wishes of one visitor that one look takes at most.
const WISHES_MAX: usize = 1_024;

/// The doors of this process at one region, and who has come in.
#[derive(Debug, Default)]
pub(super) struct Visitors(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// With a descriptor of our own: what a child has inherited would be reported for ever.
    doors: Vec<(Weak<Region>, OwnedFd)>,
    visitors: HashMap<u64, Visitor>,
    /// How many there have been.
    count: u64,
}

impl Visitors {
    /// Watches the door of a mapping, if it has one and is not watched yet.
    pub(super) fn watch(&self, region: &Arc<Region>, watch: &Watch) -> std::io::Result<()> {
        let Some(door) = region.name().and_then(|name| name.door()) else { return Ok(()) };
        let mut known = self.0.lock();
        if known.doors.iter().any(|(mapping, _)| mapping.as_ptr() == Arc::as_ptr(region)) {
            return Ok(());
        }
        let descriptor = door.descriptor().try_clone_to_owned()?;
        watch.add(descriptor.as_fd(), DOOR)?;
        known.doors.push((Arc::downgrade(region), descriptor));
        Ok(())
    }

    /// Lets in who waits at the doors.
    pub(super) fn let_in(&self, watch: &Watch) {
        let known = &mut *self.0.lock();
        known.doors.retain(|(mapping, descriptor)| {
            let Some(region) = mapping.upgrade() else {
                watch.remove(descriptor.as_fd());
                return false;
            };
            let door = region.name().and_then(|name| name.door());
            while let Some(visitor) = door.and_then(|door| door.admit()) {
                known.count += 1;
                let token = DOOR + known.count;
                if known.visitors.len() < VISITORS_MAX
                    && watch.add(visitor.descriptor(), token).is_ok()
                {
                    known.visitors.insert(token, visitor);
                }
            }
            true
        });
    }

    /// Hears what a visitor wants. Who wants the memory gets it from `region`.
    pub(super) fn hear(
        &self,
        token: u64,
        watch: &Watch,
        region: Option<&Region>,
        mut wake: impl FnMut(u64),
    ) {
        let mut keys = Vec::new();
        {
            let mut known = self.0.lock();
            let Some(visitor) = known.visitors.get(&token) else { return };
            let stays = visitor.take(WISHES_MAX, |wish| match wish {
                Wish::Wake(key) => keys.push(key),
                Wish::Memory => {
                    if let Some(Ok((control, data))) = region.map(Region::memory) {
                        visitor.give(control, data);
                    }
                }
            });
            if !stays {
                watch.remove(visitor.descriptor());
                known.visitors.remove(&token);
            }
        }
        // Not under the lock: foreign code runs.
        keys.into_iter().for_each(&mut wake);
    }
}
