//! Tests of the region over real memory.

mod blocks;
mod participants;
mod properties;
mod runs;
#[cfg(all(target_os = "linux", not(miri)))]
mod shared;

use super::limits::Limits;
use super::map::Region;
use std::sync::Arc;

/// Small enough for Miri: four data segments.
fn small() -> Limits {
    Limits::new()
        .with_memory_bytes_max(1 << 20)
        .with_participants_max(4)
        .with_routes_max(64)
        .with_calls_in_flight_max(8)
}

fn region() -> Arc<Region> {
    Region::create_private(&small()).unwrap()
}
