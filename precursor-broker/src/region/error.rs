//! Why a region, a block or a place in a table could not be had.

use core::fmt;
use std::io;

/// A limit that is outside the range which the layout of a region allows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsError {
    /// Name of the limit.
    pub limit: &'static str,
    /// Value that was asked for.
    pub value: u64,
    /// Smallest value allowed.
    pub min: u64,
    /// Largest value allowed.
    pub max: u64,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, value, min, max } = self;
        if value < min {
            write!(f, "{limit} = {value} is too small: it needs at least {min}")
        } else {
            write!(f, "{limit} = {value} is too large: it may be at most {max}")
        }
    }
}

impl core::error::Error for LimitsError {}

/// Why a region could not be created, attached to or joined.
#[derive(Debug)]
pub(crate) enum RegionError {
    /// The limits are impossible.
    Limits(LimitsError),
    /// The operating system refused memory or a descriptor.
    System {
        /// What was being done.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The memory holds no region of this kind, or one that is not finished.
    NotARegion {
        /// The first word of it.
        magic: u64,
    },
    /// The region was laid out by another version of this library.
    LayoutVersion {
        /// Version of the region.
        region: u64,
        /// Version of this library.
        library: u64,
    },
    /// The region was created with another value of a limit.
    LimitDiffers {
        /// Name of the limit.
        limit: &'static str,
        /// Value of the region.
        region: u64,
        /// Value asked for here.
        requested: u64,
    },
    /// The memory is smaller than the limits need.
    TooShort {
        /// Which of the two mappings: `control` or `data`.
        mapping: &'static str,
        /// Bytes that the limits need.
        needed: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// As many participants as the limits allow have joined.
    ParticipantsFull {
        /// The limit.
        participants_max: u32,
    },
    /// The operation needs shared memory and the region is private.
    Private,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(error) => error.fmt(f),
            Self::System { action, source } => write!(f, "cannot {action}: {source}"),
            Self::NotARegion { magic } => {
                write!(f, "not a Neo region: its first word is {magic:#018x}")
            }
            Self::LayoutVersion { region, library } => write!(
                f,
                "the region has layout version {region}, this library {library}: \
                 use the same release in every participant"
            ),
            Self::LimitDiffers { limit, region, requested } => write!(
                f,
                "{limit} is {region} in the region and {requested} here: \
                 open it with the limits it was created with"
            ),
            Self::TooShort { mapping, needed, found } => write!(
                f,
                "the {mapping} memory has {found} bytes and the limits need {needed}: \
                 open it with the limits it was created with"
            ),
            Self::ParticipantsFull { participants_max } => write!(
                f,
                "{participants_max} participants have joined and participants_max allows no \
                 more: close one or create the region with a larger limit"
            ),
            Self::Private => {
                write!(f, "the region is private to this process: create a shared one (shm://)")
            }
        }
    }
}

impl core::error::Error for RegionError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Limits(error) => Some(error),
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<LimitsError> for RegionError {
    fn from(error: LimitsError) -> Self {
        Self::Limits(error)
    }
}

/// Why there is no block, or no chunk, for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllocError {
    /// The budget is used up; the caller meets backpressure.
    Full {
        /// Bytes asked for.
        requested: usize,
        /// The budget in bytes.
        cap: usize,
        /// Bytes of it in segments that hold something.
        in_use: usize,
    },
    /// No budget is left for a request of this size even when nothing else is in use.
    TooLarge {
        /// Bytes asked for.
        requested: usize,
        /// Largest request that can be served.
        max: usize,
    },
    /// The operating system had no memory left to commit.
    Commit {
        /// Bytes asked for.
        requested: usize,
        /// Error number of the system, 0 if it gave none.
        os_error: i32,
    },
}

impl AllocError {
    pub(crate) fn commit(requested: usize, error: &io::Error) -> Self {
        Self::Commit { requested, os_error: error.raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { requested, cap, in_use } => write!(
                f,
                "no memory for {requested} bytes: {in_use} of {cap} bytes are in use; \
                 receive or drop messages, or raise memory_bytes_max"
            ),
            Self::TooLarge { requested, max } => write!(
                f,
                "{requested} bytes exceed the largest block of {max} bytes: \
                 send less at once or raise memory_bytes_max"
            ),
            Self::Commit { requested, os_error } => write!(
                f,
                "the system has no memory to back {requested} bytes: {}",
                io::Error::from_raw_os_error(*os_error)
            ),
        }
    }
}

impl core::error::Error for AllocError {}
