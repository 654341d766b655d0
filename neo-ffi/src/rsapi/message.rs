//! Received messages, requests' bytes and replies, as handles that a face may keep for ever.

use core::ops::Deref;

use neo_protocol::format::Frame;

use crate::sys::OfProcess;

use super::live::LiveMessage;

/// A received message. It owns its bytes (or its share of them), stays valid after its subscription
/// and its kernel are closed, and may be used by several threads at a time; wrap it in an `Arc` to
/// share it.
#[derive(Debug)]
pub struct Message(OfProcess<Counted<neo_protocol::Message>>);

/// Counted without a word for it, so that a message is two words, which calls hand on in registers.
#[derive(Debug)]
struct Counted<T> {
    value: T,
    _live: LiveMessage,
}

const _: () = assert!(size_of::<Message>() == 2 * size_of::<usize>());

impl Message {
    #[inline(always)]
    pub(crate) fn new(value: neo_protocol::Message) -> Self {
        Self(OfProcess::new(Counted { value, _live: LiveMessage::new() }))
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn data(&self) -> &[u8] {
        self.0.value.payload()
    }

    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.0.value.topic()
    }

    /// Whether it carries headers of the user, or a trace context.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        let frame = self.frame();
        frame.traceparent().is_some() || frame.headers().next().is_some()
    }

    /// The trace context that it belongs to, as text: see [`traceparent`](super::traceparent).
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.frame().traceparent().as_ref().map(super::traceparent)
    }

    /// The user's headers, in the order they were added; a key may stand more than once.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.frame().headers()
    }

    /// Its number in its stream; `None` outside streams.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        Some(self.frame().seq()).filter(|seq| *seq != 0)
    }

    /// When it was sent, in nanoseconds since 1970, if its publisher stamps the time.
    #[must_use]
    pub fn timestamp_ns(&self) -> Option<i64> {
        Some(self.frame().time_ns()).filter(|time| *time != 0)
    }

    /// Messages that the subscription lost between the one before and this one.
    #[must_use]
    pub fn lost_before(&self) -> u64 {
        self.0.value.lost_before()
    }

    /// Whether nobody else reads these bytes or will, for as long as this message is kept: a face
    /// may lend them as memory that its host can write to.
    #[must_use]
    pub fn is_sole_holder(&self) -> bool {
        self.0.value.is_sole_holder()
    }

    /// The whole message as a frame.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        self.0.value.frame()
    }
}

/// The answer to a call. Reads as its bytes; counted among the live messages.
#[derive(Debug)]
pub struct Reply(OfProcess<Counted<Answer>>);

/// A pointer, whichever it is: an answer is handed on several times.
#[derive(Debug)]
enum Answer {
    /// From a worker.
    Message(neo_protocol::Message),
    /// From a handler that ran on the caller's thread.
    Inline(Box<neo_protocol::Reply>),
}

impl Reply {
    #[inline(always)]
    pub(crate) fn new(reply: neo_protocol::Reply) -> Self {
        let value = match reply.into_message() {
            Ok(message) => Answer::Message(message),
            Err(reply) => Answer::Inline(Box::new(reply)),
        };
        Self(OfProcess::new(Counted { value, _live: LiveMessage::new() }))
    }
}

impl Deref for Reply {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0.value {
            Answer::Message(message) => message.payload(),
            Answer::Inline(reply) => reply,
        }
    }
}
