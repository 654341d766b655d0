//! Properties over generated frames and generated damage.
#![cfg(not(miri))] // Hundreds of generated cases take it minutes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Fields, Header, Trace, encode};
use proptest::{collection::vec, option, prelude::*};
use qiss_format::{
    Flags, Frame, FrameBuilder, FrameMut, Kind, Stamp, Template, VerifyOptions, topic_id, verify,
};

fn bytes(len: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), len)
}

fn trace() -> impl Strategy<Value = Trace> {
    (bytes(16..17), bytes(8..9), any::<u8>(), 0..255_u8)
        .prop_filter("W3C forbids all-zero ids", |(trace_id, span_id, ..)| {
            trace_id.iter().any(|byte| *byte != 0) && span_id.iter().any(|byte| *byte != 0)
        })
        .prop_map(|(trace_id, span_id, flags, version)| Trace { trace_id, span_id, flags, version })
}

fn header() -> impl Strategy<Value = Header> {
    ("\\PC{1,12}", bytes(0..30)).prop_map(|(key, value)| Header { key, value })
}

/// Any frame that a builder accepts.
fn fields() -> impl Strategy<Value = Fields> {
    let fixed = (
        1..=9_u8,
        any::<(u8, u64, u32, u64, u64, u64, i64)>(),
        any::<u16>().prop_map(|bits| bits & Flags::SETTABLE.bits()),
        any::<[bool; 2]>(),
    );
    let extensions = (
        option::of(trace()),
        option::of("\\PC{1,40}"),
        option::of("[a-z_]{1,20}/[a-z_]{1,20}"),
        option::of("\\PC{1,20}"),
        option::of(any::<i64>()),
        vec(header(), 0..6),
    );
    (fixed, extensions, bytes(0..300)).prop_map(|(fixed, extensions, payload)| {
        let (
            kind,
            (encoding, seq, schema_fp, type_id, any_topic, corr_id, time_ns),
            set,
            [crc, a64],
        ) = fixed;
        let (trace, topic, method, reply_to, deadline_ns, headers) = extensions;
        let derived = u16::from(crc)
            | u16::from(a64) << 1
            | u16::from(trace.is_some()) << 2
            | u16::from(topic.is_some()) << 3;
        Fields {
            kind,
            encoding,
            flags: set | derived,
            seq,
            schema_fp,
            type_id,
            topic_id: topic.as_deref().map_or(any_topic, topic_id),
            corr_id,
            time_ns,
            trace,
            topic,
            method,
            reply_to,
            deadline_ns,
            headers,
            payload,
        }
    })
}

/// Calls every getter; none may panic, and none may reach outside the frame.
fn read_all(frame: &Frame<'_>) -> Fields {
    let fields = Fields::of(frame);
    let inside =
        |part: &[u8]| part.is_empty() || frame.bytes().as_ptr_range().contains(&part.as_ptr());
    assert!(inside(frame.payload()));
    for extension in frame.extensions() {
        assert!(inside(extension.body()));
        let _ = (extension.tag().must_understand(), extension.inline());
    }
    assert!(!format!("{frame:?}").is_empty());
    fields
}

proptest! {
    #[test]
    fn what_is_built_verifies_and_reads_back(fields in fields()) {
        let encoded = fields.encode();
        let options = VerifyOptions::new().with_expected_seq(fields.seq);
        let frame = verify(&encoded, &options).unwrap();
        prop_assert_eq!(read_all(&frame), fields);
        prop_assert_eq!(frame.payload_offset() % 8, 0);
        prop_assert_eq!(encoded.len() % 8, 0);
    }

    #[test]
    fn a_template_writes_what_the_builder_encodes(
        payload in bytes(0..200), topic in option::of("[a-z.]{1,60}"), corr_id: u64, time_ns: i64,
        crc: bool, align64: bool,
    ) {
        let mut builder = FrameBuilder::new();
        builder.kind(Kind::REQUEST).crc(crc).align64(align64);
        if let Some(topic) = &topic {
            builder.topic(topic);
        }
        let template = Template::new(&builder).unwrap();
        builder.corr_id(corr_id).time_ns(time_ns);
        let expected = encode(&builder, &payload);

        let mut written = vec![0xAA; expected.len() + 8];
        let stamp = Stamp::new(corr_id, time_ns);
        prop_assert_eq!(template.write(&mut written, &payload, stamp), Ok(expected.len()));
        prop_assert_eq!(&written[..expected.len()], &expected[..]);
        prop_assert_eq!(&written[expected.len()..], &[0xAA; 8]);

        let mut loaned = vec![0xAA; expected.len()];
        template.begin(&mut loaned, payload.len(), stamp).unwrap().copy_from_slice(&payload);
        FrameMut::new(&mut loaned).unwrap().seal();
        prop_assert_eq!(loaned, expected);
    }

    #[test]
    fn a_truncated_loan_equals_a_frame_built_short(
        payload in bytes(0..100), keep in 0..100_usize, crc: bool,
    ) {
        let keep = keep.min(payload.len());
        let mut builder = FrameBuilder::new();
        builder.topic("t").crc(crc);
        let mut long = encode(&builder, &payload);
        let frame_len = FrameMut::new(&mut long).unwrap().truncate(keep).unwrap();
        prop_assert_eq!(&long[..frame_len], encode(&builder, &payload[..keep]));
    }

    #[test]
    fn any_bytes_are_refused_or_read_in_bounds(bytes in bytes(0..300)) {
        if let Ok(frame) = verify(&bytes, &VerifyOptions::new()) {
            read_all(&frame);
        }
        if let Ok(frame) = Frame::peek(&bytes) {
            read_all(&frame);
        }
    }

    /// Bytes behind a header whose lengths are right, so that the deeper checks are reached.
    #[test]
    fn any_extensions_are_refused_or_read_and_built_again(
        area in vec(prop_oneof![
            (prop_oneof![0..6_u16, Just(0x100), any::<u16>()], 0..20_u16, 0..4_u32, bytes(0..20))
                .prop_map(|(tag, len, inline, mut body)| {
                    body.resize(usize::from(len).next_multiple_of(8), 0);
                    body[usize::from(len)..].fill(0);
                    let head = (u64::from(inline) << 32) | (u64::from(len) << 16) | u64::from(tag);
                    [head.to_le_bytes().as_slice(), &body].concat()
                }),
            bytes(8..9),
        ], 0..6),
        flags in 0..16_u16,
        payload in bytes(0..20),
    ) {
        let mut bytes = encode(&FrameBuilder::new(), b"");
        bytes.extend(area.concat());
        if flags & 2 != 0 {
            bytes.resize(bytes.len().next_multiple_of(64), 0);
        }
        let words = u8::try_from(bytes.len() / 8).unwrap();
        bytes.extend(&payload);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let frame_len = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&frame_len.to_le_bytes());
        bytes[19] = words;
        bytes[20] = u8::try_from(flags & !1).unwrap();
        bytes[24] = u8::try_from(payload.len()).unwrap();
        let topic = Frame::peek(&bytes).unwrap().topic().map_or(0, topic_id);
        bytes[40..48].copy_from_slice(&topic.to_le_bytes());

        let frame = Frame::peek(&bytes).unwrap();
        let fields = read_all(&frame);
        if let Ok(frame) = verify(&bytes, &VerifyOptions::new()) {
            let known = [1, 2, 3, 4, 0x100];
            if frame.extensions().all(|one| known.contains(&one.tag().raw())) {
                prop_assert_eq!(fields.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_damaged_frame_without_checksum_is_refused_or_read_in_bounds(
        fields in fields(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut encoded = fields.encode();
        for (place, value) in damage {
            let place = place.index(encoded.len());
            encoded[place] = value;
        }
        let frames = [verify(&encoded, &VerifyOptions::new()), Frame::peek(&encoded)];
        for frame in frames.into_iter().flatten() {
            read_all(&frame);
        }
    }
}
