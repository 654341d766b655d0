//! Received messages: owned ([`Message`]) and borrowed from the mailbox ([`MessageRef`]).

use core::cell::RefCell;
use core::fmt;
use std::sync::Arc;

use qiss_format::Frame;

use crate::mailbox::INLINE_BYTES;
use crate::mailbox::extent::Extent;

use super::held::HeldBlock;

/// Messages' memory that a thread keeps for reuse.
const POOLED_PER_THREAD: usize = 256;

/// Frames lie on multiples of so many bytes, and so do their payloads.
const ALIGNMENT: usize = 64;

thread_local! {
    #[expect(clippy::vec_box, reason = "the memory keeps its place from message to message")]
    static POOL: RefCell<Vec<Box<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// What a message consists of. It is moved by its address only. In this order, so that the frame
/// lies on a multiple of 64 bytes.
#[derive(Debug)]
#[repr(C, align(64))]
struct Slot {
    inline: [u8; INLINE_BYTES],
    body: Body,
    /// Where the payload lies in the frame. Read once: the header of a block may be damaged later.
    payload: Extent,
    /// Kept when the slot goes back to the pool: the next message is most often of the same
    /// subscription, and then no counter is touched.
    topic: Option<Arc<str>>,
    lost_before: u64,
}

#[derive(Debug)]
enum Body {
    /// Bytes of the frame in the slot itself.
    Inline(usize),
    Block(HeldBlock),
    Copied(OwnFrame),
}

/// A frame in memory of its own, on a multiple of 64 bytes as in a mailbox.
#[derive(Debug)]
struct OwnFrame {
    memory: Box<[u8]>,
    start: usize,
}

impl OwnFrame {
    fn copy_of(frame: &[u8]) -> Self {
        let mut memory = vec![0; frame.len() + ALIGNMENT - 1].into_boxed_slice();
        let start = memory.as_ptr().addr().wrapping_neg() % ALIGNMENT;
        memory[start..start + frame.len()].copy_from_slice(frame);
        Self { memory, start }
    }
}

/// A received message. It stays valid for as long as it is kept, also after its subscription and
/// its kernel are closed, and may be sent to other threads.
///
/// A large message keeps its block of the kernel's memory alive; what a subscription's messages
/// keep alive is bounded by its `pinned_bytes_max`, beyond which messages are copied.
pub struct Message(Option<Box<Slot>>);

impl Message {
    /// The frame in a mailbox's slot, copied. `topic` is what the frame itself may not carry: that
    /// of a subscription without wildcards.
    pub(crate) fn inline(
        cell: &[u8; INLINE_BYTES],
        topic: Option<&Arc<str>>,
        lost_before: u64,
    ) -> Self {
        let payload = Extent::of_frame(cell);
        let len = payload.frame_len();
        let mut slot = pooled();
        slot.copy_inline(cell, len);
        // A pooled slot's body is `Inline`: what is replaced needs no drop.
        if let Body::Inline(old) = &mut slot.body {
            *old = len;
        }
        slot.filled(payload, topic, lost_before)
    }

    /// `payload` is where it lies in the held frame.
    #[inline]
    pub(crate) fn block(
        held: HeldBlock,
        payload: Extent,
        topic: Option<&Arc<str>>,
        lost_before: u64,
    ) -> Self {
        let mut slot = pooled();
        slot.body = Body::Block(held);
        slot.filled(payload, topic, lost_before)
    }

    pub(crate) fn copied(frame: &[u8], topic: Option<&Arc<str>>, lost_before: u64) -> Self {
        let mut slot = pooled();
        slot.body = Body::Copied(OwnFrame::copy_of(frame));
        slot.filled(Extent::of_frame(frame), topic, lost_before)
    }

    /// The whole message as a frame: headers, trace context and all.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        let bytes = match &self.0 {
            Some(slot) => slot.bytes(),
            None => &[],
        };
        view(bytes)
    }

    /// The payload, on a multiple of 64 bytes unless it is empty.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        let Some(slot) = &self.0 else { return &[] };
        slot.bytes().get(slot.payload.range()).unwrap_or_default()
    }

    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.frame().topic().or(self.topic_of_slot()).unwrap_or_default()
    }

    fn topic_of_slot(&self) -> Option<&str> {
        self.0.as_ref().and_then(|slot| slot.topic.as_deref())
    }

    /// Messages that this subscription lost between the one before and this one.
    #[must_use]
    pub fn lost_before(&self) -> u64 {
        self.0.as_ref().map_or(0, |slot| slot.lost_before)
    }

    /// Whether nobody else reads these bytes or will: they are a copy, or a block that all other
    /// subscriptions have received and dropped. It stays so for as long as the message is kept.
    #[must_use]
    pub fn is_sole_holder(&self) -> bool {
        match self.0.as_ref().map(|slot| &slot.body) {
            Some(Body::Block(held)) => held.is_sole(),
            _ => true,
        }
    }

    pub(crate) fn as_ref(&self) -> MessageRef<'_> {
        MessageRef {
            bytes: self.0.as_ref().map_or(&[], |slot| slot.bytes()),
            payload: self.payload(),
            topic: self.topic_of_slot(),
            lost_before: self.lost_before(),
        }
    }
}

#[inline]
fn pooled() -> Box<Slot> {
    match POOL.try_with(|pool| pool.borrow_mut().pop()) {
        Ok(Some(slot)) => slot,
        _ => new_slot(),
    }
}

#[cold]
fn new_slot() -> Box<Slot> {
    let inline = [0; INLINE_BYTES];
    Box::new(Slot {
        inline,
        body: Body::Inline(0),
        payload: Extent::default(),
        topic: None,
        lost_before: 0,
    })
}

impl Slot {
    /// Copies by lines of fixed size: the whole of a small frame in a few instructions, and not a
    /// line more, which another core may be writing. Not a loop, which would be made a `memcpy`.
    #[inline(always)]
    fn copy_inline(&mut self, cell: &[u8; INLINE_BYTES], len: usize) {
        const LINE: usize = 64;
        let (to, _) = self.inline.as_chunks_mut::<LINE>();
        let (from, _) = cell.as_chunks::<LINE>();
        if let ([to_0, to_1, to_2, to_3], [from_0, from_1, from_2, from_3]) = (to, from) {
            *to_0 = *from_0;
            if len > LINE {
                *to_1 = *from_1;
            }
            if len > 2 * LINE {
                *to_2 = *from_2;
                *to_3 = *from_3;
            }
        }
    }

    #[inline(always)]
    fn filled(
        mut self: Box<Self>,
        payload: Extent,
        topic: Option<&Arc<str>>,
        lost_before: u64,
    ) -> Message {
        self.payload = payload;
        self.lost_before = lost_before;
        let is_kept = match (&self.topic, topic) {
            (Some(kept), Some(topic)) => Arc::ptr_eq(kept, topic),
            (kept, topic) => kept.is_none() && topic.is_none(),
        };
        if !is_kept {
            self.keep_topic(topic);
        }
        Message(Some(self))
    }

    #[cold]
    fn keep_topic(&mut self, topic: Option<&Arc<str>>) {
        self.topic = topic.cloned();
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Inline(len) => self.inline.get(..*len).unwrap_or_default(),
            Body::Block(held) => held.bytes(),
            Body::Copied(own) => own.memory.get(own.start..).unwrap_or_default(),
        }
    }
}

impl Drop for Message {
    #[inline]
    fn drop(&mut self) {
        let Some(mut slot) = self.0.take() else { return };
        if !matches!(slot.body, Body::Inline(_)) {
            slot.body = Body::Inline(0);
        }
        // At thread exit the pool may be gone; then the memory is freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_PER_THREAD {
                if pool.capacity() == 0 {
                    pool.reserve_exact(POOLED_PER_THREAD);
                }
                pool.push(slot);
            }
        });
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic())
            .field("payload_len", &self.payload().len())
            .field("lost_before", &self.lost_before())
            .finish()
    }
}

/// A message in a [`Batch`](super::Batch), read where it lies.
#[derive(Clone, Copy)]
pub struct MessageRef<'b> {
    /// Begin with the frame.
    pub(super) bytes: &'b [u8],
    pub(super) payload: &'b [u8],
    pub(crate) topic: Option<&'b str>,
    pub(crate) lost_before: u64,
}

impl<'b> MessageRef<'b> {
    /// The frame at the start of `bytes`.
    #[inline(always)]
    pub(super) fn of_frame(bytes: &'b [u8], topic: Option<&'b str>, lost_before: u64) -> Self {
        let payload = view(bytes).payload();
        Self { bytes, payload, topic, lost_before }
    }

    /// The whole message as a frame.
    #[must_use]
    pub fn frame(&self) -> Frame<'b> {
        view(self.bytes)
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &'b [u8] {
        self.payload
    }

    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &'b str {
        self.frame().topic().or(self.topic).unwrap_or_default()
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
