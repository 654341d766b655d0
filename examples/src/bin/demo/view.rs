//! What is shown while flights are published: a table redrawn in place, or a line now and then.

use core::fmt::Write as _;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Instant;

use neo_protocol::{Counters, RouteCounters};

use crate::data::{Carrier, Failure, Flight, Month};
use crate::delays::Mean;
use crate::play::Plan;
use crate::readers::{BOARD, DESKS, JFK, ROLES, Role, SLOW};
use crate::stage::Stage;
use crate::text::{Ink, bar, moment, thousands, time};

/// Rows of the live table's lower half.
const ROWS: usize = 8;
/// Characters of the longest bar of a delay, and the minutes that it stands for.
const DELAY_BAR: (usize, f64) = (22, 30.0);

/// Everything that is shown at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    title: &'static str,
    minute: u32,
    published: u64,
    of: u64,
    elapsed: Duration,
    counters: Counters,
    shares: Vec<u64>,
    /// The busiest carriers, as the service answered.
    means: Vec<(Carrier, Mean)>,
    last: Vec<Flight>,
}

impl Snapshot {
    pub(crate) fn take(
        stage: &mut Stage,
        month: &Month,
        plan: &Plan,
        start: Instant,
        published: &AtomicU64,
    ) -> Result<Self, Failure> {
        // First the board, so that it holds nothing that is not counted yet as published.
        stage.board.refresh()?;
        let published = published.load(Ordering::Relaxed);
        let flights = month.flights.len() as u64;
        let at = published.saturating_sub(1) % flights;
        let minute = month.flights[at as usize].scheduled;
        Ok(Self {
            title: plan.title,
            minute,
            published,
            of: flights * plan.repeats,
            elapsed: start.elapsed(),
            counters: stage.counters(),
            shares: stage.shares(),
            means: busiest(stage.ask_means()?),
            last: stage.board.last(ROWS, minute),
        })
    }

    fn rate(&self) -> u64 {
        (self.published as f64 / self.elapsed.as_secs_f64().max(1e-3)) as u64
    }

    /// The lines of the live table; always the same number.
    fn table(&self, ink: Ink) -> Vec<String> {
        let mut lines = vec![
            ink.bold(&format!(" {:<61}{}", self.title, moment(self.minute))),
            self.progress(ink),
            String::new(),
            ink.dim(&format!(
                " {:<11}{:<16}{:<13}{:>12}{:>13}{:>12}",
                "SUBSCRIBER", "PATTERN", "POLICY", "DELIVERED", "LOST", "WAITING"
            )),
        ];
        lines.extend(ROLES.map(|role| row(role, role.find(&self.counters), ink)));
        let shares: Vec<String> = self.shares.iter().map(|share| thousands(*share)).collect();
        let shares = format!("   the group's three members took {}", shares.join(" · "));
        lines.insert(6, ink.dim(&shares));
        lines.push(String::new());
        lines.push(ink.dim(&format!(
            " {:<41}{}",
            "MEAN DELAY, ASKED OF THE SERVICE", "LAST TO LEAVE, FROM THE LATEST VIEW"
        )));
        for index in 0..ROWS {
            lines.push(self.pair(index, ink));
        }
        lines
    }

    fn progress(&self, ink: Ink) -> String {
        const WIDTH: usize = 34;
        let full = bar(self.published as f64, self.of as f64, WIDTH);
        let rest = "░".repeat(WIDTH - full.chars().count());
        let of = format!("{} of {}", thousands(self.published), thousands(self.of));
        let rate = format!("{} msg/s", thousands(self.rate()));
        format!(" {}{}{of:>25}{rate:>18}", ink.blue(&full), ink.dim(&rest))
    }

    /// A carrier on the left, a flight on the right.
    fn pair(&self, index: usize, ink: Ink) -> String {
        let mut line = String::from(" ");
        match self.means.get(index) {
            Some((carrier, mean)) => {
                let (width, minutes) = DELAY_BAR;
                let bar = format!("{:<width$}", bar(mean.minutes, minutes, width));
                let _ = write!(line, "{carrier} {:>7.1} min  {}  ", mean.minutes, ink.blue(&bar));
            }
            None => line.push_str(&" ".repeat(40)),
        }
        if let Some(flight) = self.last.get(index) {
            let number = flight.number;
            let (from, to) = (flight.origin, flight.destination);
            let _ = write!(line, "  {} {} {number:<5}", time(flight.scheduled), flight.carrier);
            let _ = write!(line, "{from} → {to}  {:>11}", lateness(flight.departure_delay));
        }
        line
    }

    /// One line for logs.
    fn line(&self) -> String {
        let find = |role: Role| role.find(&self.counters);
        let taken = |role| thousands(find(role).map_or(0, |route| route.delivered));
        let lost = thousands(find(SLOW).map_or(0, |route| route.lost));
        let shares: Vec<String> = self.shares.iter().map(|share| thousands(*share)).collect();
        format!(
            "{}  {:>9} published  jfk {}  {} {}  board {}  slow {} (lost {lost})",
            moment(self.minute),
            thousands(self.published),
            taken(JFK),
            DESKS.name,
            shares.join("+"),
            taken(BOARD),
            taken(SLOW),
        )
    }
}

/// The carriers with the most departures first.
fn busiest(means: BTreeMap<Carrier, Mean>) -> Vec<(Carrier, Mean)> {
    let mut means: Vec<_> = means.into_iter().collect();
    means.sort_by_key(|(_, mean)| core::cmp::Reverse(mean.departed));
    means
}

fn row(role: Role, route: Option<&RouteCounters>, ink: Ink) -> String {
    let Some(route) = route else { return format!(" {}: not subscribed", role.name) };
    let lost = format!("{:>13}", thousands(route.lost));
    let lost = if route.lost > 0 { ink.yellow(&lost) } else { lost };
    format!(
        " {:<11}{:<16}{:<13}{:>12}{lost}{:>12}",
        role.name,
        role.pattern,
        format!("{:?}", role.policy),
        thousands(route.delivered),
        thousands(route.queued)
    )
}

fn lateness(delay: Option<i16>) -> String {
    match delay {
        None => "cancelled".to_owned(),
        Some(0) => "on time".to_owned(),
        Some(minutes) if minutes > 0 => format!("{minutes} late"),
        Some(minutes) => format!("{} early", minutes.unsigned_abs()),
    }
}

/// Where snapshots are shown.
#[derive(Debug)]
pub(crate) enum View {
    /// A terminal: the table is drawn over itself.
    Live { ink: Ink, drawn: usize },
    /// Anything else: a line each second.
    Plain,
    /// Nothing is shown.
    #[cfg(test)]
    Silent,
}

impl View {
    pub(crate) fn period(&self) -> Duration {
        match self {
            Self::Live { .. } => Duration::from_millis(100),
            Self::Plain => Duration::from_secs(1),
            #[cfg(test)]
            Self::Silent => Duration::from_millis(1),
        }
    }

    pub(crate) fn show(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let text = match self {
            Self::Live { ink, drawn } => {
                let lines = snapshot.table(*ink);
                let text = redrawn(&lines, *drawn);
                *drawn = lines.len();
                text
            }
            Self::Plain => snapshot.line() + "\n",
            #[cfg(test)]
            Self::Silent => return Ok(()),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// The last snapshot of a part, which stays on the screen.
    pub(crate) fn end(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.show(snapshot)?;
        if let Self::Live { drawn, .. } = self {
            *drawn = 0;
        }
        io::stdout().write_all(b"\n")
    }
}

/// The lines over those drawn before. The terminal shows them at once and does not wrap them, so
/// that nothing flickers, and a narrow window cuts lines off where wrapping would scroll.
fn redrawn(lines: &[String], drawn: usize) -> String {
    let mut text = String::from("\x1b[?2026h\x1b[?7l");
    if drawn > 0 {
        let _ = write!(text, "\x1b[{drawn}A");
    }
    for line in lines {
        let _ = writeln!(text, "\r{line}\x1b[K");
    }
    text + "\x1b[?7h\x1b[?2026l"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Code;
    use crate::text::COLUMNS;

    fn snapshot(published: u64) -> Snapshot {
        let flight = Flight {
            scheduled: 44_639,
            departure_delay: Some(-1_301),
            arrival_delay: None,
            number: 65_535,
            carrier: Code::parse("UA").unwrap(),
            origin: Code::parse("EWR").unwrap(),
            destination: Code::parse("IAH").unwrap(),
        };
        let mean = Mean { minutes: 1_301.0, departed: published };
        Snapshot {
            title: "Neo: January 2013 out of New York",
            minute: 44_639,
            published,
            of: 2_700_400,
            elapsed: Duration::from_secs(3),
            counters: Counters::default(),
            shares: vec![published; 3],
            means: vec![(flight.carrier, mean); ROWS * 2],
            last: vec![flight; ROWS],
        }
    }

    #[test]
    fn the_table_fits_a_terminal_of_80_columns_and_24_lines() {
        for published in [0, 1, 27_004, 2_700_400] {
            let lines = snapshot(published).table(Ink::NONE);
            assert!(lines.len() < 24, "{} lines", lines.len());
            for line in lines {
                assert!(line.chars().count() <= COLUMNS, "too long: {line}");
            }
        }
    }

    #[test]
    fn the_table_keeps_its_height_whatever_is_known_so_far() {
        let mut early = snapshot(0);
        let height = early.table(Ink::NONE).len();
        (early.means, early.last) = (Vec::new(), Vec::new());
        assert_eq!(early.table(Ink::NONE).len(), height);
    }

    #[test]
    fn colours_change_no_character_that_is_shown() {
        let strip = |line: &String| {
            let mut parts = line.split('\x1b');
            let first = parts.next().unwrap_or_default().to_owned();
            first + &parts.filter_map(|part| part.split_once('m')).map(|p| p.1).collect::<String>()
        };
        let coloured: Vec<String> = snapshot(9).table(Ink::COLOURS).iter().map(strip).collect();
        assert_eq!(coloured, snapshot(9).table(Ink::NONE));
    }

    #[test]
    fn a_redraw_goes_up_by_what_was_drawn_before() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert!(!redrawn(&lines, 0).contains('A'));
        assert!(redrawn(&lines, 2).contains("\x1b[2A\ra\x1b[K\n\rb\x1b[K\n"));
    }
}
