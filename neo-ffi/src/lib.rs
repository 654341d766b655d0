//! Neo for other languages.
//!
//! [`rsapi`] is the safe facade that every language face shares: handles that may be used from any
//! thread by shared reference, a poller that turns many sources into one wake-up, one table of error
//! codes, a guard against use after `fork`, and counters of live objects. The Python and Node
//! modules link it as a Rust library. [`capi`] is the C ABI over it, which C, C++ and Go link as
//! `libneo`.

pub mod capi;
pub mod rsapi;
mod sys;
