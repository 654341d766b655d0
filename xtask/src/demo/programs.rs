//! The demo's programs in other languages: how each is built, in its release form.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::first_line;
use crate::{Failure, c, go, node, toolchains, workspace};

const C_COMPILERS: [&str; 3] = ["cc", "gcc", "clang"];
const CXX_COMPILERS: [&str; 3] = ["c++", "g++", "clang++"];

/// What the parts flat out and across processes are called in every language.
const NAMES: [&str; 2] = ["flights", "processes"];

/// A language that the demo shows beside Rust.
#[derive(Clone, Copy)]
pub(super) struct Guest {
    /// As the demo's command line names it.
    pub(super) option: &'static str,
    /// What its programs are linked to, or load.
    pub(super) package: &'static str,
    /// What is missing for it, with the line that installs it.
    pub(super) gap: fn() -> Option<String>,
    /// Builds its programs in a folder of the demo's; the one of the part flat out. The other lies
    /// beside it.
    pub(super) build: fn(&Path) -> Result<PathBuf, Failure>,
}

pub(super) const GUESTS: [Guest; 5] = [
    Guest { option: "c", package: "neo-ffi", gap: || compiler(&C_COMPILERS).err(), build: in_c },
    Guest {
        option: "cpp",
        package: "neo-ffi",
        gap: || compiler(&CXX_COMPILERS).err(),
        build: in_cpp,
    },
    Guest { option: "go", package: "neo-ffi", gap: go::lacking, build: in_go },
    Guest { option: "python", package: "neo-python", gap: || lacks("Python"), build: in_python },
    Guest { option: "node", package: "neo-node", gap: || lacks("Node"), build: in_node },
];

fn lacks(language: &str) -> Option<String> {
    toolchains::lacks(language).then(|| toolchains::wanted(language))
}

/// The first of these compilers that answers.
fn compiler(programs: &[&'static str]) -> Result<&'static str, Failure> {
    let answers = |program: &&&str| first_line(program, &["-dumpversion"]).is_some();
    let found = programs.iter().find(answers).copied();
    let reason = || toolchains::wanted("C/C++");
    if toolchains::lacks("C/C++") { Err(reason()) } else { found.ok_or_else(reason) }
}

/// What Cargo built.
pub(super) fn built(name: &str) -> PathBuf {
    workspace::target_dir().join("release").join(name)
}

fn in_c(demo: &Path) -> Result<PathBuf, Failure> {
    let sources =
        [&["flights", "readers", "delays", "month"][..], &["processes", "delays", "month"]];
    let sources = sources.map(|names| paths(names, "c"));
    compile_all(compiler(&C_COMPILERS)?, "-std=c11", &sources, &folder(demo, "c")?)
}

fn in_cpp(demo: &Path) -> Result<PathBuf, Failure> {
    let sources = [["flights", "month"], ["processes", "month"]];
    let sources = sources.map(|names| paths(&names, "cpp"));
    compile_all(compiler(&CXX_COMPILERS)?, "-std=c++17", &sources, &folder(demo, "cpp")?)
}

fn paths(names: &[&str], language: &str) -> Vec<String> {
    names.iter().map(|name| format!("examples/{language}/{name}.{language}")).collect()
}

/// Compiles both programs into a folder, beside the library that they are linked to. One that is
/// newer than all that it is made of stays as it is.
fn compile_all(
    compiler: &str,
    standard: &str,
    sources: &[Vec<String>; 2],
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let library = replace(&format!("{DLL_PREFIX}neo{DLL_SUFFIX}"), &folder.join("libneo.so.0"))?;
    let place = |name: &str| folder.join(format!("{name}{EXE_SUFFIX}"));
    for (name, sources) in NAMES.iter().zip(sources) {
        if is_fresh(&place(name), sources) {
            continue;
        }
        let mut command = Command::new(compiler);
        command.args([standard, "-O2", "-Wall", "-Wextra", "-I", "include", "-o"]);
        command.arg(place(name)).args(sources).arg(&library);
        command.args(["-pthread", "-Wl,-rpath,$ORIGIN"]);
        c::quiet(command)?;
    }
    Ok(place(NAMES[0]))
}

/// Whether a program is newer than every header and source beside its own.
fn is_fresh(program: &Path, sources: &[String]) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|of| of.modified()).ok();
    let Some(made) = changed(program) else { return false };
    let root = workspace::root();
    let own = sources.iter().filter_map(|source| root.join(source).parent().map(Path::to_owned));
    own.chain([root.join("include")])
        .flat_map(|folder| workspace::files(&folder, &|_| true))
        .all(|input| changed(&input).is_some_and(|changed| changed < made))
}

fn in_go(demo: &Path) -> Result<PathBuf, Failure> {
    go::put_in_place(true)?;
    let folder = folder(demo, "go")?;
    for name in NAMES {
        let mut command = Command::new("go");
        command.arg("-C").arg(workspace::root().join("examples/go"));
        command.arg("build").arg("-o").arg(folder.join(format!("{name}{EXE_SUFFIX}")));
        command.arg(format!("./{name}"));
        c::quiet(command)?;
    }
    Ok(folder.join(format!("{}{EXE_SUFFIX}", NAMES[0])))
}

fn in_node(demo: &Path) -> Result<PathBuf, Failure> {
    node::put_in_place(true)?;
    let folder = folder(demo, "node")?;
    node::place_examples(&folder)?;
    Ok(folder.join(format!("{}.mjs", NAMES[0])))
}

/// The package that the Python programs import is put into the demo's folder, where nothing of it
/// is installed and no other is found.
fn in_python(demo: &Path) -> Result<PathBuf, Failure> {
    let sources = workspace::root().join("bindings/python/python/neo_protocol");
    let package = folder(demo, "neo_protocol")?;
    let told = |error| format!("{}: {error}", package.display());
    let is_python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    for source in workspace::files(&sources, &is_python) {
        if let Some(name) = source.file_name() {
            fs::copy(&source, package.join(name)).map_err(told)?;
        }
    }
    let module = if cfg!(windows) { "_neo.pyd" } else { "_neo.abi3.so" };
    replace(&format!("{DLL_PREFIX}_neo{DLL_SUFFIX}"), &package.join(module))?;
    Ok(workspace::root().join(format!("examples/python/{}.py", NAMES[0])))
}

fn folder(demo: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = demo.join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Copies what was built to `place`. A program that has the old file mapped keeps it.
fn replace(name: &str, place: &Path) -> Result<PathBuf, Failure> {
    let fresh = place.with_extension("new");
    fs::copy(built(name), &fresh)
        .and_then(|_| fs::rename(&fresh, place))
        .map_err(|error| format!("{name}, to {}: {error}", place.display()))?;
    Ok(place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_made_again_when_a_source_beside_its_own_is_newer() {
        let sources = ["examples/c/flights.c".to_owned()];
        let program = std::env::temp_dir().join(format!("neo-fresh-{}", std::process::id()));
        assert!(!is_fresh(&program, &sources), "there is none");
        fs::write(&program, "").expect("a file");
        assert!(is_fresh(&program, &sources));
        let long_ago = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        let file = fs::File::options().write(true).open(&program).expect("the file");
        file.set_times(long_ago).expect("its times");
        assert!(!is_fresh(&program, &sources));
        fs::remove_file(&program).expect("it is there");
    }
}
