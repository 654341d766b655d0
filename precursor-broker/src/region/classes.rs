//! Size classes: how data bytes are divided into segments and blocks (R2, R3.2).

/// Bytes of a data segment.
pub(crate) const SEGMENT_BYTES: usize = 256 << 10;
/// Block ids have 21 bits in a mailbox's commit word.
const BLOCK_IDS: usize = 1 << 21;
const GRANULE_BYTES_MIN: usize = 128;
/// Room beside a payload of a power of two for the frame's header.
const HEADROOM_BYTES: usize = 128;
pub(crate) const CLASSES_MAX: usize = 24;
const NO_CLASS: u8 = u8::MAX;
/// Granules of the largest block of which two fit a segment.
const SLAB_GRANULES_MAX: usize = SEGMENT_BYTES / GRANULE_BYTES_MIN / 2;

/// One size of block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Class {
    /// Bytes of a block.
    pub(crate) bytes: usize,
    /// Words from one block to the next.
    pub(crate) granules: usize,
    /// Blocks in a segment.
    pub(crate) slots: usize,
    /// 2^32 / `granules`, rounded up: divides by a multiplication.
    reciprocal: u64,
}

impl Class {
    /// `slots` blocks of `granules` granules.
    pub(crate) fn new(granules: usize, granule_bytes: usize, slots: usize) -> Self {
        let reciprocal = (1_u64 << 32).div_ceil(granules as u64);
        Self { bytes: granules * granule_bytes, granules, slots, reciprocal }
    }

    /// Whether a block begins at granule `offset` of its segment.
    #[inline(always)]
    fn begins_at(&self, offset: usize) -> bool {
        // Exact: offsets and granules are below 2^12.
        let slot = ((offset as u64 * self.reciprocal) >> 32) as usize;
        slot * self.granules == offset && slot < self.slots
    }
}

/// How the data bytes are divided; computed by every participant from its own limits (R1.3).
#[derive(Debug)]
pub(crate) struct Geometry {
    pub(crate) segment_bytes: usize,
    pub(crate) segments: usize,
    pub(crate) granule_bytes: usize,
    /// A power of two.
    pub(crate) granules_per_segment: usize,
    segment_shift: u32,
    pub(crate) block_bytes_max: usize,
    classes: [Class; CLASSES_MAX],
    class_count: usize,
    granule_shift: u32,
    /// Smallest class for each number of granules: a search would cost more than the allocation.
    class_of_granules: [u8; SLAB_GRANULES_MAX + 1],
}

impl Geometry {
    /// Division of `memory_bytes_max` bytes, of which whole segments are used.
    pub(crate) fn new(memory_bytes_max: usize, block_bytes_max: usize) -> Self {
        let granule = memory_bytes_max.div_ceil(BLOCK_IDS).next_power_of_two();
        let granule = granule.max(GRANULE_BYTES_MIN);
        let mut geometry = Self::divided(SEGMENT_BYTES, memory_bytes_max / SEGMENT_BYTES, granule);
        geometry.block_bytes_max = block_bytes_max.min(geometry.bytes());
        geometry
    }

    /// Division of `segments` segments; sizes are powers of two. Models use small ones.
    pub(crate) fn divided(segment_bytes: usize, segments: usize, granule_bytes: usize) -> Self {
        let mut geometry = Self {
            segment_bytes,
            segments,
            granule_bytes,
            granules_per_segment: segment_bytes / granule_bytes,
            segment_shift: (segment_bytes / granule_bytes).ilog2(),
            block_bytes_max: segment_bytes * segments,
            classes: [Class::default(); CLASSES_MAX],
            class_count: 0,
            granule_shift: granule_bytes.ilog2(),
            class_of_granules: [NO_CLASS; SLAB_GRANULES_MAX + 1],
        };
        let mut power = 128;
        while power <= segment_bytes {
            geometry.add_class(power + HEADROOM_BYTES);
            geometry.add_class(power + power / 2 + HEADROOM_BYTES);
            power *= 2;
        }
        geometry
    }

    /// Adds a class if at least two of its blocks fit a segment and it is larger than the last.
    fn add_class(&mut self, bytes: usize) {
        let bytes = bytes.next_multiple_of(self.granule_bytes);
        let slots = self.segment_bytes / bytes;
        if slots >= 2 && self.classes().last().is_none_or(|last| last.bytes < bytes) {
            let granules = bytes / self.granule_bytes;
            let smaller = self.classes().last().map_or(0, |last| last.granules + 1);
            self.class_of_granules[smaller..=granules].fill(self.class_count as u8);
            self.classes[self.class_count] = Class::new(granules, self.granule_bytes, slots);
            self.class_count += 1;
        }
    }

    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes[..self.class_count]
    }

    /// Class of a number, checked: the number may come from the region.
    #[inline]
    pub(crate) fn class(&self, index: u32) -> Option<&Class> {
        self.classes.get(index as usize).filter(|class| class.slots > 0)
    }

    /// Bytes of a block of class `index` that begins at granule `offset` of its segment; `None` if
    /// none begins there.
    #[inline(always)]
    pub(crate) fn bytes_at(&self, index: u32, offset: usize) -> Option<usize> {
        self.class(index).filter(|class| class.begins_at(offset)).map(|class| class.bytes)
    }

    /// Smallest class whose blocks hold `bytes`; `None` if that takes whole segments.
    #[inline(always)]
    pub(crate) fn class_for(&self, bytes: usize) -> Option<u32> {
        let granules = bytes.saturating_add(self.granule_bytes - 1) >> self.granule_shift;
        let index = *self.class_of_granules.get(granules)?;
        (index != NO_CLASS).then_some(index.into())
    }

    /// Number of block words.
    pub(crate) fn blocks(&self) -> usize {
        self.segments * self.granules_per_segment
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> usize {
        self.segments * self.segment_bytes
    }

    #[inline]
    pub(crate) fn segment_of(&self, block: usize) -> usize {
        block >> self.segment_shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class_and_not_the_one_before() {
        let geometry = Geometry::new(256 << 20, 128 << 20);
        assert_eq!((geometry.granule_bytes, geometry.segments), (128, 1024));
        let step = if cfg!(miri) { 127 } else { 1 };
        for bytes in (1..=geometry.classes().last().unwrap().bytes).step_by(step) {
            let class = geometry.class_for(bytes).unwrap();
            assert!(geometry.class(class).unwrap().bytes >= bytes);
            assert!(class == 0 || geometry.class(class - 1).unwrap().bytes < bytes);
        }
        assert_eq!(geometry.class_for(SEGMENT_BYTES), None);
    }

    #[test]
    fn block_ids_fit_their_bits_at_every_budget() {
        for shift in 20..=36 {
            for bytes in [1_usize << shift, (1 << shift) + 12_345] {
                let bytes = bytes.min(64 << 30);
                let geometry = Geometry::new(bytes, bytes / 2);
                assert!(geometry.blocks() <= BLOCK_IDS);
                assert!(geometry.segments < 1 << 19, "lengths fit a segment word");
                for class in geometry.classes() {
                    assert_eq!(class.bytes, class.granules * geometry.granule_bytes);
                    assert!(class.slots * class.bytes <= SEGMENT_BYTES);
                    assert!(class.slots <= 1024);
                }
            }
        }
    }
}
