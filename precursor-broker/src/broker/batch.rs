//! Batches: messages read in place.

use crate::mailbox::take::Taken;
use crate::mailbox::word::Kind;
use crate::region::blocks::BlockId;

use super::message::{Message, MessageRef};
use super::reader::{Reader, Run};

/// Messages whose lines are on their way while one is read.
const PREFETCHED: u32 = 4;

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
pub struct Batch<'s> {
    run: Run<'s>,
    /// Losses before the first message, and `dropped` as it stood there.
    lost: (u64, u64),
}

impl<'s> Batch<'s> {
    #[inline(always)]
    pub(crate) fn take(reader: &'s mut Reader, max: usize) -> Self {
        if reader.owns_messages() {
            return Self { run: reader.take_owned(max), lost: (0, 0) };
        }
        let half = (reader.depth / 2).max(1);
        let max = u32::try_from(max).unwrap_or(u32::MAX).min(half);
        let mut run = reader.take_run(max);
        let lost = run.taken.as_mut().map_or((0, 0), Taken::report_losses);
        Self { run, lost }
    }

    /// Messages in the batch.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.run.taken.as_ref().map_or(self.run.owned.len(), |run| run.count() as usize)
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
        let mut dropped = self.lost.1;
        if let Some(taken) = &self.run.taken {
            for before in 1..(index as u32).min(taken.count()) {
                taken.lost_since(before, &mut dropped);
            }
        }
        self.message(index, &mut dropped)
    }

    /// Message `index`, given `dropped` as the one before showed it.
    #[inline(always)]
    fn message(&self, index: usize, dropped: &mut u64) -> Option<MessageRef<'_>> {
        let Some(taken) = &self.run.taken else {
            return self.run.owned.get(index).map(Message::as_ref);
        };
        if index >= taken.count() as usize {
            return None;
        }
        let index = index as u32;
        if taken.is_plain() {
            let lost_before = if index == 0 { self.lost.0 } else { 0 };
            return Some(MessageRef::of_frame(taken.cell(index), self.run.topic, lost_before));
        }
        self.mixed_message(taken, index, dropped)
    }

    #[inline(never)]
    fn mixed_message<'b>(
        &'b self,
        taken: &'b Taken<'s, 's>,
        index: u32,
        dropped: &mut u64,
    ) -> Option<MessageRef<'b>> {
        let word = taken.word(index);
        let (core, topic) = (self.run.core, self.run.topic);
        let lost_before = if index == 0 { self.lost.0 } else { taken.lost_since(index, dropped) };
        if word.kind() != Kind::Block {
            return Some(MessageRef::of_frame(taken.cell(index), topic, lost_before));
        }
        let bytes = core.region.shared_bytes(BlockId(word.block()));
        let payload = bytes.get(core.extent_of(word).range()).unwrap_or_default();
        Some(MessageRef { bytes, payload, topic, lost_before })
    }

    /// The messages in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, next: 0, dropped: self.lost.1 }
    }
}

impl Batch<'_> {
    /// Gives the blocks of the run back. Returns their bytes.
    fn release_blocks(&self, taken: &Taken<'_, '_>) -> u64 {
        let mut bytes = 0;
        for index in 0..taken.count() {
            let word = taken.word(index);
            if word.kind() == Kind::Block {
                bytes += self.run.core.extent_of(word).frame_len() as u64;
                self.run.core.release_id(BlockId(word.block()));
            }
        }
        bytes
    }
}

impl Drop for Batch<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(taken) = self.run.taken.take() else { return self.run.owned.clear() };
        let mailbox = taken.mailbox();
        if !taken.is_plain() {
            mailbox.release_block_bytes(self.release_blocks(&taken));
        }
        if taken.release(mailbox.may_block()) {
            self.run.core.wake_publishers(mailbox);
        }
    }
}

/// Iterator over a [`Batch`].
#[derive(Debug)]
pub struct Iter<'b> {
    batch: &'b Batch<'b>,
    next: usize,
    dropped: u64,
}

impl<'b> Iterator for Iter<'b> {
    type Item = MessageRef<'b>;

    #[inline(always)]
    fn next(&mut self) -> Option<MessageRef<'b>> {
        if let Some(taken) = &self.batch.run.taken
            && taken.is_plain()
        {
            taken.prefetch(self.next as u32 + PREFETCHED);
        }
        let message = self.batch.message(self.next, &mut self.dropped)?;
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
