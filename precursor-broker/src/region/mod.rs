//! The region: the memory that every participant of a kernel maps (`docs/spec/region.md`).
//!
//! `limits` is the limits page, `layout` the offsets that follow from it, `records` and `words` what
//! stands at them, `map` the mappings and the only typed access. `classes`, `segments`, `blocks`,
//! `alloc`, `runs` and `collect` are the memory of payloads, `hint` is what makes taking it cheap, `arena`
//! the memory of mailboxes; `owners` and `holders` say who lives and what it refers to.

pub(crate) mod alloc;
#[cfg(not(precursor_loom))]
pub(crate) mod arena;
pub(crate) mod blocks;
pub(crate) mod classes;
pub(crate) mod collect;
pub(crate) mod error;
pub(crate) mod hint;
#[cfg(not(precursor_loom))]
pub(crate) mod holders;
#[cfg(not(precursor_loom))]
pub(crate) mod layout;
#[cfg(not(precursor_loom))]
pub(crate) mod lend;
pub(crate) mod limits;
#[cfg(not(precursor_loom))]
pub(crate) mod map;
#[cfg(not(precursor_loom))]
pub(crate) mod owners;
pub(crate) mod records;
pub(crate) mod replies;
mod runs;
pub(crate) mod segments;
pub(crate) mod words;

#[cfg(test)]
#[cfg(precursor_loom)]
mod loom_tests;
#[cfg(test)]
#[cfg(precursor_loom)]
mod reply_loom_tests;
#[cfg(test)]
#[cfg(not(precursor_loom))]
mod tests;

pub use error::LimitsError;
#[cfg(not(precursor_loom))]
pub(crate) use error::RegionError;
pub use limits::Limits;
