//! The region: two mappings, and the only place where their bytes become typed slices.
#![allow(unsafe_code, reason = "lends typed slices of mapped memory")]

use super::blocks::{BlockId, BlockTable, SegmentMemory};
use super::error::RegionError;
use super::layout::{ARENA_SEGMENT_BYTES, LAYOUT_VERSION, Layout, MAGIC, Table};
use super::limits::{CELL_BYTES, HOLDERS, Limits};
use super::records::{
    Header, ParticipantRecord, PollerRecord, ReplyRecord, RouteRecord, SharedWord,
};
use super::segments::SegmentTable;
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::{Mapping, Scope};
use core::ptr::NonNull;
use std::io;
use std::sync::Arc;

/// The memory that every participant of a kernel maps. See `docs/spec/region.md`.
#[derive(Debug)]
pub(crate) struct Region {
    /// Dropped before the descriptors that it names.
    #[cfg(all(target_os = "linux", not(miri)))]
    name: std::sync::OnceLock<crate::attach::names::NameEntry>,
    control: Mapping,
    data: Mapping,
    layout: Layout,
    limits: Limits,
    scope: Scope,
    number: u64,
}

/// Numbers of mappings, never used again in this process.
fn next_number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

impl Region {
    /// A region of this process alone. Reserves address space; memory appears as it is used.
    pub(crate) fn create_private(limits: &Limits) -> Result<Arc<Self>, RegionError> {
        limits.validate()?;
        let layout = Layout::new(limits);
        let control = Mapping::private(layout.control_bytes).map_err(system("reserve memory"))?;
        let data = Mapping::private(layout.data_bytes).map_err(system("reserve memory"))?;
        let number = next_number();
        let (scope, limits) = (Scope::Private, limits.clone());
        let region = Self {
            #[cfg(all(target_os = "linux", not(miri)))]
            name: Default::default(),
            control,
            data,
            layout,
            limits,
            scope,
            number,
        };
        region.initialize();
        Ok(Arc::new(region))
    }

    fn initialize(&self) {
        let header = self.header();
        for (word, (_, value, _)) in header.limits.iter().zip(self.limits.named()) {
            word.store(value, Ordering::Relaxed);
        }
        // Process, start and number: no two regions of one boot have all three in common.
        let (pid, start) = crate::sys::process_identity();
        let identity = u64::from(pid) << 40 ^ start << 20 ^ self.number;
        header.identity.store(identity, Ordering::Relaxed);
        header.layout_version.store(LAYOUT_VERSION, Ordering::Relaxed);
        // Release: whoever sees the magic sees the rest of the header.
        header.magic.store(MAGIC, Ordering::Release);
    }

    /// Whether waiters may be in other processes.
    #[inline]
    pub(crate) fn futex_scope(&self) -> Scope {
        self.scope
    }

    /// Number of this mapping, never used again in this process.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Tells regions apart; the same in every mapping of one region.
    pub(crate) fn identity(&self) -> u64 {
        self.header().identity.load(Ordering::Relaxed)
    }

    /// The limits that the region was created with.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// `count` values of `T` from `offset` of the control mapping on; `None` if they do not lie
    /// inside it or not at `T`'s alignment.
    ///
    /// An offset always serves the same type: tables have one, chunks of the arena keep their
    /// class for the life of the region.
    #[inline]
    pub(crate) fn control_slice<T: SharedWord>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let bytes = size_of::<T>().checked_mul(count)?;
        let end = offset.checked_add(bytes)?;
        if end > self.control.len() || !offset.is_multiple_of(align_of::<T>()) {
            return None;
        }
        const { assert!(align_of::<Header>() <= 4096 && !core::mem::needs_drop::<T>()) };
        // SAFETY: offset ≤ end ≤ the length of the mapping.
        let first = unsafe { self.control.base().add(offset) };
        // SAFETY: the range is inside the mapping, which lives as long as `self`; its base is
        // aligned to a page and the offset to `T`; `SharedWord` promises that any bytes which
        // atomics stored, and zero, are values, and that only atomics are read or written.
        Some(unsafe { core::slice::from_raw_parts(first.cast::<T>().as_ptr(), count) })
    }

    /// A table of this region's layout.
    #[inline(always)]
    fn table<T: SharedWord>(&self, table: &Table<T>) -> &[T] {
        const { assert!(align_of::<T>() <= 4096 && !core::mem::needs_drop::<T>()) };
        debug_assert!(self.control_slice::<T>(table.offset, table.length).is_some());
        // SAFETY: `Layout::new` places its tables inside the control mapping.
        let first = unsafe { self.control.base().add(table.offset) };
        // SAFETY: the whole table lies in the mapping, which lives as long as `self`, and begins on
        // a page; the rest is as in `control_slice`.
        unsafe { core::slice::from_raw_parts(first.cast::<T>().as_ptr(), table.length) }
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the header is the first table of every layout, so it is inside the mapping, whose
        // base is aligned to a page; it consists of atomics for which zero is a value.
        unsafe { self.control.base().cast::<Header>().as_ref() }
    }

    /// Participant ids begin at 1.
    pub(crate) fn participants(&self) -> &[ParticipantRecord] {
        self.table(&self.layout.participants)
    }

    /// State words of all routes, packed for scanning.
    pub(crate) fn route_states(&self) -> &[AtomicU64] {
        self.table(&self.layout.route_states)
    }

    pub(crate) fn routes(&self) -> &[RouteRecord] {
        self.table(&self.layout.routes)
    }

    pub(crate) fn pollers(&self) -> &[PollerRecord] {
        self.table(&self.layout.pollers)
    }

    /// Backs a route's record with memory; call before the first write to it.
    pub(crate) fn commit_route(&self, index: usize) -> io::Result<()> {
        self.commit(&self.layout.routes, index, 1)
    }

    /// Backs a poller's record with memory; call before the first write to it.
    pub(crate) fn commit_poller(&self, index: usize) -> io::Result<()> {
        self.commit(&self.layout.pollers, index, 1)
    }

    /// Reply slots of a participant.
    pub(crate) fn replies(&self, participant: u16) -> &[ReplyRecord] {
        self.rows(&self.layout.replies, participant, self.calls())
    }

    /// One of them.
    #[inline(always)]
    pub(crate) fn reply(&self, participant: u16, call: usize) -> Option<&ReplyRecord> {
        let row = usize::from(participant).wrapping_sub(1).wrapping_mul(self.calls());
        let record = self.table(&self.layout.replies).get(row.wrapping_add(call));
        record.filter(|_| call < self.calls())
    }

    /// Holder entries of a participant.
    pub(crate) fn holders(&self, participant: u16) -> &[AtomicU64] {
        self.rows(&self.layout.holders, participant, HOLDERS)
    }

    /// One of them.
    #[inline(always)]
    pub(super) fn holder(&self, participant: u16, index: u16) -> Option<&AtomicU64> {
        let row = usize::from(participant).wrapping_sub(1).wrapping_mul(HOLDERS);
        self.table(&self.layout.holders).get(row.wrapping_add(usize::from(index)))
    }

    #[inline]
    fn calls(&self) -> usize {
        self.limits.calls_in_flight_max as usize
    }

    #[inline]
    fn row(&self, participant: u16) -> Option<usize> {
        let row = usize::from(participant).checked_sub(1)?;
        (row < self.layout.participants.length).then_some(row)
    }

    fn rows<T: SharedWord>(&self, table: &Table<T>, participant: u16, columns: usize) -> &[T] {
        let Some(row) = self.row(participant) else { return &[] };
        let (offset, _) = table.range(row * columns, columns);
        self.control_slice(offset, columns).unwrap_or(&[])
    }

    /// Backs the tables and reply cells of one participant with memory.
    pub(super) fn commit_participant(&self, participant: u16) -> io::Result<()> {
        let row = self.row(participant).ok_or(io::ErrorKind::InvalidInput)?;
        let calls = self.calls();
        self.commit(&self.layout.replies, row * calls, calls)?;
        self.commit(&self.layout.holders, row * HOLDERS, HOLDERS)?;
        self.data.commit(row * calls * CELL_BYTES, calls * CELL_BYTES)
    }

    fn commit<T>(&self, table: &Table<T>, first: usize, count: usize) -> io::Result<()> {
        let (offset, bytes) = table.range(first, count);
        self.control.commit(offset, bytes)
    }

    /// The cell in which the reply to a call travels, 256 bytes; `None` outside the limits.
    #[inline]
    pub(crate) fn reply_cell(&self, participant: u16, call: usize) -> Option<NonNull<u8>> {
        let row = self.row(participant)?;
        if call >= self.calls() {
            return None;
        }
        let offset = (row * self.calls() + call) * CELL_BYTES;
        // SAFETY: row and call are inside the limits, so the cell lies before `data_offset`.
        Some(unsafe { self.data.base().add(offset) })
    }

    /// The words of all blocks.
    #[inline]
    pub(crate) fn blocks(&self) -> BlockTable<'_> {
        self.blocks_in(self)
    }

    /// The words of all blocks over memory that the caller chooses; tests let it run out.
    #[inline]
    pub(super) fn blocks_in<'a>(&'a self, memory: &'a dyn SegmentMemory) -> BlockTable<'a> {
        let slab_end = &self.header().slab_end.0;
        let segments = self.table(&self.layout.segments);
        let words = self.table(&self.layout.blocks);
        BlockTable::new(segments, words, &self.layout.geometry, slab_end, memory)
    }

    /// First byte of a block; `None` unless it holds `bytes` bytes.
    ///
    /// The pointer is good for `bytes` bytes while the caller owns the block or a reference to it.
    #[inline]
    pub(crate) fn block_ptr(&self, block: BlockId, bytes: usize) -> Option<NonNull<u8>> {
        if bytes > self.blocks().capacity(block)? {
            return None;
        }
        self.data_ptr(block, bytes)
    }

    /// The first of `bytes` bytes from where a block begins; `None` unless they all lie in the data
    /// mapping.
    #[inline(always)]
    pub(super) fn data_ptr(&self, block: BlockId, bytes: usize) -> Option<NonNull<u8>> {
        let geometry = &self.layout.geometry;
        let offset = self.layout.data_offset + block.0 as usize * geometry.granule_bytes;
        if offset + bytes > self.data.len() {
            return None;
        }
        // SAFETY: the offset lies inside the mapping.
        Some(unsafe { self.data.base().add(offset) })
    }

    pub(super) fn arena_table(&self) -> SegmentTable<'_> {
        SegmentTable::new(self.table(&self.layout.arena_segments))
    }

    pub(super) fn commit_arena(&self, first: usize, count: usize) -> io::Result<()> {
        let offset = self.layout.arena_offset + first * ARENA_SEGMENT_BYTES;
        self.control.commit(offset, count * ARENA_SEGMENT_BYTES)
    }
}

impl SegmentMemory for Region {
    fn commit(&self, first: usize, count: usize) -> io::Result<()> {
        let geometry = &self.layout.geometry;
        // A run is one block, whose word lies among those of its first segment.
        let words = geometry.granules_per_segment;
        self.commit(&self.layout.blocks, first * words, words)?;
        let offset = self.layout.data_offset + first * geometry.segment_bytes;
        self.data.commit(offset, count * geometry.segment_bytes)?;
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(name) = self.name.get() {
            name.memory_grew();
        }
        step!("segment.committed");
        Ok(())
    }

    fn decommit(&self, segment: usize) -> io::Result<()> {
        let bytes = self.layout.geometry.segment_bytes;
        self.data.decommit(self.layout.data_offset + segment * bytes, bytes)
    }
}

fn system(action: &'static str) -> impl Fn(io::Error) -> RegionError {
    move |source| RegionError::System { action, source }
}

/// Regions that several processes map.
#[cfg(target_os = "linux")]
mod shared {
    use super::{
        Arc, LAYOUT_VERSION, Layout, Limits, MAGIC, Mapping, Ordering, Region, RegionError, Scope,
        system,
    };
    use crate::sys;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    impl Region {
        /// A region in two new memfds that other processes may attach to.
        pub(crate) fn create_shared(limits: &Limits) -> Result<Arc<Self>, RegionError> {
            limits.validate()?;
            let layout = Layout::new(limits);
            let make = system("create shared memory");
            let control = sys::memfd(c"neo-control", layout.control_bytes).map_err(&make)?;
            let data = sys::memfd(c"neo-data", layout.data_bytes).map_err(&make)?;
            let region = Self::map(control, data, layout, limits)?;
            region.control.commit(0, region.layout.eager_bytes).map_err(system("commit memory"))?;
            region.initialize();
            Ok(Arc::new(region))
        }

        /// Maps a region that another process created with the same limits.
        pub(crate) fn attach(
            control: OwnedFd,
            data: OwnedFd,
            limits: &Limits,
        ) -> Result<Arc<Self>, RegionError> {
            limits.validate()?;
            let layout = Layout::new(limits);
            // The header is asked first, because its answer says which limit differs.
            check_bytes("control", &control, size_of::<super::Header>())?;
            check_header(&control, limits)?;
            check_bytes("control", &control, layout.control_bytes)?;
            check_bytes("data", &data, layout.data_bytes)?;
            Ok(Arc::new(Self::map(control, data, layout, limits)?))
        }

        fn map(
            control: OwnedFd,
            data: OwnedFd,
            layout: Layout,
            limits: &Limits,
        ) -> Result<Self, RegionError> {
            let error = system("map shared memory");
            let control = Mapping::shared(control, layout.control_bytes).map_err(&error)?;
            let data = Mapping::shared(data, layout.data_bytes).map_err(&error)?;
            Ok(Self {
                #[cfg(not(miri))]
                name: Default::default(),
                control,
                data,
                layout,
                limits: limits.clone(),
                scope: Scope::Shared,
                number: super::next_number(),
            })
        }

        /// The control and the data memory.
        pub(crate) fn memory(&self) -> Result<(BorrowedFd<'_>, BorrowedFd<'_>), RegionError> {
            self.control.memory_fd().zip(self.data.memory_fd()).ok_or(RegionError::Private)
        }

        /// Keeps the line that names this mapping until it is dropped.
        #[cfg(not(miri))]
        pub(crate) fn keep_name(&self, entry: crate::attach::names::NameEntry) {
            let _ = self.name.set(entry);
        }

        /// The line by which processes find it, if it has a name.
        #[cfg(not(miri))]
        pub(crate) fn name(&self) -> Option<&crate::attach::names::NameEntry> {
            self.name.get()
        }

        /// Descriptors of the control and the data memory, to be handed to another process.
        pub(crate) fn duplicate_fds(&self) -> Result<(OwnedFd, OwnedFd), RegionError> {
            let (control, data) = self.memory()?;
            let error = system("duplicate a descriptor");
            let control = control.try_clone_to_owned().map_err(&error)?;
            Ok((control, data.try_clone_to_owned().map_err(&error)?))
        }
    }

    fn check_bytes(
        mapping: &'static str,
        memory: &OwnedFd,
        needed: usize,
    ) -> Result<(), RegionError> {
        let found = sys::memfd_bytes(memory.as_fd()).map_err(system("attach to shared memory"))?;
        let needed = needed as u64;
        if found < needed {
            return Err(RegionError::TooShort { mapping, needed, found });
        }
        Ok(())
    }

    fn check_header(control: &OwnedFd, limits: &Limits) -> Result<(), RegionError> {
        let error = system("map shared memory");
        let control = control.try_clone().map_err(&error)?;
        let bytes = size_of::<super::Header>();
        let control = Mapping::shared(control, bytes).map_err(&error)?;
        // SAFETY: the mapping is as long as the header and aligned to a page; see `Region::header`.
        let header = unsafe { control.base().cast::<super::Header>().as_ref() };
        let magic = header.magic.load(Ordering::Acquire);
        if magic != MAGIC {
            return Err(RegionError::NotARegion { magic });
        }
        let version = header.layout_version.load(Ordering::Relaxed);
        if version != LAYOUT_VERSION {
            return Err(RegionError::LayoutVersion { region: version, library: LAYOUT_VERSION });
        }
        for (word, (limit, requested, _)) in header.limits.iter().zip(limits.named()) {
            let region = word.load(Ordering::Relaxed);
            if region != requested {
                return Err(RegionError::LimitDiffers { limit, region, requested });
            }
        }
        Ok(())
    }
}
