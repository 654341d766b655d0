//! A frame as plain data: what the golden vectors store and the property tests generate.
#![allow(dead_code, reason = "each test crate uses a part of it")]
#![allow(unreachable_pub, reason = "compiled into several test crates")]

pub mod cases;

use qiss_format::{Encoding, Flags, Frame, FrameBuilder, Kind, TraceParent};
use serde::{Deserialize, Serialize};

/// Everything that a frame states. Numbers of 64 bits are decimal text, because not every JSON
/// reader keeps them; bytes are hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    pub kind: u8,
    pub encoding: u8,
    /// All flag bits, derived ones included.
    pub flags: u16,
    #[serde(with = "text")]
    pub seq: u64,
    pub schema_fp: u32,
    #[serde(with = "text")]
    pub type_id: u64,
    #[serde(with = "text")]
    pub topic_id: u64,
    #[serde(with = "text")]
    pub corr_id: u64,
    #[serde(with = "text")]
    pub time_ns: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    #[serde(with = "hex")]
    pub payload: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    #[serde(with = "hex")]
    pub trace_id: Vec<u8>,
    #[serde(with = "hex")]
    pub span_id: Vec<u8>,
    pub flags: u8,
    pub version: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub key: String,
    #[serde(with = "hex")]
    pub value: Vec<u8>,
}

impl Fields {
    /// The fields of a frame, through its getters.
    pub fn of(frame: &Frame<'_>) -> Self {
        Self {
            kind: frame.kind().raw(),
            encoding: frame.encoding().raw(),
            flags: frame.flags().bits(),
            seq: frame.seq(),
            schema_fp: frame.schema_fp(),
            type_id: frame.type_id(),
            topic_id: frame.topic_id(),
            corr_id: frame.corr_id(),
            time_ns: frame.time_ns(),
            trace: frame.traceparent().map(|context| Trace {
                trace_id: context.trace_id.to_vec(),
                span_id: context.span_id.to_vec(),
                flags: context.flags,
                version: context.version,
            }),
            topic: frame.topic().map(str::to_owned),
            method: frame.method().map(str::to_owned),
            reply_to: frame.reply_to().map(str::to_owned),
            deadline_ns: frame.deadline_ns(),
            headers: frame
                .headers()
                .map(|(key, value)| Header { key: key.to_owned(), value: value.to_vec() })
                .collect(),
            payload: frame.payload().to_vec(),
        }
    }

    /// The fields of a frame that `builder` makes around `payload`.
    pub fn built(builder: &FrameBuilder<'_>, payload: &[u8]) -> (Self, Vec<u8>) {
        let bytes = encode(builder, payload);
        (Self::of(&Frame::peek(&bytes).unwrap()), bytes)
    }

    /// Encodes the fields.
    pub fn encode(&self) -> Vec<u8> {
        let flags = Flags::from_bits(self.flags);
        let derived = Flags::CRC | Flags::A64 | Flags::TRACE | Flags::TOPIC;
        let mut builder = FrameBuilder::new();
        builder
            .kind(Kind::from_raw(self.kind))
            .encoding(Encoding::from_raw(self.encoding))
            .flags(flags.difference(derived))
            .crc(flags.contains(Flags::CRC))
            .align64(flags.contains(Flags::A64))
            .seq(self.seq)
            .schema_fp(self.schema_fp)
            .type_id(self.type_id)
            .topic_id(self.topic_id)
            .corr_id(self.corr_id)
            .time_ns(self.time_ns);
        if let Some(trace) = &self.trace {
            let mut context = TraceParent::new(
                trace.trace_id.as_slice().try_into().unwrap(),
                trace.span_id.as_slice().try_into().unwrap(),
                trace.flags,
            );
            context.version = trace.version;
            builder.traceparent(context);
        }
        if let Some(topic) = &self.topic {
            builder.topic(topic);
        }
        if let Some(method) = &self.method {
            builder.method(method);
        }
        if let Some(reply_to) = &self.reply_to {
            builder.reply_to(reply_to);
        }
        if let Some(deadline_ns) = self.deadline_ns {
            builder.deadline_ns(deadline_ns);
        }
        for header in &self.headers {
            builder.header(&header.key, &header.value);
        }
        encode(&builder, &self.payload)
    }
}

/// Encodes into memory that was dirty before, so that forgotten padding shows.
pub fn encode(builder: &FrameBuilder<'_>, payload: &[u8]) -> Vec<u8> {
    let frame_len = builder.layout(payload.len()).unwrap().frame_len;
    let mut bytes = vec![0xAA; frame_len + 16];
    assert_eq!(builder.encode_into(&mut bytes, payload), Ok(frame_len));
    assert_eq!(bytes[frame_len..], [0xAA; 16], "bytes behind the frame are not touched");
    bytes.truncate(frame_len);
    bytes
}

pub mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn encode(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn decode(text: &str) -> Option<Vec<u8>> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<Vec<_>>>()
            .filter(|bytes| bytes.len() * 2 == text.len())
    }

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        decode(&text).ok_or_else(|| D::Error::custom(format!("not hexadecimal: {text}")))
    }
}

pub mod text {
    use core::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

pub mod optional_text {
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::text::serialize(value, to),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
        super::text::deserialize(from).map(Some)
    }
}
