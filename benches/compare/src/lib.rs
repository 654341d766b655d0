//! Neo beside its peers and beside the limits of the machine.
//!
//! Absolute figures move with the machine, so only ratios within one run count: every repeat runs
//! the subject and its peers one after the other, the ratio is taken repeat by repeat, and the
//! verdict is on the confidence interval of the ratios' median.
//!
//! [`figures`] is the table of what is measured; every peer has its file in [`peers`].

pub mod content;
pub mod drive;
pub mod figures;
pub mod harness;
pub mod machine;
pub mod neo;
pub mod peers;
pub mod report;
pub mod script;
pub mod shm;
pub mod stats;
pub mod threads;
pub mod yardsticks;
