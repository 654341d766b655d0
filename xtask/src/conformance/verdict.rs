//! What the languages observed, held against each other.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Failure;
use crate::run::Counts;

/// Lines of problems that are shown for a language; more would hide the matrix.
const SHOWN_MAX: usize = 20;

/// A case that every language must run.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) group: String,
}

/// What one language said of one case.
#[derive(Debug)]
struct Said {
    is_ok: bool,
    observed: Value,
    failure: String,
}

/// What became of one language.
#[derive(Debug)]
struct Column {
    language: String,
    /// For each case why it failed, if it did.
    problems: Vec<Option<String>>,
    /// What belongs to no case: a line that cannot be read, a case that nobody asked for.
    strays: Vec<String>,
}

/// The verdicts on a list of cases, language by language.
#[derive(Debug)]
pub(super) struct Verdicts {
    cases: Vec<Case>,
    /// What the first language observed, by case.
    reference: BTreeMap<String, Value>,
    columns: Vec<Column>,
}

impl Verdicts {
    pub(super) fn new(cases: Vec<Case>) -> Self {
        Self { cases, reference: BTreeMap::new(), columns: Vec::new() }
    }

    /// Judges the lines of a language; without lines every case has failed.
    pub(super) fn add(&mut self, language: &str, lines: Result<Vec<String>, Failure>) {
        let (said, mut strays) = match lines {
            Ok(lines) => read(&lines),
            Err(failure) => (BTreeMap::new(), vec![failure]),
        };
        let is_known = |id: &String| self.cases.iter().any(|case| case.id == *id);
        strays.extend(
            said.keys().filter(|id| !is_known(id)).map(|id| format!("{id}: nobody asked for it")),
        );
        let problems =
            self.cases.iter().map(|case| self.problem(case, said.get(&case.id))).collect();
        if self.columns.is_empty() {
            self.reference = said.into_iter().map(|(id, said)| (id, said.observed)).collect();
        }
        self.columns.push(Column { language: language.to_owned(), problems, strays });
    }

    /// Adds a failure of the language that came last, one that belongs to no case.
    pub(super) fn blame(&mut self, failure: Failure) {
        if let Some(column) = self.columns.last_mut() {
            column.strays.push(failure);
        }
    }

    /// Why a case has failed: it was not run, an expectation was not met, or what was observed is
    /// not what the first language observed.
    fn problem(&self, case: &Case, said: Option<&Said>) -> Option<String> {
        let Some(said) = said else { return Some("it was not run".to_owned()) };
        if !said.is_ok {
            return Some(said.failure.clone());
        }
        let first = self.reference.get(&case.id).filter(|first| **first != said.observed)?;
        let language = self.columns.first().map_or("the first", |column| &column.language);
        Some(format!("observed {}, but {language} {first}", said.observed))
    }

    /// Each case of each language is a pass or a failure, and so is each stray line.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for column in &self.columns {
            let failed = column.problems.iter().flatten().count() as u64;
            counts.passed += column.problems.len() as u64 - failed;
            counts.failed += failed + column.strays.len() as u64;
        }
        counts
    }

    /// A line for each problem, the language first.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for column in &self.columns {
            let failed = self.cases.iter().zip(&column.problems);
            let failed =
                failed.filter_map(|(case, p)| Some(format!("{}: {}", case.id, p.as_ref()?)));
            let all: Vec<String> = column.strays.iter().cloned().chain(failed).collect();
            let shown = all.iter().take(SHOWN_MAX);
            lines.extend(shown.map(|problem| format!("{}: {problem}", column.language)));
            if all.len() > SHOWN_MAX {
                lines.push(format!("{}: and {} more", column.language, all.len() - SHOWN_MAX));
            }
        }
        lines
    }

    /// The problems, a matrix of groups and languages, and the closing line.
    pub(super) fn report(&self) -> String {
        let mut text: String = self.problems().iter().map(|line| format!("{line}\n")).collect();
        let mut groups: Vec<&str> = self.cases.iter().map(|case| case.group.as_str()).collect();
        groups.dedup();
        text += &format!("{:<12}", "");
        self.columns.iter().for_each(|column| text += &format!(" {:>9}", column.language));
        for group in groups {
            text += &format!("\n{group:<12}");
            for column in &self.columns {
                text += &format!(" {:>9}", self.score(column, group));
            }
        }
        let Counts { passed, failed, .. } = self.counts();
        let (cases, languages) = (self.cases.len(), self.columns.len());
        text + &format!(
            "\nconformance: {cases} cases x {languages} languages, {passed} passed, {failed} failed"
        )
    }

    /// How many cases of a group passed, of how many.
    fn score(&self, column: &Column, group: &str) -> String {
        let of_group = self.cases.iter().zip(&column.problems).filter(|(c, _)| c.group == group);
        let (all, passed) = of_group.fold((0, 0), |(all, passed), (_, problem)| {
            (all + 1, passed + u32::from(problem.is_none()))
        });
        format!("{passed}/{all}")
    }
}

/// The lines of an interpreter by case, and those that are none.
fn read(lines: &[String]) -> (BTreeMap<String, Said>, Vec<String>) {
    let (mut said, mut strays) = (BTreeMap::new(), Vec::new());
    for line in lines {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let parts = (value["id"].as_str(), value["ok"].as_bool(), value["observed"].as_array());
        let (Some(id), Some(is_ok), Some(_)) = parts else {
            strays.push(format!("a line is no result: {line}"));
            continue;
        };
        let failure = value["failure"].as_str().unwrap_or("it failed and says not why").to_owned();
        let observed = value["observed"].clone();
        if said.insert(id.to_owned(), Said { is_ok, observed, failure }).is_some() {
            strays.push(format!("{id}: was run twice"));
        }
    }
    (said, strays)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, ok: bool, observed: &str) -> String {
        serde_json::json!({ "id": id, "ok": ok, "observed": [observed] }).to_string()
    }

    /// Verdicts on two cases, the first language having passed both.
    fn verdicts() -> Verdicts {
        let case = |id: &str| Case { id: id.to_owned(), group: "g".to_owned() };
        let mut verdicts = Verdicts::new(vec![case("g.a"), case("g.b")]);
        verdicts.add("first", Ok(vec![line("g.a", true, "1"), line("g.b", true, "2")]));
        verdicts
    }

    fn failed(lines: Result<Vec<String>, Failure>) -> u64 {
        let mut verdicts = verdicts();
        verdicts.add("second", lines);
        verdicts.counts().failed
    }

    #[test]
    fn languages_that_observe_the_same_pass() {
        let mut verdicts = verdicts();
        verdicts.add("second", Ok(vec![line("g.b", true, "2"), line("g.a", true, "1")]));
        assert_eq!(verdicts.counts(), Counts { passed: 4, failed: 0, skipped: 0 });
        let report = verdicts.report();
        assert!(report.ends_with("conformance: 2 cases x 2 languages, 4 passed, 0 failed"));
        assert!(report.contains("2/2"), "{report}");
    }

    #[test]
    fn a_case_left_out_or_run_twice_or_invented_is_a_failure() {
        let both = [line("g.a", true, "1"), line("g.b", true, "2")];
        assert_eq!(failed(Ok(both[..1].to_vec())), 1);
        assert_eq!(failed(Ok([&both[..], &both[..1]].concat())), 1);
        assert_eq!(failed(Ok([&both[..], &[line("g.c", true, "")]].concat())), 1);
        assert_eq!(failed(Ok([&both[..], &["{\"id\":1}".to_owned()]].concat())), 1);
        assert_eq!(failed(Err("it does not start".to_owned())), 3);
    }

    #[test]
    fn what_a_language_leaves_behind_is_its_failure() {
        let mut verdicts = verdicts();
        verdicts.blame("shm://conf.left is left".to_owned());
        assert_eq!(verdicts.counts(), Counts { passed: 2, failed: 1, skipped: 0 });
        assert!(verdicts.report().contains("first: shm://conf.left is left"));
    }

    #[test]
    fn another_observation_is_a_failure_even_if_the_language_is_content() {
        assert_eq!(failed(Ok(vec![line("g.a", true, "1"), line("g.b", true, "3")])), 1);
        assert_eq!(failed(Ok(vec![line("g.a", false, "1"), line("g.b", true, "2")])), 1);
    }
}
