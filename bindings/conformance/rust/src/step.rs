//! One step of a case: its keys, and the judgement of what was observed.

use core::time::Duration;

use serde_json::{Map, Value};

use crate::value;

/// What a step observed: fields in the order that the README gives for its `op`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(Vec<(&'static str, String)>);

impl Seen {
    pub(crate) fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.0.push((key, value.to_string()));
        self
    }

    /// Nothing came.
    pub(crate) fn none() -> Self {
        Self::default().with("none", true)
    }

    fn field(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    /// The line that is printed and compared between languages.
    pub(crate) fn line(&self) -> String {
        if self.0.is_empty() {
            return "ok".to_owned();
        }
        let fields: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        fields.join(" ")
    }
}

/// A step, read key by key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a>(&'a Map<String, Value>);

impl<'a> Step<'a> {
    pub(crate) fn of(value: &'a Value) -> Result<Self, String> {
        value.as_object().map(Self).ok_or_else(|| "a step is an object".to_owned())
    }

    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    pub(crate) fn optional_text(&self, key: &str) -> Option<&'a str> {
        self.value(key).and_then(Value::as_str)
    }

    pub(crate) fn text(&self, key: &str) -> Result<&'a str, String> {
        self.optional_text(key).ok_or_else(|| format!("the text `{key}` is missing"))
    }

    pub(crate) fn optional_number(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(Value::as_u64)
    }

    pub(crate) fn number(&self, key: &str) -> Result<u64, String> {
        self.optional_number(key).ok_or_else(|| format!("the number `{key}` is missing"))
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn duration_ns(&self, key: &str) -> Option<Duration> {
        self.optional_number(key).map(Duration::from_nanos)
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, String> {
        self.value("payload").map_or(Ok(Vec::new()), value::bytes)
    }

    /// A list; empty unless given.
    pub(crate) fn list(&self, key: &str) -> &'a [Value] {
        self.value(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn payloads(&self) -> Result<Vec<Vec<u8>>, String> {
        let list = self.value("payloads").and_then(Value::as_array);
        list.ok_or("the list `payloads` is missing")?.iter().map(value::bytes).collect()
    }

    /// Holds what was seen against `expect`: every field named there must be equal. Without an
    /// `expect` the step must have succeeded with something.
    pub(crate) fn judge(&self, seen: &Seen) -> Result<(), String> {
        let Some(expect) = self.value("expect").and_then(Value::as_object) else {
            let failed = ["error", "none"].iter().any(|key| seen.field(key).is_some());
            return if failed { Err(format!("observed {}", seen.line())) } else { Ok(()) };
        };
        for (key, wanted) in expect {
            let wanted = value::expected(wanted)?;
            if seen.field(key) != Some(wanted.as_str()) {
                return Err(format!("expected {key}={wanted}, observed {}", seen.line()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(step: &Value, seen: &Seen) -> bool {
        Step::of(step).unwrap().judge(seen).is_ok()
    }

    #[test]
    fn a_field_that_differs_or_is_missing_fails_the_step() {
        let step = json!({ "op": "try_recv", "expect": { "topic": "t", "lost_before": 2 } });
        let seen = Seen::default().with("topic", "t").with("lost_before", 2);
        assert!(judged(&step, &seen));
        assert!(!judged(&step, &Seen::default().with("topic", "t").with("lost_before", 3)));
        assert!(!judged(&step, &Seen::none()));
    }

    #[test]
    fn without_an_expectation_an_error_or_nothing_fails_the_step() {
        let step = json!({ "op": "recv" });
        assert!(judged(&step, &Seen::default()));
        assert!(!judged(&step, &Seen::none()));
        assert!(!judged(&step, &Seen::default().with("error", "NEO_E_CLOSED")));
    }
}
