//! Every package that is built has a licence of `deny.toml` and comes from the registry. This is
//! the part of cargo-deny that needs no database, so that it runs where cargo-deny is missing.

use std::path::Path;

use serde_json::Value;

use super::Findings;
use crate::{Failure, unsafe_sites, workspace};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check() -> Result<Findings, Failure> {
    let root = workspace::root();
    let allowed = allowed(&unsafe_sites::read(&root.join("deny.toml"))?)?;
    let mut findings = Findings::default();
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml", "benches/compare/Cargo.toml"] {
        judge(&root.join(manifest), &allowed, &mut findings)?;
    }
    Ok(findings)
}

fn judge(manifest: &Path, allowed: &[String], findings: &mut Findings) -> Result<(), Failure> {
    let metadata = workspace::metadata(manifest, true)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let place = format!("{}: {} {}", workspace::shown(manifest), text("name"), text("version"));
        if !is_allowed(text("license"), allowed) {
            let licence = text("license");
            findings.failures.push(format!("{place}: licence `{licence}` is not in deny.toml"));
        }
        if !matches!(&package["source"], Value::Null | Value::String(_))
            || package["source"].as_str().is_some_and(|source| source != REGISTRY)
        {
            findings
                .failures
                .push(format!("{place}: not from the registry: {}", package["source"]));
        }
    }
    Ok(())
}

/// The `allow` list of the `[licenses]` table.
fn allowed(text: &str) -> Result<Vec<String>, Failure> {
    let table = text.split("[licenses]").nth(1).ok_or("deny.toml has no [licenses] table")?;
    let list = table.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.ok_or("[licenses] in deny.toml has no `allow` list")?;
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Evaluates an SPDX expression: `OR` needs one side, `AND` both; `A/B` is an old way to say `OR`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let result = any(&mut words, allowed);
    result && words.next().is_none()
}

type Words<'a> = core::iter::Peekable<core::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut result = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        result |= all(words, allowed);
    }
    result
}

fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut result = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        result &= one(words, allowed);
    }
    result
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    match words.next() {
        Some("(") => {
            let result = any(words, allowed);
            words.next_if_eq(&")").is_some() && result
        }
        Some(name) => {
            let mut name = name.to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                name = format!("{name} WITH {}", words.next().unwrap_or_default());
            }
            allowed.contains(&name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions_are_evaluated() {
        let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
        let good = |expression| is_allowed(expression, &allowed);
        assert!(good("MIT OR Apache-2.0"));
        assert!(good("Apache-2.0/MIT"));
        assert!(good("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!good("MIT AND GPL-3.0"));
        assert!(!good("Apache-2.0 WITH LLVM-exception"));
        assert!(!good(""));
        assert!(!good("(MIT"));
    }

    #[test]
    fn the_list_of_deny_toml_is_read() {
        let text = "[bans]\nallow = [\"x\"]\n[licenses]\nallow = [\n \"MIT\", # c\n \"ISC\" ]";
        assert_eq!(allowed(text).expect("a list"), ["MIT", "ISC"]);
        assert!(allowed("[bans]").is_err());
    }
}
