//! What the demo does as a process that it started itself: publish the month, or add it up.

use core::time::Duration;
use std::io::{self, Write as _};
use std::time::Instant;

use neo_protocol::{Kernel, Policy, Publisher};

use super::line::Line;
use crate::data::{DAYS, Failure, Flight, MINUTES, MINUTES_PER_DAY, Month};
use crate::play::wait_until;
use crate::tally::Tally;

/// How long the month takes: long enough to kill the publisher in the middle of it.
pub(super) const MONTH_TAKES: Duration = Duration::from_secs(2);
/// Nobody waits so long, unless something is wrong.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Says that a publisher begins, or begins again, with a day; the payload is its number from 0.
const AGAIN: &str = "flights.again";
const END: &str = "flights.end";

/// Publishes the month from a day on, and prints each day as it begins.
pub(crate) fn publish(url: &str, first: u8) -> Result<(), Failure> {
    let month = Month::load()?;
    let kernel = Kernel::open(url)?;
    let open = |topic: &str| kernel.publisher(topic).send_timeout(LIMIT).open();
    let publishers: Vec<Publisher> =
        month.topics.iter().map(|topic| open(topic)).collect::<Result<_, _>>()?;
    let skipped = u32::from(first) * MINUTES_PER_DAY;
    let start = Instant::now();
    let mut today = None;
    open(AGAIN)?.publish(&[first])?;
    for (flight, topic) in month.flights.iter().zip(&month.topic_of) {
        let Some(minute) = flight.scheduled.checked_sub(skipped) else { continue };
        wait_until(start + MONTH_TAKES * minute / MINUTES);
        if today != Some(flight.day()) {
            today = Some(flight.day());
            writeln!(io::stdout(), "{}", flight.day())?;
        }
        publishers[*topic].publish(&flight.encode())?;
    }
    open(END)?.publish(b"")?;
    Ok(())
}

/// Adds up every flight, day by day, and prints what came.
pub(crate) fn read(url: &str) -> Result<(), Failure> {
    let kernel = Kernel::open(url)?;
    let mut flights = kernel.subscribe("flights.>").policy(Policy::Block).depth(4_096).open()?;
    writeln!(io::stdout(), "ready")?;
    let mut days = vec![Tally::default(); DAYS];
    let mut line = Line::default();
    loop {
        let message = flights.recv_timeout(LIMIT)?.ok_or("no flight came in time")?;
        line.lost += message.lost_before();
        match (message.topic(), message.payload()) {
            (END, _) => break,
            (AGAIN, [first]) => {
                days.iter_mut().skip(usize::from(*first)).for_each(|day| *day = Tally::default());
            }
            (_, payload) => {
                let flight = Flight::decode(payload).ok_or("a message holds no flight")?;
                days.get_mut(flight.day()).ok_or("no day of the month")?.add(&flight);
                line.received += 1;
            }
        }
    }
    let mut all = Tally::default();
    days.iter().for_each(|day| all.merge(day));
    line.total = all.total.into();
    line.carriers =
        all.carriers.iter().map(|(name, delays)| (name.to_string(), (*delays).into())).collect();
    writeln!(io::stdout(), "{}", serde_json::to_string(&line)?)?;
    Ok(())
}
