//! Regions in shared memory, mapped twice as two processes would.

use super::{region, small};
use crate::region::blocks::SegmentMemory;
use crate::region::error::{AllocError, RegionError};
use crate::region::hint::AllocHint;
use crate::region::limits::Limits;
use crate::region::map::Region;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::{self, Scope};
use std::io;
use std::sync::Arc;

fn attach(region: &Region, limits: &Limits) -> Result<Arc<Region>, RegionError> {
    let (control, data) = region.duplicate_fds().unwrap();
    Region::attach(control, data, limits)
}

#[test]
fn two_mappings_at_two_addresses_see_the_same_region() {
    let first = Region::create_shared(&small()).unwrap();
    let second = attach(&first, &small()).unwrap();
    assert_eq!((first.futex_scope(), second.futex_scope()), (Scope::Shared, Scope::Shared));
    let (owner, other) = (first.join().unwrap(), second.join().unwrap());
    assert_ne!(owner.id, other.id);
    assert!(first.is_live(other));

    let block = first.blocks().alloc(owner.id, 1_000, &AllocHint::new(0)).unwrap();
    let here = first.block_ptr(block, 1_000).unwrap();
    let there = second.block_ptr(block, 1_000).unwrap();
    assert_ne!(here, there);
    fill(here.as_ptr(), 0xA5);
    assert_eq!(first_byte(there.as_ptr()), 0xA5);

    let shared = first.blocks().share(block, owner.id, 1).unwrap();
    assert_eq!(second.blocks().reference(block), Some(shared));
    assert!(second.blocks().release_ref(shared));
    assert_eq!(second.blocks().trim(other.id), 256 << 10);
    assert_eq!(first.blocks().committed_bytes(), 0);
}

#[expect(unsafe_code, reason = "the test writes to a block it owns")]
fn fill(to: *mut u8, byte: u8) {
    // SAFETY: the block has a capacity of 1,000 bytes and this test owns it.
    unsafe { to.write_bytes(byte, 1_000) }
}

#[expect(unsafe_code, reason = "the test reads a block it owns")]
fn first_byte(from: *const u8) -> u8 {
    // SAFETY: as for `fill`.
    unsafe { from.read() }
}

#[test]
fn other_limits_are_refused_with_both_values() {
    let region = Region::create_shared(&small()).unwrap();
    let error = attach(&region, &small().with_participants_max(5)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("participants_max is 4 in the region and 5 here"), "{text}");
    let error = attach(&region, &small().with_memory_bytes_max(2 << 20)).unwrap_err();
    assert!(
        matches!(
            error,
            RegionError::LimitDiffers { limit: "memory_bytes_max", region, requested }
                if region == 1 << 20 && requested == 2 << 20
        ),
        "{error}"
    );
}

#[test]
fn what_is_not_a_region_of_this_version_is_refused() {
    let region = Region::create_shared(&small()).unwrap();
    region.header().layout_version.store(9, Ordering::Relaxed);
    let error = attach(&region, &small()).unwrap_err();
    assert!(matches!(error, RegionError::LayoutVersion { region: 9, library: 1 }), "{error}");
    region.header().magic.store(0, Ordering::Relaxed);
    let error = attach(&region, &small()).unwrap_err();
    assert!(matches!(error, RegionError::NotARegion { magic: 0 }), "{error}");

    let region = Region::create_shared(&small()).unwrap();
    let (control, _) = region.duplicate_fds().unwrap();
    let short = sys::memfd(c"short", 4_096).unwrap();
    let error = Region::attach(control, short, &small()).unwrap_err();
    assert!(matches!(error, RegionError::TooShort { mapping: "data", .. }), "{error}");
}

#[test]
fn a_private_region_has_no_descriptors() {
    assert!(matches!(region().duplicate_fds(), Err(RegionError::Private)));
}

#[test]
fn records_are_backed_before_they_are_written() {
    let region = Region::create_shared(&small()).unwrap();
    region.commit_route(63).unwrap();
    region.commit_poller(1_000).unwrap();
    region.routes()[63].fields[0].store(1, Ordering::Relaxed);
    assert!(region.commit_poller(usize::MAX / 128).is_err());
}

/// Memory that refuses to be committed after a few segments.
struct Scarce<'r> {
    region: &'r Region,
    left: AtomicU64,
}

impl SegmentMemory for Scarce<'_> {
    fn commit(&self, first: usize, count: usize) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed);
        if (left as usize) < count {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        self.left.store(left - count as u64, Ordering::Relaxed);
        SegmentMemory::commit(self.region, first, count)
    }

    fn decommit(&self, segment: usize) -> io::Result<()> {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.region.decommit(segment)
    }
}

#[test]
fn memory_that_cannot_be_committed_is_an_error_and_leaves_the_budget_whole() {
    let region = Region::create_shared(&small()).unwrap();
    let scarce = Scarce { region: &region, left: AtomicU64::new(1) };
    let blocks = region.blocks_in(&scarce);
    let hint = AllocHint::new(0);
    let error = blocks.alloc(1, 300_000, &hint).unwrap_err();
    assert_eq!(error, AllocError::Commit { requested: 300_000, os_error: libc::ENOSPC });
    assert!(error.to_string().contains("No space left"), "{error}");
    let block = blocks.alloc(1, 500, &hint).unwrap();
    assert!(matches!(blocks.alloc(1, 60_000, &hint), Err(AllocError::Commit { .. })));
    assert_eq!(blocks.bytes_in_use(), 256 << 10);
    assert!(blocks.free_owned(blocks.owned_reference(block), 1));
    // The memory of the unused slab serves another class without a commit.
    let block = blocks.alloc(1, 60_000, &hint).unwrap_err();
    assert!(matches!(block, AllocError::Commit { .. }));
    blocks.trim(1);
    assert!(blocks.alloc(1, 60_000, &hint).is_ok());
}
