//! `cargo xtask dist`: the command `neo` and what a program in C or C++ needs, installed under a
//! prefix; and the suite `dist`, which builds programs outside the repository against it.

mod consumers;
mod cpp;
mod go;

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c::{golden, native_libraries, quiet, verdict};
use crate::run::{Step, first_line};
use crate::suite::Suite;
use crate::unsafe_sites::read;
use crate::{Failure, toolchains, workspace};

const LIMIT: Duration = Duration::from_secs(20 * 60);

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let prefix = match arguments {
        [] => workspace::target_dir().join("dist"),
        [word, prefix] if word == "--prefix" => PathBuf::from(prefix),
        _ => return Err("use it as `dist [--prefix DIR]`".to_owned()),
    };
    install(&prefix)?;
    println!("installed under {}", prefix.display());
    Ok(())
}

pub(crate) fn suite() -> Suite {
    if first_line("gcc", &["-dumpversion"]).is_none() {
        return Suite::NotRun("gcc (apt-get install gcc)".to_owned());
    }
    let folder = std::env::temp_dir().join(format!("neo-dist-{}", std::process::id()));
    let prefix = folder.join("prefix");
    let mut steps = vec![verdict("everything is installed", install(&prefix))];
    if steps[0].failure.is_none() {
        let library = prefix.join("lib").join(format!("libneo.so.{VERSION}"));
        steps.push(verdict("only what the list names is exported", golden::symbols(&library)));
        steps.push(verdict("the command runs", command_runs(&prefix)));
        steps.extend(consumers::build(&folder, &prefix));
        steps.extend(cpp::build(&folder, &prefix));
        steps.extend(go::build(&folder, &prefix));
    }
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        println!("{}: {error}", folder.display());
    }
    Suite::of(steps).not_empty()
}

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds both libraries as released and puts everything in its place.
fn install(prefix: &Path) -> Result<(), Failure> {
    let built = build()?;
    let lib = prefix.join("lib");
    for folder in ["bin", "include/neo", "lib/pkgconfig", "lib/cmake/neo", "share/licenses/neo"] {
        std::fs::create_dir_all(prefix.join(folder)).map_err(|error| told(prefix, &error))?;
    }
    copy(&build_command()?, &prefix.join("bin/neo"))?;
    let root = workspace::root();
    let is_header = |path: &Path| path.extension().is_some_and(|end| end == "h" || end == "hpp");
    for header in workspace::files(&root.join("include"), &is_header) {
        let place = header.strip_prefix(root).map_err(|error| error.to_string())?;
        copy(&header, &prefix.join(place))?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&root.join(licence), &prefix.join("share/licenses/neo").join(licence))?;
    }
    let library = format!("libneo.so.{VERSION}");
    copy(&built.join("libneo.so"), &lib.join(&library))?;
    link(&library, &lib.join("libneo.so.0"))?;
    link("libneo.so.0", &lib.join("libneo.so"))?;
    localise(&built.join("libneo.a"), &lib.join("libneo.a"))?;
    let native = native_libraries()?;
    fill("neo.pc.in", &native.join(" "), &lib.join("pkgconfig/neo.pc"))?;
    fill("neoConfig.cmake.in", &native.join(";"), &lib.join("cmake/neo/neoConfig.cmake"))?;
    fill("neoConfigVersion.cmake.in", "", &lib.join("cmake/neo/neoConfigVersion.cmake"))
}

/// The command `neo`.
fn build_command() -> Result<PathBuf, Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--release", "--package", "neo-cli", "--color=never"]);
    match Step::new("dist, neo", command, LIMIT).run().failure {
        Some(failure) => Err(failure),
        None => Ok(workspace::target_dir().join("release/neo")),
    }
}

fn command_runs(prefix: &Path) -> Result<(), Failure> {
    let program = prefix.join("bin/neo");
    let printed = first_line(&program.display().to_string(), &["--version"]);
    if printed == Some(format!("neo {VERSION}")) {
        return Ok(());
    }
    Err(format!("`{} --version` printed {printed:?}", program.display()))
}

/// Both libraries; the archive says what it needs beside it, which must be what we tell others.
fn build() -> Result<PathBuf, Failure> {
    const MARK: &str = "note: native-static-libs: ";
    let mut command = toolchains::cargo(false);
    command.args(["rustc", "--release", "--package", "neo-ffi", "--lib", "--color=never"]);
    command.args(["--crate-type", "cdylib,staticlib", "--", "--print", "native-static-libs"]);
    let outcome = Step::new("dist", command, LIMIT).collecting(MARK).run();
    if let Some(failure) = outcome.failure {
        return Err(failure);
    }
    let listed = native_libraries()?.join(" ");
    match outcome.collected.last() {
        Some(needed) if needed.trim() == listed => {}
        needed => {
            let needed = needed.map_or("nothing", String::as_str);
            return Err(format!(
                "neo-ffi/packaging/native-static-libs.txt says `{listed}`, the compiler `{needed}`"
            ));
        }
    }
    Ok(workspace::target_dir().join("release"))
}

/// One object in which only `neo_*` can be seen, so that two libraries in Rust fit in one program.
pub(crate) fn localise(archive: &Path, target: &Path) -> Result<(), Failure> {
    let object = target.with_extension("o");
    let mut join = Command::new("ld");
    // Without groups: of two groups of one name the linker drops one, and what is local in it.
    join.args(["-r", "--force-group-allocation", "--whole-archive"]);
    join.arg(archive).arg("-o").arg(&object);
    quiet(join)?;
    let mut hide = Command::new("objcopy");
    hide.args(["--wildcard", "--keep-global-symbol=neo_*", "--strip-debug"]);
    // The compiler's own bitcode, which older tools take for theirs.
    hide.args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd"]).arg(&object);
    quiet(hide)?;
    let _ = std::fs::remove_file(target);
    let mut pack = Command::new("ar");
    pack.arg("rcs").arg(target).arg(&object);
    quiet(pack)?;
    std::fs::remove_file(&object).map_err(|error| told(&object, &error))
}

/// Writes a template of `neo-ffi/packaging` with its gaps filled.
fn fill(template: &str, native: &str, target: &Path) -> Result<(), Failure> {
    let text = read(&workspace::root().join("neo-ffi/packaging").join(template))?;
    let text = text.replace("@VERSION@", VERSION).replace("@NATIVE@", native);
    std::fs::write(target, text).map_err(|error| told(target, &error))
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::copy(from, to).map_err(|error| told(from, &error)).map(drop)
}

fn link(target: &str, link: &Path) -> Result<(), Failure> {
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(target, link).map_err(|error| told(link, &error))
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    format!("{}: {error}", path.display())
}
