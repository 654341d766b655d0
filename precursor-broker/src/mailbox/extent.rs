//! Where the payload lies in a frame, as a commit word tells it.

use core::ops::Range;

use qiss_format::Frame;

/// Where a payload lies, in bytes from the start of its frame.
///
/// A commit word carries that of a frame in a block: the reader finds the payload without a look at
/// the header, whose line the publisher wrote and whose transfer the payload's would wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// Bits of an extent in a commit word: those of the length, and above them the offset in lines.
pub(super) const EXTENT_BITS: u32 = LEN_BITS + LINES_BITS;
const LEN_BITS: u32 = 21;
const LINES_BITS: u32 = 4;
const LINE: u32 = 64;

impl Extent {
    /// That of the frame at the start of `bytes`. What is no frame (a participant broke its word)
    /// has no payload and no length.
    #[inline(always)]
    pub(crate) fn of_frame(bytes: &[u8]) -> Self {
        let Ok(frame) = Frame::peek(bytes) else { return Self::default() };
        Self { offset: frame.payload_offset() as u32, len: frame.payload().len() as u32 }
    }

    /// Bytes of the frame (qiss.md, clause 2.3).
    #[inline(always)]
    pub(crate) fn frame_len(self) -> usize {
        (self.offset as usize + self.len as usize).next_multiple_of(8)
    }

    #[inline(always)]
    pub(crate) fn range(self) -> Range<usize> {
        let start = self.offset as usize;
        start..start + self.len as usize
    }

    /// 0 if the bits do not hold it: the reader asks the header then.
    #[inline(always)]
    pub(super) fn to_bits(self) -> u64 {
        let lines = self.offset / LINE;
        let is_aligned = self.offset.is_multiple_of(LINE);
        if is_aligned && lines < 1 << LINES_BITS && self.len < 1 << LEN_BITS {
            u64::from(lines) << LEN_BITS | u64::from(self.len)
        } else {
            0
        }
    }

    #[inline(always)]
    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        let lines = (bits >> LEN_BITS) as u32 & ((1 << LINES_BITS) - 1);
        let len = bits as u32 & ((1 << LEN_BITS) - 1);
        (lines != 0).then_some(Self { offset: lines * LINE, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_told_exactly_or_not_at_all() {
        let told = |offset, len| Extent::from_bits(Extent { offset, len }.to_bits());
        for (offset, len) in [(64, 0), (64, 1), (128, 65_536), (960, (1 << LEN_BITS) - 1)] {
            assert_eq!(told(offset, len), Some(Extent { offset, len }));
        }
        for (offset, len) in [(0, 8), (72, 8), (1_024, 8), (64, 1 << LEN_BITS), (64, u32::MAX)] {
            assert_eq!(told(offset, len), None, "{offset} {len}");
        }
    }

    #[test]
    fn an_extent_tells_the_length_of_every_frame() {
        for len in 0..100 {
            let mut bytes = [0; 512];
            let mut builder = qiss_format::FrameBuilder::new();
            let frame_len = builder.topic("JFK").encode_into(&mut bytes, &vec![1; len]).unwrap();
            let extent = Extent::of_frame(&bytes);
            assert_eq!(extent.frame_len(), frame_len);
            assert_eq!(bytes[extent.range()], vec![1; len]);
        }
        let none = Extent::of_frame(&[0; 64]);
        assert_eq!((none.frame_len(), none.range()), (0, 0..0));
    }
}
