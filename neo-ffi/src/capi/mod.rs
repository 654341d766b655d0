//! The C ABI: what `include/neo.h` declares.
//!
//! Each export is a thin call into [`rsapi`](crate::rsapi). `caller` turns what a C program passes
//! into checked Rust values and turns results, and panics, into a status; `handle` is what stands
//! behind the opaque pointers, `place` the memory that it lies in; `versioned` reads and writes
//! structs that grow. The comments of exports and types are the header's: `cargo xtask headers`
//! copies them.
//!
//! A Rust host hands a kernel to C code in the same process, without exported symbols, by a
//! [`neo_capsule_t`].
#![allow(
    unsafe_code,
    reason = "the C ABI: pointers of the caller; what is done with them is gathered in `caller`, \
              `handle`, `place` and `versioned`"
)]
#![allow(non_camel_case_types, reason = "these are the names of the C header")]
#![allow(
    clippy::exhaustive_structs,
    reason = "C programs make these; `struct_size` lets them grow"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "each export says what its pointers must be, in the words of the header"
)]

mod call;
mod caller;
mod capsule;
mod config;
mod counters;
mod debug;
mod error;
mod handle;
mod kernel;
#[cfg(test)]
mod layout_tests;
mod loan;
mod message;
mod place;
mod poller;
mod publish;
mod request;
mod room;
mod service;
mod status;
mod subscribe;
mod table;
#[cfg(feature = "test-hooks")]
pub mod test_hooks;
mod versioned;

pub use call::*;
pub use capsule::*;
pub use config::*;
pub use counters::*;
pub use debug::*;
pub use error::*;
pub use kernel::*;
pub use loan::*;
pub use message::*;
pub use poller::*;
pub use publish::*;
pub use request::*;
pub use room::*;
pub use service::*;
pub use status::*;
pub use subscribe::*;
pub use table::*;
