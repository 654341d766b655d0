//! The W3C trace context as text, which is the form that every tracing library has.

use neo_protocol::format::TraceParent;

use super::error::{Code, Error, Result};

/// Letters of a trace context: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
pub const TRACEPARENT_LETTERS: usize = 55;

/// The trace context that a `traceparent` says.
///
/// # Errors
///
/// [`Invalid`](Code::Invalid) if it is none, or one that W3C forbids.
pub fn parse_traceparent(text: &str) -> Result<TraceParent> {
    parse(text).filter(TraceParent::is_valid).ok_or_else(|| {
        Error::new(
            Code::Invalid,
            format!(
                "`{text}` is no traceparent: it has 2, 32, 16 and 2 lower-case hexadecimal digits \
                 with `-` between, identifiers that are not zero, and a version that is not ff"
            ),
        )
    })
}

/// The `traceparent` of a trace context.
#[must_use]
pub fn traceparent(trace: &TraceParent) -> String {
    let TraceParent { trace_id, span_id, flags, version, .. } = trace;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{version:02x}-{}-{}-{flags:02x}", hex(trace_id), hex(span_id))
}

fn parse(text: &str) -> Option<TraceParent> {
    if text.len() != TRACEPARENT_LETTERS {
        return None;
    }
    let mut parts = text.split('-');
    let version = digits::<1>(parts.next()?)?;
    let (trace_id, span_id) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let flags = digits::<1>(parts.next()?)?;
    let mut trace = TraceParent::new(trace_id, span_id, flags[0]);
    trace.version = version[0];
    parts.next().is_none().then_some(trace)
}

/// `N` bytes in hexadecimal.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_text_survives_its_trace_context() {
        let trace = parse_traceparent(TEXT).unwrap();
        assert_eq!((trace.trace_id[0], trace.span_id[1], trace.flags), (0x4b, 0xf0, 1));
        assert_eq!(traceparent(&trace), TEXT);
        let later = TEXT.replacen("00", "0a", 1);
        assert_eq!(traceparent(&parse_traceparent(&later).unwrap()), later);
    }

    #[test]
    fn what_w3c_forbids_is_refused_and_named() {
        let zero_trace = TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = TEXT.replace("00f067aa0ba902b7", &"0".repeat(16));
        let forbidden = TEXT.replacen("00", "ff", 1);
        for text in [
            "",
            &TEXT[1..],
            &TEXT.to_uppercase(),
            &TEXT.replace('-', "_"),
            &TEXT.replacen("-01", "-0g", 1),
            &TEXT.replacen("4b", "é", 1),
            &zero_trace,
            &zero_span,
            &forbidden,
        ] {
            let error = parse_traceparent(text).unwrap_err();
            assert_eq!(error.code(), Code::Invalid);
            assert!(error.message().contains(&format!("`{text}`")), "{error}");
        }
    }
}
