//! Every bound of the frame format in one place (`docs/spec/qiss.md`, clause 8).

/// Bytes of the fixed header; the first extension, or the payload, starts here.
pub const HEADER_BYTES: usize = 64;

/// Largest header with its extensions: 255 words of 8 bytes.
pub const HEADER_BYTES_MAX: usize = 2040;

/// Largest header with its extensions in a frame whose payload is 64-aligned, as in regions.
pub const HEADER_BYTES_MAX_ALIGNED: usize = 1984;

/// Largest topic, method or reply-to text, in bytes of UTF-8. The smallest is 1.
pub const TEXT_BYTES_MAX: usize = 255;

/// Largest key of a user header, in bytes of UTF-8. The smallest is 1.
pub const KEY_BYTES_MAX: usize = 255;

/// Most user headers in one frame.
pub const USER_HEADERS_MAX: usize = 32;

/// Largest frame that its 32-bit length field can state.
pub const FRAME_BYTES_MAX: u32 = u32::MAX - 7;

/// Default of [`VerifyOptions::frame_bytes_max`](crate::VerifyOptions::frame_bytes_max): 1 GiB,
/// for one host.
pub const FRAME_BYTES_MAX_LOCAL: u32 = 1 << 30;

/// Largest frame accepted from a network peer unless both sides configure more: 16 MiB.
pub const FRAME_BYTES_MAX_NETWORK: u32 = 16 << 20;

/// Largest payload, so that it fits a frame beside the largest header.
pub const PAYLOAD_BYTES_MAX: u32 = FRAME_BYTES_MAX - 2040;

/// Largest header with its extensions that a [`Template`](crate::Template) stores.
pub const TEMPLATE_BYTES_MAX: usize = 512;

// Clause 4.1: a word is 8 bytes, and every length in a frame is a multiple of it.
pub(crate) const WORD: usize = 8;
/// Bytes of the trace block that stands at offset 64 when `Flags::TRACE` is set.
pub(crate) const TRACE_BYTES: usize = 32;
/// Bytes of an extension's tag, length and inline value.
pub(crate) const EXTENSION_HEAD_BYTES: usize = 8;
