//! Figures: who runs, against whom, and what is asked of the ratio. [`all`] lists them.

mod go;
mod node;
mod python;
mod shm;
mod table;

use crate::harness::{Sample, Scale};

/// Every figure, in the order of the report.
pub fn all() -> impl Iterator<Item = &'static Figure> {
    let languages = python::FIGURES.iter().chain(&node::FIGURES).chain(&go::FIGURES);
    table::FIGURES.iter().chain(shm::FIGURES).chain(languages)
}

/// One run of one contestant.
pub type Run = fn(Scale) -> Sample;

/// What is asked of the subject's value over a rival's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At least this multiple.
    AtLeast(f64),
    /// At most this multiple.
    AtMost(f64),
    /// At least this multiple is the aim; it binds nobody.
    Aim(f64),
}

impl core::fmt::Display for Bar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::AtLeast(need) => write!(f, ">= {need}"),
            Self::AtMost(need) => write!(f, "<= {need}"),
            Self::Aim(need) => write!(f, "aim {need}"),
        }
    }
}

/// Somebody who takes part in a figure.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    /// The name in the report.
    pub name: &'static str,
    /// One run.
    pub run: Run,
    /// What the subject's ratio to this one must be; none prints the ratio only.
    pub bars: &'static [Bar],
}

/// A row of the table. The first contestant is the subject, the others are its rivals.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What is measured.
    pub name: &'static str,
    /// Payload, cores and wait strategy.
    pub setup: &'static str,
    /// Unit of the values.
    pub unit: &'static str,
    /// What the subject's value itself must keep to, in `unit`.
    pub limit: Option<Bar>,
    /// A program that it cannot be measured without, or the variable that names one.
    pub needs: Option<&'static str>,
    /// The subject, then its rivals.
    pub contestants: &'static [Contestant],
}
