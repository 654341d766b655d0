//! Building a frame into borrowed memory, without allocating.

use crate::checksum::{frame_sum, topic_id, type_id};
use crate::error::{BuildError, BuildErrorKind as Kind};
use crate::extension::{Tag, TraceParent};
use crate::header::{self, Encoding, Flags, Head, MAGIC, VERSION, at, store};
use crate::limits::{
    EXTENSION_HEAD_BYTES, HEADER_BYTES, HEADER_BYTES_MAX, HEADER_BYTES_MAX_ALIGNED, KEY_BYTES_MAX,
    PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX, TRACE_BYTES, USER_HEADERS_MAX, WORD,
};

/// Where the parts of a frame lie, from [`FrameBuilder::layout`]; in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// The whole frame with its padding; a multiple of 8.
    pub frame_len: usize,
    /// The header with its extensions; the payload starts here.
    pub payload_offset: usize,
    /// The payload without padding.
    pub payload_len: usize,
}

/// Describes a frame and encodes it. The setters may be called in any order; the last call of
/// each counts, except that [`header`](Self::header) adds.
///
/// Borrows its texts and values and never allocates. For one message after another with the same
/// header, make a [`Template`](crate::Template) of it.
///
/// ```
/// use qiss_format::{FrameBuilder, Kind, VerifyOptions, verify};
///
/// let mut builder = FrameBuilder::new();
/// builder.kind(Kind::REQUEST).method("users/find").corr_id(7).header("tenant", b"blue");
/// let mut bytes = vec![0; builder.layout(4)?.frame_len];
/// builder.encode_into(&mut bytes, b"anna")?;
///
/// let frame = verify(&bytes, &VerifyOptions::new())?;
/// assert_eq!(frame.method(), Some("users/find"));
/// assert_eq!(frame.headers().next(), Some(("tenant", b"blue".as_slice())));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until encode_into or Template::new"]
pub struct FrameBuilder<'a> {
    kind: header::Kind,
    encoding: Encoding,
    flags: Flags,
    crc: bool,
    align64: bool,
    seq: u64,
    schema_fp: u32,
    type_id: Option<u64>,
    topic_id: Option<u64>,
    corr_id: u64,
    time_ns: i64,
    traceparent: Option<TraceParent>,
    topic: Option<&'a str>,
    method: Option<&'a str>,
    reply_to: Option<&'a str>,
    deadline_ns: Option<i64>,
    headers: [(&'a str, &'a [u8]); USER_HEADERS_MAX],
    // Counts on beyond the array, so that encoding can refuse what did not fit.
    headers_len: usize,
}

impl Default for FrameBuilder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> FrameBuilder<'a> {
    /// An event with a raw payload and nothing else.
    pub const fn new() -> Self {
        Self {
            kind: header::Kind::EVENT,
            encoding: Encoding::RAW,
            flags: Flags::NONE,
            crc: false,
            align64: false,
            seq: 0,
            schema_fp: 0,
            type_id: None,
            topic_id: None,
            corr_id: 0,
            time_ns: 0,
            traceparent: None,
            topic: None,
            method: None,
            reply_to: None,
            deadline_ns: None,
            headers: [("", &[]); USER_HEADERS_MAX],
            headers_len: 0,
        }
    }

    /// What the frame is for; an event unless set.
    pub const fn kind(&mut self, kind: header::Kind) -> &mut Self {
        self.kind = kind;
        self
    }

    /// How the payload is laid out; raw unless set.
    pub const fn encoding(&mut self, encoding: Encoding) -> &mut Self {
        self.encoding = encoding;
        self
    }

    /// Sets exactly these of the flags in [`Flags::SETTABLE`]; the others follow from what the
    /// frame holds.
    pub const fn flags(&mut self, flags: Flags) -> &mut Self {
        self.flags = flags;
        self
    }

    /// Whether the frame carries a checksum; no unless set.
    pub const fn crc(&mut self, crc: bool) -> &mut Self {
        self.crc = crc;
        self
    }

    /// Whether the payload starts at a multiple of 64 bytes, as regions and logs need; no unless
    /// set. Costs up to 56 bytes if the frame has extensions, else nothing.
    pub const fn align64(&mut self, align64: bool) -> &mut Self {
        self.align64 = align64;
        self
    }

    /// The position in a log; 0 unless set.
    pub const fn seq(&mut self, seq: u64) -> &mut Self {
        self.seq = seq;
        self
    }

    /// The low 32 bits of the schema's fingerprint; 0 unless set.
    pub const fn schema_fp(&mut self, schema_fp: u32) -> &mut Self {
        self.schema_fp = schema_fp;
        self
    }

    /// The hash of the payload's type or of the method; unless set, that of the method's text,
    /// and 0 if there is none.
    pub const fn type_id(&mut self, type_id: u64) -> &mut Self {
        self.type_id = Some(type_id);
        self
    }

    /// The hash of a topic whose text the frame does not carry. With [`topic`](Self::topic) it is
    /// not needed, and must be that topic's if given.
    pub const fn topic_id(&mut self, topic_id: u64) -> &mut Self {
        self.topic_id = Some(topic_id);
        self
    }

    /// The request or stream that the frame belongs to; 0 = none.
    pub const fn corr_id(&mut self, corr_id: u64) -> &mut Self {
        self.corr_id = corr_id;
        self
    }

    /// The sender's wall clock in nanoseconds since 1970; 0 = not stamped.
    pub const fn time_ns(&mut self, time_ns: i64) -> &mut Self {
        self.time_ns = time_ns;
        self
    }

    /// Carries the topic's text, 1 to 255 bytes, and its hash.
    pub const fn topic(&mut self, topic: &'a str) -> &mut Self {
        self.topic = Some(topic);
        self
    }

    /// Carries the method of a request as `service/method`, 1 to 255 bytes.
    pub const fn method(&mut self, method: &'a str) -> &mut Self {
        self.method = Some(method);
        self
    }

    /// Carries where the answer goes, 1 to 255 bytes.
    pub const fn reply_to(&mut self, reply_to: &'a str) -> &mut Self {
        self.reply_to = Some(reply_to);
        self
    }

    /// Carries when the message loses its use, in nanoseconds since 1970.
    pub const fn deadline_ns(&mut self, deadline_ns: i64) -> &mut Self {
        self.deadline_ns = Some(deadline_ns);
        self
    }

    /// Carries a W3C trace context.
    pub const fn traceparent(&mut self, traceparent: TraceParent) -> &mut Self {
        self.traceparent = Some(traceparent);
        self
    }

    /// Adds a user header: a key of 1 to 255 bytes and any value, at most 32 of them. A key may be
    /// added more than once; the order is kept.
    pub fn header(&mut self, key: &'a str, value: &'a [u8]) -> &mut Self {
        if let Some(place) = self.headers.get_mut(self.headers_len) {
            *place = (key, value);
        }
        self.headers_len = self.headers_len.saturating_add(1);
        self
    }

    /// Where the parts of the frame will lie with a payload of `payload_len` bytes.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] for anything that [`encode_into`](Self::encode_into) would refuse, a small
    /// buffer apart.
    pub fn layout(&self, payload_len: usize) -> Result<Layout, BuildError> {
        self.check()?;
        let payload_offset = self.header_len()?;
        if payload_len > PAYLOAD_BYTES_MAX as usize {
            let limit = PAYLOAD_BYTES_MAX as usize;
            return Err(BuildError::new(Kind::PayloadTooLarge, payload_len, limit));
        }
        let frame_len = padded(payload_offset.saturating_add(payload_len));
        Ok(Layout { frame_len, payload_offset, payload_len })
    }

    /// Encodes the frame at the start of `out` and returns its length in bytes. What stands in
    /// `out` behind it is not touched; on an error nothing is.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`](Kind::BufferTooSmall) if `out` is shorter than
    /// [`Layout::frame_len`], or the kind that names the setter whose value is out of bounds.
    pub fn encode_into(&self, out: &mut [u8], payload: &[u8]) -> Result<usize, BuildError> {
        let layout = self.layout(payload.len())?;
        let out_len = out.len();
        let too_small = || BuildError::new(Kind::BufferTooSmall, out_len, layout.frame_len);
        let frame = out.get_mut(..layout.frame_len).ok_or_else(too_small)?;
        let (header, rest) =
            frame.split_at_mut_checked(layout.payload_offset).ok_or_else(too_small)?;
        self.write_header(header, &layout);
        let (area, padding) = rest.split_at_mut_checked(payload.len()).ok_or_else(too_small)?;
        area.copy_from_slice(payload);
        padding.fill(0);
        if self.crc {
            seal(frame, layout.payload_offset.saturating_add(payload.len()));
        }
        Ok(layout.frame_len)
    }

    /// Every rule that the setters leave open.
    fn check(&self) -> Result<(), BuildError> {
        if !self.kind.is_known() {
            let (value, limit) = (self.kind.raw().into(), header::Kind::CONTROL.raw().into());
            return Err(BuildError::new(Kind::UnknownKind, value, limit));
        }
        let refused = self.flags.difference(Flags::SETTABLE);
        if refused != Flags::NONE {
            let (value, limit) = (refused.bits().into(), Flags::SETTABLE.bits().into());
            return Err(BuildError::new(Kind::FlagNotSettable, value, limit));
        }
        for text in [self.topic, self.method, self.reply_to].into_iter().flatten() {
            if text.is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err(BuildError::new(Kind::TextLength, text.len(), TEXT_BYTES_MAX));
            }
        }
        if let (Some(given), Some(hash)) = (self.topic_id, self.topic.map(topic_id))
            && given != hash
        {
            return Err(BuildError::with_u64(Kind::TopicIdMismatch, given, hash));
        }
        if self.traceparent.is_some_and(|context| !context.is_valid()) {
            return Err(BuildError::new(Kind::TraceBlock, 0, 0));
        }
        let Some(headers) = self.headers.get(..self.headers_len) else {
            let (value, limit) = (self.headers_len, USER_HEADERS_MAX);
            return Err(BuildError::new(Kind::TooManyHeaders, value, limit));
        };
        for (key, _) in headers {
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(BuildError::new(Kind::KeyLength, key.len(), KEY_BYTES_MAX));
            }
        }
        Ok(())
    }

    /// Header and extensions together. Clauses 4.1 and 4.4.
    pub(crate) fn header_len(&self) -> Result<usize, BuildError> {
        let trace = if self.traceparent.is_some() { TRACE_BYTES } else { 0 };
        let texts = [self.topic, self.method, self.reply_to].into_iter().flatten().map(str::len);
        let deadline = self.deadline_ns.map(|_| WORD);
        let headers = self.user_headers().map(|(key, value)| key.len().saturating_add(value.len()));
        let extensions = texts.chain(deadline).chain(headers).fold(0_usize, |sum, body_len| {
            sum.saturating_add(EXTENSION_HEAD_BYTES)
                .saturating_add(body_len.checked_next_multiple_of(WORD).unwrap_or(usize::MAX))
        });
        let used = extensions.saturating_add(HEADER_BYTES).saturating_add(trace);
        let (unit, limit) = if self.align64 {
            (HEADER_BYTES, HEADER_BYTES_MAX_ALIGNED)
        } else {
            (WORD, HEADER_BYTES_MAX)
        };
        match used.checked_next_multiple_of(unit) {
            Some(len) if len <= limit => Ok(len),
            _ => Err(BuildError::new(Kind::HeaderTooLarge, used, limit)),
        }
    }

    pub(crate) const fn has_crc(&self) -> bool {
        self.crc
    }

    /// Writes header and extensions with their padding over all of `header`; `crc` is left zero.
    pub(crate) fn write_header(&self, header: &mut [u8], layout: &Layout) {
        let Some((head, area)) = header.split_first_chunk_mut::<HEADER_BYTES>() else { return };
        *head = self.head(layout);
        let mut rest = area;
        if let Some(context) = self.traceparent {
            rest = put(rest, &context.to_block());
        }
        let texts =
            [(Tag::TOPIC, self.topic), (Tag::METHOD, self.method), (Tag::REPLY_TO, self.reply_to)];
        for (tag, text) in texts {
            if let Some(text) = text {
                rest = put_extension(rest, tag, 0, [text.as_bytes(), &[]]);
            }
        }
        if let Some(deadline_ns) = self.deadline_ns {
            rest = put_extension(rest, Tag::DEADLINE, 0, [&deadline_ns.to_le_bytes(), &[]]);
        }
        for (key, value) in self.user_headers() {
            rest = put_extension(rest, Tag::USER, key.len(), [key.as_bytes(), value]);
        }
        rest.fill(0);
    }

    fn head(&self, layout: &Layout) -> Head {
        let flags = self
            .flags
            .with_if(Flags::CRC, self.crc)
            .with_if(Flags::A64, self.align64)
            .with_if(Flags::TRACE, self.traceparent.is_some())
            .with_if(Flags::TOPIC, self.topic.is_some());
        let topic_id = self.topic.map(topic_id).or(self.topic_id).unwrap_or_default();
        let type_id = self.type_id.or(self.method.map(type_id)).unwrap_or_default();
        let [words, ..] = (layout.payload_offset as u64 >> 3).to_le_bytes();
        let mut head = [0; HEADER_BYTES];
        store::<{ at::FRAME_LEN }, 4>(&mut head, low_u32(layout.frame_len));
        store::<{ at::SEQ }, 8>(&mut head, self.seq.to_le_bytes());
        store::<{ at::MAGIC }, 2>(&mut head, MAGIC.to_le_bytes());
        store::<{ at::VERSION }, 1>(&mut head, [VERSION]);
        store::<{ at::HDR_WORDS }, 1>(&mut head, [words]);
        store::<{ at::FLAGS }, 2>(&mut head, flags.bits().to_le_bytes());
        store::<{ at::KIND }, 1>(&mut head, [self.kind.raw()]);
        store::<{ at::ENCODING }, 1>(&mut head, [self.encoding.raw()]);
        store::<{ at::PAYLOAD_LEN }, 4>(&mut head, low_u32(layout.payload_len));
        store::<{ at::SCHEMA_FP }, 4>(&mut head, self.schema_fp.to_le_bytes());
        store::<{ at::TYPE_ID }, 8>(&mut head, type_id.to_le_bytes());
        store::<{ at::TOPIC_ID }, 8>(&mut head, topic_id.to_le_bytes());
        store::<{ at::CORR_ID }, 8>(&mut head, self.corr_id.to_le_bytes());
        store::<{ at::TIME_NS }, 8>(&mut head, self.time_ns.to_le_bytes());
        head
    }

    fn user_headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers.iter().copied().take(self.headers_len)
    }
}

/// `len` rounded up to a word; at most `usize::MAX`, rounded down.
#[inline]
pub(crate) const fn padded(len: usize) -> usize {
    len.saturating_add(7) & !7
}

/// The field of a length that was checked to fit 32 bits.
#[inline]
pub(crate) fn low_u32(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

/// Sums a frame whose payload ends at `end` and stores the sum. Clause 6.
#[inline(never)]
pub(crate) fn seal(frame: &mut [u8], end: usize) {
    let sum = frame_sum(frame.get(at::MAGIC..end).unwrap_or_default());
    if let Some(head) = frame.first_chunk_mut::<HEADER_BYTES>() {
        store::<{ at::CRC }, 4>(head, sum.to_le_bytes());
    }
}

/// Copies `bytes` to the start of `out`, whose length [`FrameBuilder::header_len`] provided for;
/// returns what is left.
fn put<'o>(out: &'o mut [u8], bytes: &[u8]) -> &'o mut [u8] {
    match out.split_at_mut_checked(bytes.len()) {
        Some((place, rest)) => {
            place.copy_from_slice(bytes);
            rest
        }
        None => &mut [],
    }
}

fn put_extension<'o>(out: &'o mut [u8], tag: Tag, inline: usize, body: [&[u8]; 2]) -> &'o mut [u8] {
    let body_len = body.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    // Header limits keep every body below 2,040 bytes.
    let len = u16::try_from(body_len).unwrap_or(u16::MAX);
    let mut rest = put(out, &tag.raw().to_le_bytes());
    rest = put(rest, &len.to_le_bytes());
    rest = put(rest, &low_u32(inline));
    for part in body {
        rest = put(rest, part);
    }
    let padding = padded(body_len).saturating_sub(body_len);
    put(rest, [0; WORD].get(..padding).unwrap_or_default())
}
