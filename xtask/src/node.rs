//! The npm package: `cargo xtask node` builds its native half in place; the suite `node` tests it
//! there, its types under TypeScript, and its packages in a folder where nothing else is.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::run::{Counts, Outcome, Step, first_line};
use crate::suite::Suite;
use crate::{Failure, c, toolchains, unsafe_sites, workspace};

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What a user does first, by each way to load the package.
const SMOKE: &str = "
const kernel = neo.Kernel.open('mem://');
const subscription = kernel.subscribe('a.*');
kernel.publish('a.b', Buffer.from('hello'));
if (String(subscription.tryRecv().data) !== 'hello') throw new Error('not received');
";

/// Builds the native half where the package finds it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => build_in_place(false),
        [word] if word == "--release" => build_in_place(true),
        [word, ..] => Err(format!("node takes --release, found `{word}`")),
    }
}

/// The folder of the package.
pub(crate) fn package() -> PathBuf {
    workspace::root().join("bindings/node")
}

/// A platform in the words of Node and npm.
struct Platform {
    os: &'static str,
    cpu: &'static str,
    libc: Option<&'static str>,
}

impl Platform {
    fn here() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        };
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => other,
        };
        let libc = match (os, cfg!(target_env = "musl")) {
            ("linux", true) => Some("musl"),
            ("linux", false) => Some("gnu"),
            _ => None,
        };
        Self { os, cpu, libc }
    }

    /// As `js/loader.cjs` names it.
    fn triple(&self) -> String {
        let Self { os, cpu, libc } = self;
        match (*os, libc) {
            (_, Some(libc)) => format!("{os}-{cpu}-{libc}"),
            ("win32", None) => format!("{os}-{cpu}-msvc"),
            _ => format!("{os}-{cpu}"),
        }
    }

    /// The native half as the loader finds it.
    fn module(&self) -> PathBuf {
        package().join("native").join(format!("neo.{}.node", self.triple()))
    }
}

fn told(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| format!("{}: {error}", path.display())
}

fn build_in_place(release: bool) -> Result<(), Failure> {
    let mut command = toolchains::cargo(false);
    command.args(["build", "--package", "neo-node"]);
    if release {
        command.arg("--release");
    }
    if let Some(failure) = Step::new("node", command, LIMIT).run().failure {
        return Err(failure);
    }
    put_in_place(release)
}

/// Copies what was built to where the package finds it.
pub(crate) fn put_in_place(release: bool) -> Result<(), Failure> {
    let built = match std::env::consts::OS {
        "macos" => "libneo_node.dylib",
        "windows" => "neo_node.dll",
        _ => "libneo_node.so",
    };
    let profile = if release { "release" } else { "debug" };
    let built = workspace::target_dir().join(profile).join(built);
    let place = Platform::here().module();
    let folder = package().join("native");
    std::fs::create_dir_all(&folder).map_err(told(&folder))?;
    // A program that has the old file mapped keeps it: the new one takes its name.
    let fresh = folder.join(".new");
    std::fs::copy(&built, &fresh).map_err(told(&built))?;
    std::fs::rename(&fresh, &place).map_err(told(&place))
}

/// Builds the package where it lies; what `require` takes.
pub(crate) fn built_in_place() -> Result<PathBuf, Failure> {
    build_in_place(false)?;
    Ok(package())
}

/// What a measurement needs: the package as it is released, and the folder that has the peers.
pub(crate) fn for_bench() -> Result<PathBuf, Failure> {
    if first_line("node", &["--version"]).is_none() {
        return Err(toolchains::wanted("Node"));
    }
    let peers = installed(&package().join("bench"), "bench")?;
    build_in_place(true)?;
    Ok(peers)
}

pub(crate) fn suite() -> Suite {
    if first_line("node", &["--version"]).is_none() {
        let reason = toolchains::wanted("Node");
        return if toolchains::in_ci() {
            Suite::of([failed(reason)])
        } else {
            Suite::NotRun(reason)
        };
    }
    if let Err(failure) = build_in_place(false) {
        return Suite::of([failed(failure)]);
    }
    let mut tests = Command::new("node");
    tests.args(["--test", "--test-reporter=./bindings/node/test/reporter.mjs"]);
    tests.args(test_files());
    let tests = Step::new("node", tests, LIMIT).run();
    let packages = c::verdict("the packages of npm", packages());
    Suite::of([tests, types(), packages].into_iter().chain(examples())).not_empty()
}

fn test_files() -> Vec<PathBuf> {
    let is_test = |path: &Path| path.to_string_lossy().ends_with(".test.js");
    workspace::files(&package().join("test"), &is_test)
}

fn failed(failure: Failure) -> Outcome {
    let counts = Counts { failed: 1, ..Counts::default() };
    Outcome { counts, failure: Some(failure), ..Outcome::default() }
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.arg("--prefix").arg(folder).args(arguments);
    command.args(["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    command
}

/// Copies files of a folder of the package.
fn copy(from: &Path, to: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Result<(), Failure> {
    std::fs::create_dir_all(to).map_err(told(to))?;
    for path in workspace::files(from, is_wanted) {
        let name = path.file_name().unwrap_or_default();
        std::fs::copy(&path, to.join(name)).map_err(told(&path))?;
    }
    Ok(())
}

/// Installs what a folder's `package-lock.json` names, into a folder of the build; kept between runs.
fn installed(from: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = workspace::target_dir().join("node").join(name);
    let lock = folder.join("package-lock.json");
    let known = std::fs::read(&lock).ok();
    copy(from, &folder, &|_| true)?;
    if known.is_some() && known == std::fs::read(&lock).ok() && folder.join("node_modules").exists()
    {
        return Ok(folder);
    }
    match Step::new(name, npm(&folder, &["ci"]), LIMIT).run().failure {
        None => Ok(folder),
        Some(failure) => {
            // What is half installed is no environment for the next run.
            let _ = std::fs::remove_dir_all(folder.join("node_modules"));
            Err(format!("npm ci of {name}: {failure}; it needs the registry, or npm's cache of it"))
        }
    }
}

/// The types, as TypeScript sees them from a project that has the package installed.
fn types() -> Outcome {
    let folder = match installed(&package().join("test/types"), "types") {
        Ok(folder) => folder,
        Err(failure) if toolchains::in_ci() => return failed(failure),
        Err(reason) => {
            println!("note: the types were not tested: {reason}");
            let counts = Counts { skipped: 1, ..Counts::default() };
            return Outcome { counts, ..Outcome::default() };
        }
    };
    let check = |project: &str| -> Result<(), Failure> {
        link_into(&folder)?;
        let mut tsc = Command::new("node");
        tsc.arg(folder.join("node_modules/typescript/bin/tsc"));
        tsc.arg("--project").arg(folder.join(project));
        Step::new("types", tsc, LIMIT).run().failure.map_or(Ok(()), Err)
    };
    let results = ["tsconfig.nodenext.json", "tsconfig.commonjs.json"]
        .map(|project| c::verdict(&format!("the types under {project}"), check(project)));
    let Suite::Ran(outcome) = Suite::of(results) else { unreachable!("it was run") };
    outcome
}

/// Puts the package where the programs of a folder find it by its name.
fn link_into(folder: &Path) -> Result<(), Failure> {
    let place = folder.join("node_modules/neo-protocol");
    let package = package();
    copy(&package.join("js"), &place.join("js"), &|_| true)?;
    copy(&package.join("native"), &place.join("native"), &|_| true)?;
    let manifest = package.join("package.json");
    std::fs::copy(&manifest, place.join("package.json")).map_err(told(&manifest))?;
    Ok(())
}

/// Puts the examples where they find the package by its name.
pub(crate) fn place_examples(place: &Path) -> Result<(), Failure> {
    let is_program = |path: &Path| path.extension().is_some_and(|extension| extension == "mjs");
    copy(&workspace::root().join("examples/node"), place, &is_program)?;
    link_into(place)
}

/// Runs the examples; each prints what its topic prints in every language.
fn examples() -> Vec<Outcome> {
    let root = workspace::root().join("examples");
    let place = workspace::target_dir().join("node/examples");
    let prepared = place_examples(&place);
    let run = |topic: &str| -> Result<(), Failure> {
        prepared.clone()?;
        let expected = unsafe_sites::read(&root.join(topic).join("expected.txt"))?;
        let mut command = Command::new("node");
        command.arg(place.join(format!("{topic}.mjs")));
        let output = command.output().map_err(|error| format!("node: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said == expected && output.stderr.is_empty() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("it ended with {} and printed {said:?} {errors}", output.status))
    };
    let verdict = |topic: &&str| c::verdict(&format!("the example {topic}.mjs"), run(topic));
    workspace::TOPICS.iter().map(verdict).collect()
}

/// Packs both packages, installs them where nothing else is, and uses them from there.
fn packages() -> Result<(), Failure> {
    let place = workspace::target_dir().join("node/packages");
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(told(&place))?;
    }
    let (platform, user) = (place.join("platform"), place.join("user"));
    std::fs::create_dir_all(&user).map_err(told(&user))?;
    write_platform(&platform)?;
    let mut tarballs = Vec::new();
    for folder in [&package(), &platform] {
        tarballs.push(pack(folder, &place)?);
    }
    std::fs::write(user.join("package.json"), "{\"private\":true}").map_err(told(&user))?;
    let mut install = npm(&user, &["install", "--offline", "--no-save"]);
    install.args(&tarballs);
    c::quiet(install)?;
    for (name, load) in [
        ("smoke.cjs", "const neo = require('neo-protocol');"),
        ("smoke.mjs", "import * as neo from 'neo-protocol';"),
    ] {
        let program = user.join(name);
        std::fs::write(&program, format!("{load}{SMOKE}")).map_err(told(&program))?;
        let mut smoke = Command::new("node");
        smoke.arg(&program).env_remove("NEO_NATIVE_PATH");
        c::quiet(smoke)?;
    }
    Ok(())
}

/// Writes the package of this platform: the native half and nothing else.
fn write_platform(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(told(folder))?;
    let platform = Platform::here();
    let text = unsafe_sites::read(&package().join("package.json"))?;
    let main: Value = serde_json::from_str(&text).map_err(|error| format!("{error}"))?;
    let mut manifest = json!({
        "name": format!("@neo-protocol/{}", platform.triple()),
        "version": main["version"],
        "description": "The native half of neo-protocol for one platform",
        "license": main["license"],
        "repository": main["repository"],
        "main": "neo.node",
        "files": ["neo.node"],
        "os": [platform.os],
        "cpu": [platform.cpu],
    });
    if let Some(libc) = platform.libc {
        manifest["libc"] = json!([if libc == "gnu" { "glibc" } else { libc }]);
    }
    let path = folder.join("package.json");
    std::fs::write(&path, format!("{manifest:#}\n")).map_err(told(&path))?;
    let module = platform.module();
    std::fs::copy(&module, folder.join("neo.node")).map_err(told(&module))?;
    Ok(())
}

/// The tarball that npm would publish.
fn pack(folder: &Path, to: &Path) -> Result<PathBuf, Failure> {
    let mut command = Command::new("npm");
    command.args(["pack", "--silent", "--pack-destination"]).arg(to).arg(folder);
    let output = command.output().map_err(|error| format!("npm: {error}"))?;
    let name = String::from_utf8_lossy(&output.stdout);
    match name.lines().last() {
        Some(name) if output.status.success() => Ok(to.join(name)),
        _ => Err(format!("npm pack: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
