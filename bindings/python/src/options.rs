//! Words that choose among a few ways.

use neo::rsapi::{Policy, Wait};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const POLICIES: &[(&str, Policy)] = &[
    ("drop_oldest", Policy::DropOldest),
    ("drop_newest", Policy::DropNewest),
    ("latest", Policy::Latest),
    ("block", Policy::Block),
    ("detach", Policy::Detach),
];

const WAITS: &[(&str, Wait)] =
    &[("adaptive", Wait::Adaptive), ("spin", Wait::Spin), ("park", Wait::Park)];

fn choose<T: Copy>(what: &str, word: &str, table: &[(&str, T)]) -> PyResult<T> {
    match table.iter().find(|(name, _)| *name == word) {
        Some((_, value)) => Ok(*value),
        None => {
            let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            Err(PyValueError::new_err(format!("{what}={word:?}: choose one of {names}")))
        }
    }
}

pub(crate) fn policy(word: &str) -> PyResult<Policy> {
    choose("policy", word, POLICIES)
}

pub(crate) fn wait(word: &str) -> PyResult<Wait> {
    choose("wait", word, WAITS)
}

/// The word for a policy.
pub(crate) fn policy_name(policy: Policy) -> &'static str {
    POLICIES.iter().find(|(_, known)| *known == policy).map_or("unknown", |(name, _)| name)
}
