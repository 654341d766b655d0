//! The Python package: `cargo xtask python` builds its module in place; the suite `python` tests it
//! there, and its wheel in an environment where nothing else is.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Counts, Outcome, Step, first_line};
use crate::suite::Suite;
use crate::{Failure, toolchains, workspace};

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What the tests need, and what they use where it can be had.
const NEEDED: &[&str] = &["pytest>=8", "numpy>=1.26", "maturin>=1.9.4,<2"];
/// Packages, and the modules that they are.
const WANTED: &[(&str, &str)] = &[("mypy>=1.15", "mypy"), ("uvloop>=0.21", "uvloop")];
/// Whom the module is measured against.
const PEERS: &[(&str, &str)] = &[("pyzmq>=26", "zmq"), ("iceoryx2==0.10.*", "iceoryx2")];

/// A round trip by the installed package, alone in its environment.
const SMOKE: &str = "
import asyncio, neo_protocol
with neo_protocol.open('mem://') as kernel, kernel.subscribe('a.*') as subscription:
    kernel.publish('a.b', b'hello')
    assert bytes(subscription.recv(timeout=30)) == b'hello'
async def main():
    async with neo_protocol.NeoClient('mem://') as client:
        async with client.serve('upper', lambda request: request.data.upper()):
            assert await client.call('upper', 'm', b'abc') == b'ABC'
asyncio.run(main())
print('test result: ok. 1 passed; 0 failed')
";

/// Builds the module where Python finds it with `PYTHONPATH=bindings/python/python`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => build_in_place(false),
        [word] if word == "--release" => build_in_place(true),
        [word, ..] => Err(format!("python takes --release, found `{word}`")),
    }
}

fn package() -> PathBuf {
    workspace::root().join("bindings/python")
}

fn build_in_place(release: bool) -> Result<(), Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--package", "neo-python"]);
    if release {
        command.arg("--release");
    }
    if let Some(failure) = Step::new("python", command, LIMIT).run().failure {
        return Err(failure);
    }
    let (prefix, ending, installed) = match std::env::consts::OS {
        "macos" => ("lib", "dylib", "_neo.abi3.so"),
        "windows" => ("", "dll", "_neo.pyd"),
        _ => ("lib", "so", "_neo.abi3.so"),
    };
    let profile = if release { "release" } else { "debug" };
    let built = workspace::target_dir().join(profile).join(format!("{prefix}_neo.{ending}"));
    let place = package().join("python/neo_protocol");
    // A program that has the old file mapped keeps it: the new one takes its name.
    let fresh = place.join(".new");
    let told = |error| format!("{}: {error}", workspace::shown(&place));
    std::fs::copy(&built, &fresh).map_err(told)?;
    std::fs::rename(&fresh, place.join(installed)).map_err(told)
}

/// Builds the module where it lies; the folder for `PYTHONPATH`.
pub(crate) fn built_in_place() -> Result<PathBuf, Failure> {
    build_in_place(false)?;
    Ok(package().join("python"))
}

/// What a measurement needs: the interpreter that has the peers, and the folder of the module as it
/// is released.
pub(crate) fn for_bench() -> Result<(PathBuf, PathBuf), Failure> {
    let interpreter = environment()?;
    for (package, module) in PEERS {
        if !has(&interpreter, module)
            && let Some(failure) = install(&interpreter, &[package])
        {
            return Err(format!("{package}: {failure}"));
        }
    }
    build_in_place(true)?;
    Ok((interpreter, package().join("python")))
}

pub(crate) fn suite() -> Suite {
    let venv = match environment() {
        Ok(venv) => venv,
        Err(reason) if toolchains::in_ci() => return Suite::of([failed(reason)]),
        Err(reason) => return Suite::NotRun(reason),
    };
    if let Err(failure) = build_in_place(false) {
        return Suite::of([failed(failure)]);
    }
    let mut tests = Command::new(&venv);
    tests.args(["-m", "pytest", "-c"]).arg(package().join("pyproject.toml"));
    tests.arg("--rootdir").arg(package()).arg(package().join("tests"));
    tests.env("PYTHONPATH", package().join("python")).env("NEO_TEST_RESULT_LINE", "1");
    let tests = Step::new("python", tests, LIMIT).run();
    let wheel = wheel(&venv).unwrap_or_else(failed);
    Suite::of([tests, wheel]).not_empty()
}

fn failed(failure: Failure) -> Outcome {
    let counts = Counts { failed: 1, ..Counts::default() };
    Outcome { counts, failure: Some(failure), ..Outcome::default() }
}

fn folder() -> PathBuf {
    workspace::target_dir().join("python")
}

/// Makes an environment with what the tests need; its interpreter. It is kept between runs.
fn environment() -> Result<PathBuf, Failure> {
    let interpreter = new_environment("venv")?;
    if !["pytest", "numpy", "maturin"].iter().all(|module| has(&interpreter, module))
        && let Some(failure) = install(&interpreter, NEEDED)
    {
        return Err(format!("{}: {failure}", NEEDED.join(", ")));
    }
    for (package, module) in WANTED {
        if !has(&interpreter, module) && install(&interpreter, &[package]).is_some() {
            println!("note: without {package}: tests that use it are skipped");
        }
    }
    Ok(interpreter)
}

fn has(interpreter: &Path, module: &str) -> bool {
    let program = format!("import {module}; print(1)");
    first_line(&interpreter.to_string_lossy(), &["-c", &program]).is_some()
}

fn new_environment(name: &str) -> Result<PathBuf, Failure> {
    let place = folder().join(name);
    let interpreter = interpreter_of(&place);
    if interpreter.exists() {
        return Ok(interpreter);
    }
    let mut command = Command::new("python3");
    command.args(["-m", "venv"]).arg(&place);
    match Step::new("python", command, LIMIT).run().failure {
        Some(failure) => Err(format!("python3 with venv: {failure}")),
        None => Ok(interpreter),
    }
}

fn interpreter_of(environment: &Path) -> PathBuf {
    match std::env::consts::OS {
        "windows" => environment.join("Scripts/python.exe"),
        _ => environment.join("bin/python"),
    }
}

fn install(interpreter: &Path, packages: &[&str]) -> Option<Failure> {
    let mut command = Command::new(interpreter);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    Step::new("python", command, LIMIT).run().failure
}

/// Builds the wheel and uses it in an environment that has nothing but it.
fn wheel(interpreter: &Path) -> Result<Outcome, Failure> {
    let (wheels, empty) = (folder().join("wheels"), folder().join("empty"));
    for old in [&wheels, &empty] {
        if old.exists() {
            std::fs::remove_dir_all(old).map_err(|error| format!("{}: {error}", old.display()))?;
        }
    }
    let mut build = Command::new(interpreter);
    build.args(["-m", "maturin", "build", "--quiet", "--manifest-path"]);
    build.arg(package().join("Cargo.toml")).arg("--out").arg(&wheels);
    if let Some(failure) = Step::new("wheel", build, LIMIT).run().failure {
        return Err(failure);
    }
    let is_wheel = |path: &Path| path.extension().is_some_and(|extension| extension == "whl");
    let built = workspace::files(&wheels, &is_wheel);
    let [wheel] = built.as_slice() else {
        return Err(format!("maturin made {} wheels", built.len()));
    };
    let alone = new_environment("empty")?;
    let mut install = Command::new(&alone);
    install.args(["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]).arg(wheel);
    if let Some(failure) = Step::new("wheel", install, LIMIT).run().failure {
        return Err(failure);
    }
    let mut smoke = Command::new(&alone);
    // Isolated: neither the folder nor the environment lend it the module that was built in place.
    smoke.args(["-I", "-c", SMOKE]);
    Ok(Step::new("wheel", smoke, LIMIT).run())
}
