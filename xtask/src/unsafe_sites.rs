//! Where `unsafe` stands in the libraries: the lint allows it in few places, Miri runs it.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::source::Source;
use crate::workspace;

/// The files that may hold `unsafe`: a folder, a file, or any name with a given start.
const ALLOWED: &[&str] = &[
    "qiss-format/src/raw.rs",
    "precursor-broker/src/sync*",
    "precursor-broker/src/region.rs",
    "precursor-broker/src/region/*",
    "precursor-broker/src/mailbox/cells*",
    "precursor-broker/src/mailbox/claim.rs",
    "precursor-broker/src/mailbox/table.rs",
    "precursor-broker/src/mailbox/take.rs",
    "precursor-broker/src/sys.rs",
    "precursor-broker/src/sys/*",
    "neo-ffi/src/sys.rs",
    "neo-ffi/src/capi/*",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `unsafe { … }`: runs.
    Block,
    /// `unsafe impl`, `unsafe fn`, `unsafe extern`, `unsafe trait`, `#[unsafe(…)]`: a promise or a
    /// contract; what it does stands in blocks.
    Declaration,
}

/// One `unsafe` outside test code.
#[derive(Debug)]
pub(crate) struct Site {
    /// Relative to the root.
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The position after the opening brace of a block.
    pub(crate) inside: usize,
    pub(crate) function: Option<String>,
    pub(crate) in_const: bool,
    pub(crate) kind: Kind,
}

impl Site {
    /// The folder of the package.
    pub(crate) fn package(&self) -> &str {
        self.file.split('/').next().unwrap_or_default()
    }

    /// The outermost module around the site, as it begins the paths of its tests.
    pub(crate) fn module(&self) -> &str {
        let name = self.file.split('/').nth(2).unwrap_or_default();
        name.strip_suffix(".rs").unwrap_or(name)
    }

    pub(crate) fn is_allowed(&self) -> bool {
        ALLOWED.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(start) => self.file.starts_with(start),
            None => self.file == *allowed,
        })
    }
}

/// Every `unsafe` in the source folders of `crates`, test code left out.
pub(crate) fn find(crates: &[&str]) -> Result<Vec<Site>, Failure> {
    let mut sites = Vec::new();
    for name in crates {
        for path in workspace::rust_files(&workspace::root().join(name).join("src")) {
            if !is_test_file(&path) {
                let text = read(&path)?;
                sites.extend(sites_in(&workspace::shown(&path), &Source::new(&text)));
            }
        }
    }
    Ok(sites)
}

fn sites_in(file: &str, source: &Source) -> Vec<Site> {
    source
        .words("unsafe")
        .filter(|&at| !source.is_test(at))
        .map(|at| {
            let after = at + "unsafe".len();
            let rest = &source.code[after..];
            let gap = rest.len() - rest.trim_start().len();
            let kind = match rest.trim_start().starts_with('{') {
                true => Kind::Block,
                false => Kind::Declaration,
            };
            let function = source.function_at(at);
            Site {
                file: file.to_owned(),
                line: source.line(at),
                inside: after + gap + 1,
                function: function.map(|function| function.name.clone()),
                in_const: function.is_none_or(|function| function.is_const),
                kind,
            }
        })
        .collect()
}

/// Test code in files of its own, by the names that this project gives them.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    in_tests || name == "tests" || name.ends_with("_tests")
}

pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", workspace::shown(path)))
}

/// The file that lists blocks which Miri cannot run.
pub(crate) fn exceptions_file() -> PathBuf {
    workspace::root().join("xtask/unsafe-outside-miri.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_declarations_are_told_apart_and_tests_left_out() {
        let text = "unsafe impl Send for A {}\nfn f() { unsafe { g() } }\nconst fn c() { unsafe{} }\n\
                    #[cfg(test)]\nmod tests { fn t() { unsafe { g() } } }\n// unsafe {";
        let sites = sites_in("precursor-broker/src/sys/linux.rs", &Source::new(text));
        let kinds: Vec<Kind> = sites.iter().map(|site| site.kind).collect();
        assert_eq!(kinds, [Kind::Declaration, Kind::Block, Kind::Block]);
        assert_eq!(sites[1].function.as_deref(), Some("f"));
        assert!(text[..sites[1].inside].ends_with("unsafe {"));
        assert!(!sites[1].in_const && sites[2].in_const);
    }

    #[test]
    fn unsafe_is_allowed_in_the_listed_places_only() {
        let site = |file| sites_in(file, &Source::new("fn f() { unsafe {} }")).remove(0);
        assert!(site("precursor-broker/src/sys/linux/map.rs").is_allowed());
        assert!(site("precursor-broker/src/mailbox/cells.rs").is_allowed());
        assert!(!site("precursor-broker/src/mailbox/mod.rs").is_allowed());
        assert!(!site("precursor-broker/src/system.rs").is_allowed());
        assert!(!site("neo-protocol/src/raw.rs").is_allowed());
        assert_eq!(site("precursor-broker/src/sys/linux/map.rs").module(), "sys");
        assert_eq!(site("qiss-format/src/raw.rs").module(), "raw");
        assert_eq!(site("qiss-format/src/raw.rs").package(), "qiss-format");
    }
}
