//! Any description of a frame: it is refused, or what was built verifies and reads back.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use qiss_format::{
    Encoding, Flags, FrameBuilder, FrameMut, Kind, Stamp, Template, TraceParent, VerifyOptions,
    verify,
};

#[derive(Debug, Arbitrary)]
struct Description<'a> {
    kind: u8,
    encoding: u8,
    flags: u16,
    crc: bool,
    align64: bool,
    seq: u64,
    schema_fp: u32,
    type_id: u64,
    topic_id: Option<u64>,
    corr_id: u64,
    time_ns: i64,
    trace: Option<([u8; 16], [u8; 8], u8)>,
    topic: Option<&'a str>,
    method: Option<&'a str>,
    reply_to: Option<&'a str>,
    deadline_ns: Option<i64>,
    headers: Vec<(&'a str, &'a [u8])>,
    payload: &'a [u8],
    keep: usize,
}

impl<'a> Description<'a> {
    fn builder(&self) -> FrameBuilder<'a> {
        let mut builder = FrameBuilder::new();
        builder
            .kind(Kind::from_raw(self.kind))
            .encoding(Encoding::from_raw(self.encoding))
            .flags(Flags::from_bits(self.flags))
            .crc(self.crc)
            .align64(self.align64)
            .seq(self.seq)
            .schema_fp(self.schema_fp)
            .type_id(self.type_id)
            .corr_id(self.corr_id)
            .time_ns(self.time_ns);
        if let Some(topic_id) = self.topic_id {
            builder.topic_id(topic_id);
        }
        if let Some((trace_id, span_id, flags)) = self.trace {
            builder.traceparent(TraceParent::new(trace_id, span_id, flags));
        }
        if let Some(topic) = self.topic {
            builder.topic(topic);
        }
        if let Some(method) = self.method {
            builder.method(method);
        }
        if let Some(reply_to) = self.reply_to {
            builder.reply_to(reply_to);
        }
        if let Some(deadline_ns) = self.deadline_ns {
            builder.deadline_ns(deadline_ns);
        }
        for (key, value) in &self.headers {
            builder.header(key, value);
        }
        builder
    }
}

fuzz_target!(|description: Description<'_>| {
    let builder = description.builder();
    let payload = description.payload;
    let mut nothing = [0; 0];
    let Ok(layout) = builder.layout(payload.len()) else {
        assert!(builder.encode_into(&mut nothing, payload).is_err());
        assert!(Template::new(&builder).is_err());
        return;
    };
    let mut built = vec![0xAA; layout.frame_len];
    assert_eq!(builder.encode_into(&mut built, payload), Ok(layout.frame_len));
    let options = VerifyOptions::new().with_expected_seq(description.seq);
    let frame = verify(&built, &options).expect("what is built verifies");
    assert_eq!(frame.payload(), payload);
    assert_eq!(frame.payload_offset(), layout.payload_offset);
    assert_eq!(
        (frame.kind().raw(), frame.encoding().raw()),
        (description.kind, description.encoding)
    );
    assert_eq!((frame.corr_id(), frame.time_ns()), (description.corr_id, description.time_ns));
    assert_eq!((frame.schema_fp(), frame.type_id()), (description.schema_fp, description.type_id));
    assert_eq!((frame.topic(), frame.method()), (description.topic, description.method));
    assert_eq!(frame.reply_to(), description.reply_to);
    assert_eq!(frame.deadline_ns(), description.deadline_ns);
    assert!(frame.headers().eq(description.headers.iter().copied()));
    let trace = frame.traceparent().map(|one| (one.trace_id, one.span_id, one.flags));
    assert_eq!(trace, description.trace);

    if let Ok(template) = Template::new(&builder) {
        let mut written = vec![0x55; layout.frame_len];
        let stamp = Stamp::new(description.corr_id, description.time_ns);
        assert_eq!(template.write(&mut written, payload, stamp), Ok(layout.frame_len));
        assert_eq!(written, built);
    }

    let keep = description.keep % (payload.len() + 1);
    let frame_len = FrameMut::new(&mut built).and_then(|mut edit| edit.truncate(keep));
    let frame_len = frame_len.expect("a frame can be shortened");
    let mut short = vec![0x55; frame_len];
    assert_eq!(builder.encode_into(&mut short, &payload[..keep]), Ok(frame_len));
    assert_eq!(short, built[..frame_len]);
});
