//! Loans: messages written in the kernel's memory.

use core::ops::{Deref, DerefMut};

use qiss_format::FrameMut;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::extent::Extent;
use crate::region::lend::OwnedBlock;
use crate::steps::step;

use super::core::Core;
use super::deliver::{self, Content, Deadline, Retry};
use super::policy::{Policy, PublishOptions, Published};
use super::publisher::{outcome, stamp};
use super::route::{self, Route, Target};
use super::shape::Shape;

/// A message being written in place. User code may keep it for ever: it blocks nobody.
#[derive(Debug)]
pub struct Loan<'p> {
    core: &'p Core,
    shape: &'p Shape,
    options: &'p PublishOptions,
    block: OwnedBlock<'p>,
    len: usize,
}

impl<'p> Loan<'p> {
    /// Inlined, as `send` is: a loan that is returned through memory is read back in other pieces
    /// than it was written in, which waits for every store before it.
    #[inline(always)]
    pub(crate) fn new(
        core: &'p Core,
        shape: &'p Shape,
        options: &'p PublishOptions,
        len: usize,
    ) -> Result<Self> {
        core.check_open()?;
        let frame_len = shape.named.frame_len(len);
        let frame_bytes_max = core.region.limits().frame_bytes_max();
        if frame_len as u64 > frame_bytes_max {
            return Err(too_large(len, frame_len, frame_bytes_max));
        }
        let mut block = core.region.alloc(core.owner_id(), frame_len, &shape.blocks)?;
        step!("block.allocated");
        // Blocks always carry the topic's text: they may be kept, logged and sent on.
        shape.named.begin(block.bytes_mut(frame_len), len, stamp(core, options))?;
        Ok(Self { core, shape, options, block, len })
    }

    /// Sends only the first `len` bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if `len` is more than was lent.
    pub fn truncate(&mut self, len: usize) -> Result<()> {
        if len > self.len {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("a loan of {} bytes cannot grow to {len}: loan more", self.len),
            ));
        }
        let frame_len = self.shape.named.frame_len(self.len);
        FrameMut::new(self.block.bytes_mut(frame_len))?.truncate(len)?;
        self.len = len;
        Ok(())
    }

    /// Publishes the message.
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`](super::Publisher::publish).
    #[inline(always)]
    pub fn send(self) -> Result<Published> {
        self.core.check_open()?;
        if self.try_send() {
            // The block is the mailbox's now.
            let _passed_on = core::mem::ManuallyDrop::new(self);
            return Ok(Published { accepted: 1, ..Published::default() });
        }
        self.send_to_many()
    }

    /// Shares the block with the only mailbox of the route, if it has room. False: nothing changed.
    ///
    /// A reader's waker may panic behind that. The drop of the loan does nothing then: that life of
    /// the block is no longer owned.
    #[inline(always)]
    fn try_send(&self) -> bool {
        let Some(route) = route::take(self.core, self.shape.number) else { return false };
        let is_accepted = matches!(route.targets.as_slice(), [target]
            if target.policy != Policy::Latest
                && deliver::try_block(self.core, target, self.block.reference(), self.extent())
                    == Retry::Accepted);
        route::give_back(route);
        is_accepted
    }

    #[inline(never)]
    fn send_to_many(self) -> Result<Published> {
        let route = route::cached(self.core, self.shape.number, &self.shape.topic);
        self.deliver(&route, |_| true)
    }

    /// Gives the memory back and sends nothing. The same as dropping it.
    pub fn abort(self) {
        drop(self);
    }

    pub(crate) fn deliver(
        self,
        route: &Route,
        serves: impl Fn(&Target) -> bool,
    ) -> Result<Published> {
        let references = route.targets.iter().filter(|target| serves(target)).count() as u32;
        if references == 0 {
            return Ok(Published::default());
        }
        let payload = self.extent();
        let (core, shape, options) = (self.core, self.shape, self.options);
        // The entry names the block until every mailbox does, for a survivor's scan.
        let Some((block, holder)) = core.share(self.block, references) else {
            return Err(Error::new(
                ErrorKind::Full,
                "all holder entries of this kernel are in use: drop received messages",
            ));
        };
        step!("block.shared");
        let content = Content::Block { block, payload };
        let mut deadline = Deadline::after(options.send_timeout);
        let topic = (&*shape.topic, shape.topic_id);
        let result = deliver::to_all(core, &route.targets, topic, &content, &mut deadline, serves);
        core.holders.release(holder);
        outcome(core, shape, options, payload.frame_len(), result)
    }

    #[inline(always)]
    fn extent(&self) -> Extent {
        Extent { offset: self.offset() as u32, len: self.len as u32 }
    }

    /// Where the payload starts in the block.
    #[inline(always)]
    fn offset(&self) -> usize {
        self.shape.named.payload_offset()
    }
}

#[cold]
fn too_large(len: usize, frame_len: usize, max: u64) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "a payload of {len} bytes makes a frame of {frame_len}, more than this kernel takes \
             ({max}): split it, or open the kernel with a higher memory_bytes_max"
        ),
    )
}

impl Deref for Loan<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.block.bytes(self.offset() + self.len)[self.offset()..]
    }
}

impl DerefMut for Loan<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let (offset, end) = (self.offset(), self.offset() + self.len);
        &mut self.block.bytes_mut(end)[offset..]
    }
}
