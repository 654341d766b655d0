//! The hot path: a header encoded once, then copied and patched for each message.

use core::fmt;

use crate::builder::{FrameBuilder, low_u32, padded, seal};
use crate::copy::copy_padded;
use crate::error::{BuildError, BuildErrorKind as Kind};
use crate::header::{Head, at, store};
use crate::limits::{HEADER_BYTES, PAYLOAD_BYTES_MAX, TEMPLATE_BYTES_MAX, WORD};

const HEADER_WORDS: usize = HEADER_BYTES / WORD;
const EXTENSION_BYTES_MAX: usize = TEMPLATE_BYTES_MAX - HEADER_BYTES;

/// What differs from message to message of one [`Template`], the payload apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stamp {
    /// The request or stream that the frame belongs to; 0 = none.
    pub corr_id: u64,
    /// The sender's wall clock in nanoseconds since 1970; 0 = not stamped.
    pub time_ns: i64,
}

impl Stamp {
    /// Neither a correlation nor a time.
    pub const NONE: Self = Self::new(0, 0);

    /// A stamp of both.
    #[must_use]
    #[inline]
    pub const fn new(corr_id: u64, time_ns: i64) -> Self {
        Self { corr_id, time_ns }
    }
}

/// A header with extensions that was encoded once, for a handle that sends many messages.
///
/// Stores up to 512 bytes in itself. Its methods take `&self`, and a message costs two copies and
/// a few stores.
///
/// ```
/// use qiss_format::{Frame, FrameBuilder, Stamp, Template};
///
/// let template = Template::new(FrameBuilder::new().topic("ticks"))?;
/// let mut slot = [0; 256];
/// for (nth, price) in [101_u64, 102].into_iter().enumerate() {
///     let len = template.write(&mut slot, &price.to_le_bytes(), Stamp::new(0, nth as i64))?;
///     assert_eq!(Frame::peek(&slot[..len])?.payload(), price.to_le_bytes());
/// }
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
#[repr(align(64))]
pub struct Template {
    /// The header's words, with zero for what differs from message to message.
    head: [u64; HEADER_WORDS],
    extensions: [u8; EXTENSION_BYTES_MAX],
    extensions_len: u32,
    crc: bool,
}

impl Template {
    /// Encodes the header that `builder` describes. Its correlation and time are not kept: each
    /// message has a [`Stamp`].
    ///
    /// # Errors
    ///
    /// [`TemplateTooLarge`](Kind::TemplateTooLarge) beyond 512 bytes, and what
    /// [`FrameBuilder::layout`] refuses.
    pub fn new(builder: &FrameBuilder<'_>) -> Result<Self, BuildError> {
        let layout = builder.layout(0)?;
        let mut encoded = [0; TEMPLATE_BYTES_MAX];
        let too_large =
            || BuildError::new(Kind::TemplateTooLarge, layout.payload_offset, TEMPLATE_BYTES_MAX);
        let header = encoded.get_mut(..layout.payload_offset).ok_or_else(too_large)?;
        builder.write_header(header, &layout);
        let (head, extensions) = encoded.split_first_chunk_mut().ok_or_else(too_large)?;
        store::<{ at::FRAME_LEN }, 4>(head, [0; 4]);
        store::<{ at::PAYLOAD_LEN }, 4>(head, [0; 4]);
        let (words, _) = head.as_chunks();
        let words = words.first_chunk::<HEADER_WORDS>().ok_or_else(too_large)?;
        let extensions = extensions.first_chunk().ok_or_else(too_large)?;
        let extensions_len = layout.payload_offset.saturating_sub(HEADER_BYTES);
        Ok(Self {
            head: words.map(u64::from_le_bytes),
            extensions: *extensions,
            extensions_len: u32::from_le_bytes(low_u32(extensions_len)),
            crc: builder.has_crc(),
        })
    }

    /// Bytes of the header with its extensions: where the payload starts.
    #[must_use]
    #[inline]
    pub const fn payload_offset(&self) -> usize {
        HEADER_BYTES.saturating_add(self.extensions_len as usize)
    }

    /// Bytes of a frame whose payload has `payload_len`; more than any buffer has if that is more
    /// than a frame can hold.
    #[must_use]
    #[inline]
    pub const fn frame_len(&self, payload_len: usize) -> usize {
        padded(self.payload_offset().saturating_add(payload_len))
    }

    /// The hash of the topic that every frame of this template carries; 0 = none.
    #[must_use]
    #[inline]
    pub fn topic_id(&self) -> u64 {
        let [.., topic_id, _, _] = self.head;
        topic_id
    }

    /// Writes a whole frame to the start of `out` and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`](Kind::BufferTooSmall) or [`PayloadTooLarge`](Kind::PayloadTooLarge);
    /// `out` is then untouched.
    #[inline(always)]
    pub fn write(&self, out: &mut [u8], payload: &[u8], stamp: Stamp) -> Result<usize, BuildError> {
        let rest = self.prefix(out, payload.len(), stamp)?;
        copy_padded(rest, payload);
        let frame_len = self.frame_len(payload.len());
        if self.crc {
            let end = self.payload_offset().saturating_add(payload.len());
            seal(out.get_mut(..frame_len).unwrap_or_default(), end);
        }
        Ok(frame_len)
    }

    /// Writes all of a frame but its payload to the start of `out`, and returns the payload's
    /// place for the caller to fill. What stands in that place beforehand is not specified.
    ///
    /// The frame takes [`frame_len`](Self::frame_len) bytes. If the template has a checksum, the
    /// frame verifies only after [`FrameMut::seal`](crate::FrameMut::seal).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    #[inline]
    pub fn begin<'o>(
        &self,
        out: &'o mut [u8],
        payload_len: usize,
        stamp: Stamp,
    ) -> Result<&'o mut [u8], BuildError> {
        let rest = self.prefix(out, payload_len, stamp)?;
        // One store clears the padding; the payload is written over the rest of that word.
        if let Some(last) = rest.last_chunk_mut::<WORD>() {
            *last = [0; WORD];
        }
        Ok(rest.get_mut(..payload_len).unwrap_or_default())
    }

    /// Writes the header and its extensions. The rest of the frame: payload and padding.
    #[inline(always)]
    fn prefix<'o>(
        &self,
        out: &'o mut [u8],
        payload_len: usize,
        stamp: Stamp,
    ) -> Result<&'o mut [u8], BuildError> {
        let frame_len = self.frame_len(payload_len);
        let out_len = out.len();
        let payload_len_field = match u32::try_from(payload_len) {
            Ok(len) if len <= PAYLOAD_BYTES_MAX => len,
            _ => return Err(payload_too_large(payload_len)),
        };
        let Some((head, rest)) =
            out.get_mut(..frame_len).and_then(|frame| frame.split_first_chunk_mut())
        else {
            return Err(buffer_too_small(out_len, frame_len));
        };
        self.write_head(head, frame_len, payload_len_field, stamp);
        let mut rest: &mut [u8] = rest;
        if self.extensions_len != 0 {
            let extensions = self.extensions.get(..self.extensions_len as usize);
            let extensions = extensions.unwrap_or_default();
            let Some((place, after)) = rest.split_at_mut_checked(extensions.len()) else {
                return Err(buffer_too_small(out_len, frame_len));
            };
            copy_padded(place, extensions);
            rest = after;
        }
        Ok(rest)
    }

    #[inline(always)]
    fn write_head(&self, head: &mut Head, frame_len: usize, payload_len: u32, stamp: Stamp) {
        const { assert!(at::FRAME_LEN == 0 && at::PAYLOAD_LEN == 3 * WORD) };
        const { assert!(at::CORR_ID == 6 * WORD && at::TIME_NS == 7 * WORD) };
        let [lengths, seq, kind, payload, types, topic, ..] = self.head;
        let words = [
            lengths | u64::from(u32::from_le_bytes(low_u32(frame_len))),
            seq,
            kind,
            payload | u64::from(payload_len),
            types,
            topic,
            stamp.corr_id,
            stamp.time_ns.cast_unsigned(),
        ];
        let (places, _) = head.as_chunks_mut();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
    }
}

#[cold]
fn payload_too_large(payload_len: usize) -> BuildError {
    BuildError::new(Kind::PayloadTooLarge, payload_len, PAYLOAD_BYTES_MAX as usize)
}

#[cold]
fn buffer_too_small(out_len: usize, frame_len: usize) -> BuildError {
    BuildError::new(Kind::BufferTooSmall, out_len, frame_len)
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("payload_offset", &self.payload_offset())
            .field("topic_id", &self.topic_id())
            .field("crc", &self.crc)
            .finish_non_exhaustive()
    }
}
