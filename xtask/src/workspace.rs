//! Where things are, and what `cargo metadata` says about them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;

/// The library crates from the bottom up: each may depend on those before it, on nothing else here.
pub(crate) const LAYERS: &[&str] = &["qiss-format", "precursor-broker", "neo-protocol"];

/// The topics of the examples that print in every language what `expected.txt` says.
pub(crate) const TOPICS: &[&str] = &["pubsub", "queue_group", "service", "slow_consumer", "loans"];

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// The build directory; `CARGO_TARGET_DIR` moves it as it does for Cargo.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// The triple this machine compiles for, needed where a flag must not reach build scripts.
pub(crate) fn host_triple() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output();
    let text = output.map_err(|error| format!("cannot run `rustc -vV`: {error}"))?.stdout;
    String::from_utf8_lossy(&text)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

/// Runs `cargo metadata` on a manifest; without `resolve` only the packages of the workspace.
pub(crate) fn metadata(manifest: &Path, resolve: bool) -> Result<Value, Failure> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(manifest);
    if !resolve {
        command.arg("--no-deps");
    }
    let output =
        command.output().map_err(|error| format!("cannot run `cargo metadata`: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo metadata` failed:\n{}", reason.trim()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` printed no JSON: {error}"))
}

/// Every file below `folder` that `keep` accepts, sorted; build output and `.git` are left out.
pub(crate) fn files(folder: &Path, keep: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if kind.is_dir() && name != "target" && name != ".git" {
                pending.push(path);
            } else if kind.is_file() && keep(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The Rust files below `folder`.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// A path as it is written in messages: relative to the root, with forward slashes.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
