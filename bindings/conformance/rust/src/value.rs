//! Payloads as the cases write them, and the text that stands for a payload in an observation.

use serde_json::Value;

/// Modulus of a pattern's bytes: a prime, so that no power of two lines up with it.
const PATTERN_PERIOD: u64 = 251;

/// The bytes of `{"utf8"}`, `{"hex"}`, `{"repeat"}` or `{"pattern"}`.
pub(crate) fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    if let Some(text) = value["utf8"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(hex) = value["hex"].as_str() {
        return from_hex(hex).ok_or_else(|| format!("{hex:?} is not hexadecimal"));
    }
    let repeat = &value["repeat"];
    if let (Some(byte), Some(count)) = (repeat["byte"].as_u64(), repeat["count"].as_u64()) {
        let byte = u8::try_from(byte).map_err(|_| format!("{byte} is not a byte"))?;
        return Ok(vec![byte; count as usize]);
    }
    let parts = &value["pattern"];
    if let (Some(seed), Some(len)) = (parts["seed"].as_u64(), parts["len"].as_u64()) {
        return Ok(pattern(seed, len));
    }
    Err(format!("{value} is no payload"))
}

pub(crate) fn pattern(seed: u64, len: u64) -> Vec<u8> {
    (0..len).map(|at| ((seed + at) % PATTERN_PERIOD) as u8).collect()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Length and CRC-32 of a payload: `5:3610a686` for "hello".
pub(crate) fn digest(payload: &[u8]) -> String {
    format!("{}:{:08x}", payload.len(), crc32fast::hash(payload))
}

/// The text of an observed field that an expectation stands for.
pub(crate) fn expected(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(items) => {
            let items: Result<Vec<String>, String> = items.iter().map(expected).collect();
            Ok(items?.join(","))
        }
        Value::Object(_) => Ok(digest(&bytes(value)?)),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_a_payload_gives_its_bytes() {
        assert_eq!(bytes(&json!({ "utf8": "hé" })).unwrap(), "hé".as_bytes());
        assert_eq!(bytes(&json!({ "hex": "00fF" })).unwrap(), [0, 255]);
        assert_eq!(bytes(&json!({ "repeat": { "byte": 7, "count": 3 } })).unwrap(), [7; 3]);
        let pattern = bytes(&json!({ "pattern": { "seed": 249, "len": 4 } })).unwrap();
        assert_eq!(pattern, [249, 250, 0, 1]);
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        for value in [json!({}), json!({ "hex": "abc" }), json!({ "hex": "zz" })] {
            assert!(bytes(&value).is_err(), "{value}");
        }
        assert!(bytes(&json!({ "repeat": { "byte": 256, "count": 1 } })).is_err());
    }

    #[test]
    fn the_digest_is_the_length_and_the_crc_32_of_zip_and_png() {
        assert_eq!(digest(b"123456789"), "9:cbf43926");
        assert_eq!(digest(b""), "0:00000000");
    }

    #[test]
    fn an_expected_list_is_joined_by_commas() {
        let list = json!([{ "utf8": "123456789" }, { "utf8": "" }]);
        assert_eq!(expected(&list).unwrap(), "9:cbf43926,0:00000000");
        assert_eq!(expected(&json!(true)).unwrap(), "true");
    }
}
