//! Reads off the lines of test programs which tests failed and what they said, so that the results
//! can repeat it at their end: often only the end of a long log is kept.

use std::collections::VecDeque;

/// How many lines of what a failed test said are kept.
pub(crate) const SAID_MAX: usize = 6;
/// How many characters of a line are kept.
const WIDTH_MAX: usize = 600;

/// What the test programs of this repository print about tests that failed: libtest and those that
/// print its lines (C, Node), GoogleTest, pytest, Go.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    lines: Vec<String>,
    /// The last lines since a test began or ended, what a test says before its name.
    before: VecDeque<String>,
    /// How many lines may follow that belong to the failure which came last.
    after: usize,
    /// Whether those lines are indented; what follows them belongs to something else then.
    indented: bool,
}

impl Failures {
    pub(crate) fn read(&mut self, line: &str) {
        if is_failed_test(line) {
            self.lines.push(clip(line.trim()));
            let before = core::mem::take(&mut self.before);
            self.lines.extend(before.iter().map(|said| detail(said)));
            (self.after, self.indented) = (SAID_MAX.saturating_sub(before.len()), true);
        } else if is_boundary(line) {
            self.before.clear();
            self.after = 0;
        } else if is_report(line) {
            self.lines.push(clip(line.trim()));
            (self.after, self.indented) = (SAID_MAX, false);
        } else if line.trim().is_empty() {
            // Neither begins nor ends anything.
        } else if self.after > 0 && (line.starts_with(' ') || !self.indented) {
            self.lines.push(detail(line));
            self.after -= 1;
        } else {
            self.after = 0;
            self.before.push_back(line.to_owned());
            if self.before.len() > SAID_MAX {
                self.before.pop_front();
            }
        }
    }

    /// All of it. A program that failed and named no test, as one that crashed, is told by what it
    /// said last.
    pub(crate) fn into_lines(self, failed: bool) -> Vec<String> {
        if failed && self.lines.is_empty() {
            return self.before.iter().map(|said| detail(said)).collect();
        }
        self.lines
    }
}

/// The lines that name a failed test. GoogleTest repeats the names, without a time.
fn is_failed_test(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("test ") && line.ends_with("... FAILED"))
        || (line.starts_with("[  FAILED  ] ") && line.ends_with(" ms)"))
        || (["FAILED ", "ERROR "].iter().any(|word| line.starts_with(word)) && line.contains(".py"))
        || line.starts_with("--- FAIL: ")
}

/// The lines at which another test begins or one has ended.
fn is_boundary(line: &str) -> bool {
    let line = line.trim();
    ["test ", "[ ", "[--", "[==", "===", "--- ", "running ", "failures:"]
        .iter()
        .any(|beginning| line.starts_with(beginning))
        && !is_report(line)
}

/// The heading of what a failed test of libtest printed.
fn is_report(line: &str) -> bool {
    line.starts_with("---- ") && line.ends_with(" stdout ----")
}

/// A line below the name of a failure.
pub(crate) fn detail(line: &str) -> String {
    clip(&format!("  {}", line.trim_end()))
}

/// A line that is not too long to read.
pub(crate) fn clip(line: &str) -> String {
    match line.char_indices().nth(WIDTH_MAX) {
        None => line.to_owned(),
        Some((end, _)) => format!("{} ...", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut failures = Failures::default();
        text.lines().for_each(|line| failures.read(line));
        failures.into_lines(true)
    }

    #[test]
    fn a_test_in_rust_is_named_with_its_panic() {
        let said = read(
            "running 2 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\nfailures:\n\n\
             ---- a::c stdout ----\n\nthread 'a::c' panicked at x.rs:1:2:\nboom\n\n\
             failures:\n    a::c\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n",
        );
        let wanted = [
            "test a::c ... FAILED",
            "---- a::c stdout ----",
            "  thread 'a::c' panicked at x.rs:1:2:",
            "  boom",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn a_test_in_c_or_go_is_named_with_what_it_said_before() {
        let said = read(
            "test a ... ok\ntest b ... \n  b.c:7: got is 1, wanted 2 \ntest b ... FAILED\n\
             test c ... ok\n",
        );
        assert_eq!(said, ["test b ... FAILED", "    b.c:7: got is 1, wanted 2"]);
        let said = read("=== RUN   TestA\n    a_test.go:7: no\n--- FAIL: TestA (0.00s)\nFAIL\n");
        assert_eq!(said, ["--- FAIL: TestA (0.00s)", "      a_test.go:7: no"]);
    }

    #[test]
    fn a_test_of_googletest_is_named_once() {
        let said = read(
            "[ RUN      ] a.b\na.cpp:7: Failure\nValue of: x\n[  FAILED  ] a.b (0 ms)\n\
             [==========] 1 test ran.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] a.b\n",
        );
        assert_eq!(said, ["[  FAILED  ] a.b (0 ms)", "  a.cpp:7: Failure", "  Value of: x"]);
    }

    #[test]
    fn a_test_in_python_or_node_is_named_with_what_follows() {
        let said = read("===== short test summary info =====\nFAILED x/a.py::b - boom\n1 failed\n");
        assert_eq!(said, ["FAILED x/a.py::b - boom"]);
        let said = read("test a ... FAILED\n  AssertionError: 1 != 2\ntest b ... ok\n");
        assert_eq!(said, ["test a ... FAILED", "    AssertionError: 1 != 2"]);
    }

    #[test]
    fn a_program_that_crashed_is_told_by_its_last_lines() {
        assert_eq!(read("test a ... ok\nSUMMARY: a sanitizer\n"), ["  SUMMARY: a sanitizer"]);
    }
}
