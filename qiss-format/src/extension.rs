//! The extensions between the fixed header and the payload (`docs/spec/qiss.md`, clauses 4 and 5).

use core::fmt;

use crate::error::{VerifyError, VerifyErrorKind as Kind};
use crate::limits::{EXTENSION_HEAD_BYTES, KEY_BYTES_MAX, TEXT_BYTES_MAX, TRACE_BYTES, WORD};

/// What an extension means. Clause 5.
///
/// A reader skips a tag it does not know, unless the tag [must be
/// understood](Self::must_understand).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(u16);

impl Tag {
    /// The topic's text.
    pub const TOPIC: Self = Self(0x0001);
    /// `service/method` of a request.
    pub const METHOD: Self = Self(0x0002);
    /// Where the answer goes.
    pub const REPLY_TO: Self = Self(0x0003);
    /// When the message loses its use, in nanoseconds since 1970.
    pub const DEADLINE: Self = Self(0x0004);
    /// A key and a value of the user; the only tag that may repeat.
    pub const USER: Self = Self(0x0100);

    /// The tag with this number, known or not.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Self {
        Self(raw)
    }

    /// The number in the extension.
    #[must_use]
    pub const fn raw(self) -> u16 {
        self.0
    }

    /// Whether a reader that does not know the tag must refuse the frame.
    #[must_use]
    pub const fn must_understand(self) -> bool {
        self.0 >= 0x8000
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TOPIC => f.write_str("TOPIC"),
            Self::METHOD => f.write_str("METHOD"),
            Self::REPLY_TO => f.write_str("REPLY_TO"),
            Self::DEADLINE => f.write_str("DEADLINE"),
            Self::USER => f.write_str("USER"),
            Self(raw) => write!(f, "Tag({raw:#06x})"),
        }
    }
}

/// One extension as it stands in the frame.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    tag: Tag,
    inline: u32,
    body: &'a [u8],
    padding: &'a [u8],
}

/// An extension needs more bytes than the header has left.
#[derive(Debug)]
struct Overrun {
    needed: usize,
    left: usize,
}

impl<'a> Extension<'a> {
    /// What the extension means.
    #[must_use]
    pub const fn tag(&self) -> Tag {
        self.tag
    }

    /// The 32-bit value beside the tag; the tag says what it is.
    #[must_use]
    pub const fn inline(&self) -> u32 {
        self.inline
    }

    /// The body without its padding.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        core::str::from_utf8(self.body).ok()
    }

    pub(crate) fn deadline_ns(&self) -> Option<i64> {
        self.body.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))
    }

    pub(crate) fn user_header(&self) -> Option<(&'a str, &'a [u8])> {
        let (key, value) = self.body.split_at_checked(usize::try_from(self.inline).ok()?)?;
        Some((core::str::from_utf8(key).ok()?, value))
    }
}

/// The extensions of a frame in the order they stand in, from [`Frame::extensions`].
///
/// Ends at the first malformed one; a frame that passed [`verify`](crate::verify) has none.
///
/// [`Frame::extensions`]: crate::Frame::extensions
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    rest: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Over `area`: what stands between the header, or the trace block, and the payload.
    pub(crate) const fn new(area: &'a [u8]) -> Self {
        Self { rest: area }
    }

    /// Takes the next extension; `None` at the end, which tag 0 marks.
    fn step(&mut self) -> Result<Option<Extension<'a>>, Overrun> {
        let Some((head, rest)) = self.rest.split_first_chunk::<EXTENSION_HEAD_BYTES>() else {
            return Ok(None);
        };
        let [tag_0, tag_1, len_0, len_1, inline @ ..] = *head;
        let tag = Tag(u16::from_le_bytes([tag_0, tag_1]));
        if tag == Tag(0) {
            return Ok(None);
        }
        let len = usize::from(u16::from_le_bytes([len_0, len_1]));
        let needed = len.next_multiple_of(WORD);
        let Some((padded_body, after)) = rest.split_at_checked(needed) else {
            return Err(Overrun { needed, left: rest.len() });
        };
        let (body, padding) = padded_body.split_at_checked(len).unwrap_or((padded_body, &[]));
        self.rest = after;
        Ok(Some(Extension { tag, inline: u32::from_le_bytes(inline), body, padding }))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    #[inline]
    fn next(&mut self) -> Option<Extension<'a>> {
        if let Ok(Some(extension)) = self.step() {
            Some(extension)
        } else {
            self.rest = &[];
            None
        }
    }
}

impl core::iter::FusedIterator for Extensions<'_> {}

/// The user headers of a frame in the order they were added, from [`Frame::headers`].
///
/// [`Frame::headers`]: crate::Frame::headers
#[derive(Debug, Clone)]
pub struct Headers<'a>(pub(crate) Extensions<'a>);

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.by_ref().filter(|one| one.tag == Tag::USER).find_map(|one| one.user_header())
    }
}

impl core::iter::FusedIterator for Headers<'_> {}

/// A W3C trace context. Clause 4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TraceParent {
    /// Identifies the whole trace; not all zero.
    pub trace_id: [u8; 16],
    /// Identifies the sender's span, `parent-id` in the W3C text; not all zero.
    pub span_id: [u8; 8],
    /// The W3C trace flags; bit 0 says that the trace is sampled.
    pub flags: u8,
    /// The W3C version: 0; 255 is forbidden.
    pub version: u8,
}

impl TraceParent {
    /// A trace context of W3C version 0.
    ///
    /// Whether it is valid is checked when the frame is built.
    #[must_use]
    pub const fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Self {
        Self { trace_id, span_id, flags, version: 0 }
    }

    /// Whether W3C allows it: both identifiers are non-zero, the version is not 255.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.trace_id != [0; 16] && self.span_id != [0; 8] && self.version != u8::MAX
    }

    pub(crate) fn to_block(self) -> [u8; TRACE_BYTES] {
        let mut block = [0; TRACE_BYTES];
        let fields = self.trace_id.iter().chain(&self.span_id).chain([&self.flags, &self.version]);
        for (byte, value) in block.iter_mut().zip(fields) {
            *byte = *value;
        }
        block
    }

    /// The context and the padding behind it.
    pub(crate) fn from_block(block: &[u8; TRACE_BYTES]) -> Option<(Self, &[u8])> {
        let (trace_id, rest) = block.split_first_chunk::<16>()?;
        let (span_id, rest) = rest.split_first_chunk::<8>()?;
        let ([flags, version], padding) = rest.split_first_chunk::<2>()?;
        let context =
            Self { trace_id: *trace_id, span_id: *span_id, flags: *flags, version: *version };
        Some((context, padding))
    }
}

/// What [`check`] found out about the extensions of a frame.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    pub(crate) topic: Option<&'a str>,
    pub(crate) user_headers: usize,
}

/// Checks every extension in `area`, which starts at `offset` of the frame and may end with less
/// than `padding_max` zero bytes. Clauses 4 and 5.
pub(crate) fn check(
    area: &[u8],
    offset: u32,
    padding_max: usize,
) -> Result<Known<'_>, VerifyError> {
    let mut known = Known::default();
    let mut extensions = Extensions::new(area);
    let mut last = Tag(0);
    loop {
        let here = position(offset, area.len().saturating_sub(extensions.rest.len()));
        let extension = match extensions.step() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(Overrun { needed, left }) => {
                let kind = Kind::ExtensionOverrun;
                return Err(VerifyError::new(kind, here, needed as u64, left as u64));
            }
        };
        let body_at = position(here, EXTENSION_HEAD_BYTES);
        check_zero(extension.padding, position(body_at, extension.body.len()))?;
        let repeated = extension.tag == last && last != Tag::USER;
        if extension.tag < last || repeated {
            let (tag, last) = (u64::from(extension.tag.0), u64::from(last.0));
            return Err(VerifyError::new(Kind::ExtensionOrder, here, tag, last));
        }
        last = extension.tag;
        check_value(&extension, here, &mut known)?;
    }
    let end = position(offset, area.len().saturating_sub(extensions.rest.len()));
    check_zero(extensions.rest, end)?;
    if extensions.rest.len() >= padding_max.max(1) {
        let (value, limit) =
            (extensions.rest.len() as u64, padding_max.saturating_sub(WORD) as u64);
        return Err(VerifyError::new(Kind::ExtensionValue, end, value, limit));
    }
    Ok(known)
}

/// The rules of the single tags. Clause 5.
fn check_value<'a>(
    extension: &Extension<'a>,
    here: u32,
    known: &mut Known<'a>,
) -> Result<(), VerifyError> {
    let invalid = |value: usize, limit: usize| {
        VerifyError::new(Kind::ExtensionValue, here, value as u64, limit as u64)
    };
    let len = extension.body.len();
    match extension.tag {
        Tag::TOPIC | Tag::METHOD | Tag::REPLY_TO => {
            check_inline_zero(extension, here)?;
            if len == 0 || len > TEXT_BYTES_MAX {
                return Err(invalid(len, TEXT_BYTES_MAX));
            }
            let text = check_utf8(extension.body, position(here, EXTENSION_HEAD_BYTES))?;
            if extension.tag == Tag::TOPIC {
                known.topic = Some(text);
            }
        }
        Tag::DEADLINE => {
            check_inline_zero(extension, here)?;
            if len != WORD {
                return Err(invalid(len, WORD));
            }
        }
        Tag::USER => {
            let key_bytes = usize::try_from(extension.inline).unwrap_or(usize::MAX);
            let key_bytes_max = len.min(KEY_BYTES_MAX);
            let key = extension.body.get(..key_bytes).unwrap_or_default();
            if key.is_empty() || key_bytes > key_bytes_max {
                return Err(invalid(key_bytes, key_bytes_max));
            }
            check_utf8(key, position(here, EXTENSION_HEAD_BYTES))?;
            known.user_headers = known.user_headers.saturating_add(1);
        }
        tag if tag.must_understand() => {
            let value = u64::from(tag.0);
            return Err(VerifyError::new(Kind::UnknownExtension, here, value, 0x7fff));
        }
        _ => {}
    }
    Ok(())
}

fn check_inline_zero(extension: &Extension<'_>, here: u32) -> Result<(), VerifyError> {
    match u64::from(extension.inline) {
        0 => Ok(()),
        value => Err(VerifyError::new(Kind::ExtensionValue, position(here, 4), value, 0)),
    }
}

fn check_utf8(text: &[u8], offset: u32) -> Result<&str, VerifyError> {
    core::str::from_utf8(text).map_err(|error| {
        let valid = error.valid_up_to() as u64;
        VerifyError::new(Kind::BadUtf8, offset, valid, text.len() as u64)
    })
}

/// Clause 4.6: padding is zero.
pub(crate) fn check_zero(padding: &[u8], offset: u32) -> Result<(), VerifyError> {
    match padding.iter().enumerate().find(|(_, byte)| **byte != 0) {
        None => Ok(()),
        Some((index, byte)) => {
            let at = position(offset, index);
            Err(VerifyError::new(Kind::Padding, at, u64::from(*byte), 0))
        }
    }
}

fn position(offset: u32, distance: usize) -> u32 {
    offset.saturating_add(u32::try_from(distance).unwrap_or(u32::MAX))
}
