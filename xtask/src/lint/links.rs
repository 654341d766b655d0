//! Links in the documents: what a relative one names is there.

use std::ffi::OsStr;
use std::path::Path;

use super::Findings;
use crate::{Failure, unsafe_sites, workspace};

pub(super) fn check() -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for path in workspace::files(workspace::root(), &is_document) {
        let text = unsafe_sites::read(&path)?;
        let folder = path.parent().unwrap_or(workspace::root());
        for (line, target) in links(&text) {
            if let Err(reason) = leads_somewhere(&path, folder, target) {
                let place = format!("{}:{line}", workspace::shown(&path));
                findings.failures.push(format!("{place}: the link to `{target}`: {reason}"));
            }
        }
    }
    Ok(findings)
}

/// Whether a file is a document of this repository, and not of a package that was fetched.
fn is_document(path: &Path) -> bool {
    let is_fetched = |name: &OsStr| name == "node_modules" || name == "site-packages";
    path.extension().is_some_and(|extension| extension == "md") && !path.iter().any(is_fetched)
}

/// The targets of `[text](target)` outside blocks of code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let rests = line.split("](").skip(1);
            let targets = rests.filter_map(|rest| Some(rest.split_once(')')?.0));
            found.extend(targets.map(|target| (index + 1, target)));
        }
    }
    found
}

fn leads_somewhere(from: &Path, folder: &Path, target: &str) -> Result<(), Failure> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { folder.join(file) };
    if !path.exists() {
        return Err("there is no such file".into());
    }
    let is_text = path.extension().is_some_and(|extension| extension == "md");
    if heading.is_empty() || !is_text {
        return Ok(());
    }
    let text = unsafe_sites::read(&path)?;
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let has_it = headings.map(anchor).any(|anchor| anchor == heading);
    if has_it { Ok(()) } else { Err("there is no such heading".into()) }
}

/// What a heading is called in links to it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_none() {
        let text = "a [b](c.md) [d](e.md#f)\n```sh\n[x](y)\n```\n[g](#h)\n";
        assert_eq!(links(text), [(1, "c.md"), (1, "e.md#f"), (5, "#h")]);
    }

    #[test]
    fn a_heading_is_called_as_by_the_hosts_of_repositories() {
        assert_eq!(anchor("## Across processes, and the command `neo`"), {
            "across-processes-and-the-command-neo"
        });
    }

    #[test]
    fn what_is_not_there_is_told() {
        let root = workspace::root();
        let lead = |target| leads_somewhere(&root.join("README.md"), root, target);
        assert_eq!(lead("docs/adr"), Ok(()));
        assert_eq!(lead("README.md#figures"), Ok(()));
        assert!(lead("docs/nowhere.md").is_err() && lead("#nowhere").is_err());
    }
}
