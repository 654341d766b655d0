//! Programs outside the repository, built against an installed prefix and nothing else.

use std::path::Path;
use std::process::Command;

use super::copy;
use crate::c::{quiet, verdict};
use crate::run::{Outcome, first_line};
use crate::unsafe_sites::read;
use crate::{Failure, workspace};

/// Programs of `examples/c` and of `examples/cpp`.
pub(super) const PROGRAMS: [&str; 2] = ["pubsub", "service"];

/// Builds and runs them in `folder`.
pub(super) fn build(folder: &Path, prefix: &Path) -> Vec<Outcome> {
    let prepared = prepare(folder);
    if prepared.is_err() {
        return vec![verdict("a folder for programs is made", prepared)];
    }
    let mut steps = Vec::new();
    if first_line("pkg-config", &["--version"]).is_some() {
        for example in PROGRAMS {
            for is_static in [false, true] {
                let form = if is_static { "static" } else { "shared" };
                let name = format!("{example} by pkg-config, {form}");
                steps.push(verdict(&name, by_pkg_config(folder, prefix, example, is_static)));
            }
        }
    } else {
        println!("pkg-config: not run: it is not installed");
    }
    if first_line("cmake", &["--version"]).is_some() {
        steps.push(verdict("cmake, shared and static", by_cmake(folder, prefix)));
    } else {
        println!("cmake: not run: it is not installed");
    }
    steps.push(verdict("two libraries in Rust in one program", two_libraries(folder, prefix)));
    steps
}

fn prepare(folder: &Path) -> Result<(), Failure> {
    let root = workspace::root();
    for name in PROGRAMS {
        let source = format!("{name}.c");
        copy(&root.join("examples/c").join(&source), &folder.join(source))?;
    }
    for name in ["CMakeLists.txt", "two_libraries.c", "other.rs"] {
        copy(&root.join("neo-ffi/tests/consumer").join(name), &folder.join(name))?;
    }
    Ok(())
}

fn by_pkg_config(folder: &Path, prefix: &Path, name: &str, is_static: bool) -> Result<(), Failure> {
    let mut flags = flags(prefix, is_static)?;
    if is_static {
        // Both forms are installed; the linker takes the shared one unless it is told.
        flags.iter_mut().filter(|word| *word == "-lneo").for_each(|word| {
            *word = "-l:libneo.a".to_owned();
        });
    }
    let program = folder.join(format!("{name}-{}", if is_static { "static" } else { "shared" }));
    let mut compile = Command::new("gcc");
    compile.args(["-std=c99", "-Wall", "-Werror"]).arg(folder.join(format!("{name}.c")));
    compile.args(flags).arg("-lpthread").arg("-o").arg(&program);
    quiet(compile)?;
    prints(&program, prefix, name)
}

pub(super) fn flags(prefix: &Path, is_static: bool) -> Result<Vec<String>, Failure> {
    let mut ask = Command::new("pkg-config");
    ask.args(["--cflags", "--libs"]).args(is_static.then_some("--static")).arg("neo");
    ask.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let output = ask.output().map_err(|error| format!("pkg-config: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
}

fn by_cmake(folder: &Path, prefix: &Path) -> Result<(), Failure> {
    let built = folder.join("cmake");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(folder).arg("-B").arg(&built);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    quiet(configure)?;
    let mut build = Command::new("cmake");
    build.arg("--build").arg(&built);
    quiet(build)?;
    prints(&built.join("shared"), prefix, "pubsub")?;
    prints(&built.join("static"), prefix, "pubsub")
}

fn two_libraries(folder: &Path, prefix: &Path) -> Result<(), Failure> {
    let other = folder.join("libother.a");
    let mut compile = Command::new("rustc");
    compile.args(["--edition=2024", "--crate-type=staticlib", "-o"]).arg(&other);
    quiet({
        compile.arg(folder.join("other.rs"));
        compile
    })?;
    let program = folder.join("two");
    let mut link = Command::new("gcc");
    link.arg(folder.join("two_libraries.c")).arg("-I").arg(prefix.join("include"));
    link.arg(prefix.join("lib/libneo.a")).arg(&other).args(crate::c::native_libraries()?);
    link.arg("-o").arg(&program);
    quiet(link)?;
    quiet(Command::new(&program))
}

/// The program runs with the installed library and says what it says in every language.
pub(super) fn prints(program: &Path, prefix: &Path, name: &str) -> Result<(), Failure> {
    let says = read(&workspace::root().join("examples").join(name).join("expected.txt"))?;
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    let output = command.output().map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.trim() == says.trim() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ended with {} and said `{said}` {error}", program.display(), output.status))
}
