//! The line form of the cases, for a language without a JSON reader. `bindings/conformance/README.md`
//! specifies it.

use core::fmt::Write as _;

use serde_json::{Map, Value};

use crate::Failure;

/// All cases of a scheme, in the order of the files.
pub(super) fn of(files: &[Value], scheme: &str) -> Result<String, Failure> {
    let mut text = String::new();
    for case in files.iter().flat_map(|file| file["cases"].as_array().into_iter().flatten()) {
        if !case["urls"].as_array().into_iter().flatten().any(|url| url == scheme) {
            continue;
        }
        let id = case["id"].as_str().unwrap_or_default();
        text += &format!("case {id}\n");
        for step in case["steps"].as_array().into_iter().flatten() {
            let line = step.as_object().ok_or("a step is no object".to_owned()).and_then(line);
            text += &line.map_err(|problem| format!("{id}: {problem}"))?;
            text.push('\n');
        }
        text += "end\n";
    }
    Ok(text)
}

fn line(step: &Map<String, Value>) -> Result<String, Failure> {
    let mut line = step.get("op").and_then(Value::as_str).ok_or("a step has no op")?.to_owned();
    for (key, value) in step.iter().filter(|(key, _)| *key != "op") {
        match (key.as_str(), value) {
            ("expect", Value::Object(fields)) => {
                for (field, value) in fields {
                    line += &format!(" expect.{field}={}", word(value)?);
                }
            }
            _ => line += &format!(" {key}={}", word(value)?),
        }
    }
    Ok(line)
}

/// A value without spaces.
fn word(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(escaped(text)),
        Value::Array(items) => {
            let items: Result<Vec<String>, Failure> = items.iter().map(word).collect();
            Ok(items?.join(","))
        }
        Value::Object(_) => payload(value),
        other => Ok(other.to_string()),
    }
}

fn payload(value: &Value) -> Result<String, Failure> {
    if let Some(text) = value["utf8"].as_str() {
        let mut hex = "hex:".to_owned();
        for byte in text.bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
        return Ok(hex);
    }
    if let Some(hex) = value["hex"].as_str() {
        return Ok(format!("hex:{hex}"));
    }
    for (form, first, second) in [("repeat", "byte", "count"), ("pattern", "seed", "len")] {
        let parts = &value[form];
        if let (Some(first), Some(second)) = (parts[first].as_u64(), parts[second].as_u64()) {
            return Ok(format!("{form}:{first}:{second}"));
        }
    }
    Err(format!("{value} is no payload"))
}

fn escaped(text: &str) -> String {
    let mut word = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            word.push(byte.into());
        } else {
            let _ = write!(word, "%{byte:02X}");
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line_of(step: Value) -> String {
        line(step.as_object().unwrap()).unwrap()
    }

    #[test]
    fn texts_are_escaped_and_payloads_are_hexadecimal() {
        assert_eq!(
            line_of(json!({ "op": "publish", "topic": "a b%\u{0}é", "payload": { "utf8": "hé" } })),
            "publish payload=hex:68c3a9 topic=a%20b%25%00%C3%A9"
        );
        let payloads = json!([{ "hex": "00" }, { "repeat": { "byte": 7, "count": 9 } }]);
        assert_eq!(
            line_of(json!({ "op": "publish_many", "payloads": payloads })),
            "publish_many payloads=hex:00,repeat:7:9"
        );
        assert_eq!(
            line_of(json!({ "op": "publish_many", "payloads": [] })),
            "publish_many payloads="
        );
    }

    #[test]
    fn expectations_have_a_prefix() {
        let expect =
            json!({ "payload": { "pattern": { "seed": 1, "len": 2 } }, "topics": ["a", "b"] });
        assert_eq!(
            line_of(json!({ "op": "recv_batch", "sub": "s", "max": 2, "expect": expect })),
            "recv_batch expect.payload=pattern:1:2 expect.topics=a,b max=2 sub=s"
        );
    }

    #[test]
    fn cases_of_other_schemes_are_left_out() {
        let case =
            |id: &str, url: &str| json!({ "id": id, "urls": [url], "steps": [{ "op": "open" }] });
        let file = json!({ "cases": [case("g.a", "mem"), case("g.b", "shm")] });
        assert_eq!(of(&[file], "mem").unwrap(), "case g.a\nopen\nend\n");
    }
}
