//! The programs of each language: `flights` and `processes` of the demo, and the example
//! `shared_memory`; built once for all tests.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::env::{current_exe, var_os};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The examples, which lie in the root of the repository.
pub(crate) const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Warnings that are errors here.
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The programs of a language.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) language: &'static str,
    interpreter: Option<&'static str>,
    /// What follows their names.
    suffix: &'static str,
    folder: PathBuf,
    /// Where Python finds the package.
    path: OsString,
}

impl Programs {
    fn new(language: &'static str, suffix: &'static str, folder: PathBuf) -> Self {
        Self { language, interpreter: None, suffix, folder, path: OsString::new() }
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let program = self.folder.join(format!("{name}{}", self.suffix));
        let mut command = match self.interpreter {
            None => Command::new(program),
            Some(interpreter) => {
                let mut command = Command::new(interpreter);
                command.arg(program);
                command
            }
        };
        command.env("PYTHONPATH", &self.path);
        command
    }
}

type Built = LazyLock<Option<Programs>>;

pub(crate) static RUST: Built = LazyLock::new(|| {
    // Cargo builds the examples together with the tests, into the folder beside theirs.
    let test = current_exe().unwrap();
    let folder = test.ancestors().nth(2).expect("a build directory").join("examples");
    let program = folder.join(format!("shared_memory{EXE_SUFFIX}"));
    assert!(program.is_file(), "{} is missing: cargo test -p neo-examples", program.display());
    Some(Programs::new("Rust", EXE_SUFFIX, folder))
});

pub(crate) static C: Built = LazyLock::new(|| {
    let programs = [
        &["flights", "readers", "delays", "month"][..],
        &["processes", "delays", "month"],
        &["shared_memory"],
    ];
    compiled("C", &["cc", "gcc", "clang"], &["-std=c11"], programs, |name| format!("c/{name}.c"))
});

pub(crate) static CPP: Built = LazyLock::new(|| {
    let flags = ["-std=c++17", "-Wconversion", "-Wsign-conversion", "-Wshadow"];
    let programs = [&["flights", "month"][..], &["processes", "month"], &["shared_memory"]];
    let source = |name: &str| format!("cpp/{name}.cpp");
    compiled("C++", &["c++", "g++", "clang++"], &flags, programs, source)
});

pub(crate) static PYTHON: Built = LazyLock::new(|| {
    let python = find(&["python3"], "--version", "Python")?;
    let folder = folder("python");
    let package = folder.join("neo_protocol");
    copy("bindings/python/python/neo_protocol", "py", &package);
    build("neo-python", "_neo", &package.join("_neo.abi3.so"));
    let programs = Programs::new("Python", ".py", Path::new(FOLDER).join("python"));
    Some(Programs { interpreter: Some(python), path: folder.into(), ..programs })
});

pub(crate) static GO: Built = LazyLock::new(|| {
    let go = find(&["go"], "version", "Go")?;
    xtask("go");
    let folder = folder("go");
    for name in ["flights", "processes", "shared_memory"] {
        let mut command = Command::new(go);
        command.arg("-C").arg(Path::new(FOLDER).join("go")).args(["build", "-o"]);
        printed(command.arg(folder.join(name)).arg(format!("./{name}")));
    }
    Some(Programs::new("Go", "", folder))
});

pub(crate) static NODE: Built = LazyLock::new(|| {
    let node = find(&["node"], "--version", "Node")?;
    xtask("node");
    let folder = folder("node");
    let package = folder.join("node_modules/neo-protocol");
    copy("bindings/node/js", "", &package.join("js"));
    copy("bindings/node/native", "node", &package.join("native"));
    copy("bindings/node", "json", &package);
    copy("examples/node", "mjs", &folder);
    Some(Programs { interpreter: Some(node), ..Programs::new("Node", ".mjs", folder) })
});

/// All that the machine has the toolchains for.
pub(crate) fn all() -> Vec<&'static Programs> {
    [&RUST, &C, &CPP, &PYTHON, &GO, &NODE].iter().filter_map(|built| built.as_ref()).collect()
}

/// Compiles programs of C or C++, each from its sources, beside the library that they are linked to.
fn compiled(
    language: &'static str,
    compilers: &[&'static str],
    flags: &[&str],
    programs: [&[&str]; 3],
    source: impl Fn(&str) -> String,
) -> Option<Programs> {
    let compiler = find(compilers, "-dumpversion", language)?;
    let folder = folder(language);
    let library = folder.join("libneo.so.0");
    build("neo-ffi", "neo", &library);
    for sources in programs {
        let mut command = Command::new(compiler);
        command.args(flags).args(WARNINGS).args(["-I", "../include", "-o"]);
        command.arg(folder.join(format!("{}{EXE_SUFFIX}", sources[0])));
        command.args(sources.iter().map(|name| source(name))).arg(&library);
        printed(command.args(["-pthread", "-Wl,-rpath,$ORIGIN"]).current_dir(FOLDER));
    }
    Some(Programs::new(language, EXE_SUFFIX, folder))
}

/// The first of these programs that is there. Where none is, it is said that the language was not
/// run, which fails where a CI run counts on it.
fn find(programs: &[&'static str], version: &str, language: &str) -> Option<&'static str> {
    let answers = |program: &&&str| {
        Command::new(program).arg(version).output().is_ok_and(|output| output.status.success())
    };
    let found = programs.iter().find(answers).copied();
    if found.is_none() {
        // Not `eprintln!`, which is shown for failed tests only.
        let _ = writeln!(std::io::stderr(), "{language}: not run: no {}", programs.join(", no "));
        let in_ci = var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        assert!(!in_ci, "CI needs {language}");
    }
    found
}

/// `TARGET`; tests lie in `TARGET/PROFILE/deps`.
fn target() -> PathBuf {
    current_exe().unwrap().ancestors().nth(3).expect("a build directory").to_owned()
}

/// Builds the shared library of a package and copies it.
fn build(package: &str, library: &str, place: &Path) {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", package, "--target-dir"]).arg(target());
    printed(command.current_dir(FOLDER));
    let name = format!("{DLL_PREFIX}{library}{DLL_SUFFIX}");
    // A process that has the old file mapped keeps it.
    let fresh = place.with_extension("new");
    fs::copy(target().join("debug").join(name), &fresh).unwrap();
    fs::rename(fresh, place).unwrap();
}

/// Puts a library where its package looks for it.
fn xtask(verb: &str) {
    let mut command = Command::new(env!("CARGO"));
    printed(command.args(["xtask", verb]).current_dir(FOLDER).env("CARGO_TARGET_DIR", target()));
}

/// A folder that is kept between runs.
fn folder(language: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages").join(language);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Copies the files of a folder of the repository that end like this; all of them, if in nothing.
fn copy(from: &str, extension: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(Path::new(FOLDER).join("..").join(from)).unwrap() {
        let file = file.unwrap().path();
        let has = file.extension().is_some_and(|of| extension.is_empty() || of == extension);
        if has && file.is_file() {
            fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// What a program prints until it ends well.
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("the programs print text")
}
