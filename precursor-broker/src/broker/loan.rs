//! Loans: messages written in the kernel's memory.

use core::ops::{Deref, DerefMut};

use qiss_format::FrameMut;

use crate::error::{Error, ErrorKind, Result};
use crate::region::lend::OwnedBlock;
use crate::steps::step;

use super::core::Core;
use super::deliver::{self, Content, Deadline};
use super::policy::{PublishOptions, Published};
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
    /// Where the payload starts in the block.
    offset: usize,
    len: usize,
}

impl<'p> Loan<'p> {
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
        shape.named.begin(block.bytes_mut(frame_len), len, stamp(options))?;
        let offset = shape.named.payload_offset();
        Ok(Self { core, shape, options, block, offset, len })
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
    pub fn send(self) -> Result<Published> {
        self.core.check_open()?;
        let route = route::cached(self.core, self.shape.number, &self.shape.topic);
        self.deliver(&route, |_| true)
    }

    /// Gives the memory back and sends nothing. The same as dropping it.
    pub fn abort(self) {
        drop(self);
    }

    pub(crate) fn deliver(
        mut self,
        route: &Route,
        serves: impl Fn(&Target) -> bool,
    ) -> Result<Published> {
        let references = route.targets.iter().filter(|target| serves(target)).count() as u32;
        if references == 0 {
            return Ok(Published::default());
        }
        let frame_len = self.shape.named.frame_len(self.len);
        self.pad(frame_len);
        let (core, shape, options) = (self.core, self.shape, self.options);
        // The entry names the block until every mailbox does, for a survivor's scan.
        let Some((block, holder)) = core.share(self.block, references) else {
            return Err(Error::new(
                ErrorKind::Full,
                "all holder entries of this kernel are in use: drop received messages",
            ));
        };
        step!("block.shared");
        let content = Content::Block { block, frame_len };
        let mut deadline = Deadline::after(options.send_timeout);
        let topic = (&*shape.topic, shape.topic_id);
        let result = deliver::to_all(core, &route.targets, topic, &content, &mut deadline, serves);
        core.holders.release(holder);
        outcome(core, shape, options, result)
    }

    /// Bytes between the payload and the frame's end are zero on every medium.
    fn pad(&mut self, frame_len: usize) {
        let end = self.offset + self.len;
        self.block.bytes_mut(frame_len)[end..].fill(0);
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

    fn deref(&self) -> &[u8] {
        &self.block.bytes(self.offset + self.len)[self.offset..]
    }
}

impl DerefMut for Loan<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        let (offset, end) = (self.offset, self.offset + self.len);
        &mut self.block.bytes_mut(end)[offset..]
    }
}
