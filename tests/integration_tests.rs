//! Integration tests over the public API: what a program that depends on `neo-protocol` relies on.

mod clock;
mod kernels;
mod messaging;
mod refusals;
