//! How a participant gets its place in the region.

use core::time::Duration;
use std::sync::Arc;

use crate::error::Result;
use crate::region::RegionError;
use crate::region::map::Region;
use crate::region::owners::Owner;
use crate::sys;

use super::core::Core;
use super::reclaim::reclaim_dead;

impl Core {
    pub(crate) fn new(region: Arc<Region>) -> Result<Arc<Self>> {
        sys::fork::watch();
        let owner = match region.join() {
            Err(RegionError::ParticipantsFull { .. }) => Self::join_late(&region)?,
            joined => joined?,
        };
        Ok(Self::of(region, owner))
    }

    /// Joins where the dead have left no place: puts right what they left, from the place that is
    /// kept for it, or waits, within a bound, for whoever has that place.
    #[cold]
    fn join_late(region: &Arc<Region>) -> Result<Owner> {
        const PATIENCE_NS: u64 = 2_000_000_000;
        const TURN: Duration = Duration::from_millis(1);
        let until = sys::monotonic_ns().saturating_add(PATIENCE_NS);
        loop {
            let is_anybody_dead = region.dead_participants().next().is_some();
            if is_anybody_dead {
                match region.join_to_reclaim()? {
                    Some(owner) => {
                        reclaim_dead(&Self::of(region.clone(), owner));
                    }
                    None => sys::pause(TURN),
                }
            }
            match region.join() {
                Err(RegionError::ParticipantsFull { .. })
                    if is_anybody_dead && sys::monotonic_ns() < until => {}
                joined => return Ok(joined?),
            }
        }
    }
}
