//! A copy of the repository in which every `unsafe` block reports the first time that it runs.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::unsafe_sites::{self, Kind, Site};
use crate::{Failure, workspace};

/// What a report starts with; the number of the site follows.
pub(crate) const MARKER: &str = "unsafe-site ";

/// The copy, and the blocks in it by their number.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) root: PathBuf,
    pub(crate) sites: Vec<Site>,
}

impl Probed {
    /// Copies the repository to `root` and puts a probe into every unsafe block of `crates`.
    /// Unchanged files keep their times, so that little is built again.
    pub(crate) fn new(crates: &[&str], root: &Path) -> Result<Self, Failure> {
        let mut sites = unsafe_sites::find(crates)?;
        sites.retain(|site| site.kind == Kind::Block);
        let mut edits = edits(&sites);
        for name in crates {
            let library = format!("{name}/src/lib.rs");
            let prefix = format!("{name}/");
            if sites.iter().any(|site| site.file.starts_with(&prefix)) {
                let end = usize::MAX;
                edits.entry(library).or_default().insert(end, probe_module(sites.len()));
            }
        }
        let mut kept = BTreeSet::new();
        for source in workspace::files(workspace::root(), &|_| true) {
            let name = workspace::shown(&source);
            let bytes = std::fs::read(&source).map_err(|error| format!("{name}: {error}"))?;
            let bytes = match edits.get(&name) {
                Some(edits) => apply(&String::from_utf8_lossy(&bytes), edits).into_bytes(),
                None => bytes,
            };
            let copy = root.join(&name);
            write_if_new(&copy, &bytes).map_err(|error| format!("{}: {error}", copy.display()))?;
            kept.insert(copy);
        }
        for stale in workspace::files(root, &|path| !kept.contains(path)) {
            std::fs::remove_file(&stale)
                .map_err(|error| format!("{}: {error}", stale.display()))?;
        }
        Ok(Self { root: root.to_path_buf(), sites })
    }
}

/// For each file the texts to insert, by position.
fn edits(sites: &[Site]) -> BTreeMap<String, BTreeMap<usize, String>> {
    let mut edits: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
    for (number, site) in sites.iter().enumerate() {
        // A call cannot stand in a constant; such a block counts as not run.
        if !site.in_const {
            let probe = format!(" crate::unsafe_probe::hit({number});");
            edits.entry(site.file.clone()).or_default().insert(site.inside, probe);
        }
    }
    edits
}

fn apply(text: &str, edits: &BTreeMap<usize, String>) -> String {
    let mut result = text.to_owned();
    for (&position, insertion) in edits.iter().rev() {
        result.insert_str(position.min(text.len()), insertion);
    }
    result
}

/// The flags are relaxed: a probe must not order what the code under test leaves unordered.
fn probe_module(sites: usize) -> String {
    let mut reports = String::new();
    for number in 0..sites {
        let _ = write!(reports, "b\"{MARKER}{number}\\n\", ");
    }
    format!(
        "
#[doc(hidden)]
#[allow(warnings, unsafe_code)]
pub mod unsafe_probe {{
    use core::sync::atomic::{{AtomicBool, Ordering}};
    static SEEN: [AtomicBool; {sites}] = [const {{ AtomicBool::new(false) }}; {sites}];
    static REPORTS: [&[u8]; {sites}] = [{reports}];
    unsafe extern \"Rust\" {{
        fn miri_write_to_stderr(bytes: &[u8]);
    }}
    pub fn hit(site: usize) {{
        if !SEEN[site].swap(true, Ordering::Relaxed) {{
            unsafe {{ miri_write_to_stderr(REPORTS[site]) }}
        }}
    }}
}}
"
    )
}

fn write_if_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insertions_keep_to_the_positions_of_the_original() {
        let edits = BTreeMap::from([(1, "-".to_owned()), (2, "+".to_owned())]);
        assert_eq!(apply("abc", &edits), "a-b+c");
        assert_eq!(apply("abc", &BTreeMap::from([(usize::MAX, "!".to_owned())])), "abc!");
    }
}
