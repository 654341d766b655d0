//! The suite `cpp`: neo.hpp as C++ programs see it. Needs g++, CMake and GoogleTest; clang++ and
//! valgrind are used where they are.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c::{built_libraries, quiet, verdict};
use crate::run::{Outcome, Step, first_line};
use crate::suite::Suite;
use crate::unsafe_sites::read;
use crate::{Failure, toolchains, workspace};

const LIMIT: Duration = Duration::from_secs(15 * 60);

const WARNINGS: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"];
const STANDARDS: &[&str] = &["c++17", "c++20", "c++2b"];

/// The tests are built for the floor under the sanitizers, and for the newest standard plainly.
const SANITIZED: Build = Build { name: "sanitized", kind: "Debug", standard: "17", sanitize: true };
const PLAIN: Build = Build { name: "plain", kind: "Release", standard: "23", sanitize: false };

struct Build {
    name: &'static str,
    kind: &'static str,
    standard: &'static str,
    sanitize: bool,
}

pub(crate) fn suite() -> Suite {
    if let Err(missing) = needed() {
        return match toolchains::in_ci() {
            true => Suite::of([verdict("the tools are there", Err(missing))]),
            false => Suite::NotRun(missing),
        };
    }
    let libraries = match built_libraries() {
        Ok(libraries) => libraries,
        Err(failure) => return Suite::of([verdict("the library is built", Err(failure))]),
    };
    let mut steps = check_headers();
    steps.push(verdict("two standards in one program", two_standards(&libraries)));
    steps.push(verdict("the names of the parity list are in neo.hpp", parity()));
    steps.extend(run_examples(&libraries));
    steps.extend(run_tests(&libraries));
    Suite::of(steps).not_empty()
}

/// What is missing, with the line that installs it.
fn needed() -> Result<(), String> {
    for (program, package) in [("g++", "g++"), ("cmake", "cmake")] {
        if first_line(program, &["--version"]).is_none() {
            return Err(format!("{program} (apt-get install {package})"));
        }
    }
    let mut command = Command::new("g++");
    command.args(["-x", "c++", "-std=c++17", "-fsyntax-only", "-include", "gtest/gtest.h"]);
    quiet({
        command.arg("/dev/null");
        command
    })
    .map_err(|_| "GoogleTest (apt-get install libgtest-dev)".to_owned())
}

/// Every header compiles as the first include; neo.hpp in every standard that it promises, with
/// and without exceptions.
fn check_headers() -> Vec<Outcome> {
    let mut steps = Vec::new();
    for compiler in ["g++", "clang++"] {
        if first_line(compiler, &["-dumpversion"]).is_none() {
            println!("neo.hpp with {compiler}: not run: it is not installed");
            continue;
        }
        for standard in STANDARDS {
            for flags in [&[][..], &["-fno-exceptions", "-fno-rtti"], &["-DNEO_USE_TABLE"]] {
                let name = format!("neo.hpp compiles with {compiler} as {standard} {flags:?}");
                steps.push(verdict(&name, compiles(compiler, standard, flags, "neo.hpp")));
            }
        }
    }
    let is_header = |path: &Path| path.extension().is_some_and(|extension| extension == "hpp");
    for header in workspace::files(&workspace::root().join("include/neo"), &is_header) {
        let name = header.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let result = compiles("g++", STANDARDS[0], &[], &format!("neo/{name}"));
        steps.push(verdict(&format!("neo/{name} compiles alone"), result));
    }
    steps
}

/// Included twice and nothing before it.
fn compiles(compiler: &str, standard: &str, flags: &[&str], header: &str) -> Result<(), Failure> {
    let mut command = Command::new(compiler);
    command.args(["-x", "c++", &format!("-std={standard}")]).args(WARNINGS).args(flags);
    command.args(["-I", "include", "-include", header, "-include", header]);
    command.args(["-fsyntax-only", "/dev/null"]);
    quiet(command)
}

fn folder() -> Result<PathBuf, Failure> {
    let folder = workspace::target_dir().join("cpp");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Translation units of different standards are linked together and work.
fn two_standards(libraries: &Path) -> Result<(), Failure> {
    let folder = folder()?;
    let mut link = Command::new("g++");
    for (source, standard) in [("main", STANDARDS[0]), ("other", STANDARDS[2])] {
        let object = folder.join(format!("mixed-{source}.o"));
        let mut compile = Command::new("g++");
        compile.arg(format!("-std={standard}")).args(WARNINGS).args(["-I", "include", "-c", "-o"]);
        compile.arg(&object).arg(format!("bindings/cpp/mixed/{source}.cpp"));
        quiet(compile)?;
        link.arg(object);
    }
    let program = folder.join("mixed");
    link.arg("-o").arg(&program).args(linked(libraries));
    quiet(link)?;
    quiet(Command::new(program))
}

/// What links a program to the shared library in a folder.
pub(crate) fn linked(libraries: &Path) -> Vec<String> {
    let folder = libraries.display();
    vec![format!("-L{folder}"), "-lneo".to_owned(), format!("-Wl,-rpath,{folder}")]
}

/// Each name of the list stands in a using-declaration, which does not compile if it is not there.
fn parity() -> Result<(), Failure> {
    let list = read(&workspace::root().join("bindings/conformance/parity.toml"))?;
    let names: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("cpp = \"")?.strip_suffix('"')).collect();
    let capabilities = list.lines().filter(|line| line.starts_with("c = ")).count();
    if names.len() < capabilities {
        return Err(format!("C++ has {} names, C {capabilities}", names.len()));
    }
    let source = folder()?.join("parity.cpp");
    std::fs::write(&source, using(&names)).map_err(|error| error.to_string())?;
    let mut command = Command::new("g++");
    command.args(["-std=c++17", "-I", "include", "-fsyntax-only"]).arg(&source);
    quiet(command)
}

fn using(names: &[&str]) -> String {
    let mut text = "#include <neo.hpp>\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        let line = match name.rsplit_once("::") {
            Some((class, _)) => {
                format!("struct p{number} : neo::{class} {{ using neo::{name}; }};\n")
            }
            None => format!("using neo::{name};\n"),
        };
        text.push_str(&line);
    }
    text
}

/// The small programs of `examples`, in C and C++, print what they print in every language; one of
/// them also without exceptions.
fn run_examples(libraries: &Path) -> Vec<Outcome> {
    let c = ["gcc", "-std=c99", "c"];
    let cpp = ["g++", "-std=c++17", "cpp"];
    let bare = ["g++", "-std=c++2b", "cpp", "-fno-exceptions", "-fno-rtti"];
    let runs = workspace::TOPICS.iter().flat_map(|topic| [(*topic, &c[..]), (*topic, &cpp[..])]);
    runs.chain([("pubsub", &bare[..]), ("service", &bare[..])])
        .map(|(topic, by)| {
            let name = format!("the example {topic} by {}", by.join(" "));
            verdict(&name, run_example(topic, by, libraries))
        })
        .collect()
}

/// `by`: the compiler, the standard, the folder, and flags.
fn run_example(topic: &str, by: &[&str], libraries: &Path) -> Result<(), Failure> {
    let examples = workspace::root().join("examples");
    let program = folder()?.join(format!("example-{topic}"));
    let [compiler, standard, language, flags @ ..] = by else { return Err("no compiler".into()) };
    let mut compile = Command::new(compiler);
    compile.arg(standard).args(flags).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    compile.args(["-I", "include", "-pthread", "-o"]).arg(&program);
    compile
        .arg(examples.join(language).join(format!("{topic}.{language}")))
        .args(linked(libraries));
    quiet(compile)?;
    let output = Command::new(&program).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said == read(&examples.join(topic).join("expected.txt"))? {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("it ended with {} and said `{said}` {errors}", output.status))
}

/// The tests as each build has them, the leak detectors, and the tests under valgrind.
fn run_tests(libraries: &Path) -> Vec<Outcome> {
    let mut steps = Vec::new();
    for build in [SANITIZED, PLAIN] {
        let program = match program(&build, libraries) {
            Ok(program) => program,
            Err(failure) => {
                steps.push(verdict(&format!("the tests compile: {}", build.name), Err(failure)));
                continue;
            }
        };
        steps.push(run_test(build.name, &[], &program));
        steps.push(verdict(
            &format!("the tests find a planted handle: {}", build.name),
            finds_leak(&program, "handle", "live objects: kind 0: 1"),
        ));
        if build.sanitize {
            steps.push(verdict(
                "AddressSanitizer finds planted memory",
                finds_leak(&program, "memory", "LeakSanitizer"),
            ));
        } else if first_line("valgrind", &["--version"]).is_some() {
            let words = "valgrind --quiet --error-exitcode=9 --leak-check=full \
                         --errors-for-leak-kinds=definite --show-leak-kinds=definite";
            let words: Vec<&str> = words.split_whitespace().collect();
            steps.push(run_test("valgrind", &words, &program));
        } else {
            println!("cpp under valgrind: not run: it is not installed");
        }
    }
    steps
}

/// Builds the tests by CMake; the program.
fn program(build: &Build, libraries: &Path) -> Result<PathBuf, Failure> {
    let folder = folder()?.join(build.name);
    let sanitize = if build.sanitize { "ON" } else { "OFF" };
    let root = workspace::root();
    let mut configure = Command::new("cmake");
    configure.args(["-S", "bindings/cpp", "-B"]).arg(&folder);
    configure.arg(format!("-DCMAKE_BUILD_TYPE={}", build.kind));
    configure.arg(format!("-DCMAKE_CXX_STANDARD={}", build.standard));
    configure.arg(format!("-DNEO_SANITIZE={sanitize}"));
    configure.arg(format!("-DNEO_INCLUDE_DIR={}", root.join("include").display()));
    configure.arg(format!("-DNEO_LIBRARIES={}", libraries.join("libneo.so.0").display()));
    let mut make = Command::new("cmake");
    make.arg("--build").arg(&folder).args(["--parallel", "2"]);
    for command in [configure, make] {
        if let Some(failure) = Step::new("cpp", command, LIMIT).run().failure {
            return Err(failure);
        }
    }
    Ok(folder.join("neo_cpp_tests"))
}

/// Runs the tests, perhaps by another program, which then starts fewer processes.
fn run_test(name: &str, by: &[&str], program: &Path) -> Outcome {
    let program = program.display().to_string();
    let mut words = by.iter().copied().chain([program.as_str()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    if !by.is_empty() {
        command.env("NEO_TEST_EXITS", "2");
    }
    Step::new(&format!("cpp, {name}"), command, LIMIT).run()
}

/// A detector that finds nothing where something is would pass every test.
fn finds_leak(program: &Path, leak: &str, report: &str) -> Result<(), Failure> {
    let output = Command::new(program).args(["plant", leak]).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !output.status.success() && said.contains(report) {
        return Ok(());
    }
    Err(format!("it ended with {} and said: {}", output.status, said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_becomes_a_declaration_that_needs_it() {
        let text = using(&["kernel::open", "poller"]);
        assert!(text.contains("struct p0 : neo::kernel { using neo::kernel::open; };\n"));
        assert!(text.ends_with("using neo::poller;\n"));
    }
}
