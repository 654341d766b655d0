//! The month of flights: the file, a flight, and its form in a message.

use core::fmt;
use std::io::Read as _;

use flate2::read::GzDecoder;

/// January 2013; `examples/data/README.md` describes it. Part of the program, so that the demo runs
/// from any folder.
const FILE: &[u8] = include_bytes!("../../../data/flights-2013-01.csv.gz");

pub(crate) const MINUTES_PER_DAY: u32 = 24 * 60;
pub(crate) const DAYS: usize = 31;
/// Scheduled minutes of the month lie below this.
pub(crate) const MINUTES: u32 = DAYS as u32 * MINUTES_PER_DAY;

/// Stands in a message for a delay that the file does not know.
const MISSING: i16 = i16::MIN;

pub(crate) type Failure = Box<dyn core::error::Error + Send + Sync>;

/// The letters of a carrier (2) or an airport (3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Code<const N: usize>([u8; N]);

impl<const N: usize> Code<N> {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let letters: [u8; N] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphanumeric).then_some(Self(letters))
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

pub(crate) type Carrier = Code<2>;
pub(crate) type Airport = Code<3>;

/// What the demo keeps of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flight {
    /// Scheduled departure in minutes since the month began.
    pub(crate) scheduled: u32,
    /// Minutes late; `None` if it never departed.
    pub(crate) departure_delay: Option<i16>,
    /// Minutes late; `None` if it never arrived, or nobody wrote down when.
    pub(crate) arrival_delay: Option<i16>,
    pub(crate) number: u16,
    pub(crate) carrier: Carrier,
    pub(crate) origin: Airport,
    pub(crate) destination: Airport,
}

impl Flight {
    /// Bytes of a flight in a message.
    pub(crate) const BYTES: usize = 18;

    /// Reads one line of the file.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let fields: [&str; 19] = fields.try_into().ok()?;
        let [_, "1", day, _, _, departure, _, _, arrival, carrier, number, ..] = fields else {
            return None;
        };
        let [.., origin, destination, _, _, hour, minute, _] = fields;
        let (day, hour, minute): (u32, u32, u32) =
            (day.parse().ok()?, hour.parse().ok()?, minute.parse().ok()?);
        let scheduled = day.checked_sub(1)? * MINUTES_PER_DAY + hour * 60 + minute;
        (scheduled < MINUTES).then_some(Self {
            scheduled,
            departure_delay: parse_delay(departure)?,
            arrival_delay: parse_delay(arrival)?,
            number: number.parse().ok()?,
            carrier: Code::parse(carrier)?,
            origin: Code::parse(origin)?,
            destination: Code::parse(destination)?,
        })
    }

    /// The day of its scheduled departure, from 0.
    pub(crate) fn day(&self) -> usize {
        (self.scheduled / MINUTES_PER_DAY) as usize
    }

    /// The topic that it is published on.
    pub(crate) fn topic(&self) -> String {
        format!("flights.{}.{}.{}", self.origin, self.carrier, self.destination)
    }

    /// Its message: fixed places, little-endian. Whoever receives it computes at once, where a line
    /// of text would have to be parsed again by each of them.
    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.scheduled.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.departure_delay.unwrap_or(MISSING).to_le_bytes());
        bytes[6..8].copy_from_slice(&self.arrival_delay.unwrap_or(MISSING).to_le_bytes());
        bytes[8..10].copy_from_slice(&self.number.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.carrier.0);
        bytes[12..15].copy_from_slice(&self.origin.0);
        bytes[15..].copy_from_slice(&self.destination.0);
        bytes
    }

    /// The flight in a message.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = payload.try_into().ok()?;
        let [s0, s1, s2, s3, d0, d1, a0, a1, n0, n1, c0, c1, o0, o1, o2, t0, t1, t2] = *bytes;
        let delay = |low, high| Some(i16::from_le_bytes([low, high])).filter(|d| *d != MISSING);
        Some(Self {
            scheduled: u32::from_le_bytes([s0, s1, s2, s3]),
            departure_delay: delay(d0, d1),
            arrival_delay: delay(a0, a1),
            number: u16::from_le_bytes([n0, n1]),
            carrier: Code([c0, c1]),
            origin: Code([o0, o1, o2]),
            destination: Code([t0, t1, t2]),
        })
    }
}

/// `NA` is a missing value; anything else must be a number.
fn parse_delay(field: &str) -> Option<Option<i16>> {
    if field == "NA" { Some(None) } else { field.parse().ok().map(Some) }
}

/// The file that the program carries, unpacked.
pub(crate) fn text() -> Result<String, Failure> {
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// All flights, in the order of their scheduled departures.
#[derive(Debug)]
pub(crate) struct Month {
    pub(crate) flights: Vec<Flight>,
    /// Every topic once.
    pub(crate) topics: Vec<String>,
    /// For each flight, the place of its topic in `topics`.
    pub(crate) topic_of: Vec<usize>,
}

impl Month {
    /// Reads the file that the program carries.
    pub(crate) fn load() -> Result<Self, Failure> {
        Self::parse(&text()?)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let mut flights = Vec::new();
        for (index, line) in text.lines().enumerate().skip(1) {
            let flight = Flight::parse(line);
            flights.push(flight.ok_or_else(|| format!("line {}: no flight: {line}", index + 1))?);
        }
        flights.sort_by_key(|flight| flight.scheduled);
        let named: Vec<String> = flights.iter().map(Flight::topic).collect();
        let mut topics = named.clone();
        topics.sort_unstable();
        topics.dedup();
        let topic_of = named.iter().map(|topic| topics.partition_point(|t| t < topic)).collect();
        Ok(Self { flights, topics, topic_of })
    }

    /// Carriers in alphabetical order.
    pub(crate) fn carriers(&self) -> Vec<Carrier> {
        let mut carriers: Vec<Carrier> = self.flights.iter().map(|f| f.carrier).collect();
        carriers.sort_unstable();
        carriers.dedup();
        carriers
    }

    /// Flights whose topic begins with `prefix`.
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        self.topic_of.iter().filter(|topic| self.topics[**topic].starts_with(prefix)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "2013,1,31,NA,1935,NA,NA,2240,7,B6,725,NA,JFK,BQN,183,1576,19,35,x";

    #[test]
    fn the_file_holds_the_flights_that_its_description_says() {
        let month = Month::load().unwrap();
        assert_eq!(month.flights.len(), 27_004);
        assert_eq!(month.flights.iter().filter(|f| f.departure_delay.is_none()).count(), 521);
        assert_eq!(month.flights.iter().filter(|f| f.arrival_delay.is_none()).count(), 606);
        let minutes = month.flights.iter().filter_map(|f| f.departure_delay).map(i64::from);
        assert_eq!(minutes.sum::<i64>(), 265_801);
        assert_eq!(month.topics.len(), 307);
        assert_eq!(month.carriers().len(), 16);
        assert_eq!((month.count("flights.JFK."), month.count("flights.")), (9_161, 27_004));
        assert!(month.flights.is_sorted_by_key(|flight| flight.scheduled));
    }

    #[test]
    fn tail_numbers_are_missing_as_often_as_the_description_says() {
        let text = text().unwrap();
        let without = text.lines().filter(|line| line.split(',').nth(11) == Some("NA")).count();
        assert_eq!(without, 155);
        assert!(!text.contains('"'), "fields are not quoted, so that a comma always parts them");
    }

    #[test]
    fn a_line_becomes_a_flight_and_na_is_missing() {
        let flight = Flight::parse(LINE).unwrap();
        assert_eq!(flight.scheduled, 30 * MINUTES_PER_DAY + 19 * 60 + 35);
        assert_eq!((flight.departure_delay, flight.arrival_delay), (None, Some(7)));
        assert_eq!(flight.number, 725);
        assert_eq!(flight.topic(), "flights.JFK.B6.BQN");
    }

    #[test]
    fn a_line_that_is_no_flight_of_january_is_told_with_its_number() {
        assert_eq!(Flight::parse(&LINE.replacen(",1,31", ",2,31", 1)), None);
        assert_eq!(Flight::parse(&LINE.replacen(",7,", ",late,", 1)), None);
        assert_eq!(Flight::parse("2013,1,1"), None);
        let error = Month::parse(&format!("header\n{LINE}\n2013,1,1\n")).unwrap_err();
        assert_eq!(error.to_string(), "line 3: no flight: 2013,1,1");
    }

    #[test]
    fn every_flight_survives_its_message() {
        for flight in Month::load().unwrap().flights {
            assert_eq!(Flight::decode(&flight.encode()), Some(flight));
        }
        assert_eq!(Flight::decode(&[0; Flight::BYTES + 1]), None);
    }
}
