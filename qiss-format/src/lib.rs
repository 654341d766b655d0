//! Qiss frames: one message as bytes, the same in memory, shared memory, on the wire and on disk.
//!
//! A frame is a fixed header of 64 bytes, extensions, and a payload. It is read in place: a view
//! is a pointer, not a copy. `docs/spec/qiss.md` is the normative description; comments here cite
//! its clauses.
//!
//! - [`verify`] is the door for bytes from outside; it yields a [`Frame`], a view.
//! - [`Frame::peek`] views bytes that a trusted participant wrote.
//! - [`FrameBuilder`] describes a frame and encodes it into borrowed memory.
//! - [`Template`] is a header encoded once, for handles that send many messages.
//! - [`FrameMut`] changes the few fields that may change after encoding.
//!
//! Nothing here does I/O, starts threads or allocates; every function returns in time linear in
//! the frame, and every type may be used from any thread. Without the default feature `std` the
//! crate needs `core` only, and the checksum is computed by a table.
//!
//! ```
//! use qiss_format::{FrameBuilder, VerifyOptions, verify};
//!
//! let mut bytes = [0; 256];
//! let len = FrameBuilder::new()
//!     .topic("flights.JFK.AA.LAX")
//!     .header("gate", b"B42")
//!     .crc(true)
//!     .encode_into(&mut bytes, b"boarding")?;
//!
//! let frame = verify(&bytes[..len], &VerifyOptions::new())?;
//! assert_eq!(frame.topic(), Some("flights.JFK.AA.LAX"));
//! assert_eq!(frame.payload(), b"boarding");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod builder;
mod checksum;
mod copy;
mod edit;
mod error;
mod extension;
mod header;
mod limits;
mod template;
mod verify;
mod view;

pub use builder::{FrameBuilder, Layout};
pub use checksum::{crc32c, topic_id, type_id};
pub use edit::FrameMut;
pub use error::{BuildError, BuildErrorKind, VerifyError, VerifyErrorKind};
pub use extension::{Extension, Extensions, Headers, Tag, TraceParent};
pub use header::{Encoding, Flags, Kind, MAGIC, VERSION};
pub use limits::{
    FRAME_BYTES_MAX, FRAME_BYTES_MAX_LOCAL, FRAME_BYTES_MAX_NETWORK, HEADER_BYTES,
    HEADER_BYTES_MAX, HEADER_BYTES_MAX_ALIGNED, KEY_BYTES_MAX, PAYLOAD_BYTES_MAX,
    TEMPLATE_BYTES_MAX, TEXT_BYTES_MAX, USER_HEADERS_MAX,
};
pub use template::{Stamp, Template};
pub use verify::{VerifyOptions, frame_len, verify};
pub use view::Frame;
