//! A module in Go outside the repository, built by the steps of `bindings/go/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::copy;
use crate::c::{quiet, verdict};
use crate::run::{Outcome, first_line};
use crate::unsafe_sites::read;
use crate::{Failure, go, workspace};

/// Builds and runs a program below `folder`, in both forms.
pub(super) fn build(folder: &Path, prefix: &Path) -> Vec<Outcome> {
    if let Some(lacking) = go::lacking() {
        println!("dist, Go: not run: {lacking}");
        return Vec::new();
    }
    let folder = folder.join("go");
    let program = match prepare(&folder, prefix) {
        Ok(program) => program,
        Err(failure) => return vec![verdict("a module in Go is made", Err(failure))],
    };
    let mut steps = Vec::new();
    if first_line("pkg-config", &["--version"]).is_some() {
        let flags = &["-tags", "neo_dynamic"];
        steps.push(verdict("a module in Go by pkg-config", runs(&program, prefix, flags)));
    } else {
        println!("dist, Go by pkg-config: not run: it is not installed");
    }
    steps.push(verdict("a module in Go with the archive", runs(&program, prefix, &[])));
    steps
}

/// A copy of the package, as a user has it, with the installed archive in its place; and a module that
/// uses it.
fn prepare(folder: &Path, prefix: &Path) -> Result<PathBuf, Failure> {
    let (package, program) = (folder.join("neo"), folder.join("program"));
    let lib = package.join("lib");
    let archives = lib.join(go::target()?);
    for folder in [&archives, &lib.join("include"), &program] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let root = go::package();
    let is_part = |path: &Path| {
        path.parent() == Some(&root)
            && path.extension().is_some_and(|end| end == "go" || end == "h" || end == "mod")
    };
    for file in workspace::files(&root, &is_part) {
        copy(&file, &package.join(file.file_name().unwrap_or_default()))?;
    }
    copy(&prefix.join("lib/libneo.a"), &archives.join("libneo.a"))?;
    copy(&prefix.join("include/neo.h"), &lib.join("include/neo.h"))?;
    let topic = workspace::root().join("examples/go/service/main.go");
    copy(&topic, &program.join("main.go"))?;
    in_module(&program, &["mod", "init", "program"])?;
    in_module(&program, &["mod", "edit", &format!("-replace={}=../neo", go::PACKAGE)])?;
    in_module(&program, &["mod", "tidy"])?;
    Ok(program)
}

fn in_module(program: &Path, words: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("go");
    command.arg("-C").arg(program).args(words);
    quiet(command)
}

/// The program says what the same one says in every language.
fn runs(program: &Path, prefix: &Path, flags: &[&str]) -> Result<(), Failure> {
    let mut build = Command::new("go");
    build.arg("-C").arg(program).args(["build", "-o", "program"]).args(flags);
    build.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    quiet(build)?;
    let mut run = Command::new(program.join("program"));
    if !flags.is_empty() {
        run.env("LD_LIBRARY_PATH", prefix.join("lib"));
    }
    go::prints(run, &read(&workspace::root().join("examples/service/expected.txt"))?)
}
