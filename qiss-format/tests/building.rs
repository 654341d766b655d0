//! What builders, templates and edits refuse and promise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::encode;
use qiss_format::{
    BuildErrorKind as Refused, Encoding, Flags, Frame, FrameBuilder, FrameMut, HEADER_BYTES,
    HEADER_BYTES_MAX, HEADER_BYTES_MAX_ALIGNED, Kind, PAYLOAD_BYTES_MAX, Stamp, TEMPLATE_BYTES_MAX,
    Template, TraceParent, VerifyOptions, topic_id, type_id, verify,
};

fn refusal(describe: impl FnOnce(&mut FrameBuilder<'static>)) -> Refused {
    let mut builder = FrameBuilder::new();
    describe(&mut builder);
    let mut out = [0xAA; 4096];
    let error = builder.encode_into(&mut out, b"payload").unwrap_err();
    assert_eq!(out, [0xAA; 4096], "a refused frame leaves the output untouched");
    assert_eq!(builder.layout(7).unwrap_err(), error);
    let text = error.to_string();
    assert!(text.contains(';') || text.contains("must"), "{text}");
    error.kind()
}

const TEXT_OF_256: &str = match core::str::from_utf8(&[b't'; 256]) {
    Ok(text) => text,
    Err(_) => "",
};

#[test]
fn texts_and_keys_outside_their_bounds_are_refused() {
    for text in ["", TEXT_OF_256] {
        assert_eq!(refusal(|b| _ = b.topic(text)), Refused::TextLength);
        assert_eq!(refusal(|b| _ = b.method(text)), Refused::TextLength);
        assert_eq!(refusal(|b| _ = b.reply_to(text)), Refused::TextLength);
        assert_eq!(refusal(|b| _ = b.header(text, b"v")), Refused::KeyLength);
    }
}

#[test]
fn a_thirty_third_user_header_is_refused() {
    let add = |count| {
        move |b: &mut FrameBuilder<'static>| (0..count).for_each(|_| _ = b.header("k", b""))
    };
    assert_eq!(refusal(add(33)), Refused::TooManyHeaders);
    let mut builder = FrameBuilder::new();
    add(32)(&mut builder);
    assert_eq!(Frame::peek(&encode(&builder, b"")).unwrap().headers().count(), 32);
}

#[test]
fn headers_beyond_their_limit_are_refused_and_at_it_are_not() {
    static VALUE: [u8; 4096] = [7; 4096];
    let room = HEADER_BYTES_MAX - HEADER_BYTES - 8 - 1;
    assert_eq!(refusal(|b| _ = b.header("k", &VALUE[..=room])), Refused::HeaderTooLarge);
    let layout = FrameBuilder::new().header("k", &VALUE[..room]).layout(0).unwrap();
    assert_eq!(layout.payload_offset, HEADER_BYTES_MAX);

    let room = HEADER_BYTES_MAX_ALIGNED - HEADER_BYTES - 8 - 1;
    let aligned = |b: &mut FrameBuilder<'_>| _ = b.align64(true).header("k", &VALUE[..=room]);
    assert_eq!(refusal(aligned), Refused::HeaderTooLarge);
    let layout = FrameBuilder::new().align64(true).header("k", &VALUE[..room]).layout(0).unwrap();
    assert_eq!(layout.payload_offset, HEADER_BYTES_MAX_ALIGNED);
}

#[test]
fn values_the_format_does_not_define_are_refused() {
    assert_eq!(refusal(|b| _ = b.kind(Kind::from_raw(0))), Refused::UnknownKind);
    assert_eq!(refusal(|b| _ = b.kind(Kind::from_raw(10))), Refused::UnknownKind);
    for derived in [Flags::CRC, Flags::A64, Flags::TRACE, Flags::TOPIC, Flags::from_bits(1 << 4)] {
        assert_eq!(refusal(|b| _ = b.flags(derived | Flags::END)), Refused::FlagNotSettable);
    }
    for context in [TraceParent::new([0; 16], [1; 8], 0), TraceParent::new([1; 16], [0; 8], 0)] {
        assert_eq!(refusal(|b| _ = b.traceparent(context)), Refused::TraceBlock);
    }
}

#[test]
fn a_topic_id_must_be_that_of_the_topic() {
    assert_eq!(refusal(|b| _ = b.topic("a").topic_id(1)), Refused::TopicIdMismatch);
    let bytes = encode(FrameBuilder::new().topic_id(topic_id("a")).topic("a"), b"");
    verify(&bytes, &VerifyOptions::new()).unwrap();
}

#[test]
fn a_payload_beyond_the_length_field_is_refused() {
    let builder = FrameBuilder::new();
    let too_long = PAYLOAD_BYTES_MAX as usize + 1;
    assert_eq!(builder.layout(too_long).unwrap_err().kind(), Refused::PayloadTooLarge);
    assert_eq!(builder.layout(usize::MAX).unwrap_err().kind(), Refused::PayloadTooLarge);
    assert!(builder.layout(PAYLOAD_BYTES_MAX as usize).is_ok());

    let template = Template::new(&builder).unwrap();
    for len in [too_long, usize::MAX] {
        let error = template.begin(&mut [0; 128], len, Stamp::NONE).unwrap_err();
        assert_eq!(error.kind(), Refused::PayloadTooLarge);
    }
}

#[test]
fn a_buffer_one_byte_short_is_refused_and_untouched() {
    let mut builder = FrameBuilder::new();
    builder.topic("a.b");
    let template = Template::new(&builder).unwrap();
    let frame_len = builder.layout(7).unwrap().frame_len;
    assert_eq!(template.frame_len(7), frame_len);
    for len in 0..frame_len {
        let mut out = vec![0xAA; len];
        let error = builder.encode_into(&mut out, b"payload").unwrap_err();
        assert_eq!(error.kind(), Refused::BufferTooSmall);
        assert_eq!((error.value(), error.limit()), (len as u64, frame_len as u64));
        assert_eq!(template.write(&mut out, b"payload", Stamp::NONE).unwrap_err(), error);
        assert!(out.iter().all(|byte| *byte == 0xAA));
    }
}

#[test]
fn a_method_gives_the_type_id_unless_one_is_set() {
    let bytes = encode(FrameBuilder::new().method("users/find"), b"");
    assert_eq!(Frame::peek(&bytes).unwrap().type_id(), type_id("users/find"));
    let bytes = encode(FrameBuilder::new().type_id(5).method("users/find"), b"");
    assert_eq!(Frame::peek(&bytes).unwrap().type_id(), 5);
}

#[test]
fn a_template_beyond_its_storage_is_refused() {
    let value = [0; TEMPLATE_BYTES_MAX];
    let room = TEMPLATE_BYTES_MAX - HEADER_BYTES - 8 - 1;
    assert!(Template::new(FrameBuilder::new().header("k", &value[..room])).is_ok());
    let error = Template::new(FrameBuilder::new().header("k", &value[..=room])).unwrap_err();
    assert_eq!(error.kind(), Refused::TemplateTooLarge);
}

#[test]
fn a_loan_with_a_checksum_verifies_only_after_it_is_sealed() {
    let template = Template::new(FrameBuilder::new().crc(true)).unwrap();
    let mut out = [0xAA; 128];
    template.begin(&mut out, 5, Stamp::NONE).unwrap().copy_from_slice(b"loans");
    assert!(verify(&out, &VerifyOptions::new()).is_err());
    FrameMut::new(&mut out).unwrap().seal();
    assert_eq!(verify(&out, &VerifyOptions::new()).unwrap().payload(), b"loans");
}

#[test]
fn edits_keep_a_frame_valid() {
    for crc in [false, true] {
        let mut bytes = encode(FrameBuilder::new().topic("t").crc(crc), &[0xff; 21]);
        let mut edit = FrameMut::new(&mut bytes).unwrap();
        edit.set_seq(77);
        edit.set_corr_id(88);
        let options = VerifyOptions::new().with_expected_seq(77).with_require_crc(crc);
        assert_eq!(verify(&bytes, &options).unwrap().corr_id(), 88);

        let mut edit = FrameMut::new(&mut bytes).unwrap();
        assert_eq!(edit.truncate(22).unwrap_err().kind(), Refused::CannotGrow);
        let frame_len = edit.truncate(9).unwrap();
        assert_eq!(edit.truncate(9), Ok(frame_len));
        let frame = verify(&bytes, &options).unwrap();
        assert_eq!((frame.corr_id(), frame.payload()), (88, [0xff; 9].as_slice()));
        assert_eq!(frame.bytes().len(), frame_len);
    }
}

#[test]
fn only_a_frame_can_be_edited() {
    let error = FrameMut::new(&mut [0; 64]).unwrap_err();
    assert_eq!((error.kind(), error.value()), (Refused::NotAFrame, 2));
}

#[test]
fn lookups_end_at_a_repeated_or_malformed_extension_without_panic() {
    let mut bytes = encode(FrameBuilder::new().topic("t").method("m/n"), b"");
    bytes[64 + 16..64 + 18].copy_from_slice(&1_u16.to_le_bytes());
    let frame = Frame::peek(&bytes).unwrap();
    assert_eq!((frame.topic(), frame.method()), (Some("t"), None));
}

/// Clause 2.1, byte by byte, and on every byte order.
#[test]
fn the_bytes_of_a_frame_are_those_of_the_specification() {
    let mut builder = FrameBuilder::new();
    builder.kind(Kind::REQUEST).encoding(Encoding::JSON).flags(Flags::END).seq(0x0102);
    builder.schema_fp(0x0a0b_0c0d).type_id(0x11).topic_id(0x2233).corr_id(0x44).time_ns(-2);
    builder.deadline_ns(0x0506);
    let expected = [
        0x58, 0, 0, 0, 0, 0, 0, 0, // frame_len, crc
        0x02, 0x01, 0, 0, 0, 0, 0, 0, // seq
        0x51, 0x53, 1, 10, 0x40, 0, 2, 5, // magic, version, hdr_words, flags, kind, encoding
        3, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, // payload_len, schema_fp
        0x11, 0, 0, 0, 0, 0, 0, 0, // type_id
        0x33, 0x22, 0, 0, 0, 0, 0, 0, // topic_id
        0x44, 0, 0, 0, 0, 0, 0, 0, // corr_id
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // time_ns
        4, 0, 8, 0, 0, 0, 0, 0, // deadline: tag, len, inline
        0x06, 0x05, 0, 0, 0, 0, 0, 0, // deadline: body
        b'a', b'b', b'c', 0, 0, 0, 0, 0, // payload, padding
    ];
    assert_eq!(encode(&builder, b"abc"), expected);
}
