//! The limits page (R2): every maximum that the memory of a region is laid out for.

use super::error::LimitsError;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bytes of one reply cell, and of one cell of a mailbox.
pub(crate) const CELL_BYTES: usize = 256;
/// Entries of one participant's holder table.
/// Miri visits each of them a thousand times slower.
pub(crate) const HOLDERS: usize = if cfg!(miri) { 64 } else { 4_096 };

/// What a region can hold at most. Everything beyond a limit is refused, never grown into.
///
/// All participants of a region must be opened with the same limits; attaching with others is
/// refused with both values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Budget of payload bytes: 1 MiB to 64 GiB, 256 MiB by default. At the cap publishers meet
    /// backpressure. Rounded down to whole segments of 256 KiB.
    pub memory_bytes_max: u64,
    /// Participants at one time: 1 to 1,024, 64 by default.
    pub participants_max: u32,
    /// Subscriptions, groups and services together: 1 to 1,048,576, 131,072 by default.
    pub routes_max: u32,
    /// Calls in flight of one participant: 1 to 4,096, 1,024 by default.
    pub calls_in_flight_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 256 * MIB,
            participants_max: 64,
            routes_max: 131_072,
            calls_in_flight_max: 1_024,
        }
    }
}

impl Limits {
    /// The defaults of every limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the budget of payload bytes.
    #[must_use]
    pub fn with_memory_bytes_max(mut self, bytes: u64) -> Self {
        self.memory_bytes_max = bytes;
        self
    }

    /// Sets how many participants a region has at one time.
    #[must_use]
    pub fn with_participants_max(mut self, participants: u32) -> Self {
        self.participants_max = participants;
        self
    }

    /// Sets how many subscriptions, groups and services a region has at one time.
    #[must_use]
    pub fn with_routes_max(mut self, routes: u32) -> Self {
        self.routes_max = routes;
        self
    }

    /// Sets how many calls of one participant can be in flight.
    #[must_use]
    pub fn with_calls_in_flight_max(mut self, calls: u32) -> Self {
        self.calls_in_flight_max = calls;
        self
    }

    /// Largest frame in bytes: 1 GiB or half of the memory budget, whichever is less.
    #[must_use]
    pub fn frame_bytes_max(&self) -> u64 {
        GIB.min(self.memory_bytes_max / 2)
    }

    /// Pollers of a region: one for each subscription, and spare ones.
    pub(crate) fn pollers(&self) -> u32 {
        self.routes_max + 1_024
    }

    /// Checks every limit against what the layout allows.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] names the first limit that is out of its range, the value and the range.
    pub fn validate(&self) -> Result<(), LimitsError> {
        for (limit, value, range) in self.named() {
            if !range.contains(&value) {
                return Err(LimitsError { limit, value, min: *range.start(), max: *range.end() });
            }
        }
        Ok(())
    }

    /// The first limit that differs: its name, its value here and there.
    #[must_use]
    pub fn difference(&self, there: &Self) -> Option<(&'static str, u64, u64)> {
        let pairs = self.named().into_iter().zip(there.named());
        pairs
            .map(|((name, here, _), (_, there, _))| (name, here, there))
            .find(|(_, here, there)| here != there)
    }

    /// The limits in the order of the control header, with the range of each.
    pub(crate) fn named(&self) -> [(&'static str, u64, core::ops::RangeInclusive<u64>); 4] {
        [
            ("memory_bytes_max", self.memory_bytes_max, MIB..=64 * GIB),
            ("participants_max", self.participants_max.into(), 1..=1_024),
            ("subscriptions_max", self.routes_max.into(), 1..=1_048_576),
            ("calls_in_flight_max", self.calls_in_flight_max.into(), 1..=4_096),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Limits::new().validate(), Ok(()));
    }

    #[test]
    fn a_limit_out_of_range_is_named_with_its_range() {
        let error = Limits::new().with_memory_bytes_max(4_096).validate().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("memory_bytes_max = 4096 is too small"), "{text}");
        assert!(text.contains("needs at least 1048576"), "{text}");
        let error = Limits::new().with_participants_max(2_000).validate().unwrap_err();
        assert!(error.to_string().contains("participants_max = 2000 is too large"));
    }
}
