//! The command `neo`: real processes at real kernels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

mod doctor;
mod explain;
mod guide;
mod listing;
mod messages;
mod refusals;
mod top;
mod world;
