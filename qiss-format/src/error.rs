//! What can be wrong with bytes, and what can be refused when a frame is built.

use core::fmt;

/// Why bytes are not a frame. The numbers and names are part of the format: clause 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum VerifyErrorKind {
    /// Fewer bytes than the header, or than `frame_len` says.
    Truncated = 1,
    /// No frame starts here.
    BadMagic = 2,
    /// Written in a wire version this reader does not know.
    UnsupportedVersion = 3,
    /// `hdr_words` is below 8, or not a multiple of 8 although the payload is 64-aligned.
    HeaderLength = 4,
    /// `frame_len` is not what the header's other lengths give.
    LengthMismatch = 5,
    /// `frame_len` exceeds the reader's limit.
    FrameTooLarge = 6,
    /// A flag bit is set that this wire version does not define.
    ReservedFlags = 7,
    /// The kind's number is not defined.
    UnknownKind = 8,
    /// `seq` is not the expected one.
    SeqMismatch = 9,
    /// The reader demands a checksum and the frame has none.
    CrcMissing = 10,
    /// `crc` is not zero although the checksum flag is clear.
    CrcNotZero = 11,
    /// The checksum does not match the bytes.
    CrcMismatch = 12,
    /// A padding byte is not zero.
    Padding = 13,
    /// An extension reaches beyond the header.
    ExtensionOverrun = 14,
    /// An extension's tag is smaller than the one before it, or repeated.
    ExtensionOrder = 15,
    /// An extension that must be understood is not known.
    UnknownExtension = 16,
    /// A known extension has a length or inline value it cannot have.
    ExtensionValue = 17,
    /// A text is not UTF-8.
    BadUtf8 = 18,
    /// The topic flag and the topic extension disagree.
    TopicFlag = 19,
    /// `topic_id` is not the hash of the topic text.
    TopicId = 20,
    /// The trace block has an all-zero identifier or the forbidden version 255.
    TraceBlock = 21,
    /// More user headers than allowed.
    TooManyHeaders = 22,
}

impl VerifyErrorKind {
    /// The number of the error, the same in every language.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name of the error, the same in every language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadMagic => "bad_magic",
            Self::UnsupportedVersion => "unsupported_version",
            Self::HeaderLength => "header_length",
            Self::LengthMismatch => "length_mismatch",
            Self::FrameTooLarge => "frame_too_large",
            Self::ReservedFlags => "reserved_flags",
            Self::UnknownKind => "unknown_kind",
            Self::SeqMismatch => "seq_mismatch",
            Self::CrcMissing => "crc_missing",
            Self::CrcNotZero => "crc_not_zero",
            Self::CrcMismatch => "crc_mismatch",
            Self::Padding => "padding",
            Self::ExtensionOverrun => "extension_overrun",
            Self::ExtensionOrder => "extension_order",
            Self::UnknownExtension => "unknown_extension",
            Self::ExtensionValue => "extension_value",
            Self::BadUtf8 => "bad_utf8",
            Self::TopicFlag => "topic_flag",
            Self::TopicId => "topic_id",
            Self::TraceBlock => "trace_block",
            Self::TooManyHeaders => "too_many_headers",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Truncated => "read the rest, then verify again",
            Self::BadMagic => "check where the frame starts",
            Self::UnsupportedVersion | Self::UnknownKind | Self::UnknownExtension => {
                "upgrade this reader"
            }
            Self::HeaderLength | Self::LengthMismatch | Self::ExtensionOverrun => {
                "discard it: its sender is faulty or the bytes are damaged"
            }
            Self::FrameTooLarge => "raise frame_bytes_max or have it sent in fragments",
            Self::ReservedFlags => "upgrade this reader or fix the sender",
            Self::SeqMismatch => "look for frames that are missing or out of place",
            Self::CrcMissing => "have the sender build it with crc(true)",
            Self::CrcNotZero | Self::CrcMismatch => "discard it: the bytes are damaged",
            Self::Padding => "have the sender clear its padding",
            Self::ExtensionOrder => "tags must ascend and only user headers may repeat",
            Self::ExtensionValue | Self::BadUtf8 | Self::TopicFlag => {
                "fix the sender, which broke the rule of this extension"
            }
            Self::TopicId => "the sender must hash the topic's text with XXH3-64",
            Self::TraceBlock => "the sender must omit the block instead",
            Self::TooManyHeaders => "the sender must put the rest in the payload",
        }
    }
}

/// Why bytes are not a frame, where, and which value broke which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyError {
    kind: VerifyErrorKind,
    offset: u32,
    value: u64,
    limit: u64,
}

impl VerifyError {
    #[cold]
    pub(crate) const fn new(kind: VerifyErrorKind, offset: u32, value: u64, limit: u64) -> Self {
        Self { kind, offset, value, limit }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// Where it is wrong, in bytes from the start of the frame.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// The value that was found.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// The value that was expected, or the bound that was exceeded.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use VerifyErrorKind as Kind;
        let Self { kind, offset, value, limit } = *self;
        match kind {
            Kind::Truncated => write!(f, "{value} bytes given, {limit} needed"),
            Kind::BadMagic => write!(f, "no frame here: magic {value:#06x}, not {limit:#06x}"),
            Kind::UnsupportedVersion => write!(f, "wire version {value}, known is {limit}"),
            Kind::HeaderLength => {
                write!(f, "header of {value} words, not {limit} or an aligned number above")
            }
            Kind::LengthMismatch => {
                write!(f, "frame_len is {value}, the header's other lengths give {limit}")
            }
            Kind::FrameTooLarge => write!(f, "frame of {value} bytes, the limit is {limit}"),
            Kind::ReservedFlags => {
                write!(f, "reserved flags {value:#06x} are set, defined are {limit:#06x}")
            }
            Kind::UnknownKind => write!(f, "frame kind {value}, defined are 1 to {limit}"),
            Kind::SeqMismatch => write!(f, "sequence {value}, expected is {limit}"),
            Kind::CrcMissing => write!(f, "the frame has no checksum and one is required"),
            Kind::CrcNotZero => write!(f, "checksum {value:#010x} although its flag is clear"),
            Kind::CrcMismatch => {
                write!(f, "checksum {value:#010x}, the bytes give {limit:#010x}")
            }
            Kind::Padding => write!(f, "padding at offset {offset} is {value:#04x}, not zero"),
            Kind::ExtensionOverrun => {
                write!(f, "extension at offset {offset} needs {value} bytes, left are {limit}")
            }
            Kind::ExtensionOrder => {
                write!(f, "extension {value:#06x} at offset {offset} follows {limit:#06x}")
            }
            Kind::UnknownExtension => {
                write!(f, "unknown extension {value:#06x} at offset {offset} is mandatory")
            }
            Kind::ExtensionValue => {
                write!(f, "extension at offset {offset} has {value}, allowed is {limit}")
            }
            Kind::BadUtf8 => {
                write!(f, "text at offset {offset} is UTF-8 for {value} of {limit} bytes only")
            }
            Kind::TopicFlag => write!(f, "topic flag is {value}, topic extensions are {limit}"),
            Kind::TopicId => write!(f, "topic_id {value:#018x}, the text gives {limit:#018x}"),
            Kind::TraceBlock => write!(f, "all-zero id or version 255 in the trace block"),
            Kind::TooManyHeaders => write!(f, "{value} user headers, the limit is {limit}"),
        }?;
        write!(f, "; {}", kind.advice())
    }
}

impl core::error::Error for VerifyError {}

/// Why a frame cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// The output slice is shorter than the frame.
    BufferTooSmall,
    /// The payload is longer than a frame can hold.
    PayloadTooLarge,
    /// The header with its extensions is longer than allowed.
    HeaderTooLarge,
    /// The header with its extensions is longer than a template can hold.
    TemplateTooLarge,
    /// A topic, method or reply-to text is empty or too long.
    TextLength,
    /// The key of a user header is empty or too long.
    KeyLength,
    /// More user headers than allowed.
    TooManyHeaders,
    /// The kind is not one this wire version defines.
    UnknownKind,
    /// A flag was given that the builder derives, or that is not defined.
    FlagNotSettable,
    /// The topic id that was given is not the hash of the topic text.
    TopicIdMismatch,
    /// The trace context has an all-zero identifier or the forbidden version 255.
    TraceBlock,
    /// The bytes to change are not an encoded frame.
    NotAFrame,
    /// A payload can only be shortened.
    CannotGrow,
}

/// Why a frame cannot be built: which value broke which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildError {
    kind: BuildErrorKind,
    value: u64,
    limit: u64,
}

impl BuildError {
    #[cold]
    pub(crate) const fn new(kind: BuildErrorKind, value: usize, limit: usize) -> Self {
        Self { kind, value: value as u64, limit: limit as u64 }
    }

    #[cold]
    pub(crate) const fn with_u64(kind: BuildErrorKind, value: u64, limit: u64) -> Self {
        Self { kind, value, limit }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> BuildErrorKind {
        self.kind
    }

    /// The value that was given.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// The bound that it broke, or the value that was needed.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use BuildErrorKind as Kind;
        let Self { kind, value, limit } = *self;
        match kind {
            Kind::BufferTooSmall => write!(
                f,
                "output of {value} bytes is too small for a frame of {limit}; \
                 ask layout() or frame_len() first"
            ),
            Kind::PayloadTooLarge => write!(
                f,
                "payload of {value} bytes exceeds {limit}; send it in fragments or as a block"
            ),
            Kind::HeaderTooLarge => write!(
                f,
                "header of {value} bytes exceeds {limit}; put user headers in the payload"
            ),
            Kind::TemplateTooLarge => write!(
                f,
                "header of {value} bytes exceeds a template's {limit}; \
                 use FrameBuilder::encode_into"
            ),
            Kind::TextLength => {
                write!(f, "topic, method or reply-to of {value} bytes; it must have 1 to {limit}")
            }
            Kind::KeyLength => {
                write!(f, "user header key of {value} bytes; it must have 1 to {limit}")
            }
            Kind::TooManyHeaders => write!(
                f,
                "{value} user headers exceed the limit of {limit}; put the rest in the payload"
            ),
            Kind::UnknownKind => write!(
                f,
                "frame kind {value} is not defined (1 to {limit} are); use a constant of Kind"
            ),
            Kind::FlagNotSettable => write!(
                f,
                "flag bits {value:#06x} cannot be set, only {limit:#06x} can; \
                 use crc(), align64(), topic() or traceparent()"
            ),
            Kind::TopicIdMismatch => write!(
                f,
                "topic_id {value:#018x} differs from the topic's hash {limit:#018x}; \
                 give the text or the id, not both"
            ),
            Kind::TraceBlock => {
                f.write_str("trace context has an all-zero id or version 255; leave it out instead")
            }
            Kind::NotAFrame => f.write_str("the bytes are not an encoded frame; encode one first"),
            Kind::CannotGrow => write!(
                f,
                "payload cannot grow to {value} bytes, it has {limit}; loan more and truncate"
            ),
        }
    }
}

impl core::error::Error for BuildError {}
