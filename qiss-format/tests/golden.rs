//! The vectors in `tests/vectors/frames.json`, which every language reads.
//!
//! `NEO_BLESS=1 cargo test -p qiss-format --test golden` writes the file anew.
#![cfg(not(miri))] // Reading the JSON takes it minutes; the other tests run the same cases.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Fields, cases, hex};
use qiss_format::{VerifyOptions, crc32c, topic_id, verify};
use serde::{Deserialize, Serialize};

const TEXTS: [&str; 6] = [
    "",
    "a",
    "flights.JFK.AA.LAX",
    "user_service/get_user",
    "market.orders.v1.Order",
    "w\u{e4}rme.\u{6e29}\u{5ea6}",
];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    format: String,
    identifiers: Vec<Identifier>,
    valid: Vec<Valid>,
    invalid: Vec<Invalid>,
}

/// Clauses 6.1 and 7.1 for one text.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Identifier {
    text: String,
    #[serde(with = "common::text")]
    xxh3_64: u64,
    crc32c: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    name: String,
    clause: String,
    buildable: bool,
    fields: Fields,
    #[serde(with = "hex")]
    hex: Vec<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalid {
    name: String,
    clause: String,
    #[serde(with = "common::text")]
    expected_seq: u64,
    frame_bytes_max: u32,
    require_crc: bool,
    error: String,
    code: u8,
    offset: u32,
    #[serde(with = "hex")]
    hex: Vec<u8>,
}

impl Invalid {
    fn options(&self) -> VerifyOptions {
        VerifyOptions::new()
            .with_expected_seq(self.expected_seq)
            .with_frame_bytes_max(self.frame_bytes_max)
            .with_require_crc(self.require_crc)
    }
}

fn path() -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "vectors", "frames.json"].iter().collect()
}

fn generate() -> Vectors {
    let identifiers = TEXTS.map(|text| Identifier {
        text: text.to_owned(),
        xxh3_64: topic_id(text),
        crc32c: crc32c(text.as_bytes()),
    });
    let valid = cases::valid().into_iter().map(|case| Valid {
        name: case.name.to_owned(),
        clause: case.clause.to_owned(),
        buildable: case.buildable,
        fields: Fields::of(&qiss_format::Frame::peek(&case.bytes).unwrap()),
        hex: case.bytes,
    });
    let invalid = cases::invalid().into_iter().map(|case| {
        let mut vector = Invalid {
            name: case.name.to_owned(),
            clause: case.clause.to_owned(),
            expected_seq: case.expected_seq,
            frame_bytes_max: case.frame_bytes_max,
            require_crc: case.require_crc,
            error: String::new(),
            code: 0,
            offset: 0,
            hex: case.bytes,
        };
        let error = verify(&vector.hex, &vector.options()).expect_err(case.name);
        vector.error = error.kind().name().to_owned();
        vector.code = error.kind().code();
        vector.offset = error.offset();
        vector
    });
    Vectors {
        format: "qiss-frame-1".to_owned(),
        identifiers: identifiers.into(),
        valid: valid.collect(),
        invalid: invalid.collect(),
    }
}

fn committed() -> Vectors {
    if std::env::var_os("NEO_BLESS").is_some_and(|value| value == "1") {
        let mut json = serde_json::to_string_pretty(&generate()).unwrap();
        json.push('\n');
        std::fs::write(path(), json).unwrap();
    }
    let json = std::fs::read_to_string(path()).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn committed_vectors_are_those_the_cases_give() {
    let (committed, generated) = (committed(), generate());
    for (old, new) in committed.valid.iter().zip(&generated.valid) {
        assert_eq!(old, new, "{}: if this is meant, bless with NEO_BLESS=1", new.name);
    }
    for (old, new) in committed.invalid.iter().zip(&generated.invalid) {
        assert_eq!(old, new, "{}: if this is meant, bless with NEO_BLESS=1", new.name);
    }
    assert_eq!(committed, generated);
}

#[test]
fn there_are_enough_vectors_with_unique_names() {
    let vectors = committed();
    assert!(vectors.valid.len() >= 20, "{} valid", vectors.valid.len());
    assert!(vectors.invalid.len() >= 25, "{} invalid", vectors.invalid.len());
    let mut names: Vec<_> = vectors.valid.iter().map(|vector| &vector.name).collect();
    names.extend(vectors.invalid.iter().map(|vector| &vector.name));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_valid_vector_verifies_to_its_fields() {
    for vector in committed().valid {
        let options = VerifyOptions::new().with_expected_seq(vector.fields.seq);
        let frame = verify(&vector.hex, &options).expect(&vector.name);
        assert_eq!(Fields::of(&frame), vector.fields, "{}", vector.name);
        assert_eq!(frame.bytes(), vector.hex, "{}", vector.name);
    }
}

#[test]
fn every_buildable_vector_is_built_to_its_bytes() {
    let vectors = committed().valid;
    let buildable = vectors.iter().filter(|vector| vector.buildable);
    for vector in buildable {
        let built = hex::encode(&vector.fields.encode());
        assert_eq!(built, hex::encode(&vector.hex), "{}", vector.name);
    }
}

#[test]
fn every_invalid_vector_fails_with_its_error_and_place() {
    for vector in committed().invalid {
        let error = verify(&vector.hex, &vector.options()).expect_err(&vector.name);
        assert_eq!(error.kind().name(), vector.error, "{}", vector.name);
        assert_eq!(error.kind().code(), vector.code, "{}", vector.name);
        assert_eq!(error.offset(), vector.offset, "{}", vector.name);
    }
}

#[test]
fn every_error_kind_has_an_invalid_vector() {
    let vectors = committed().invalid;
    for code in 1..=22 {
        assert!(vectors.iter().any(|vector| vector.code == code), "no vector for code {code}");
    }
}

#[test]
fn identifiers_and_sums_equal_their_vectors() {
    for vector in committed().identifiers {
        assert_eq!(topic_id(&vector.text), vector.xxh3_64, "{}", vector.text);
        assert_eq!(crc32c(vector.text.as_bytes()), vector.crc32c, "{}", vector.text);
    }
}
