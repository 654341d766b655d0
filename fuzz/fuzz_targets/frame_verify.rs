//! Any bytes: verify and peek do not panic, and what verifies reads and builds to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qiss_format::{
    Flags, Frame, FrameBuilder, FrameMut, MAGIC, VERSION, VerifyOptions, frame_len, topic_id,
    verify,
};

fuzz_target!(|bytes: &[u8]| {
    judge(bytes);
    judge(&repaired(bytes));
});

fn judge(bytes: &[u8]) {
    let peeked = Frame::peek(bytes);
    if let Ok(frame) = &peeked {
        read_all(frame);
        assert_eq!(frame_len(bytes, u32::MAX), Ok(frame.bytes().len()));
    }
    // The expected sequence is taken from the bytes, or hardly any input would pass.
    let options = VerifyOptions::new().with_expected_seq(peeked.map_or(0, |frame| frame.seq()));
    if let Ok(frame) = verify(bytes, &options) {
        read_all(&frame);
        build_again(&frame);
    }
}

/// The bytes with magic, version, lengths, topic id and checksum put right, so that the mutations
/// reach the extensions.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    let words = frame.get(19).copied().unwrap_or(8).max(8);
    let words = if frame.get(20).is_some_and(|flags| flags & 2 != 0) { words & !7 } else { words };
    frame.resize(frame.len().max(usize::from(words) * 8).next_multiple_of(8), 0);
    let unpadded = frame.get(24).map_or(0, |byte| usize::from(byte & 7));
    let payload_len = (frame.len() - usize::from(words) * 8).saturating_sub(unpadded);
    let end = frame.len();
    frame[..4].copy_from_slice(&u32::try_from(end).unwrap().to_le_bytes());
    frame[16..18].copy_from_slice(&MAGIC.to_le_bytes());
    frame[18..20].copy_from_slice(&[VERSION, words]);
    frame[21] &= 0b10;
    frame[20] &= 0b1110_1111;
    frame[22] = frame[22] % 9 + 1;
    frame[24..28].copy_from_slice(&u32::try_from(payload_len).unwrap().to_le_bytes());
    if frame[20] & 1 == 0 {
        frame[4..8].fill(0);
    }
    let payload_end = usize::from(words) * 8 + payload_len;
    frame[payload_end..].fill(0);
    if let Some(topic) = Frame::peek(&frame).ok().and_then(|frame| frame.topic().map(topic_id)) {
        frame[40..48].copy_from_slice(&topic.to_le_bytes());
    }
    if let Ok(mut frame) = FrameMut::new(&mut frame) {
        frame.seal();
    }
    frame
}

fn read_all(frame: &Frame<'_>) {
    let range = frame.bytes().as_ptr_range();
    let inside = |part: &[u8]| part.is_empty() || range.contains(&part.as_ptr());
    assert!(inside(frame.payload()));
    for text in [frame.topic(), frame.method(), frame.reply_to()].into_iter().flatten() {
        assert!(inside(text.as_bytes()));
    }
    for (key, value) in frame.headers() {
        assert!(inside(key.as_bytes()) && inside(value));
    }
    assert!(frame.extensions().all(|extension| inside(extension.body())));
    let _ = (frame.kind(), frame.encoding(), frame.crc(), frame.schema_fp(), frame.type_id());
    let _ = (frame.corr_id(), frame.time_ns(), frame.deadline_ns(), frame.traceparent());
    assert!(!format!("{frame:?}").is_empty());
}

/// Clause 10.2.
fn build_again(frame: &Frame<'_>) {
    let known = [1, 2, 3, 4, 0x0100];
    if frame.extensions().any(|extension| !known.contains(&extension.tag().raw())) {
        return;
    }
    let flags = frame.flags();
    let mut builder = FrameBuilder::new();
    builder
        .kind(frame.kind())
        .encoding(frame.encoding())
        .flags(Flags::from_bits(flags.bits() & Flags::SETTABLE.bits()))
        .crc(flags.contains(Flags::CRC))
        .align64(flags.contains(Flags::A64))
        .seq(frame.seq())
        .schema_fp(frame.schema_fp())
        .type_id(frame.type_id())
        .topic_id(frame.topic_id())
        .corr_id(frame.corr_id())
        .time_ns(frame.time_ns());
    if let Some(context) = frame.traceparent() {
        builder.traceparent(context);
    }
    if let Some(topic) = frame.topic() {
        builder.topic(topic);
    }
    if let Some(method) = frame.method() {
        builder.method(method);
    }
    if let Some(reply_to) = frame.reply_to() {
        builder.reply_to(reply_to);
    }
    if let Some(deadline_ns) = frame.deadline_ns() {
        builder.deadline_ns(deadline_ns);
    }
    for (key, value) in frame.headers() {
        builder.header(key, value);
    }
    let mut built = vec![0xAA; frame.bytes().len()];
    assert_eq!(builder.encode_into(&mut built, frame.payload()), Ok(built.len()));
    assert_eq!(built, frame.bytes());
}
