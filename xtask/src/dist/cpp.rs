//! Programs in C++ outside the repository, built against an installed prefix by the steps of
//! `bindings/cpp/README.md`.

use std::path::Path;
use std::process::Command;

use super::consumers::{PROGRAMS, flags, prints};
use super::copy;
use crate::c::{quiet, verdict};
use crate::run::{Outcome, first_line};
use crate::{Failure, workspace};

/// Builds and runs them below `folder`.
pub(super) fn build(folder: &Path, prefix: &Path) -> Vec<Outcome> {
    let folder = folder.join("cpp");
    if first_line("g++", &["-dumpversion"]).is_none() {
        println!("dist, C++: not run: g++ is not installed");
        return Vec::new();
    }
    let prepared = prepare(&folder);
    if prepared.is_err() {
        return vec![verdict("a folder for programs in C++ is made", prepared)];
    }
    let mut steps = Vec::new();
    if first_line("pkg-config", &["--version"]).is_some() {
        for program in PROGRAMS {
            let name = format!("{program} in C++ by pkg-config");
            steps.push(verdict(&name, by_pkg_config(&folder, prefix, program)));
        }
    } else {
        println!("dist, C++ by pkg-config: not run: it is not installed");
    }
    if first_line("cmake", &["--version"]).is_some() {
        steps.push(verdict("C++ by CMake, shared and static", by_cmake(&folder, prefix)));
    } else {
        println!("dist, C++ by CMake: not run: it is not installed");
    }
    steps
}

fn prepare(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let root = workspace::root();
    for program in PROGRAMS {
        let source = format!("{program}.cpp");
        copy(&root.join("examples/cpp").join(&source), &folder.join(source))?;
    }
    let project = "CMakeLists.txt";
    copy(&root.join("bindings/cpp/consumer").join(project), &folder.join(project))
}

fn by_pkg_config(folder: &Path, prefix: &Path, name: &str) -> Result<(), Failure> {
    let program = folder.join(name);
    let mut compile = Command::new("g++");
    compile.args(["-std=c++17", "-Wall", "-Werror"]).arg(folder.join(format!("{name}.cpp")));
    compile.args(flags(prefix, false)?).arg("-pthread").arg("-o").arg(&program);
    quiet(compile)?;
    prints(&program, prefix, name)
}

fn by_cmake(folder: &Path, prefix: &Path) -> Result<(), Failure> {
    let built = folder.join("cmake");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(folder).arg("-B").arg(&built);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    quiet(configure)?;
    let mut make = Command::new("cmake");
    make.arg("--build").arg(&built);
    quiet(make)?;
    for name in PROGRAMS {
        for form in ["shared", "static"] {
            prints(&built.join(format!("{name}-{form}")), prefix, name)?;
        }
    }
    Ok(())
}
