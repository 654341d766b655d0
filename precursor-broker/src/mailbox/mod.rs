//! The mailbox: the bounded multi-producer ring behind one subscription, group or service.
//!
//! `word` is the arithmetic of its words, `cells` its shape and the only payload access; `claim` is
//! the publisher's side, `take` the reader's, `bytes` keeps it within its share of memory, `wake` is
//! how they find each other asleep, `life` how a mailbox is opened, closed, recycled and put right
//! after a death. The protocol is specified in
//! `docs/spec/region.md` R3.1.

pub(crate) mod bytes;
pub(crate) mod cells;
#[cfg(not(precursor_loom))]
pub(crate) mod cells_mapped;
pub(crate) mod claim;
pub(crate) mod extent;
pub(crate) mod life;
pub(crate) mod table;
pub(crate) mod take;
pub(crate) mod wake;
pub(crate) mod word;

#[cfg(any(test, fuzzing))]
pub(crate) mod boxed;
#[cfg(all(test, precursor_loom))]
mod loom_tests;
#[cfg(all(test, not(precursor_loom)))]
mod mapped_tests;
#[cfg(any(test, fuzzing))]
pub mod ops;
#[cfg(all(test, precursor_loom))]
mod table_loom_tests;
#[cfg(all(test, not(precursor_loom)))]
mod tests;

pub use cells::{INLINE_BYTES, MEMBERS_MAX, RUN_MAX};
