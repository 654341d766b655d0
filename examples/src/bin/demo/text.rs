//! Text for a terminal: numbers, dates, bars and ink.

/// Columns of a terminal that every line fits.
#[cfg(test)]
pub(crate) const COLUMNS: usize = 80;

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A minute of January 2013, which began on a Tuesday.
pub(crate) fn moment(minute: u32) -> String {
    const WEEKDAYS: [&str; 7] = ["Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"];
    let day = minute / (24 * 60);
    format!("{} {:2} Jan {}", WEEKDAYS[day as usize % 7], day + 1, time(minute))
}

/// Its time of day.
pub(crate) fn time(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

/// `value` of `full` as a bar of at most `width` characters.
pub(crate) fn bar(value: f64, full: f64, width: usize) -> String {
    let filled = (value / full * width as f64).round().clamp(0.0, width as f64);
    "█".repeat(filled as usize)
}

/// Escape sequences, or nothing where they are not wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ink {
    colours: bool,
}

impl Ink {
    pub(crate) const NONE: Self = Self { colours: false };
    pub(crate) const COLOURS: Self = Self { colours: true };

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For headings.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// For bars.
    pub(crate) fn blue(self, text: &str) -> String {
        self.paint("34", text)
    }

    /// For losses.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 999, 1_000, 27_004, 2_700_400].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "27,004", "2,700,400"]);
    }

    #[test]
    fn the_month_begins_on_a_tuesday_and_ends_on_a_thursday() {
        assert_eq!(moment(0), "Tue  1 Jan 00:00");
        assert_eq!(moment(31 * 24 * 60 - 1), "Thu 31 Jan 23:59");
    }

    #[test]
    fn bars_stay_within_their_width() {
        let lengths = [-3.0, 0.0, 5.0, 10.0, 99.0].map(|value| bar(value, 10.0, 8).chars().count());
        assert_eq!(lengths, [0, 0, 4, 8, 8]);
    }
}
