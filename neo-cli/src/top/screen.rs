//! The live table: draws, waits for a key or the next look, and leaves the terminal as it was.

use core::time::Duration;
use std::time::Instant;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Model, Watch, view};
use crate::args::{SortBy, TopArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::Stop;

/// How long a signal may wait for its answer: the terminal's wait knows keys only.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the user wants.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Redraw,
    Nothing,
}

pub(crate) fn run(
    arguments: &TopArguments,
    watch: &mut Watch,
    stop: &Stop,
    output: &Output,
) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()?;
    let ended = Screen::new(arguments, stop).keep(&mut terminal, watch);
    ratatui::try_restore()?;
    if !ended? {
        watch.say_over(output);
    }
    Ok(())
}

struct Screen<'a> {
    stop: &'a Stop,
    interval: Duration,
    sort: SortBy,
    first: usize,
}

impl<'a> Screen<'a> {
    fn new(arguments: &TopArguments, stop: &'a Stop) -> Self {
        Self { stop, interval: arguments.interval, sort: arguments.sort, first: 0 }
    }

    /// True: the user has seen enough. False: the kernel is over.
    fn keep(&mut self, terminal: &mut DefaultTerminal, watch: &mut Watch) -> Result<bool, Failure> {
        while let Some(mut model) = watch.next() {
            let due = Instant::now() + self.interval;
            loop {
                self.draw(terminal, &mut model)?;
                match self.wait(due)? {
                    Wish::Quit => return Ok(true),
                    Wish::Redraw => {}
                    Wish::Nothing => break,
                }
            }
        }
        Ok(false)
    }

    fn draw(&mut self, terminal: &mut DefaultTerminal, model: &mut Model) -> Result<(), Failure> {
        model.sort(self.sort);
        self.first = self.first.min(model.routes.len().saturating_sub(1));
        terminal.draw(|frame| view::draw(frame, model, self.sort, self.first))?;
        Ok(())
    }

    /// Waits for a key that changes something, until the next look is due; keys are heard also if
    /// looking takes longer than the time between two looks.
    fn wait(&mut self, due: Instant) -> Result<Wish, Failure> {
        loop {
            self.stop.check()?;
            let left = due.saturating_duration_since(Instant::now());
            if !event::poll(left.min(PATIENCE))? {
                if left.is_zero() {
                    return Ok(Wish::Nothing);
                }
                continue;
            }
            let wish = match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => self.press(key),
                Event::Resize(..) => Wish::Redraw,
                _ => Wish::Nothing,
            };
            if wish != Wish::Nothing {
                return Ok(wish);
            }
        }
    }

    fn press(&mut self, key: KeyEvent) -> Wish {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Wish::Quit;
            }
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            KeyCode::Down => self.first += 1,
            _ => return Wish::Nothing,
        }
        Wish::Redraw
    }
}
