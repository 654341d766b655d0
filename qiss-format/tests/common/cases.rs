//! The frames of `tests/vectors/frames.json`: `NEO_BLESS=1` writes them from here.

use qiss_format::{Encoding, Flags, FrameBuilder, Kind, TraceParent, crc32c, topic_id, type_id};

use super::encode;

const TRACE: TraceParent = TraceParent::new(
    [
        0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47,
        0x36,
    ],
    [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7],
    1,
);

const TOPIC_OF_255_BYTES: &str = match core::str::from_utf8(&[b't'; 255]) {
    Ok(text) => text,
    Err(_) => "",
};

pub struct Valid {
    pub name: &'static str,
    pub clause: &'static str,
    /// Whether a builder can make it; otherwise a newer writer might have.
    pub buildable: bool,
    pub bytes: Vec<u8>,
}

pub struct Invalid {
    pub name: &'static str,
    pub clause: &'static str,
    pub expected_seq: u64,
    pub frame_bytes_max: u32,
    pub require_crc: bool,
    pub bytes: Vec<u8>,
}

/// The valid frames.
pub fn valid() -> Vec<Valid> {
    let mut all = without_extensions();
    all.extend(with_texts());
    all.extend(with_the_rest());
    all.push(Valid {
        name: "checksum_of_zero_stored_as_ones",
        clause: "6.3",
        buildable: true,
        bytes: zero_sum_frame(),
    });
    all.push(Valid {
        name: "unknown_extension_is_skipped",
        clause: "4.3",
        buildable: false,
        bytes: with_extensions(&[(0x0001, 0, b"t"), (0x0042, 9, b"later"), (0x0100, 1, b"kv")]),
    });
    all
}

fn built(
    name: &'static str,
    clause: &'static str,
    payload: &[u8],
    describe: fn(&mut FrameBuilder<'static>),
) -> Valid {
    let mut builder = FrameBuilder::new();
    describe(&mut builder);
    Valid { name, clause, buildable: true, bytes: encode(&builder, payload) }
}

fn without_extensions() -> Vec<Valid> {
    vec![
        built("empty_event", "2.1", b"", |_| {}),
        built("payload_of_1", "2.3", b"\x01", |_| {}),
        built("payload_of_7", "2.3", b"1234567", |_| {}),
        built("payload_of_8", "2.3", b"12345678", |_| {}),
        built("payload_of_9", "2.3", b"123456789", |_| {}),
        built("every_fixed_field", "2.1", b"abc", |b| {
            b.kind(Kind::STREAM_DATA).encoding(Encoding::CBOR).seq(0x1122_3344_5566_7788);
            b.schema_fp(0xdead_beef).type_id(type_id("market.orders.v1.Order")).topic_id(7);
            b.corr_id(u64::MAX).time_ns(1_790_000_000_123_456_789);
        }),
        built("negative_time", "2.1", b"", |b| {
            b.time_ns(-1);
        }),
        built("every_settable_flag", "3.1", b"", |b| {
            b.flags(Flags::SETTABLE);
        }),
        built("unknown_encoding", "3.3", b"?", |b| {
            b.encoding(Encoding::from_raw(200));
        }),
        built("kind_control", "3.2", b"", |b| {
            b.kind(Kind::CONTROL);
        }),
    ]
}

fn with_texts() -> Vec<Valid> {
    vec![
        built("topic", "5.1", b"on time", |b| {
            b.topic("flights.JFK.AA.LAX");
        }),
        built("topic_of_255_bytes", "8", b"", |b| {
            b.topic(TOPIC_OF_255_BYTES);
        }),
        built("topic_in_utf8", "5.1", b"", |b| {
            b.topic("w\u{e4}rme.\u{6e29}\u{5ea6}.\u{1f321}");
        }),
        built("topic_aligned_to_64", "4.4", b"payload", |b| {
            b.topic("flights.JFK").align64(true);
        }),
        built("aligned_without_extensions", "4.1", b"payload", |b| {
            b.align64(true);
        }),
        built("request", "5.2", b"{\"id\":7}", |b| {
            b.kind(Kind::REQUEST).encoding(Encoding::JSON).method("user_service/get_user");
            b.reply_to("_inbox.42").deadline_ns(1_790_000_002_000_000_000).corr_id(42);
        }),
        built("error_response", "3.1", b"no such user", |b| {
            b.kind(Kind::ERROR).flags(Flags::ERROR | Flags::END).corr_id(42);
        }),
    ]
}

fn with_the_rest() -> Vec<Valid> {
    vec![
        built("trace_only", "4.5", b"", |b| {
            b.traceparent(TRACE);
        }),
        built("user_headers", "5.5", b"x", |b| {
            b.header("tenant", b"blue").header("empty", b"").header("tenant", &[0xff, 0x00]);
        }),
        built("user_headers_at_the_limit", "8", b"", |b| {
            for _ in 0..32 {
                b.header("k", b"v");
            }
        }),
        built("header_of_2040_bytes", "4.1", b"tail", |b| {
            b.header("k", &[7; 2040 - 64 - 8 - 1]);
        }),
        built("header_of_1984_bytes_aligned", "4.1", b"tail", |b| {
            b.header("k", &[7; 1984 - 64 - 8 - 1]).align64(true);
        }),
        built("checksum", "6.1", b"payload", |b| {
            b.crc(true);
        }),
        built("checksum_of_an_empty_payload", "6.1", b"", |b| {
            b.crc(true);
        }),
        built("checksum_outside_seq", "6.2", b"payload", |b| {
            b.crc(true).seq(99);
        }),
        built("everything", "4.2", &[0x5a; 100], |b| {
            b.kind(Kind::REQUEST)
                .encoding(Encoding::QISS)
                .flags(Flags::CANON)
                .crc(true)
                .align64(true);
            b.schema_fp(1).type_id(2).corr_id(3).time_ns(4).traceparent(TRACE);
            b.topic("orders.eu").method("orders/place").reply_to("_inbox.1").deadline_ns(-5);
            b.header("a", b"1").header("b", b"2");
        }),
    ]
}

/// A frame whose bytes sum to zero: the payload's last four bytes are solved for.
fn zero_sum_frame() -> Vec<u8> {
    let mut builder = FrameBuilder::new();
    builder.crc(true);
    let mut bytes = encode(&builder, &[0; 8]);
    // The register before the last 32 bits must be what these bits turn into all ones.
    let mut register = u32::MAX;
    for _ in 0..32 {
        let carry = register >> 31;
        register = ((register ^ (carry * 0x82F6_3B78)) << 1) | carry;
    }
    let before = !crc32c(&bytes[16..68]);
    bytes[68..72].copy_from_slice(&(before ^ register).to_le_bytes());
    let payload = bytes[64..72].to_vec();
    assert_eq!(crc32c(&bytes[16..72]), 0);
    encode(&builder, &payload)
}

/// The frames that no reader may accept.
pub fn invalid() -> Vec<Invalid> {
    let mut all = lengths();
    all.extend(fields());
    all.extend(extensions());
    all
}

fn case(name: &'static str, clause: &'static str, bytes: Vec<u8>) -> Invalid {
    Invalid { name, clause, expected_seq: 0, frame_bytes_max: 1 << 20, require_crc: false, bytes }
}

fn plain() -> Vec<u8> {
    encode(&FrameBuilder::new(), b"payload")
}

fn summed() -> Vec<u8> {
    encode(FrameBuilder::new().crc(true), b"payload")
}

fn patched(mut bytes: Vec<u8>, offset: usize, patch: &[u8]) -> Vec<u8> {
    bytes[offset..offset + patch.len()].copy_from_slice(patch);
    bytes
}

fn lengths() -> Vec<Invalid> {
    vec![
        case("no_bytes", "9.2", Vec::new()),
        case("one_byte_short_of_a_header", "9.2", plain()[..63].to_vec()),
        case("one_byte_short_of_a_frame", "9.2", plain()[..71].to_vec()),
        case("magic", "2.1", patched(plain(), 16, &[0x52])),
        case("all_zero", "2.1", vec![0; 64]),
        case("version_0", "2.2", patched(plain(), 18, &[0])),
        case("version_2", "2.2", patched(plain(), 18, &[2])),
        case("header_of_7_words", "4.1", patched(plain(), 19, &[7])),
        case("header_of_0_words", "4.1", patched(plain(), 19, &[0])),
        case("header_not_aligned_to_64", "4.1", {
            let bytes = encode(FrameBuilder::new().topic("t"), b"");
            patched(bytes, 20, &[0b1010])
        }),
        case("header_beyond_the_frame", "2.3", patched(plain(), 19, &[255])),
        case("frame_len_too_long", "2.3", patched(plain(), 0, &80_u32.to_le_bytes())),
        case("frame_len_not_padded", "2.3", patched(plain(), 0, &71_u32.to_le_bytes())),
        case("frame_len_0", "2.3", patched(plain(), 0, &[0; 4])),
        case("payload_len_too_long", "2.3", patched(plain(), 24, &9_u32.to_le_bytes())),
        case("lengths_overflow_32_bits", "2.3", {
            let bytes = patched(plain(), 24, &u32::MAX.to_le_bytes());
            patched(bytes, 0, &64_u32.to_le_bytes())
        }),
        Invalid { frame_bytes_max: 71, ..case("frame_above_the_limit", "8", plain()) },
    ]
}

fn fields() -> Vec<Invalid> {
    vec![
        case("reserved_flag_batch", "3.1", patched(plain(), 20, &[1 << 4])),
        case("reserved_flag_compressed", "3.1", patched(plain(), 21, &[1])),
        case("reserved_flag_15", "3.1", patched(plain(), 21, &[0x80])),
        case("kind_0", "3.2", patched(plain(), 22, &[0])),
        case("kind_10", "3.2", patched(plain(), 22, &[10])),
        case("seq_where_none_is_expected", "2.4", patched(plain(), 8, &[1])),
        Invalid { expected_seq: 5, ..case("seq_of_another_place", "2.4", plain()) },
        Invalid { require_crc: true, ..case("checksum_missing", "6.4", plain()) },
        case("checksum_without_flag", "6.4", patched(plain(), 4, &[1])),
        case("checksum_wrong", "6.1", patched(summed(), 4, &[1, 2, 3, 4])),
        case("checksum_zero", "6.3", patched(summed(), 4, &[0; 4])),
        case("checksum_payload_damaged", "6.1", patched(summed(), 64, b"P")),
        case("checksum_flag_lost", "6.4", patched(summed(), 20, &[0])),
        case("padding_of_the_payload", "4.6", patched(plain(), 71, &[1])),
        case("padding_of_a_summed_payload", "4.6", patched(summed(), 71, &[1])),
    ]
}

/// A frame without payload whose header holds these extensions as `(tag, inline, body)`; the topic
/// flag and id are those of the first topic.
fn with_extensions(extensions: &[(u16, u32, &[u8])]) -> Vec<u8> {
    let mut area = Vec::new();
    let mut topic = None;
    for &(tag, inline, body) in extensions {
        if tag == 1 && topic.is_none() {
            topic = core::str::from_utf8(body).ok();
        }
        area.extend(tag.to_le_bytes());
        area.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        area.extend(inline.to_le_bytes());
        area.extend(body);
        area.resize(area.len().next_multiple_of(8), 0);
    }
    let mut bytes = encode(FrameBuilder::new().topic_id(topic.map_or(0, topic_id)), b"");
    bytes.extend(area);
    let words = u8::try_from(bytes.len() / 8).unwrap();
    let frame_len = u32::try_from(bytes.len()).unwrap();
    let tagged = extensions.iter().any(|(tag, ..)| *tag == 1);
    let bytes = patched(bytes, 0, &frame_len.to_le_bytes());
    let bytes = patched(bytes, 19, &[words]);
    patched(bytes, 20, &[u8::from(tagged) << 3])
}

fn extensions() -> Vec<Invalid> {
    let topic = || encode(FrameBuilder::new().topic("flights"), b"");
    let aligned = || encode(FrameBuilder::new().topic("flights").align64(true), b"");
    let traced = || encode(FrameBuilder::new().traceparent(TRACE), b"");
    let many = vec![(0x0100, 1, b"k".as_slice()); 33];
    vec![
        case("extension_longer_than_the_header", "4.2", patched(topic(), 66, &[9])),
        case("extension_of_65535_bytes", "4.2", patched(topic(), 66, &[0xff, 0xff])),
        case("extension_padding", "4.6", patched(topic(), 79, &[1])),
        case("extensions_descend", "4.3", with_extensions(&[(2, 0, b"m"), (1, 0, b"t")])),
        case("extension_repeated", "4.3", with_extensions(&[(1, 0, b"t"), (1, 0, b"t")])),
        case("extension_must_be_understood", "4.3", with_extensions(&[(0x8000, 0, b"")])),
        case("end_mark_without_alignment", "4.4", with_extensions(&[(0, 0, b"")])),
        case("end_padding_not_zero", "4.6", patched(aligned(), 127, &[1])),
        case("end_padding_of_a_whole_line", "4.4", {
            let mut bytes = encode(FrameBuilder::new().align64(true), b"");
            bytes.extend([0; 64]);
            patched(patched(bytes, 0, &[128]), 19, &[16])
        }),
        case("topic_empty", "5.1", with_extensions(&[(1, 0, b"")])),
        case("topic_of_256_bytes", "8", with_extensions(&[(1, 0, &[b't'; 256])])),
        case("topic_not_utf8", "5.1", with_extensions(&[(1, 0, b"ab\xff")])),
        case("topic_with_inline_value", "5.1", with_extensions(&[(1, 1, b"t")])),
        case("topic_flag_without_topic", "5.1", patched(plain(), 20, &[1 << 3])),
        case("topic_without_flag", "5.1", patched(topic(), 20, &[0])),
        case("topic_id_of_another_topic", "7.2", patched(topic(), 40, &[0; 8])),
        case("method_empty", "5.2", with_extensions(&[(2, 0, b"")])),
        case("reply_to_not_utf8", "5.3", with_extensions(&[(3, 0, b"\xc3")])),
        case("deadline_of_4_bytes", "5.4", with_extensions(&[(4, 0, b"1234")])),
        case("deadline_with_inline_value", "5.4", with_extensions(&[(4, 1, b"12345678")])),
        case("user_key_empty", "5.5", with_extensions(&[(0x0100, 0, b"v")])),
        case("user_key_longer_than_the_body", "5.5", with_extensions(&[(0x0100, 3, b"kv")])),
        case("user_key_length_overflows", "5.5", with_extensions(&[(0x0100, u32::MAX, b"kv")])),
        case("user_key_of_256_bytes", "8", with_extensions(&[(0x0100, 256, &[b'k'; 300])])),
        case("user_key_not_utf8", "5.5", with_extensions(&[(0x0100, 1, b"\x80")])),
        case("user_headers_above_the_limit", "8", with_extensions(&many)),
        case("trace_beyond_the_header", "4.5", patched(plain(), 20, &[1 << 2])),
        case("trace_id_all_zero", "4.5", patched(traced(), 64, &[0; 16])),
        case("trace_span_all_zero", "4.5", patched(traced(), 80, &[0; 8])),
        case("trace_version_255", "4.5", patched(traced(), 89, &[255])),
        case("trace_padding", "4.6", patched(traced(), 95, &[1])),
    ]
}
