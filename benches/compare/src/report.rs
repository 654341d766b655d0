//! One table for people, one file for machines.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::figures::{Contestant, Figure};
use crate::harness::{Measured, Verdict};
use crate::machine;

/// Width of a line before its bar.
const LINE: usize = 26 + 1 + 26 + 1 + 10 + 1 + 5 + 1 + 9 + 1 + 7 + 1 + 17;

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
            "{:26} {:26} {:>10} {:>5} {:9} {:>7} {:>17}  {:8} verdict",
            "figure", "who", "value", "+-%", "unit", "ratio", "interval", "bar"
        );
        Self { machine, repeats, rows: Vec::new() }
    }

    /// Adds a figure and prints its lines.
    pub fn add(&mut self, figure: &Figure, measured: &[Measured]) {
        let subject = &measured[0];
        let limit = figure.limit.map(|bar| (bar, Verdict::new(bar, &subject.value)));
        print_line(figure.name, figure.contestants[0].name, figure.unit, subject, false);
        match limit {
            Some((bar, verdict)) => println!("  {:8} {}", bar.to_string(), verdict.name()),
            None => println!(),
        }
        if figure.contestants.len() == 1 || limit.is_some() {
            let bar = limit.map(|(bar, _)| bar.to_string());
            let verdict = limit.map(|(_, verdict)| verdict.name());
            self.rows.push(row(figure, subject, Value::Null, bar, verdict));
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
        print_line("", rival.name, figure.unit, values, true);
        let peer = json!({
            "name": rival.name,
            "value": values.value.median,
            "spread": values.value.spread(),
            "ratio": values.ratio.median,
            "ratio_low": values.ratio.low,
            "ratio_high": values.ratio.high,
        });
        if rival.bars.is_empty() {
            println!();
            self.rows.push(row(figure, subject, peer, None, None));
            return;
        }
        for (index, &bar) in rival.bars.iter().enumerate() {
            if index > 0 {
                print!("{:LINE$}", "");
            }
            let verdict = Verdict::new(bar, &values.ratio).name();
            println!("  {:8} {verdict}", bar.to_string());
            self.rows.push(row(
                figure,
                subject,
                peer.clone(),
                Some(bar.to_string()),
                Some(verdict),
            ));
        }
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

fn print_line(figure: &str, who: &str, unit: &str, measured: &Measured, is_rival: bool) {
    let value = measured.value;
    let spread = 100.0 * value.spread();
    print!("{figure:26} {who:26} {:>10} {spread:>5.0} {unit:9}", round(value.median));
    if is_rival {
        let ratio = measured.ratio;
        let interval = format!("{:.2} .. {:.2}", ratio.low, ratio.high);
        print!(" {:>7.2} {interval:>17}", ratio.median);
    } else {
        print!(" {:>7} {:>17}", "", "");
    }
    if let Some(tail) = measured.tail {
        print!("  p99 {} p99.9 {}", round(tail.p99_ns), round(tail.p99_9_ns));
    }
}

fn round(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn row(
    figure: &Figure,
    subject: &Measured,
    peer: Value,
    bar: Option<String>,
    verdict: Option<&str>,
) -> Value {
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
        "bar": bar,
        "verdict": verdict,
    })
}
