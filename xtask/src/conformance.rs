//! `cargo xtask conformance`: the table of cases in `bindings/conformance`, run in every language.
//!
//! All languages must run the same cases and observe the same. A language that is listed and does
//! not start has failed; none is left out.

mod lines;
pub(crate) mod pairs;
mod verdict;

use core::time::Duration;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::verdict::{Case, Verdicts};
use crate::failures::clip;
use crate::run::{Counts, Outcome, Step};
use crate::suite::{self, Suite};
use crate::{Failure, unsafe_sites, workspace};

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// How an interpreter is given the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The folder of the JSON files.
    Json,
    /// One file in the line form.
    Lines,
}

/// A language, its interpreter, and what that needs.
struct Language {
    name: &'static str,
    /// The program that builds it and its arguments, run at the root; none if empty.
    build: &'static [&'static str],
    /// The program that is the interpreter and its first arguments; `{target}` stands for the build
    /// directory. The cases and the scheme follow.
    run: &'static [&'static str],
    form: Form,
    schemes: &'static [&'static str],
    /// The program that is one side of a pair; a role and a URL follow. None yet if empty.
    peer: &'static [&'static str],
}

/// Every language. The first one is what the others are compared with.
const LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        build: &["cargo", "build", "--quiet", "--package", "neo-conformance-rust"],
        run: &["{target}/debug/neo-conformance-rust"],
        form: Form::Json,
        schemes: &["mem", "shm"],
        peer: &["{target}/debug/neo-conformance-rust", "pair"],
    },
    Language {
        name: "c",
        build: &["sh", "bindings/conformance/c/build.sh", "{target}"],
        run: &["{target}/conformance/c"],
        form: Form::Lines,
        schemes: &["mem", "shm"],
        peer: &["{target}/conformance/c", "pair"],
    },
    Language {
        name: "cpp",
        build: &["sh", "bindings/conformance/cpp/build.sh", "{target}"],
        run: &["{target}/conformance/cpp"],
        form: Form::Lines,
        schemes: &["mem", "shm"],
        peer: &["{target}/conformance/cpp", "pair"],
    },
    Language {
        name: "python",
        build: &["cargo", "xtask", "python"],
        run: &[
            "env",
            "PYTHONPATH=bindings/python/python",
            "python3",
            "bindings/conformance/python/interpreter.py",
        ],
        form: Form::Json,
        schemes: &["mem", "shm"],
        peer: &[
            "env",
            "PYTHONPATH=bindings/python/python",
            "python3",
            "bindings/conformance/python/peer.py",
        ],
    },
    Language {
        name: "node",
        build: &["cargo", "xtask", "node"],
        run: &["node", "--expose-gc", "bindings/conformance/node/interpreter.mjs"],
        form: Form::Json,
        schemes: &["mem", "shm"],
        peer: &["node", "bindings/conformance/node/peer.mjs"],
    },
    Language {
        name: "go",
        build: &["sh", "bindings/conformance/go/build.sh", "{target}"],
        run: &["{target}/conformance/go/go"],
        form: Form::Json,
        schemes: &["mem", "shm"],
        peer: &["{target}/conformance/go/peer"],
    },
];

impl Language {
    /// The words of a command for this build directory.
    fn expand(words: &[&str]) -> Vec<String> {
        let target = workspace::target_dir().display().to_string();
        words.iter().map(|word| word.replace("{target}", &target)).collect()
    }

    fn build(&self) -> Result<(), Failure> {
        let words = Self::expand(self.build);
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut build = Command::new(program);
        build.args(arguments);
        match Step::new(self.name, build, LIMIT).run().failure {
            None => Ok(()),
            Some(failure) => Err(format!("it could not be built: {failure}")),
        }
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let known: Vec<&str> = LANGUAGES.iter().map(|language| language.name).collect();
    if let Some(unknown) = arguments.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no language `{unknown}`; known: {}", known.join(" ")));
    }
    suite::close(&[("conformance", suite(arguments))])
}

/// Runs the languages named, all of them if none is.
pub(crate) fn suite(names: &[String]) -> Suite {
    let chosen: Vec<&Language> = LANGUAGES
        .iter()
        .filter(|language| names.is_empty() || names.iter().any(|name| name == language.name))
        .collect();
    match compare(&chosen) {
        Ok(outcome) => Suite::Ran(outcome).not_empty(),
        Err(failure) => {
            let counts = Counts { failed: 1, ..Counts::default() };
            Suite::Ran(Outcome { counts, failure: Some(failure), ..Outcome::default() })
        }
    }
}

fn compare(languages: &[&Language]) -> Result<Outcome, Failure> {
    let folder = workspace::root().join("bindings/conformance/cases");
    let files = read_cases(&folder)?;
    let mut schemes: Vec<&str> = languages.iter().flat_map(|l| l.schemes).copied().collect();
    schemes.sort_unstable();
    schemes.dedup();
    let built: Vec<Result<(), Failure>> = languages.iter().map(|l| l.build()).collect();
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for scheme in schemes {
        if scheme == "shm" && cfg!(not(target_os = "linux")) {
            println!("\n── conformance, shm://: not run: this version has it on Linux only");
            counts.skipped += 1;
            continue;
        }
        let listed = languages.iter().zip(&built).filter(|(l, _)| l.schemes.contains(&scheme));
        let mut verdicts = Verdicts::new(cases_of(&files, scheme));
        for (language, built) in listed {
            let names = Names::new(&format!("{}.{scheme}", language.name))?;
            let lines =
                built.clone().and_then(|()| observe(language, scheme, &files, &folder, &names));
            verdicts.add(language.name, lines);
            names.left().into_iter().for_each(|name| verdicts.blame(name));
        }
        println!("\n── conformance, {scheme}://\n{}", verdicts.report());
        counts.add(verdicts.counts());
        failures
            .extend(verdicts.problems().iter().map(|line| clip(&format!("{scheme}://, {line}"))));
    }
    let failure = (counts.failed > 0).then(|| "the languages do not agree".to_owned());
    Ok(Outcome { counts, failure, failures, ..Outcome::default() })
}

/// Runs an interpreter; the lines that it printed, or why there are none.
fn observe(
    language: &Language,
    scheme: &str,
    files: &[Value],
    folder: &Path,
    names: &Names,
) -> Result<Vec<String>, Failure> {
    let cases = match language.form {
        Form::Json => folder.to_owned(),
        Form::Lines => write_lines(files, scheme)?,
    };
    let results = results_folder()?.join(format!("{}.{scheme}.jsonl", language.name));
    // The results are for the driver; the terminal gets what the interpreter says beside them.
    let mut interpreter = Command::new("sh");
    interpreter.args(["-c", r#"exec "$@" >"$0""#]).arg(&results).env(Names::VARIABLE, &names.0);
    interpreter.args(Language::expand(language.run)).arg(cases).arg(scheme);
    let ran = Step::new(language.name, interpreter, LIMIT).run();
    let lines: Vec<String> = unsafe_sites::read(&results)?.lines().map(str::to_owned).collect();
    // A case that failed ends the interpreter with a failure, and is told by its line.
    if lines.is_empty() {
        return Err(ran.failure.unwrap_or_else(|| "it printed no case".to_owned()));
    }
    Ok(lines)
}

/// Where the names of `shm://` of one run are: its own, so that runs at the same time do not meet.
#[derive(Debug)]
struct Names(PathBuf);

impl Names {
    const VARIABLE: &str = "NEO_SHM_DIR";

    fn new(run: &str) -> Result<Self, Failure> {
        let folder = results_folder()?.join(format!("{run}.names"));
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{}: {error}", folder.display()))
            }
            _ => Ok(Self(folder)),
        }
    }

    /// What a run left there, which is a failure of its own.
    fn left(&self) -> Vec<Failure> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.map(|entry| format!("shm://{} is left", entry.file_name().display())).collect()
    }
}

fn results_folder() -> Result<PathBuf, Failure> {
    let folder = workspace::target_dir().join("conformance");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn write_lines(files: &[Value], scheme: &str) -> Result<PathBuf, Failure> {
    let path = results_folder()?.join(format!("{scheme}.cases"));
    std::fs::write(&path, lines::of(files, scheme)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn read_cases(folder: &Path) -> Result<Vec<Value>, Failure> {
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    let paths = workspace::files(folder, &is_json);
    if paths.is_empty() {
        return Err(format!("{} holds no cases", workspace::shown(folder)));
    }
    let parse = |path: &PathBuf| {
        serde_json::from_str(&unsafe_sites::read(path)?)
            .map_err(|error| format!("{}: {error}", workspace::shown(path)))
    };
    paths.iter().map(parse).collect()
}

/// The cases of a scheme, in the order of their files.
fn cases_of(files: &[Value], scheme: &str) -> Vec<Case> {
    let holds = |case: &&Value| case["urls"].as_array().into_iter().flatten().any(|u| u == scheme);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    files
        .iter()
        .flat_map(|file| {
            let cases = file["cases"].as_array().into_iter().flatten().filter(holds);
            cases.map(|case| Case { id: text(&case["id"]), group: text(&file["group"]) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_that_does_not_start_is_a_failure_and_not_a_skip() {
        let missing = Language {
            name: "none",
            build: &[],
            run: &["{target}/no-such-interpreter"],
            form: Form::Json,
            schemes: &["mem"],
            peer: &[],
        };
        let counts = compare(&[&missing]).expect("the cases are read").counts;
        assert_eq!((counts.passed, counts.skipped), (0, 0));
        assert!(counts.failed >= 120, "{} failed", counts.failed);
    }

    #[test]
    fn every_case_has_a_line_form() {
        let files = read_cases(&workspace::root().join("bindings/conformance/cases")).unwrap();
        let text = lines::of(&files, "mem").unwrap();
        let cases = text.lines().filter(|line| line.starts_with("case ")).count();
        assert_eq!(cases, cases_of(&files, "mem").len());
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
    }
}
