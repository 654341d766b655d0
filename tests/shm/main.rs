//! Kernels of `shm://`: real processes that share one, are stopped and killed.
//!
//! A test starts this binary again in a role (`roles.rs`) and talks to it through the kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(target_os = "linux", not(miri)))]

mod content;
mod deaths;
mod groups;
mod idle;
mod isolation;
mod kills;
mod members;
mod names;
mod observing;
mod process;
mod roles;
mod sharing;
mod victims;
mod waking;
