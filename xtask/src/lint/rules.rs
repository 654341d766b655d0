//! Rules that a search of the text can hold: unfinished work has no place in the sources, and the
//! libraries take atomics and cells from one module, which the model checker replaces.

use super::Findings;
use crate::source::{Source, words};
use crate::{Failure, unsafe_sites, workspace};

/// Marks of unfinished work; split, so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: &[&str] = &["todo", "unimplemented"];

/// Modules of `std` and `core` with the name in them that only `sync` may mention.
const ONLY_IN_SYNC: &[(&str, &str)] =
    &[("sync", "atomic"), ("cell", "UnsafeCell"), ("thread", "park"), ("thread", "park_timeout")];

pub(super) fn check() -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for path in workspace::rust_files(workspace::root()) {
        let file = workspace::shown(&path);
        let text = unsafe_sites::read(&path)?;
        let source = Source::new(&text);
        unfinished(&file, &text, &source, &mut findings);
        let in_library = workspace::LAYERS.iter().any(|n| file.starts_with(&format!("{n}/src/")));
        let in_sync = file.starts_with("precursor-broker/src/sync");
        if in_library && !in_sync && !unsafe_sites::is_test_file(&path) {
            outside_sync(&file, &source, &mut findings);
        }
    }
    Ok(findings)
}

fn unfinished(file: &str, text: &str, source: &Source, findings: &mut Findings) {
    for mark in MARKS {
        for at in words(text, mark) {
            findings.failures.push(format!("{file}:{}: `{mark}` in a source", source.line(at)));
        }
    }
    for name in MACROS {
        for at in source.words(name).filter(|at| source.code[at + name.len()..].starts_with('!')) {
            findings.failures.push(format!("{file}:{}: `{name}!`", source.line(at)));
        }
    }
}

fn outside_sync(file: &str, source: &Source, findings: &mut Findings) {
    for (module, name) in ONLY_IN_SYNC {
        for library in ["std", "core"] {
            for at in source.words(library).filter(|&at| !source.is_test(at)) {
                if names(&source.code[at + library.len()..], module, name) {
                    let place = format!("{file}:{}", source.line(at));
                    let found = format!("`{library}::{module}::{name}`");
                    findings.failures.push(format!("{place}: {found} comes from `sync` only"));
                }
            }
        }
    }
}

/// Whether a path that goes on with `rest` leads to `module::name`, directly or in braces.
fn names(rest: &str, module: &str, name: &str) -> bool {
    let statement = &rest[..rest.find(';').unwrap_or(rest.len())];
    let Some(path) = statement.strip_prefix("::") else { return false };
    if let Some(group) = path.strip_prefix('{') {
        return group.contains(&format!("{module}::{name}"))
            || group.contains(&format!("{module}::{{")) && words(group, name).next().is_some();
    }
    let Some(path) = path.strip_prefix(module).and_then(|path| path.strip_prefix("::")) else {
        return false;
    };
    match path.strip_prefix('{') {
        Some(group) => words(group, name).next().is_some(),
        None => words(path, name).next() == Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let mut findings = Findings::default();
        outside_sync("a.rs", &Source::new(text), &mut findings);
        findings.failures.len()
    }

    #[test]
    fn atomics_and_cells_are_found_however_they_are_imported() {
        assert_eq!(found("use core::sync::atomic::AtomicU64;"), 1);
        assert_eq!(found("use std::sync::{Arc, atomic::AtomicU64};"), 1);
        assert_eq!(found("use std::{sync::{atomic::Ordering, Arc}, io};"), 1);
        assert_eq!(found("struct A(core::cell::UnsafeCell<u8>);"), 1);
        assert_eq!(found("fn f() { std::thread::park(); }"), 1);
    }

    #[test]
    fn other_names_and_tests_are_free() {
        assert_eq!(found("use std::sync::Arc; use crate::sync::atomic::AtomicU64;"), 0);
        assert_eq!(found("use core::cell::Cell;"), 0);
        assert_eq!(found("#[cfg(test)]\nmod tests { use std::sync::atomic::AtomicU64; }"), 0);
        assert_eq!(found("// use std::sync::atomic::AtomicU64;"), 0);
    }

    #[test]
    fn marks_of_unfinished_work_are_found_in_comments_and_code() {
        let marks = |text: &str| {
            let mut findings = Findings::default();
            unfinished("a.rs", text, &Source::new(text), &mut findings);
            findings.failures.len()
        };
        assert_eq!(marks(concat!("// FIX", "ME: later")), 1);
        assert_eq!(marks(concat!("fn f() { to", "do!() }")), 1);
        assert_eq!(marks("fn todo() {} // a list of things to do"), 0);
    }
}
