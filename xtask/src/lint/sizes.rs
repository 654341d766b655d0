//! Files and functions stay small enough to read. Tests are not measured.

use super::Findings;
use crate::source::{Source, count_lines};
use crate::{Failure, unsafe_sites, workspace};

/// Lines at which a note appears, and at which the lint fails.
struct Limit {
    note: usize,
    failure: usize,
}

const FILE: Limit = Limit { note: 500, failure: 600 };
const FUNCTION: Limit = Limit { note: 70, failure: 100 };

pub(super) fn check() -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for path in workspace::rust_files(workspace::root()) {
        if !unsafe_sites::is_test_file(&path) {
            let text = unsafe_sites::read(&path)?;
            measure(&workspace::shown(&path), &text, &mut findings);
        }
    }
    Ok(findings)
}

fn measure(file: &str, text: &str, findings: &mut Findings) {
    let source = Source::new(text);
    let in_tests: usize = source.tests.iter().map(|span| count_lines(&text[span.clone()])).sum();
    let lines = count_lines(text).saturating_sub(in_tests);
    judge(&FILE, lines, file.to_owned(), findings);
    for function in source.functions.iter().filter(|function| !source.is_test(function.span.start))
    {
        let lines = 1 + count_lines(&text[function.span.clone()]);
        let place = format!("{file}:{} fn {}", source.line(function.span.start), function.name);
        judge(&FUNCTION, lines, place, findings);
    }
}

fn judge(limit: &Limit, lines: usize, place: String, findings: &mut Findings) {
    if lines > limit.failure {
        let finding = format!("{place} has {lines} lines; the limit is {}", limit.failure);
        findings.failures.push(finding);
    } else if lines > limit.note {
        findings.notes.push(format!("{place} has {lines} lines; aim at {}", limit.note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(text: &str) -> Findings {
        let mut findings = Findings::default();
        measure("a.rs", text, &mut findings);
        findings
    }

    #[test]
    fn long_functions_are_noted_and_very_long_ones_fail() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        assert!(measured(&function(70)).notes.is_empty());
        assert_eq!(measured(&function(71)).notes.len(), 1);
        assert!(measured(&function(100)).failures.is_empty());
        assert_eq!(measured(&function(101)).failures.len(), 1);
    }

    #[test]
    fn test_modules_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(700));
        let findings = measured(&format!("fn f() {{}}\n{tests}"));
        assert!(findings.failures.is_empty() && findings.notes.is_empty());
        assert_eq!(measured(&"\n".repeat(601)).failures.len(), 1);
    }
}
