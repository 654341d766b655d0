//! One table for people, one file for machines.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::figures::{Bar, Contestant, Figure};
use crate::harness::{Measured, Verdict};
use crate::machine;

/// The rows so far.
#[derive(Debug)]
pub struct Report {
    machine: Value,
    repeats: usize,
    rows: Vec<Value>,
}

impl Report {
    /// Starts a report and prints the head of the table.
    pub fn new(repeats: usize) -> Self {
        let machine = machine::describe();
        let versions = machine::versions();
        println!("machine:  {machine}");
        println!("versions: {versions}");
        println!(
            "{repeats} interleaved repeats; median, half width of its confidence interval (>= 95 % \
             from 6 repeats on); ratios repeat by repeat\n"
        );
        println!(
            "  {:26} {:>10} {:>5} {:9} {:>7} {:>17}  {:10} {:13} tail",
            "who", "value", "+-%", "unit", "ratio", "interval", "bar", "verdict"
        );
        Self { machine, repeats, rows: Vec::new() }
    }

    /// Adds a figure and prints its lines.
    pub fn add(&mut self, figure: &Figure, measured: &[Measured]) {
        println!("{}: {}", figure.name, figure.setup);
        let subject = &measured[0];
        let limit = figure.limit.map(|bar| (bar, Verdict::new(bar, &subject.value)));
        let is_alone = measured.len() == 1;
        let line = Line { who: figure.contestants[0].name, unit: figure.unit, measured: subject };
        line.print(false, limit);
        if is_alone || limit.is_some() {
            self.rows.push(row(figure, subject, Value::Null, limit));
        }
        for (rival, values) in figure.contestants.iter().zip(measured).skip(1) {
            self.add_rival(figure, subject, rival, values);
        }
    }

    /// A line and a row for each bar; one of each where there is none.
    fn add_rival(
        &mut self,
        figure: &Figure,
        subject: &Measured,
        rival: &Contestant,
        values: &Measured,
    ) {
        let peer = json!({
            "name": rival.name,
            "value": values.value.median,
            "spread": values.value.spread(),
            "ratio": values.ratio.median,
            "ratio_low": values.ratio.low,
            "ratio_high": values.ratio.high,
        });
        let judge = |bar: &Bar| Some((*bar, Verdict::new(*bar, &values.ratio)));
        let mut judged: Vec<_> = rival.bars.iter().map(judge).collect();
        if judged.is_empty() {
            judged.push(None);
        }
        let line = Line { who: rival.name, unit: figure.unit, measured: values };
        for verdict in judged {
            line.print(true, verdict);
            self.rows.push(row(figure, subject, peer.clone(), verdict));
        }
    }

    /// Says that a figure was not measured, and why.
    pub fn add_missing(&mut self, figure: &Figure, program: &str) {
        println!("{}: {}", figure.name, figure.setup);
        println!("  not measured: {program} is not there");
        self.rows.push(json!({
            "figure": figure.name,
            "setup": figure.setup,
            "verdict": "not measured",
            "needs": program,
        }));
    }

    /// Counts the verdicts.
    pub fn print_verdicts(&self) {
        let count = |verdict: &str| self.rows.iter().filter(|r| r["verdict"] == verdict).count();
        let of = |verdict| format!("{} {verdict}", count(verdict));
        println!("\n{}", ["met", "short", "inconclusive", "not measured"].map(of).join(", "));
    }

    /// Writes `target/bench/report.json` of the main workspace and returns where that is.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn write(&self) -> std::io::Result<PathBuf> {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let folder = root.canonicalize()?.join("target/bench");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("report.json");
        let report = json!({
            "machine": self.machine,
            "versions": machine::versions(),
            "repeats": self.repeats,
            "rows": self.rows,
        });
        std::fs::write(&path, format!("{report:#}\n"))?;
        Ok(path)
    }
}

struct Line<'a> {
    who: &'a str,
    unit: &'a str,
    measured: &'a Measured,
}

impl Line<'_> {
    fn print(&self, is_rival: bool, judged: Option<(Bar, Verdict)>) {
        let Measured { value, tail, ratio } = self.measured;
        let spread = 100.0 * value.spread();
        let (times, interval) = match is_rival {
            true => {
                (format!("{:.2}", ratio.median), format!("{:.2} .. {:.2}", ratio.low, ratio.high))
            }
            false => Default::default(),
        };
        let (bar, verdict) = judged
            .map_or_else(Default::default, |(bar, verdict)| (bar.to_string(), verdict.name()));
        let tail = tail.map_or_else(String::new, |tail| {
            format!("p99 {} p99.9 {}", round(tail.p99_ns), round(tail.p99_9_ns))
        });
        let line = format!(
            "  {:26} {:>10} {spread:>5.0} {:9} {times:>7} {interval:>17}  {bar:10} {verdict:13} {tail}",
            self.who,
            round(value.median),
            self.unit
        );
        println!("{}", line.trim_end());
    }
}

fn round(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn row(figure: &Figure, subject: &Measured, peer: Value, judged: Option<(Bar, Verdict)>) -> Value {
    json!({
        "figure": figure.name,
        "setup": figure.setup,
        "subject": figure.contestants[0].name,
        "value": subject.value.median,
        "unit": figure.unit,
        "spread": subject.value.spread(),
        "p99": subject.tail.map(|tail| tail.p99_ns),
        "p99_9": subject.tail.map(|tail| tail.p99_9_ns),
        "peer": peer,
        "bar": judged.map(|(bar, _)| bar.to_string()),
        "verdict": judged.map(|(_, verdict)| verdict.name()),
    })
}
