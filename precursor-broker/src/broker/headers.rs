//! What a publisher's messages carry beside their payloads.

use qiss_format::{FrameBuilder, TraceParent};

use crate::error::Result;

use super::publisher::Publisher;
use super::shape::Shape;

/// Headers of a publisher's messages: keys and values of the user, and a trace context.
///
/// At most 32 of them, each with a key of 1 to 255 bytes; a key may stand more than once, and the
/// order is kept. All of them, with the topic and 8 bytes for each, have room in 448 bytes: they are
/// encoded once, when the publisher is opened.
///
/// ```
/// use precursor_broker::MessageHeaders;
///
/// let headers = MessageHeaders::new().with("content-type", b"text/csv").with("part", b"1");
/// assert_eq!(headers.iter().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct MessageHeaders {
    pairs: Vec<(Box<str>, Box<[u8]>)>,
    trace: Option<TraceParent>,
}

impl MessageHeaders {
    /// None.
    pub const fn new() -> Self {
        Self { pairs: Vec::new(), trace: None }
    }

    /// Adds a key and its value.
    pub fn with(mut self, key: &str, value: &[u8]) -> Self {
        self.pairs.push((key.into(), value.into()));
        self
    }

    /// Sets the W3C trace context that the messages belong to.
    pub const fn with_trace(mut self, trace: TraceParent) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Whether there is neither a key nor a trace context.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.trace.is_none()
    }

    /// The keys and values, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Adds them to a frame's header.
    pub(super) fn add_to<'h>(&'h self, frame: &mut FrameBuilder<'h>) {
        for (key, value) in self.iter() {
            frame.header(key, value);
        }
        if let Some(trace) = self.trace {
            frame.traceparent(trace);
        }
    }
}

impl Publisher {
    /// Gives all messages of this publisher these headers, in place of those that it had.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if they break the limits of [`MessageHeaders`], or
    /// the trace context is not one that W3C allows.
    pub(crate) fn set_headers(&mut self, headers: &MessageHeaders) -> Result<()> {
        self.shape = Shape::with_headers(&self.shape.topic, headers)?;
        Ok(())
    }
}
