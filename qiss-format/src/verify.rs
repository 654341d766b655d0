//! The door for bytes from outside (`docs/spec/qiss.md`, clause 9).

use crate::checksum::{frame_sum, topic_id};
use crate::error::{VerifyError, VerifyErrorKind as Kind};
use crate::extension::{TraceParent, check, check_zero};
use crate::header::{self, Flags, Head, MAGIC, VERSION, at, load};
use crate::limits::{FRAME_BYTES_MAX_LOCAL, HEADER_BYTES, TRACE_BYTES, USER_HEADERS_MAX, WORD};
use crate::view::Frame;

/// What the caller of [`verify`] demands of a frame.
///
/// ```
/// use qiss_format::{FRAME_BYTES_MAX_NETWORK, VerifyOptions};
///
/// let from_network =
///     VerifyOptions::new().with_frame_bytes_max(FRAME_BYTES_MAX_NETWORK).with_require_crc(true);
/// assert!(from_network.require_crc);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The `seq` that the frame must have: its position in a log, 0 elsewhere.
    pub expected_seq: u64,
    /// The longest frame accepted, in bytes; [`FRAME_BYTES_MAX_LOCAL`] unless set.
    pub frame_bytes_max: u32,
    /// Whether a frame without a checksum is refused.
    pub require_crc: bool,
}

impl VerifyOptions {
    /// Sequence 0, 1 GiB, checksum optional.
    #[must_use]
    pub const fn new() -> Self {
        Self { expected_seq: 0, frame_bytes_max: FRAME_BYTES_MAX_LOCAL, require_crc: false }
    }

    /// With this [`expected_seq`](Self::expected_seq).
    #[must_use]
    pub const fn with_expected_seq(mut self, seq: u64) -> Self {
        self.expected_seq = seq;
        self
    }

    /// With this [`frame_bytes_max`](Self::frame_bytes_max).
    #[must_use]
    pub const fn with_frame_bytes_max(mut self, bytes: u32) -> Self {
        self.frame_bytes_max = bytes;
        self
    }

    /// With this [`require_crc`](Self::require_crc).
    #[must_use]
    pub const fn with_require_crc(mut self, require: bool) -> Self {
        self.require_crc = require;
        self
    }
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks that a frame stands at the start of `bytes` and views it.
///
/// Total: whatever the bytes, it neither panics nor allocates, and its work is linear in the
/// length of the frame. Bytes behind the frame are ignored.
///
/// ```
/// use qiss_format::{FrameBuilder, VerifyErrorKind, VerifyOptions, verify};
///
/// let mut bytes = [0; 128];
/// let len = FrameBuilder::new().crc(true).encode_into(&mut bytes, b"payload")?;
/// assert_eq!(verify(&bytes[..len], &VerifyOptions::new())?.payload(), b"payload");
///
/// bytes[70] ^= 1;
/// let error = verify(&bytes[..len], &VerifyOptions::new()).unwrap_err();
/// assert_eq!(error.kind(), VerifyErrorKind::CrcMismatch);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
///
/// A [`VerifyError`] that says what is wrong and where. When several things are wrong, the first
/// in the order of clause 9.2 is reported, the same in every language.
pub fn verify<'a>(bytes: &'a [u8], options: &VerifyOptions) -> Result<Frame<'a>, VerifyError> {
    let frame = structure(bytes, options.frame_bytes_max)?;
    check_fields(&frame, options)?;
    check_sum(&frame, options.require_crc)?;
    check_extensions(&frame)?;
    let end = frame.payload_offset().saturating_add(frame.payload().len());
    let padding = frame.bytes().get(end..).unwrap_or_default();
    check_zero(padding, u32::try_from(end).unwrap_or(u32::MAX))?;
    Ok(frame)
}

/// The length in bytes of the frame whose first 64 bytes or more are `start`, so that the reader
/// of a stream knows how much to read before it can [`verify`].
///
/// Checks the lengths of the header as `verify` does, in constant time.
///
/// ```
/// use qiss_format::{FRAME_BYTES_MAX_NETWORK, FrameBuilder, frame_len};
///
/// let mut bytes = [0; 128];
/// let len = FrameBuilder::new().encode_into(&mut bytes, b"payload")?;
/// assert_eq!(frame_len(&bytes[..64], FRAME_BYTES_MAX_NETWORK)?, len);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Truncated`](Kind::Truncated) if fewer than 64 bytes are given, `BadMagic`,
/// `UnsupportedVersion`, `HeaderLength`, `LengthMismatch`, or `FrameTooLarge` if the frame is
/// longer than `frame_bytes_max`.
#[inline]
pub fn frame_len(start: &[u8], frame_bytes_max: u32) -> Result<usize, VerifyError> {
    match start.first_chunk() {
        Some(head) => check_lengths(head, frame_bytes_max),
        None => Err(truncated(start.len(), HEADER_BYTES)),
    }
}

/// Clause 9.2, steps 1 to 6, in constant time: every length is right and lies within `bytes`.
#[inline]
pub(crate) fn structure(bytes: &[u8], frame_bytes_max: u32) -> Result<Frame<'_>, VerifyError> {
    let Some(head) = bytes.first_chunk() else {
        return Err(truncated(bytes.len(), HEADER_BYTES));
    };
    let frame_len = check_lengths(head, frame_bytes_max)?;
    match bytes.get(..frame_len) {
        Some(frame) => Ok(Frame::from_parts(head, frame)),
        None => Err(truncated(bytes.len(), frame_len)),
    }
}

/// Clause 9.2, steps 2 to 5 and the first half of 6; the length of the frame.
#[inline]
fn check_lengths(head: &Head, frame_bytes_max: u32) -> Result<usize, VerifyError> {
    let magic = u16::from_le_bytes(load::<{ at::MAGIC }, 2>(head));
    let [version] = load::<{ at::VERSION }, 1>(head);
    let [words] = load::<{ at::HDR_WORDS }, 1>(head);
    let flags = Flags::from_bits(u16::from_le_bytes(load::<{ at::FLAGS }, 2>(head)));
    let payload_len = u32::from_le_bytes(load::<{ at::PAYLOAD_LEN }, 4>(head));
    let frame_len = u32::from_le_bytes(load::<{ at::FRAME_LEN }, 4>(head));

    if magic != MAGIC {
        return Err(error_at(at::MAGIC, Kind::BadMagic, magic.into(), MAGIC.into()));
    }
    if version != VERSION {
        let kind = Kind::UnsupportedVersion;
        return Err(error_at(at::VERSION, kind, version.into(), VERSION.into()));
    }
    // Clause 4.1: at least the fixed header; a multiple of 64 bytes if the payload is so aligned.
    let unaligned = flags.contains(Flags::A64) && !words.is_multiple_of(8);
    if words < 8 || unaligned {
        return Err(error_at(at::HDR_WORDS, Kind::HeaderLength, words.into(), 8));
    }
    let expected = frame_len_of(words, payload_len);
    if u64::from(frame_len) != expected {
        return Err(error_at(at::FRAME_LEN, Kind::LengthMismatch, frame_len.into(), expected));
    }
    if frame_len > frame_bytes_max {
        let (value, limit) = (frame_len.into(), frame_bytes_max.into());
        return Err(error_at(at::FRAME_LEN, Kind::FrameTooLarge, value, limit));
    }
    // A length beyond the address space is beyond every slice, too.
    Ok(usize::try_from(frame_len).unwrap_or(usize::MAX))
}

/// Clause 2.3: header and payload, rounded up to a word. At most 2^32 + 2047, so 64 bits hold it.
#[inline]
fn frame_len_of(words: u8, payload_len: u32) -> u64 {
    let header_len = u64::from(words).saturating_mul(WORD as u64);
    header_len.saturating_add(u64::from(payload_len)).saturating_add(7) & !7
}

/// Clause 9.2, steps 7 to 9: flags, kind and sequence.
fn check_fields(frame: &Frame<'_>, options: &VerifyOptions) -> Result<(), VerifyError> {
    let undefined = frame.flags().difference(Flags::DEFINED);
    if undefined != Flags::NONE {
        let (value, limit) = (undefined.bits().into(), Flags::DEFINED.bits().into());
        return Err(error_at(at::FLAGS, Kind::ReservedFlags, value, limit));
    }
    if !frame.kind().is_known() {
        let (value, limit) = (frame.kind().raw().into(), header::Kind::CONTROL.raw().into());
        return Err(error_at(at::KIND, Kind::UnknownKind, value, limit));
    }
    if frame.seq() != options.expected_seq {
        let kind = Kind::SeqMismatch;
        return Err(error_at(at::SEQ, kind, frame.seq(), options.expected_seq));
    }
    Ok(())
}

/// Clause 9.2, step 10: the checksum, or zero in its place.
fn check_sum(frame: &Frame<'_>, require_crc: bool) -> Result<(), VerifyError> {
    let stored = frame.crc();
    if !frame.flags().contains(Flags::CRC) {
        return if require_crc {
            Err(error_at(at::FLAGS, Kind::CrcMissing, 0, 1))
        } else if stored != 0 {
            Err(error_at(at::CRC, Kind::CrcNotZero, stored.into(), 0))
        } else {
            Ok(())
        };
    }
    let end = frame.payload_offset().saturating_add(frame.payload().len());
    let computed = frame_sum(frame.bytes().get(at::MAGIC..end).unwrap_or_default());
    if stored != computed {
        return Err(error_at(at::CRC, Kind::CrcMismatch, stored.into(), computed.into()));
    }
    Ok(())
}

/// Clause 9.2, steps 11 to 13: trace block, extensions, and the fields that depend on them.
fn check_extensions(frame: &Frame<'_>) -> Result<(), VerifyError> {
    let flags = frame.flags();
    let (area, area_at) = if flags.contains(Flags::TRACE) {
        (check_trace(frame.header_rest())?, HEADER_BYTES.saturating_add(TRACE_BYTES))
    } else {
        (frame.header_rest(), HEADER_BYTES)
    };
    // Clause 4.4: only a 64-aligned payload needs padding behind the extensions.
    let padding_max = if flags.contains(Flags::A64) { HEADER_BYTES } else { 0 };
    let known = check(area, u32::try_from(area_at).unwrap_or(u32::MAX), padding_max)?;

    let flagged = flags.contains(Flags::TOPIC);
    if flagged != known.topic.is_some() {
        let (value, limit) = (flagged.into(), known.topic.is_some().into());
        return Err(error_at(at::FLAGS, Kind::TopicFlag, value, limit));
    }
    if let Some(expected) = known.topic.map(topic_id)
        && frame.topic_id() != expected
    {
        return Err(error_at(at::TOPIC_ID, Kind::TopicId, frame.topic_id(), expected));
    }
    if known.user_headers > USER_HEADERS_MAX {
        let (value, limit) = (known.user_headers as u64, USER_HEADERS_MAX as u64);
        return Err(error_at(at::HDR_WORDS, Kind::TooManyHeaders, value, limit));
    }
    Ok(())
}

/// Checks the trace block at the start of `rest`; returns what stands behind it. Clause 4.5.
fn check_trace(rest: &[u8]) -> Result<&[u8], VerifyError> {
    // Clause 4.5: the block follows the fixed header and holds 26 bytes before its padding.
    const AT: u32 = 64;
    const PADDING_AT: u32 = AT + 26;
    let Some((block, area)) = rest.split_first_chunk::<TRACE_BYTES>() else {
        let (needed, left) = (TRACE_BYTES as u64, rest.len() as u64);
        return Err(VerifyError::new(Kind::ExtensionOverrun, AT, needed, left));
    };
    match TraceParent::from_block(block) {
        Some((context, padding)) if context.is_valid() => {
            check_zero(padding, PADDING_AT)?;
            Ok(area)
        }
        _ => Err(VerifyError::new(Kind::TraceBlock, AT, 0, 0)),
    }
}

#[cold]
fn truncated(have: usize, needed: usize) -> VerifyError {
    let offset = u32::try_from(have).unwrap_or(u32::MAX);
    VerifyError::new(Kind::Truncated, offset, have as u64, needed as u64)
}

#[cold]
fn error_at(field: usize, kind: Kind, value: u64, limit: u64) -> VerifyError {
    VerifyError::new(kind, u32::try_from(field).unwrap_or(u32::MAX), value, limit)
}
