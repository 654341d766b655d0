//! `cargo xtask demo`: the table of toolchains, then the demonstration in `examples`, with its parts
//! in C and Python as far as their toolchains are there.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{first_line, hand_over};
use crate::{Failure, c, toolchains, workspace};

const C_COMPILERS: [&str; 3] = ["cc", "gcc", "clang"];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let lacking = toolchains::print_table();
    if lacking.contains(&"Rust") {
        return Err("the demo needs the Rust of the table; its last column installs it".to_owned());
    }
    let c = compiler(&lacking);
    let python = if lacking.contains(&"Python") { None } else { Some("python3") };
    let gaps: Vec<String> = [("C/C++", c), ("Python", python)]
        .into_iter()
        .filter(|(_, program)| program.is_none())
        .map(|(language, _)| toolchains::wanted(language))
        .collect();
    if toolchains::in_ci() && !gaps.is_empty() {
        return Err(format!("CI needs every language of the demo: {}", gaps.join("; ")));
    }
    build(c.is_some(), python.is_some())?;
    let folder = workspace::target_dir().join("demo");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = Command::new(built(&format!("demo{EXE_SUFFIX}")));
    command.env("PYTHONPATH", &folder);
    command.arg(match c {
        Some(compiler) => format!("--c={}", compile(compiler, &folder)?.display()),
        None => format!("--no-c={}", toolchains::wanted("C/C++")),
    });
    command.arg(match python {
        Some(_) => format!("--python={}", install(&folder)?.display()),
        None => format!("--no-python={}", toolchains::wanted("Python")),
    });
    let asked_for_plain = arguments.iter().any(|word| word == "--plain");
    if !asked_for_plain && !std::io::stdout().is_terminal() {
        command.arg("--plain");
    }
    command.args(arguments);
    hand_over(command)
}

/// What compiles C here; none if the table says that it is missing or too old.
fn compiler(lacking: &[&str]) -> Option<&'static str> {
    let answers = |compiler: &&str| first_line(compiler, &["-dumpversion"]).is_some();
    if lacking.contains(&"C/C++") { None } else { C_COMPILERS.into_iter().find(answers) }
}

/// Builds the demo, and the libraries of the languages that it will show.
fn build(c: bool, python: bool) -> Result<(), Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--release", "--package", "neo-examples"]);
    for (package, wanted) in [("neo-ffi", c), ("neo-python", python)] {
        if wanted {
            command.args(["--package", package]);
        }
    }
    hand_over(command)
}

fn built(name: &str) -> PathBuf {
    workspace::target_dir().join("release").join(name)
}

/// The C programs, beside the library that they are linked to; the one of the part flat out.
fn compile(compiler: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let library = replace(&format!("{DLL_PREFIX}neo{DLL_SUFFIX}"), &folder.join("libneo.so.0"))?;
    let place = |name: &str| folder.join(format!("{name}{EXE_SUFFIX}"));
    for name in ["flights", "processes"] {
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-I", "include", "-o"]);
        command.arg(place(name)).args([&format!("examples/c/{name}.c"), "examples/c/month.c"]);
        command.arg(&library).args(["-lpthread", "-Wl,-rpath,$ORIGIN"]);
        c::quiet(command)?;
    }
    Ok(place("flights"))
}

/// The Python program; the package that it imports is put into `folder`, where nothing of it is
/// installed and no other is found.
fn install(folder: &Path) -> Result<PathBuf, Failure> {
    let sources = workspace::root().join("bindings/python/python/neo_protocol");
    let package = folder.join("neo_protocol");
    let told = |error| format!("{}: {error}", package.display());
    fs::create_dir_all(&package).map_err(told)?;
    let is_python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    for source in workspace::files(&sources, &is_python) {
        if let Some(name) = source.file_name() {
            fs::copy(&source, package.join(name)).map_err(told)?;
        }
    }
    let module = if cfg!(windows) { "_neo.pyd" } else { "_neo.abi3.so" };
    replace(&format!("{DLL_PREFIX}_neo{DLL_SUFFIX}"), &package.join(module))?;
    Ok(workspace::root().join("examples/python/flights.py"))
}

/// Copies what was built to `place`. A program that has the old file mapped keeps it.
fn replace(name: &str, place: &Path) -> Result<PathBuf, Failure> {
    let fresh = place.with_extension("new");
    fs::copy(built(name), &fresh)
        .and_then(|_| fs::rename(&fresh, place))
        .map_err(|error| format!("{name}, to {}: {error}", place.display()))?;
    Ok(place.to_owned())
}
