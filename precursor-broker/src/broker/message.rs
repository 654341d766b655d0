//! Received messages: owned ([`Message`]) and borrowed from the mailbox ([`MessageRef`]).

use core::cell::RefCell;
use core::fmt;
use std::sync::Arc;

use qiss_format::Frame;

use crate::mailbox::INLINE_BYTES;

use super::held::HeldBlock;

/// Small messages a thread keeps for reuse.
const POOLED_PER_THREAD: usize = 256;

#[derive(Debug)]
#[repr(align(64))]
struct Buffer([u8; INLINE_BYTES]);

thread_local! {
    #[expect(clippy::vec_box, reason = "a buffer keeps its place from message to message")]
    static POOL: RefCell<Vec<Box<Buffer>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer for one inline frame, returned to the pool of the thread that drops it.
#[derive(Debug)]
struct Pooled(Option<Box<Buffer>>);

impl Pooled {
    fn copy_of(cell: &[u8; INLINE_BYTES], len: usize) -> Self {
        let recycled = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
        let mut buffer = recycled.unwrap_or_else(|| Box::new(Buffer([0; INLINE_BYTES])));
        buffer.0[..len].copy_from_slice(&cell[..len]);
        Self(Some(buffer))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.0)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(buffer) = self.0.take() else { return };
        // At thread exit the pool may be gone; then the buffer is freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_PER_THREAD {
                if pool.capacity() == 0 {
                    pool.reserve_exact(POOLED_PER_THREAD);
                }
                pool.push(buffer);
            }
        });
    }
}

#[derive(Debug)]
enum Body {
    Inline(Pooled, usize),
    Block(HeldBlock),
    Copied(Box<[u8]>),
}

/// A received message. It stays valid for as long as it is kept, also after its subscription and
/// its kernel are closed, and may be sent to other threads.
///
/// A large message keeps its block of the kernel's memory alive; what a subscription's messages
/// keep alive is bounded by its `pinned_bytes_max`, beyond which messages are copied.
pub struct Message {
    body: Body,
    /// The topic, where the frame does not carry it: that of a subscription without wildcards.
    topic: Option<Arc<str>>,
    lost_before: u64,
}

impl Message {
    pub(crate) fn inline(
        cell: &[u8; INLINE_BYTES],
        topic: Option<&Arc<str>>,
        lost_before: u64,
    ) -> Self {
        let len = Frame::peek(cell).map_or(0, |frame| frame.bytes().len());
        let body = Body::Inline(Pooled::copy_of(cell, len), len);
        Self { body, topic: topic.cloned(), lost_before }
    }

    pub(crate) fn block(held: HeldBlock, topic: Option<&Arc<str>>, lost_before: u64) -> Self {
        Self { body: Body::Block(held), topic: topic.cloned(), lost_before }
    }

    pub(crate) fn copied(frame: &[u8], topic: Option<&Arc<str>>, lost_before: u64) -> Self {
        Self { body: Body::Copied(frame.into()), topic: topic.cloned(), lost_before }
    }

    /// The whole message as a frame: headers, trace context and all.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        let bytes = match &self.body {
            Body::Inline(buffer, len) => &buffer.bytes()[..*len],
            Body::Block(held) => held.bytes(),
            Body::Copied(bytes) => bytes,
        };
        view(bytes)
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.frame().payload()
    }

    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.frame().topic().or(self.topic.as_deref()).unwrap_or_default()
    }

    /// Messages that this subscription lost between the one before and this one.
    #[must_use]
    pub fn lost_before(&self) -> u64 {
        self.lost_before
    }

    pub(crate) fn as_ref(&self) -> MessageRef<'_> {
        let topic = self.topic.as_deref();
        MessageRef { frame: self.frame(), topic, lost_before: self.lost_before }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic())
            .field("payload_len", &self.payload().len())
            .field("lost_before", &self.lost_before)
            .finish()
    }
}

/// A message in a [`Batch`](super::Batch), read where it lies.
#[derive(Clone, Copy)]
pub struct MessageRef<'b> {
    pub(crate) frame: Frame<'b>,
    pub(crate) topic: Option<&'b str>,
    pub(crate) lost_before: u64,
}

impl<'b> MessageRef<'b> {
    /// The whole message as a frame.
    #[must_use]
    pub fn frame(&self) -> Frame<'b> {
        self.frame
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &'b [u8] {
        self.frame.payload()
    }

    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &'b str {
        self.frame.topic().or(self.topic).unwrap_or_default()
    }

    /// Messages that this subscription lost between the one before and this one.
    #[must_use]
    pub fn lost_before(&self) -> u64 {
        self.lost_before
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRef")
            .field("topic", &self.topic())
            .field("payload_len", &self.payload().len())
            .field("lost_before", &self.lost_before)
            .finish()
    }
}

/// The frame in memory of the kernel. What is no frame (a participant broke its word) reads as an
/// empty one.
#[inline]
pub(crate) fn view(bytes: &[u8]) -> Frame<'_> {
    Frame::peek(bytes).unwrap_or_else(|_| empty())
}

#[cold]
fn empty() -> Frame<'static> {
    static EMPTY: std::sync::LazyLock<[u8; 64]> = std::sync::LazyLock::new(|| {
        let mut bytes = [0; 64];
        let _ = qiss_format::FrameBuilder::new().encode_into(&mut bytes, &[]);
        bytes
    });
    #[expect(clippy::unwrap_used, reason = "an event without payload always encodes to 64 bytes")]
    Frame::peek(&*EMPTY).unwrap()
}
