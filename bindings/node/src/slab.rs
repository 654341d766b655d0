//! Small messages as records in memory of JavaScript: one allocation serves hundreds of them.
//!
//! A record is a head of [`HEAD`] words, then the payload, the topic and the headers, padded to a
//! word. `js/message.cjs` reads it, and nothing here does.

use napi_derive::napi;
use neo::rsapi::Message;
use zerocopy::IntoBytes as _;

/// A slab, lent for a call.
pub(crate) type Words<'s> = &'s mut [u32];

/// Words of a head, in this order: end of the record (a word's index), payload offset and length,
/// topic length, length of the headers, kind, then low and high halves of `lost_before`, time, number.
const HEAD: usize = 12;

/// Free words that a slab must have for a message to be written: a head, a payload below
/// [`SMALL`], a topic.
pub(crate) const ROOM: usize = HEAD + (SMALL + TOPIC_MAX) / 4;

/// Payload and headers below this are copied into the slab.
const SMALL: usize = 8 << 10;

/// Bytes of the longest topic, rounded up.
const TOPIC_MAX: usize = 256;

/// The topic's length where it is the subscription's pattern, and not written.
const IS_PATTERN: u32 = u32::MAX;

/// What a record says of its payload.
const WHOLE: u32 = 0;
const ELSEWHERE: u32 = 1;

/// Free words that a slab must have to be drained into.
#[napi(catch_unwind)]
pub(crate) fn slab_room() -> u32 {
    ROOM as u32
}

/// Writes a message at a word. Returns the word behind the record, and whether the payload and the
/// headers are in it: those of a large message are handed over by other means.
pub(crate) fn write(
    slab: &mut [u32],
    at: usize,
    message: &Message,
    pattern: &str,
) -> (usize, bool) {
    let frame = message.frame();
    let data = frame.payload();
    let has_headers = frame.traceparent().is_some() || frame.headers().next().is_some();
    let headers = if has_headers { headers(message) } else { Vec::new() };
    let is_small = data.len() + headers.len() < SMALL;
    let topic = Some(message.topic()).filter(|topic| *topic != pattern);
    let (data_len, headers_len) = if is_small { (data.len(), headers.len()) } else { (0, 0) };
    let kind = if is_small { WHOLE } else { ELSEWHERE };
    let topic_len = topic.map_or(0, str::len);
    let start = at + HEAD;
    let end = start + (data_len + topic_len + headers_len).div_ceil(4);
    let [lost_low, lost_high] = halves(message.lost_before());
    let [time_low, time_high] = halves(frame.time_ns().cast_unsigned());
    let [seq_low, seq_high] = halves(frame.seq());
    let head: [u32; HEAD] = [
        end as u32,
        start as u32 * 4,
        data_len as u32,
        topic.map_or(IS_PATTERN, |topic| topic.len() as u32),
        headers.len() as u32,
        kind,
        lost_low,
        lost_high,
        time_low,
        time_high,
        seq_low,
        seq_high,
    ];
    slab[at..start].copy_from_slice(&head);
    let bytes = slab[start..end].as_mut_bytes();
    let (to, bytes) = bytes.split_at_mut(data_len);
    to.copy_from_slice(&data[..data_len]);
    let (to, bytes) = bytes.split_at_mut(topic_len);
    to.copy_from_slice(topic.unwrap_or_default().as_bytes());
    bytes[..headers_len].copy_from_slice(&headers[..headers_len]);
    (end, is_small)
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Headers one behind the other: the lengths of key and value in four bytes each, little-endian,
/// then both. The trace context is one with an empty key, which no other has.
pub(crate) fn headers(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |key: &str, value: &[u8]| {
        bytes.extend((key.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(value);
    };
    message.headers().for_each(|(key, value)| add(key, value));
    if let Some(trace) = message.traceparent() {
        add("", trace.as_bytes());
    }
    bytes
}
