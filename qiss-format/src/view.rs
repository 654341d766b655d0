//! A frame as a view of its bytes.

use core::fmt;

use crate::error::VerifyError;
use crate::extension::{Extension, Extensions, Headers, Tag, TraceParent};
use crate::header::{Encoding, Flags, Head, Kind, at, load};
use crate::limits::{HEADER_BYTES, TRACE_BYTES, WORD};
use crate::verify::structure;

/// A frame, viewed in place.
///
/// Comes from [`verify`](crate::verify) for bytes from outside, or from [`Frame::peek`] for bytes
/// of a trusted region. Every method is total: whatever the bytes, it neither panics nor allocates
/// nor reads beyond them. Methods that return an `Option` return `None` both for what is absent and
/// for what is malformed; after `verify` nothing is malformed.
///
/// ```
/// use qiss_format::{Frame, FrameBuilder};
///
/// let mut bytes = [0; 256];
/// FrameBuilder::new().topic("flights.JFK").encode_into(&mut bytes, b"on time")?;
/// let frame = Frame::peek(&bytes)?;
/// assert_eq!(frame.topic(), Some("flights.JFK"));
/// assert_eq!(frame.payload(), b"on time");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    head: &'a Head,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Views the frame at the start of `bytes` after checking only what takes constant time:
    /// magic, version and that its lengths agree with each other and lie within `bytes`.
    ///
    /// For bytes that a trusted participant wrote. Bytes from outside go through
    /// [`verify`](crate::verify).
    ///
    /// # Errors
    ///
    /// [`Truncated`](crate::VerifyErrorKind::Truncated), `BadMagic`, `UnsupportedVersion`,
    /// `HeaderLength` or `LengthMismatch`.
    #[inline]
    pub fn peek(bytes: &'a [u8]) -> Result<Self, VerifyError> {
        structure(bytes, u32::MAX)
    }

    #[inline]
    pub(crate) const fn from_parts(head: &'a Head, bytes: &'a [u8]) -> Self {
        Self { head, bytes }
    }

    /// The whole frame with its padding, without what followed it.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The payload, which starts at a multiple of 8 bytes from the start of the frame, or of 64
    /// if [`Flags::A64`] is set.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        let rest = self.bytes.get(self.payload_offset()..).unwrap_or_default();
        let len = usize::try_from(self.payload_len()).unwrap_or(usize::MAX);
        rest.get(..len).unwrap_or_default()
    }

    /// Where the payload starts, in bytes from the start of the frame.
    #[must_use]
    #[inline]
    pub fn payload_offset(&self) -> usize {
        let [words] = load::<{ at::HDR_WORDS }, 1>(self.head);
        usize::from(words).saturating_mul(WORD)
    }

    #[inline]
    pub(crate) fn payload_len(&self) -> u32 {
        u32::from_le_bytes(load::<{ at::PAYLOAD_LEN }, 4>(self.head))
    }

    /// What the frame is for.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        let [raw] = load::<{ at::KIND }, 1>(self.head);
        Kind::from_raw(raw)
    }

    /// How the payload is laid out.
    #[must_use]
    #[inline]
    pub fn encoding(&self) -> Encoding {
        let [raw] = load::<{ at::ENCODING }, 1>(self.head);
        Encoding::from_raw(raw)
    }

    /// The flag bits.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> Flags {
        Flags::from_bits(u16::from_le_bytes(load::<{ at::FLAGS }, 2>(self.head)))
    }

    /// The position in a log; 0 elsewhere. Not covered by the checksum.
    #[must_use]
    #[inline]
    pub fn seq(&self) -> u64 {
        u64::from_le_bytes(load::<{ at::SEQ }, 8>(self.head))
    }

    /// The `crc` field as it stands; 0 if the frame has no checksum.
    #[must_use]
    #[inline]
    pub fn crc(&self) -> u32 {
        u32::from_le_bytes(load::<{ at::CRC }, 4>(self.head))
    }

    /// The low 32 bits of the fingerprint of the writer's schema; 0 if not stated. A hint, never a
    /// reason to skip a check.
    #[must_use]
    #[inline]
    pub fn schema_fp(&self) -> u32 {
        u32::from_le_bytes(load::<{ at::SCHEMA_FP }, 4>(self.head))
    }

    /// The hash of the payload's type or of the method; see [`type_id`](crate::type_id()).
    #[must_use]
    #[inline]
    pub fn type_id(&self) -> u64 {
        u64::from_le_bytes(load::<{ at::TYPE_ID }, 8>(self.head))
    }

    /// The hash of the topic; see [`topic_id`](crate::topic_id()).
    #[must_use]
    #[inline]
    pub fn topic_id(&self) -> u64 {
        u64::from_le_bytes(load::<{ at::TOPIC_ID }, 8>(self.head))
    }

    /// The request or stream that the frame belongs to; 0 = none.
    #[must_use]
    #[inline]
    pub fn corr_id(&self) -> u64 {
        u64::from_le_bytes(load::<{ at::CORR_ID }, 8>(self.head))
    }

    /// The sender's wall clock in nanoseconds since 1970; 0 = not stamped.
    #[must_use]
    #[inline]
    pub fn time_ns(&self) -> i64 {
        i64::from_le_bytes(load::<{ at::TIME_NS }, 8>(self.head))
    }

    /// The topic's text, if the frame carries it.
    #[must_use]
    pub fn topic(&self) -> Option<&'a str> {
        if self.flags().contains(Flags::TOPIC) { self.text(Tag::TOPIC) } else { None }
    }

    /// The method of a request, as `service/method`.
    #[must_use]
    pub fn method(&self) -> Option<&'a str> {
        self.text(Tag::METHOD)
    }

    /// Where the answer goes.
    #[must_use]
    pub fn reply_to(&self) -> Option<&'a str> {
        self.text(Tag::REPLY_TO)
    }

    /// When the message loses its use, in nanoseconds since 1970.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<i64> {
        self.find(Tag::DEADLINE)?.deadline_ns()
    }

    /// The user's headers in the order they were added; a key may stand more than once.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        Headers(self.extensions())
    }

    /// The W3C trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        if !self.flags().contains(Flags::TRACE) {
            return None;
        }
        let block = self.header_rest().first_chunk::<TRACE_BYTES>()?;
        TraceParent::from_block(block).map(|(context, _)| context)
    }

    /// All extensions as they stand, known or not; the trace block is not one of them.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'a> {
        let rest = self.header_rest();
        let traced = self.flags().contains(Flags::TRACE);
        let area = if traced { rest.get(TRACE_BYTES..).unwrap_or_default() } else { rest };
        Extensions::new(area)
    }

    /// What stands between the fixed header and the payload.
    pub(crate) fn header_rest(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..self.payload_offset()).unwrap_or_default()
    }

    fn find(&self, tag: Tag) -> Option<Extension<'a>> {
        // Clause 4.3: tags ascend, so the search ends at the first greater one.
        self.extensions().take_while(|one| one.tag() <= tag).find(|one| one.tag() == tag)
    }

    fn text(&self, tag: Tag) -> Option<&'a str> {
        self.find(tag)?.text()
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind())
            .field("encoding", &self.encoding())
            .field("flags", &self.flags())
            .field("seq", &self.seq())
            .field("corr_id", &self.corr_id())
            .field("topic", &self.topic())
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}
