//! How figures and foreign bytes are written for a person.

use core::fmt::Write;
use core::time::Duration;

/// "1 message", "2 messages", "1,024 messages".
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 {
        ""
    } else if noun.ends_with('s') {
        "es"
    } else {
        "s"
    };
    format!("{} {noun}{ending}", grouped(count))
}

/// 1,234,567.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 700 B, 1.5 MiB.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1_024.0 {
            break;
        }
        value /= 1_024.0;
        unit = larger;
    }
    let places = usize::from(unit != "B" && value < 10.0);
    format!("{value:.places$} {unit}")
}

/// In the largest unit that leaves a whole number: 90 s are "1 min".
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => plural(seconds / 86_400, "day"),
    }
}

/// The same of seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Bytes as text in which nothing drives a terminal.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && character != '\t' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Lines of columns as wide as they need to be; columns that are all figures stand to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let is_figure = |text: &str| text == "-" || text.starts_with(|c: char| c.is_ascii_digit());
    let columns: Vec<(usize, bool)> = (0..header.len())
        .map(|column| {
            let cells: Vec<String> = rows.iter().map(|row| cell(row, column)).collect();
            let width = cells.iter().map(|text| text.chars().count()).max().unwrap_or(0);
            let figures = !cells.is_empty() && cells.iter().all(|text| is_figure(text));
            (width.max(header[column].chars().count()), figures)
        })
        .collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&columns).map(|(text, (width, figures))| {
            if *figures { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let names = header.iter().map(|name| (*name).to_owned()).collect();
    let rows = rows.iter().map(|row| (0..header.len()).map(|column| cell(row, column)).collect());
    core::iter::once(names).chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(
            [plural(1, "process"), plural(1_024, "message")],
            ["1 process", "1,024 messages"]
        );
        assert_eq!(plural(2, "process"), "2 processes");
        assert_eq!([bytes(700), bytes(1_536), bytes(268_435_456)], ["700 B", "1.5 KiB", "256 MiB"]);
        let times = [0, 59, 90, 7_200, 200_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(times, ["0 ms", "59 s", "1 min", "2 h", "2 days"]);
    }

    #[test]
    fn foreign_bytes_drive_no_terminal() {
        assert_eq!(printable(b"caf\xc3\xa9\t\x1b[2J\xff"), "café\t\\u{1b}[2J\\xff");
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let rows = [vec!["orders".into(), "12".into()], vec!["a".into(), "3".into()]];
        assert_eq!(table(&["NAME", "N"], &rows), ["NAME     N", "orders  12", "a        3"]);
    }
}
