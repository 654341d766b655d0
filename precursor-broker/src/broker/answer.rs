//! The right to answer a call: a reply goes into the caller's slot, or into a block it names.

use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use qiss_format::{Stamp, Template};

use crate::error::{Error, ErrorKind, Result};
use crate::region::hint::AllocHint;
use crate::region::records::ReplyRecord;
use crate::region::replies::{Answered, DONE, NO_REPLY};
use crate::steps::step;
use crate::sync::Ordering;

use super::core::Core;
use super::deliver::is_inline;
use super::reply::{self, CallId, PANICKED, record, wake_caller};

/// Longest text of a failure that travels; more would need memory that may not be there.
const TEXT_MAX: usize = 180;

/// What a caller sees of a failure's text, wherever its handler ran.
pub(super) fn clipped(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Names this participant as the one at work on a request, so that its death ends the call, and the
/// death of another worker does not (region.md R3.3.3).
pub(crate) fn sign_request(core: &Core, corr_id: u64) {
    let id = CallId(corr_id);
    if id.participant() == core.owner_id() && has_been_alone(core) {
        return;
    }
    let Some(record) = record(core, id.participant(), id.call()) else { return };
    record.sign(id.generation(), core.owner_id());
}

/// Whether this participant is the only one that the region ever had: nobody else can have taken
/// its requests.
fn has_been_alone(core: &Core) -> bool {
    // Participants take the first free place, and a place that was used has another generation.
    let second = core.region.participants().get(1);
    core.owner_id() == 1 && second.is_none_or(|place| place.state.load(Ordering::Acquire) == 0)
}

/// The right to answer one call, once.
#[derive(Debug)]
pub(crate) struct ReplyToken<C: Deref<Target = Core> = Arc<Core>> {
    core: C,
    id: CallId,
    answered: bool,
}

impl<C: Deref<Target = Core>> ReplyToken<C> {
    /// The token of a request that this participant has taken and signed.
    #[inline(always)]
    pub(crate) fn new(core: C, id: CallId) -> Self {
        Self { core, id, answered: false }
    }

    /// The caller as a handler may ask about it.
    #[inline(always)]
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { core: &self.core, id: self.id }
    }

    /// Answers with a payload.
    #[inline]
    pub(crate) fn reply(mut self, payload: &[u8]) -> Result<()> {
        self.answered = true;
        self.caller().answer(&self.core.calls.reply, payload)
    }

    /// Answers with an error.
    pub(crate) fn fail(mut self, panicked: bool, text: &str) {
        self.answered = true;
        let mut payload = vec![if panicked { PANICKED } else { 0 }];
        payload.extend_from_slice(clipped(text).as_bytes());
        let _ = self.caller().answer(&self.core.calls.failure, &payload);
    }
}

impl<C: Deref<Target = Core>> Drop for ReplyToken<C> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.answered {
            self.caller().leave();
        }
    }
}

/// The caller of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'c> {
    core: &'c Core,
    id: CallId,
}

impl<'c> Caller<'c> {
    /// What is left of the caller's time; zero if it waits no longer.
    pub(crate) fn remaining(self) -> Option<Duration> {
        reply::remaining(self.core, self.id)
    }

    /// Ends the call without an answer.
    #[cold]
    fn leave(self) {
        if let Some(record) = self.begin_reply() {
            self.end_reply(record, NO_REPLY);
        }
    }

    #[inline]
    fn answer(self, template: &Template, payload: &[u8]) -> Result<()> {
        let core = self.core;
        let stamp = Stamp::new(self.id.0, 0);
        let frame_len = template.frame_len(payload.len());
        if is_inline(frame_len) {
            if let Some(record) = self.begin_reply() {
                let (participant, call) = (self.id.participant(), self.id.call());
                core.region.write_reply(participant, call, |cell| {
                    let written = template.write(cell, payload, stamp);
                    debug_assert!(written.is_ok(), "the frame fits the cell");
                });
                self.end_reply(record, DONE);
            }
            return Ok(());
        }
        self.answer_in_block(template, payload)
    }

    #[cold]
    #[inline(never)]
    fn answer_in_block(self, template: &Template, payload: &[u8]) -> Result<()> {
        let core = self.core;
        let stamp = Stamp::new(self.id.0, 0);
        let frame_len = template.frame_len(payload.len());
        if frame_len as u64 > core.region.limits().frame_bytes_max() {
            return self.refuse(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "a reply of {} bytes is more than this kernel takes ({}): answer less",
                    payload.len(),
                    core.region.limits().frame_bytes_max()
                ),
            ));
        }
        let hint = AllocHint::new(u32::from(core.owner_id()));
        let mut block = match core.region.alloc(core.owner_id(), frame_len, &hint) {
            Ok(block) => block,
            Err(error) => return self.refuse(error.into()),
        };
        template.write(block.bytes_mut(frame_len), payload, stamp)?;
        if let Some(record) = self.begin_reply() {
            let Some((block, holder)) = core.share(block, 1) else {
                self.end_reply(record, NO_REPLY);
                return Ok(());
            };
            record.store_block(self.id.generation(), block.id);
            step!("reply.block_stored");
            // The holder entry names the block until the call has ended: the slot of a caller that
            // died is no place that a survivor's scan looks at.
            self.end_reply(record, DONE);
            core.holders.release(holder);
        }
        Ok(())
    }

    /// A reply that cannot be sent: the caller is told, and so is the service.
    fn refuse(self, error: Error) -> Result<()> {
        let mut payload = vec![0];
        payload.extend_from_slice(error.to_string().as_bytes());
        payload.truncate(TEXT_MAX);
        self.answer(&self.core.calls.failure, &payload)?;
        Err(error)
    }

    /// Makes the slot this replier's. `None`: the caller no longer waits.
    #[inline(always)]
    fn begin_reply(self) -> Option<&'c ReplyRecord> {
        let record = record(self.core, self.id.participant(), self.id.call())?;
        if !record.begin_answer(self.id.generation(), self.core.owner_id()) {
            self.core.count_late_reply();
            return None;
        }
        step!("reply.replying");
        Some(record)
    }

    #[inline(always)]
    fn end_reply(self, record: &ReplyRecord, status: u64) {
        let answered = record.end_answer(self.id.generation(), self.core.owner_id(), status);
        step!("reply.done");
        match answered {
            Answered::Told { is_parked: true } => wake_caller(self.core, record, self.id),
            Answered::Told { is_parked: false } => {}
            Answered::Unheard(block) => {
                if let Some(block) = block {
                    self.core.release_id(block);
                }
                self.core.count_late_reply();
            }
        }
    }
}
