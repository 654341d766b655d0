//! Batches: messages read in place.

use crate::mailbox::take::Taken;
use crate::mailbox::word::Kind;
use crate::region::blocks::BlockId;
use crate::sync::Ordering;

use super::core::Core;
use super::message::{Message, MessageRef, view};
use super::reader::Reader;

/// Messages that were received together. Their bytes are borrowed from the kernel's memory; dropping
/// the batch gives the slots back.
///
/// ```no_run
/// # fn f(mut subscription: precursor_broker::Subscription) -> precursor_broker::Result<()> {
/// let mut bytes = 0;
/// for message in &subscription.recv_batch(256, None)? {
///     bytes += message.payload().len();
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Batch<'s>(Form<'s>);

#[derive(Debug)]
enum Form<'s> {
    InPlace { taken: Option<Taken<'s, 's>>, core: &'s Core, topic: Option<&'s str>, lost: u64 },
    Owned(Vec<Message>),
}

impl<'s> Batch<'s> {
    pub(crate) fn take(reader: &'s mut Reader, max: usize) -> Self {
        if reader.owns_messages() {
            let mut messages = Vec::new();
            while messages.len() < max
                && let Some(message) = reader.try_recv()
            {
                messages.push(message);
            }
            return Self(Form::Owned(messages));
        }
        let half = (reader.depth / 2).max(1);
        let max = u32::try_from(max).unwrap_or(u32::MAX).min(half);
        let (core, topic, taken) = reader.take_run(max);
        let mut batch = Form::InPlace { taken, core, topic, lost: 0 };
        if let Form::InPlace { taken: Some(taken), lost, .. } = &mut batch {
            *lost = taken.report_losses();
        }
        Self(batch)
    }

    /// Messages in the batch.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::InPlace { taken, .. } => taken.as_ref().map_or(0, |run| run.count() as usize),
            Form::Owned(messages) => messages.len(),
        }
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Message `index`, if there is one.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<MessageRef<'_>> {
        match &self.0 {
            Form::InPlace { taken, core, topic, lost } => {
                let taken = taken.as_ref().filter(|run| index < run.count() as usize)?;
                let index = index as u32;
                let word = taken.word(index);
                let frame = match word.kind() {
                    Kind::Block => view(core.region.shared_bytes(BlockId(word.block()))),
                    _ => view(taken.cell(index)),
                };
                let lost_before = if index == 0 { *lost } else { taken.lost_between(index) };
                Some(MessageRef { frame, topic: *topic, lost_before })
            }
            Form::Owned(messages) => messages.get(index).map(|message| MessageRef {
                frame: message.frame(),
                topic: Some(message.topic()),
                lost_before: message.lost_before(),
            }),
        }
    }

    /// The messages in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, next: 0 }
    }
}

impl Drop for Batch<'_> {
    #[inline]
    fn drop(&mut self) {
        let Form::InPlace { taken, core, .. } = &mut self.0 else { return };
        let Some(taken) = taken.take() else { return };
        let mailbox = taken.mailbox();
        let mut bytes = 0;
        for index in 0..taken.count() {
            let word = taken.word(index);
            if word.kind() == Kind::Block {
                let block = BlockId(word.block());
                bytes += core.block_frame(block).len() as u64;
                core.release_id(block);
            }
        }
        if bytes > 0 {
            mailbox.header.publishers.block_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        if taken.release(mailbox.may_block()) {
            mailbox.wake_publishers(core.region.futex_scope());
        }
    }
}

/// Iterator over a [`Batch`].
#[derive(Debug)]
pub struct Iter<'b> {
    batch: &'b Batch<'b>,
    next: usize,
}

impl<'b> Iterator for Iter<'b> {
    type Item = MessageRef<'b>;

    #[inline]
    fn next(&mut self) -> Option<MessageRef<'b>> {
        let message = self.batch.get(self.next)?;
        self.next += 1;
        Some(message)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'b> IntoIterator for &'b Batch<'b> {
    type Item = MessageRef<'b>;
    type IntoIter = Iter<'b>;

    fn into_iter(self) -> Iter<'b> {
        self.iter()
    }
}
