//! `neo-compare [--filter TEXT] [--quick] [--repeats N] [--list]`

use std::process::ExitCode;

use neo_compare::figures;
use neo_compare::harness::{Scale, measure};
use neo_compare::neo::scene;
use neo_compare::report::Report;
use neo_compare::script::{go, node, python};
use neo_compare::shm::{self, process};

const USAGE: &str = "usage: neo-compare [--filter TEXT] [--quick] [--repeats N] [--list]

  --filter TEXT  only the figures whose name or contestants contain TEXT
  --quick        a quarter of the work and 7 repeats: a look, not a verdict
  --repeats N    repeats per figure, at least 7 (default 15)
  --list         name the figures and their contestants, measure nothing";

struct Arguments {
    filter: String,
    is_quick: bool,
    only_list: bool,
    repeats: Option<usize>,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let outcome =
        match words.next_if(|word| [scene::ARGUMENT, process::ARGUMENT].contains(&&**word)) {
            Some(word) if word == scene::ARGUMENT => run_scene(words),
            Some(_) => shm::play(words),
            None => parse(words).and_then(|arguments| run(&arguments)),
        };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// One measurement, in a process that does nothing else.
fn run_scene(mut words: impl Iterator<Item = String>) -> Result<(), String> {
    let name = words.next().unwrap_or_default();
    let value = scene::run(&name).ok_or_else(|| format!("there is no scene {name:?}"))?;
    println!("{value}");
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments =
        Arguments { filter: String::new(), is_quick: false, only_list: false, repeats: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => arguments.is_quick = true,
            "--list" => arguments.only_list = true,
            "--filter" => arguments.filter = words.next().ok_or("--filter needs a text")?,
            "--repeats" => {
                let count = words.next().and_then(|n| n.parse().ok()).filter(|n| *n >= 7);
                arguments.repeats = Some(count.ok_or("--repeats needs a number from 7 on")?);
            }
            _ => return Err(format!("unknown argument {word:?}\n{USAGE}")),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let matches = |text: &str| text.contains(&arguments.filter);
    let selected: Vec<_> = figures::all()
        .filter(|f| matches(f.name) || f.contestants.iter().any(|c| matches(c.name)))
        .collect();
    if selected.is_empty() {
        return Err(format!("no figure matches {:?}; --list names them", arguments.filter));
    }
    if arguments.only_list {
        for figure in selected {
            let names: Vec<_> = figure.contestants.iter().map(|c| c.name).collect();
            println!("{:28} {:46} {}", figure.name, figure.setup, names.join(", "));
        }
        return Ok(());
    }
    let repeats = arguments.repeats.unwrap_or(if arguments.is_quick { 7 } else { 15 });
    let mut report = Report::new(repeats);
    for figure in selected {
        match figure.needs.filter(|program| !is_installed(program)) {
            Some(program) => report.add_missing(figure, program),
            None => {
                let scale = Scale { is_quick: arguments.is_quick };
                report.add(figure, &measure(figure, repeats, scale));
            }
        }
    }
    report.print_verdicts();
    let path = report.write().map_err(|error| format!("the report cannot be written: {error}"))?;
    println!("\n{}", path.display());
    Ok(())
}

fn is_installed(program: &str) -> bool {
    if [python::PROGRAM, node::PROGRAM, go::PROGRAM].contains(&program) {
        return std::env::var_os(program).is_some();
    }
    std::process::Command::new(program).arg("--version").output().is_ok()
}
