//! The verdict on a run: which unsafe blocks ran, which may be left out, which are missing.

use crate::Failure;
use crate::unsafe_sites::{self, Site};

/// A line of the list: `FILE FUNCTION: REASON`; the function may be `*` for the whole file.
#[derive(Debug, PartialEq, Eq)]
struct Exception {
    file: String,
    function: String,
    reason: String,
}

impl Exception {
    fn covers(&self, site: &Site) -> bool {
        let function = site.function.as_deref().unwrap_or_default();
        self.file == site.file && (self.function == "*" || self.function == function)
    }
}

/// Prints covered / total and what is missing; an error if something is, or if the list is stale.
pub(super) fn verdict(sites: &[Site], reports: &[String]) -> Result<(), Failure> {
    let exceptions = parse(&unsafe_sites::read(&unsafe_sites::exceptions_file())?)?;
    let mut ran = vec![false; sites.len()];
    for number in reports.iter().filter_map(|report| report.parse::<usize>().ok()) {
        if let Some(flag) = ran.get_mut(number) {
            *flag = true;
        }
    }
    let listed = |site: &Site| exceptions.iter().any(|exception| exception.covers(site));
    let pairs = || sites.iter().zip(&ran);
    let covered = ran.iter().filter(|ran| **ran).count();
    let excused = pairs().filter(|(site, ran)| !**ran && listed(site)).count();
    println!("\nunsafe blocks under Miri: {covered}/{} run, {excused} listed:", sites.len());
    for exception in &exceptions {
        println!("  {} {}: {}", exception.file, exception.function, exception.reason);
    }
    let mut problems = Vec::new();
    for (site, _) in pairs().filter(|(site, ran)| !**ran && !listed(site)) {
        let function = site.function.as_deref().unwrap_or("a constant");
        problems.push(format!("{}:{} in {function} never ran", site.file, site.line));
    }
    for exception in &exceptions {
        if !pairs().any(|(site, ran)| !*ran && exception.covers(site)) {
            let Exception { file, function, .. } = exception;
            problems.push(format!("`{file} {function}` is listed without need: remove the line"));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let count = problems.len();
    let list = problems.join("\n  ");
    Err(format!("{count} problems with the coverage of unsafe blocks:\n  {list}"))
}

fn parse(text: &str) -> Result<Vec<Exception>, Failure> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (place, reason) = line.split_once(": ").ok_or_else(|| malformed(line))?;
            let (file, function) = place.split_once(' ').ok_or_else(|| malformed(line))?;
            let own = |text: &str| text.trim().to_owned();
            Ok(Exception { file: own(file), function: own(function), reason: own(reason) })
        })
        .collect()
}

fn malformed(line: &str) -> Failure {
    let file = crate::workspace::shown(&unsafe_sites::exceptions_file());
    format!("{file}: `{line}` is not `FILE FUNCTION: REASON`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_file_function_and_reason() {
        let text = "# comment\n\nprecursor-broker/src/sys/linux.rs map: calls mmap only\n";
        let exceptions = parse(text).expect("a good list");
        assert_eq!(exceptions.len(), 1);
        assert_eq!(exceptions[0].function, "map");
        assert!(parse("no reason here").is_err());
    }
}
