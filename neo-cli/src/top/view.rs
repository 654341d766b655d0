//! The tables, as lines of text and as widgets.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};

use super::Model;
use super::model::{self, Participant};
use crate::args::SortBy;
use crate::text;

const ROUTES: [&str; 8] = ["TOPIC", "POLICY", "IN/S", "OUT/S", "LAG", "LOST", "LOST/S", "READERS"];
/// The first column of figures.
const ROUTES_FIGURES: usize = 2;
const PARTICIPANTS: [&str; 7] = ["ID", "PID", "PROGRAM", "STATE", "ROUTES", "CALLS", "BLOCKS"];
const PARTICIPANTS_FIGURES: usize = 4;

fn summary(model: &Model) -> String {
    let age = model.age_s.map_or(String::new(), |age| format!(", up {}", text::seconds(age)));
    format!(
        "{}{age}, {}, memory {} of {} ({} resident), late replies {}, expired requests {}",
        model.url,
        text::plural(model.participants.len() as u64, "participant"),
        text::bytes(model.memory.used_bytes),
        text::bytes(model.memory.max_bytes),
        text::bytes(model.memory.resident_bytes),
        text::grouped(model.late_replies),
        text::grouped(model.expired_requests),
    )
}

fn rate(per_s: f64) -> String {
    text::grouped(per_s.round() as u64)
}

fn route(row: &model::Row) -> Vec<String> {
    vec![
        row.title(),
        row.policy.into(),
        rate(row.accepted_per_s),
        rate(row.delivered_per_s),
        format!("{}/{}", text::grouped(row.queued), text::grouped(row.depth)),
        text::grouped(row.not_delivered()),
        rate(row.lost_per_s),
        row.readers.len().to_string(),
    ]
}

fn participant(one: &Participant) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.process.pid.to_string(),
        one.process.command.clone().unwrap_or_else(|| "-".into()),
        one.state().into(),
        one.routes.to_string(),
        one.calls_in_flight.to_string(),
        one.blocks_held.to_string(),
    ]
}

/// The tables for a pipe.
pub(crate) fn lines(model: &Model) -> Vec<String> {
    let routes: Vec<Vec<String>> = model.routes.iter().map(route).collect();
    let participants: Vec<Vec<String>> = model.participants.iter().map(participant).collect();
    let mut lines = vec![summary(model)];
    lines.extend(text::table(&ROUTES, &routes));
    lines.extend(text::table(&PARTICIPANTS, &participants));
    lines
}

/// The tables for a terminal; `first` is the first of the routes that is shown.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, sort: SortBy, first: usize) {
    let people = model.participants.len() as u16 + 1;
    let [head, routes, participants, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(people.min(frame.area().height / 3)),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let summary = Paragraph::new(summary(model)).bold().wrap(Wrap { trim: true });
    frame.render_widget(summary, head);
    draw_routes(frame, routes, model, first);
    let rows = model.participants.iter().map(|one| {
        let row = cells(participant(one), PARTICIPANTS_FIGURES);
        if one.state() == "runs" { row } else { row.style(Style::new().fg(Color::Yellow)) }
    });
    let widths = [4, 8, 18, 8, 7, 6, 7].map(Constraint::Length);
    frame.render_widget(
        Table::new(rows, widths).header(header(&PARTICIPANTS, PARTICIPANTS_FIGURES)),
        participants,
    );
    let keys = format!("q quit · s sort (now by {}) · ↑ ↓ scroll", sort.word());
    frame.render_widget(Line::from(keys).dim(), foot);
}

fn draw_routes(frame: &mut Frame<'_>, area: Rect, model: &Model, first: usize) {
    let rows = model.routes.iter().skip(first).map(|one| {
        let row = cells(route(one), ROUTES_FIGURES);
        if one.lost_per_s > 0.0 {
            row.style(Style::new().fg(Color::Red))
        } else if one.is_half_full() {
            row.style(Style::new().fg(Color::Yellow))
        } else {
            row
        }
    });
    let [_, rest @ ..] = [0, 11, 11, 11, 13, 11, 9, 7].map(Constraint::Length);
    let widths = core::iter::once(Constraint::Min(16)).chain(rest);
    frame.render_widget(Table::new(rows, widths).header(header(&ROUTES, ROUTES_FIGURES)), area);
}

/// A row; columns from `figures` on stand to the right.
fn cells(texts: impl IntoIterator<Item = String>, figures: usize) -> Row<'static> {
    Row::new(texts.into_iter().enumerate().map(|(column, text)| {
        let line = Line::from(text);
        Cell::from(if column < figures { line } else { line.right_aligned() })
    }))
}

fn header(names: &[&str], figures: usize) -> Row<'static> {
    cells(names.iter().map(|name| (*name).to_owned()), figures).style(Style::new().reversed())
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::process::Process;
    use crate::top::model::Memory;

    fn row(pattern: &str, queued: u64, lost_per_s: f64) -> model::Row {
        model::Row {
            kind: "subscription",
            pattern: pattern.into(),
            group: None,
            policy: "drop-oldest",
            depth: 1_024,
            queued,
            accepted: 5_000,
            delivered: 4_000,
            lost: 1_000,
            timed_out: 0,
            accepted_per_s: 1_234.4,
            delivered_per_s: 1_000.0,
            lost_per_s,
            open_s: 60.0,
            readers: vec![1],
        }
    }

    fn model() -> Model {
        let process = Process { pid: 4_711, command: Some("python".into()), is_stopped: false };
        Model {
            url: "shm://orders".into(),
            age_s: Some(7_300.0),
            interval_s: 1.0,
            memory: Memory { used_bytes: 1 << 20, max_bytes: 256 << 20, resident_bytes: 3 << 20 },
            late_replies: 2,
            expired_requests: 0,
            routes: vec![row("flights.*", 1_024, 12.0), row("prices.>", 3, 0.0)],
            participants: vec![Participant {
                id: 1,
                process,
                is_dead: false,
                routes: 2,
                calls_in_flight: 0,
                blocks_held: 7,
            }],
        }
    }

    #[test]
    fn a_terminal_shows_the_tables() {
        let mut terminal = Terminal::new(TestBackend::new(96, 12)).unwrap();
        terminal.draw(|frame| draw(frame, &model(), SortBy::Lag, 0)).unwrap();
        let buffer = terminal.backend().buffer();
        let shown: Vec<String> = (0..12)
            .map(|y| (0..96).map(|x| buffer[(x, y)].symbol()).collect::<String>())
            .map(|line| line.trim_end().to_owned())
            .collect();
        assert_eq!(shown.join("\n"), EXPECTED);
        assert_eq!(buffer[(0, 3)].fg, Color::Red, "it loses now");
        assert_eq!(buffer[(0, 4)].fg, Color::Reset);
    }

    const EXPECTED: &str = "\
shm://orders, up 2 h, 1 participant, memory 1.0 MiB of 256 MiB (3.0 MiB resident), late replies
2, expired requests 0
TOPIC            POLICY             IN/S       OUT/S           LAG        LOST    LOST/S READERS
flights.*        drop-oldest       1,234       1,000   1,024/1,024       1,000        12       1
prices.>         drop-oldest       1,234       1,000       3/1,024       1,000         0       1




ID   PID      PROGRAM            STATE     ROUTES  CALLS  BLOCKS
1    4711     python             runs           2      0       7
q quit · s sort (now by lag) · ↑ ↓ scroll";

    #[test]
    fn the_routes_scroll_and_a_small_terminal_is_no_error() {
        for (width, height) in [(100, 12), (20, 4), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw(frame, &model(), SortBy::Name, 1)).unwrap();
        }
        let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
        terminal.draw(|frame| draw(frame, &model(), SortBy::Name, 1)).unwrap();
        let first: String = (0..8).map(|x| terminal.backend().buffer()[(x, 3)].symbol()).collect();
        assert_eq!(first, "prices.>");
    }

    #[test]
    fn rows_are_sorted_by_what_was_asked_for() {
        let mut model = model();
        let mut order = |by| {
            model.sort(by);
            model.routes.iter().map(|row| row.pattern.clone()).collect::<Vec<_>>()
        };
        assert_eq!(order(SortBy::Lag), ["flights.*", "prices.>"]);
        assert_eq!(order(SortBy::Name), ["flights.*", "prices.>"]);
        model.routes[1].queued = 2_000;
        model.sort(SortBy::Lag);
        assert_eq!(model.routes[0].pattern, "prices.>");
    }
}
