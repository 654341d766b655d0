//! Words that choose among a few ways, and what messages carry beside their payloads.

use neo::rsapi::{MessageHeaders, Policy, Wait, parse_traceparent};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::IntoPyResult as _;
use crate::payload::Payload;

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

/// The headers of a mapping, or of pairs, and a trace context.
pub(crate) fn headers(
    py: Python<'_>,
    pairs: Option<&Bound<'_, PyAny>>,
    traceparent: Option<&str>,
) -> PyResult<MessageHeaders> {
    let mut headers = MessageHeaders::new();
    if let Some(pairs) = pairs {
        let items = match pairs.hasattr("items")? {
            true => pairs.call_method0("items")?,
            false => pairs.clone(),
        };
        for pair in items.try_iter()? {
            let (key, value): (String, Bound<'_, PyAny>) = pair?.extract()?;
            headers = headers.with(&key, Payload::new(&value)?.bytes());
        }
    }
    match traceparent {
        Some(text) => Ok(headers.with_trace(parse_traceparent(text).or_raise(py)?)),
        None => Ok(headers),
    }
}
