//! The few fields of an encoded frame that may still change.

use crate::builder::{low_u32, padded, seal};
use crate::error::{BuildError, BuildErrorKind as Kind};
use crate::header::{Flags, Head, at, store};
use crate::limits::HEADER_BYTES;
use crate::view::Frame;

/// An encoded frame that its writer may still change, before anybody else sees it.
///
/// Every change keeps the frame valid: padding is cleared, and the checksum, if the frame has one,
/// is computed anew.
///
/// ```
/// use qiss_format::{Frame, FrameBuilder, FrameMut, Stamp, Template};
///
/// let template = Template::new(FrameBuilder::new().topic("ticks"))?;
/// let mut block = [0; 256];
/// let place = template.begin(&mut block, 100, Stamp::NONE)?;
/// place[..5].copy_from_slice(b"short");
///
/// let len = FrameMut::new(&mut block)?.truncate(5)?;
/// assert_eq!(Frame::peek(&block[..len])?.payload(), b"short");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FrameMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> FrameMut<'a> {
    /// Over the frame at the start of `bytes`, checked as by [`Frame::peek`].
    ///
    /// # Errors
    ///
    /// [`NotAFrame`](Kind::NotAFrame); its [`value`](BuildError::value) is the
    /// [code](crate::VerifyErrorKind::code) of what is wrong.
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, BuildError> {
        match Frame::peek(bytes) {
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err(BuildError::new(Kind::NotAFrame, error.kind().code().into(), 0)),
        }
    }

    /// Sets the position in a log. The checksum does not cover it.
    pub fn set_seq(&mut self, seq: u64) {
        if let Some(head) = self.head() {
            store::<{ at::SEQ }, 8>(head, seq.to_le_bytes());
        }
    }

    /// Sets the request or stream that the frame belongs to.
    pub fn set_corr_id(&mut self, corr_id: u64) {
        if let Some(head) = self.head() {
            store::<{ at::CORR_ID }, 8>(head, corr_id.to_le_bytes());
        }
        self.seal();
    }

    /// Shortens the payload to its first `payload_len` bytes and returns the new length of the
    /// frame in bytes.
    ///
    /// # Errors
    ///
    /// [`CannotGrow`](Kind::CannotGrow) if the payload is shorter than that.
    pub fn truncate(&mut self, payload_len: usize) -> Result<usize, BuildError> {
        let (payload_offset, old_len) = self.payload_bounds();
        if payload_len > old_len {
            return Err(BuildError::new(Kind::CannotGrow, payload_len, old_len));
        }
        let end = payload_offset.saturating_add(payload_len);
        let frame_len = padded(end);
        if let Some(padding) = self.bytes.get_mut(end..frame_len) {
            padding.fill(0);
        }
        if let Some(head) = self.head() {
            store::<{ at::FRAME_LEN }, 4>(head, low_u32(frame_len));
            store::<{ at::PAYLOAD_LEN }, 4>(head, low_u32(payload_len));
        }
        self.seal();
        Ok(frame_len)
    }

    /// Computes the checksum anew, if the frame has one: needed after its payload was written
    /// through [`Template::begin`](crate::Template::begin) and not shortened.
    pub fn seal(&mut self) {
        let summed = Frame::peek(self.bytes).is_ok_and(|frame| frame.flags().contains(Flags::CRC));
        if summed {
            let (payload_offset, payload_len) = self.payload_bounds();
            seal(self.bytes, payload_offset.saturating_add(payload_len));
        }
    }

    /// Where the payload starts, and its length.
    fn payload_bounds(&self) -> (usize, usize) {
        Frame::peek(self.bytes)
            .map_or((HEADER_BYTES, 0), |frame| (frame.payload_offset(), frame.payload().len()))
    }

    fn head(&mut self) -> Option<&mut Head> {
        self.bytes.first_chunk_mut()
    }
}
