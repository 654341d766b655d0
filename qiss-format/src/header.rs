//! The fixed 64-byte header: where its fields lie and what their values mean
//! (`docs/spec/qiss.md`, clauses 2 and 3).

use core::fmt;

use crate::limits::HEADER_BYTES;

/// The bytes `Q` `S` that stand at offset 16 of every frame.
pub const MAGIC: u16 = 0x5351;

/// The wire version this crate reads and writes.
pub const VERSION: u8 = 1;

pub(crate) type Head = [u8; HEADER_BYTES];

/// Offsets of the header's fields.
pub(crate) mod at {
    pub(crate) const FRAME_LEN: usize = 0;
    pub(crate) const CRC: usize = 4;
    pub(crate) const SEQ: usize = 8;
    pub(crate) const MAGIC: usize = 16;
    pub(crate) const VERSION: usize = 18;
    pub(crate) const HDR_WORDS: usize = 19;
    pub(crate) const FLAGS: usize = 20;
    pub(crate) const KIND: usize = 22;
    pub(crate) const ENCODING: usize = 23;
    pub(crate) const PAYLOAD_LEN: usize = 24;
    pub(crate) const SCHEMA_FP: usize = 28;
    pub(crate) const TYPE_ID: usize = 32;
    pub(crate) const TOPIC_ID: usize = 40;
    pub(crate) const CORR_ID: usize = 48;
    pub(crate) const TIME_NS: usize = 56;
}

/// Reads the `N` bytes at `OFF`. The bounds are checked when this is compiled.
#[inline(always)]
pub(crate) fn load<const OFF: usize, const N: usize>(head: &Head) -> [u8; N] {
    const { assert!(OFF + N <= HEADER_BYTES) };
    head.get(OFF..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Writes `value` at `OFF`. The bounds are checked when this is compiled.
#[inline(always)]
pub(crate) fn store<const OFF: usize, const N: usize>(head: &mut Head, value: [u8; N]) {
    const { assert!(OFF + N <= HEADER_BYTES) };
    if let Some(field) = head.get_mut(OFF..).and_then(|rest| rest.first_chunk_mut()) {
        *field = value;
    }
}

/// What a frame is for. Clause 3.2.
///
/// A number outside the named ones is not accepted by [`verify`](crate::verify).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(u8);

impl Kind {
    /// A published message; nobody is expected to answer.
    pub const EVENT: Self = Self(1);
    /// A call that expects a [`RESPONSE`](Self::RESPONSE) or an [`ERROR`](Self::ERROR).
    pub const REQUEST: Self = Self(2);
    /// The answer to a request.
    pub const RESPONSE: Self = Self(3);
    /// One item of a stream.
    pub const STREAM_DATA: Self = Self(4);
    /// The regular end of a stream.
    pub const STREAM_END: Self = Self(5);
    /// The asker no longer wants the answer or the stream.
    pub const CANCEL: Self = Self(6);
    /// The receiver of a stream grants its sender more items.
    pub const CREDIT: Self = Self(7);
    /// The answer to a request that failed, or the failed end of a stream.
    pub const ERROR: Self = Self(8);
    /// A message between kernels, never shown to users.
    pub const CONTROL: Self = Self(9);

    /// The kind with this number, known or not.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        Self(raw)
    }

    /// The number in the header.
    #[must_use]
    pub const fn raw(self) -> u8 {
        self.0
    }

    /// Whether this wire version defines the kind.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self.0, 1..=9)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::EVENT => "EVENT",
            Self::REQUEST => "REQUEST",
            Self::RESPONSE => "RESPONSE",
            Self::STREAM_DATA => "STREAM_DATA",
            Self::STREAM_END => "STREAM_END",
            Self::CANCEL => "CANCEL",
            Self::CREDIT => "CREDIT",
            Self::ERROR => "ERROR",
            Self::CONTROL => "CONTROL",
            Self(raw) => return write!(f, "Kind({raw})"),
        };
        f.write_str(name)
    }
}

/// How the payload is laid out. Clause 3.3.
///
/// The frame carries payloads it does not know: any number is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Encoding(u8);

impl Encoding {
    /// Bytes that only the application understands.
    pub const RAW: Self = Self(0);
    /// A Qiss record.
    pub const QISS: Self = Self(1);
    /// An Arrow IPC stream.
    pub const ARROW_IPC: Self = Self(2);
    /// A protobuf message.
    pub const PROTOBUF: Self = Self(3);
    /// A FlatBuffers buffer.
    pub const FLATBUFFERS: Self = Self(4);
    /// JSON text.
    pub const JSON: Self = Self(5);
    /// A CBOR item.
    pub const CBOR: Self = Self(6);
    /// A Cap'n Proto message.
    pub const CAPNP: Self = Self(7);

    /// The encoding with this number, known or not.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        Self(raw)
    }

    /// The number in the header.
    #[must_use]
    pub const fn raw(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::RAW => "RAW",
            Self::QISS => "QISS",
            Self::ARROW_IPC => "ARROW_IPC",
            Self::PROTOBUF => "PROTOBUF",
            Self::FLATBUFFERS => "FLATBUFFERS",
            Self::JSON => "JSON",
            Self::CBOR => "CBOR",
            Self::CAPNP => "CAPNP",
            Self(raw) => return write!(f, "Encoding({raw})"),
        };
        f.write_str(name)
    }
}

/// The header's flag bits. Clause 3.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u16);

impl Flags {
    /// No bit set.
    pub const NONE: Self = Self(0);
    /// The `crc` field holds the checksum.
    pub const CRC: Self = Self(1 << 0);
    /// The payload starts at a multiple of 64 bytes from the start of the frame.
    pub const A64: Self = Self(1 << 1);
    /// A 32-byte trace block stands at offset 64.
    pub const TRACE: Self = Self(1 << 2);
    /// A topic extension is present.
    pub const TOPIC: Self = Self(1 << 3);
    /// More fragments of the same message follow.
    pub const MORE: Self = Self(1 << 5);
    /// The last fragment of a message, or the last item of a stream.
    pub const END: Self = Self(1 << 6);
    /// The payload describes an error.
    pub const ERROR: Self = Self(1 << 7);
    /// The payload is in its canonical form.
    pub const CANON: Self = Self(1 << 9);

    /// Every bit this wire version defines; the others must be clear.
    pub const DEFINED: Self = Self(0b0000_0010_1110_1111);
    /// The bits a sender chooses; the builder derives the others from what the frame holds.
    pub const SETTABLE: Self = Self(0b0000_0010_1110_0000);

    /// The flags with these bits, defined or not.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits in the header.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits set in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits set here and not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds `other` if `present`.
    pub(crate) const fn with_if(self, other: Self, present: bool) -> Self {
        if present { self.union(other) } else { self }
    }
}

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Flags, &str); 8] = [
            (Flags::CRC, "CRC"),
            (Flags::A64, "A64"),
            (Flags::TRACE, "TRACE"),
            (Flags::TOPIC, "TOPIC"),
            (Flags::MORE, "MORE"),
            (Flags::END, "END"),
            (Flags::ERROR, "ERROR"),
            (Flags::CANON, "CANON"),
        ];
        let mut set = f.debug_set();
        for (flag, name) in NAMES {
            if self.contains(flag) {
                set.entry(&format_args!("{name}"));
            }
        }
        let undefined = self.difference(Self::DEFINED).bits();
        if undefined != 0 {
            set.entry(&format_args!("{undefined:#06x}"));
        }
        set.finish()
    }
}
