//! Sums over flights: what a subscriber adds up from messages, and the check from the file.

use std::collections::BTreeMap;

use crate::data::{Airport, Carrier, Flight};

/// A number of flights and how late they left.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Delays {
    pub(crate) flights: u64,
    /// Those that have a departure delay: the mean is over them.
    pub(crate) departed: u64,
    pub(crate) minutes: i64,
}

impl Delays {
    fn add(&mut self, flight: &Flight) {
        self.flights += 1;
        if let Some(minutes) = flight.departure_delay {
            self.departed += 1;
            self.minutes += i64::from(minutes);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.flights += other.flights;
        self.departed += other.departed;
        self.minutes += other.minutes;
    }

    pub(crate) fn times(self, repeats: u64) -> Self {
        Self {
            flights: self.flights * repeats,
            departed: self.departed * repeats,
            minutes: self.minutes * repeats.cast_signed(),
        }
    }

    /// Mean departure delay in minutes.
    pub(crate) fn mean(self) -> Option<f64> {
        (self.departed > 0).then(|| self.minutes as f64 / self.departed as f64)
    }
}

/// Delays by carrier and by route.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub(crate) total: Delays,
    pub(crate) carriers: BTreeMap<Carrier, Delays>,
    pub(crate) routes: BTreeMap<(Airport, Airport), Delays>,
}

impl Tally {
    pub(crate) fn of<'f>(flights: impl IntoIterator<Item = &'f Flight>) -> Self {
        let mut tally = Self::default();
        flights.into_iter().for_each(|flight| tally.add(flight));
        tally
    }

    pub(crate) fn add(&mut self, flight: &Flight) {
        self.total.add(flight);
        self.carriers.entry(flight.carrier).or_default().add(flight);
        self.routes.entry((flight.origin, flight.destination)).or_default().add(flight);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.total.merge(other.total);
        for (carrier, delays) in &other.carriers {
            self.carriers.entry(*carrier).or_default().merge(*delays);
        }
        for (route, delays) in &other.routes {
            self.routes.entry(*route).or_default().merge(*delays);
        }
    }

    /// Carriers with the most flights first.
    pub(crate) fn busiest_carriers(&self) -> Vec<(Carrier, Delays)> {
        busiest(&self.carriers)
    }

    /// Routes with the most flights first.
    pub(crate) fn busiest_routes(&self) -> Vec<((Airport, Airport), Delays)> {
        busiest(&self.routes)
    }
}

fn busiest<K: Copy>(map: &BTreeMap<K, Delays>) -> Vec<(K, Delays)> {
    let mut entries: Vec<_> = map.iter().map(|(key, delays)| (*key, *delays)).collect();
    entries.sort_by_key(|(_, delays)| core::cmp::Reverse(delays.flights));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Month;

    #[test]
    fn the_mean_skips_flights_that_never_departed() {
        let total = Tally::of(&Month::load().unwrap().flights).total;
        assert_eq!((total.flights, total.departed), (27_004, 26_483));
        assert_eq!(total.mean(), Some(265_801.0 / 26_483.0));
        assert_eq!(Delays::default().mean(), None);
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let flights = Month::load().unwrap().flights;
        let (left, right) = flights.split_at(9_000);
        let mut merged = Tally::of(left);
        merged.merge(&Tally::of(right));
        assert_eq!(merged, Tally::of(&flights));
    }
}
