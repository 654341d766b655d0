//! Calls in flight: one reply slot each, from the caller's fixed table (region.md R3.3).
//!
//! The state word is changed by compare-and-swap only, so a reply that comes after the caller gave
//! up finds another generation. The parked flag lies in the same word: whoever answers sees in the
//! very step that ends the call whether someone must be woken.

use core::time::Duration;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use qiss_format::{Flags, FrameBuilder, Kind, Template};

use crate::error::{Error, ErrorKind, Result};
use crate::region::blocks::BlockId;
use crate::region::map::Region;
use crate::region::records::ReplyRecord;
use crate::steps::step;
use crate::sync::Ordering;
use crate::sys::monotonic_ns;

use super::core::Core;
use super::held::{HeldBlock, PinnedBytes};
use super::message::Message;
use super::policy::Wait;

const FREE: u64 = 0;
pub(super) const WAITING: u64 = 1;
pub(super) const REPLYING: u64 = 2;
pub(super) const DONE: u64 = 3;
/// Ended without a reply; the status says why.
pub(super) const NO_REPLY: u64 = 4;
const PEER_DIED: u64 = 5;
const CLOSED: u64 = 6;
/// Beside WAITING and REPLYING: the caller sleeps.
const PARKED: u64 = 1 << 8;

/// `generation:32 · status:16 · owner:16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(pub(super) u64);

impl State {
    pub(super) fn new(generation: u32, status: u64, owner: u16) -> Self {
        Self(u64::from(generation) << 32 | status << 16 | u64::from(owner))
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn status(self) -> u64 {
        self.0 >> 16 & 0xFF
    }

    pub(super) fn parked(self) -> u64 {
        self.0 >> 16 & PARKED
    }

    fn owner(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

/// Names one call for whoever answers it: `participant:16 · call:16 · generation:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(pub(crate) u64);

impl CallId {
    fn new(participant: u16, call: u16, generation: u32) -> Self {
        Self(u64::from(participant) << 48 | u64::from(call) << 32 | u64::from(generation))
    }

    pub(super) fn participant(self) -> u16 {
        (self.0 >> 48) as u16
    }

    pub(super) fn call(self) -> usize {
        (self.0 >> 32 & 0xFFFF) as usize
    }

    pub(super) fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Where the wake target of an async caller is kept.
    fn wake_key(self) -> u64 {
        1 << 63 | self.0 >> 32
    }
}

/// This participant's free reply slots, and the headers of its replies.
#[derive(Debug)]
pub(crate) struct CallTable {
    free: ArrayQueue<u16>,
    /// Replies in blocks have no budget of their own.
    pinned: Arc<PinnedBytes>,
    pub(super) reply: Template,
    pub(super) failure: Template,
}

impl CallTable {
    pub(crate) fn new(region: &Region) -> Self {
        let calls = region.limits().calls_in_flight_max as usize;
        let free = ArrayQueue::new(calls.max(1));
        for call in 0..calls as u16 {
            let _ = free.push(call);
        }
        let template = |flags| {
            let mut builder = FrameBuilder::new();
            #[expect(clippy::expect_used, reason = "a header without text always fits")]
            Template::new(builder.kind(Kind::RESPONSE).flags(flags)).expect("a plain header")
        };
        let (reply, failure) = (template(Flags::NONE), template(Flags::ERROR));
        Self { free, pinned: Arc::default(), reply, failure }
    }
}

/// A call that this participant waits for. Dropped, it is cancelled.
#[derive(Debug)]
pub(crate) struct PendingCall {
    core: Arc<Core>,
    id: CallId,
    ended: bool,
}

impl PendingCall {
    /// Takes a reply slot. The call waits from here on.
    pub(crate) fn begin(core: &Arc<Core>) -> Result<Self> {
        let call = core.calls.free.pop().ok_or_else(|| too_many_calls(core))?;
        let record = record(core, core.owner_id(), usize::from(call)).ok_or_else(Error::closed)?;
        let generation = State(record.state.load(Ordering::Acquire)).generation();
        record.wait.value().store(0, Ordering::Relaxed);
        record.poller.store(0, Ordering::Relaxed);
        record.state.store(State::new(generation, WAITING, 0).0, Ordering::Release);
        step!("call.waiting");
        let id = CallId::new(core.owner_id(), call, generation);
        Ok(Self { core: core.clone(), id, ended: false })
    }

    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    fn record(&self) -> &ReplyRecord {
        let replies = self.core.region.replies(self.id.participant());
        &replies[self.id.call()]
    }

    /// Waits for the answer, for at most `timeout` (`None`: for ever).
    pub(crate) fn wait(mut self, timeout: Option<Duration>, wait: Wait) -> Result<Message> {
        const SPINS: u32 = 4_000;
        let mut deadline = None;
        let mut turns = 0_u32;
        loop {
            if let Some(answer) = self.try_finish() {
                return answer;
            }
            turns = turns.saturating_add(1);
            if wait != Wait::Park
                && (turns < SPINS || wait == Wait::Spin)
                && !turns.is_multiple_of(256)
            {
                crate::sync::spin_loop();
                continue;
            }
            if self.core.is_closed() {
                return Err(Error::closed());
            }
            let left = timeout.map(|timeout| {
                let now = monotonic_ns();
                let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
                let at = *deadline.get_or_insert(now.saturating_add(timeout));
                Duration::from_nanos(at.saturating_sub(now))
            });
            if left.is_some_and(|left| left.is_zero()) {
                if let Some(answer) = self.try_finish() {
                    return answer;
                }
                return Err(timed_out(timeout.unwrap_or_default()));
            }
            if wait != Wait::Spin && (turns >= SPINS || wait == Wait::Park) {
                self.park(left);
            }
        }
    }

    fn park(&self, timeout: Option<Duration>) {
        if self.set_parked() {
            self.record().wait.wait(0, timeout, self.core.region.futex_scope());
        }
    }

    /// Sets the flag. False: the call has ended.
    fn set_parked(&self) -> bool {
        let word = &self.record().state;
        let mut seen = State(word.load(Ordering::Acquire));
        while matches!(seen.status(), WAITING | REPLYING) {
            let parked = seen.0 | PARKED << 16;
            match word.compare_exchange(seen.0, parked, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = State(now),
            }
        }
        false
    }

    /// Registers a task to be woken by the answer. False: the call has ended.
    pub(crate) fn register(&self, waker: &core::task::Waker) -> bool {
        self.core.wake_targets.set_task(self.id.wake_key(), waker);
        self.record().poller.store(1, Ordering::Release);
        self.set_parked()
    }

    /// The answer, if the call has ended.
    pub(crate) fn try_finish(&mut self) -> Option<Result<Message>> {
        let status = State(self.record().state.load(Ordering::Acquire)).status();
        let answer = match status {
            WAITING | REPLYING => return None,
            DONE => self.read(),
            NO_REPLY => Err(Error::new(
                ErrorKind::NoReply,
                "the service dropped the request without an answer",
            )),
            PEER_DIED => {
                self.discard_block();
                Err(Error::new(
                    ErrorKind::PeerDied,
                    "the process that worked on the call died: call again",
                ))
            }
            _ => Err(Error::closed()),
        };
        self.free();
        Some(answer)
    }

    fn read(&self) -> Result<Message> {
        let record = self.record();
        let block = record.block.swap(0, Ordering::AcqRel);
        step!("reply.block_taken");
        let message = match block.checked_sub(1) {
            None => {
                let (participant, call) = (self.id.participant(), self.id.call());
                let read = |cell: &[u8; 256]| Message::inline(cell, None, 0);
                self.core.region.read_reply(participant, call, read).ok_or_else(Error::closed)?
            }
            Some(block) => self.own(BlockId(block as u32)),
        };
        if message.frame().flags().contains(Flags::ERROR) {
            return Err(service_error(message.payload()));
        }
        Ok(message)
    }

    /// Gives up a reply that was stored and not announced: the next call must not find it.
    #[cold]
    fn discard_block(&self) {
        if let Some(block) = self.record().block.swap(0, Ordering::AcqRel).checked_sub(1) {
            self.core.release_id(BlockId(block as u32));
        }
    }

    fn own(&self, block: BlockId) -> Message {
        let core = &self.core;
        let len = core.block_frame(block).len();
        let pinned = core.calls.pinned.clone();
        let held = core
            .region
            .blocks()
            .reference(block)
            .and_then(|block| HeldBlock::reserve(core, &pinned, u64::MAX, block, len));
        match held {
            Some(reserved) => Message::block(reserved.confirm(), None, 0),
            None => {
                let message = Message::copied(core.block_frame(block), None, 0);
                core.release_id(block);
                message
            }
        }
    }

    fn free(&mut self) {
        self.ended = true;
        let record = self.record();
        if record.poller.load(Ordering::Relaxed) != 0 {
            self.core.wake_targets.remove(self.id.wake_key());
        }
        let next = self.id.generation().wrapping_add(1);
        record.state.store(State::new(next, FREE, 0).0, Ordering::Release);
        let _ = self.core.calls.free.push(self.id.call() as u16);
    }

    /// Gives the call up. A replier in the middle of its bounded copy is waited for.
    fn cancel(&mut self) {
        /// Turns to wait for a copy within another thread; beyond it the slot is left to reclaim.
        const TURNS_MAX: u32 = 1_000_000;
        for turn in 0..TURNS_MAX {
            let word = &self.record().state;
            let seen = State(word.load(Ordering::Acquire));
            match seen.status() {
                WAITING => {
                    let next = self.id.generation().wrapping_add(1);
                    let free = State::new(next, FREE, 0);
                    let exchange =
                        word.compare_exchange(seen.0, free.0, Ordering::AcqRel, Ordering::Relaxed);
                    if exchange.is_ok() {
                        self.free();
                        return;
                    }
                }
                REPLYING if turn < 1_000 => crate::sync::spin_loop(),
                REPLYING => std::thread::yield_now(),
                _ => {
                    let _ = self.try_finish();
                    return;
                }
            }
        }
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if !self.ended {
            self.cancel();
        }
    }
}

/// The slot of a call. `None`: no such call.
pub(super) fn record(core: &Core, participant: u16, call: usize) -> Option<&ReplyRecord> {
    core.region.replies(participant).get(call)
}

#[cold]
fn too_many_calls(core: &Core) -> Error {
    Error::new(
        ErrorKind::Full,
        format!(
            "{} calls are in flight, which is the most: wait for some, or open the kernel with a \
             higher calls_in_flight_max",
            core.region.limits().calls_in_flight_max
        ),
    )
}

#[cold]
pub(crate) fn timed_out(timeout: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("no answer within {timeout:?}: give a longer timeout, or look at the service"),
    )
}

/// A failure as the caller sees it: one byte of kind, then the text.
#[cold]
fn service_error(payload: &[u8]) -> Error {
    let (kind, text) = payload.split_first().unwrap_or((&0, &[]));
    let kind = if *kind == PANICKED { ErrorKind::Panicked } else { ErrorKind::Service };
    Error::new(kind, String::from_utf8_lossy(text).into_owned())
}

/// First byte of a failure whose handler panicked.
pub(super) const PANICKED: u8 = 1;

/// Wakes whoever waits for the call, which has ended.
#[cold]
pub(super) fn wake_caller(core: &Core, record: &ReplyRecord, id: CallId) {
    record.wait.value().store(1, Ordering::Release);
    record.wait.wake(1, core.region.futex_scope());
    if record.poller.load(Ordering::Acquire) != 0 {
        core.wake_targets.fire(id.wake_key());
    }
}

/// Ends a request that nobody will answer.
pub(crate) fn refuse_request(core: &Core, id: CallId) {
    end_call(core, id.participant(), id.call(), Some(id.generation()), |_| true, NO_REPLY);
}

/// Ends the calls of a closing kernel, so that every waiter returns.
pub(crate) fn close_calls(core: &Core) {
    let owner = core.owner_id();
    for call in 0..core.region.replies(owner).len() {
        end_call(core, owner, call, None, |_| true, CLOSED);
    }
}

/// Ends the calls that `dead` was working on, and frees the ones it waited for.
pub(crate) fn reclaim_calls(core: &Core, dead: u16, participants: usize) {
    for participant in (1_u16..).take(participants).filter(|id| core.region.is_joined(*id)) {
        for call in 0..core.region.replies(participant).len() {
            end_call(core, participant, call, None, |state| state.owner() == dead, PEER_DIED);
        }
    }
    wake_ended(core, participants);
    for record in core.region.replies(dead) {
        let seen = State(record.state.load(Ordering::Acquire));
        if seen.status() == FREE {
            continue;
        }
        let free = State::new(seen.generation().wrapping_add(1), FREE, 0);
        if record
            .state
            .compare_exchange(seen.0, free.0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            && let Some(block) = record.block.swap(0, Ordering::AcqRel).checked_sub(1)
        {
            core.release_id(BlockId(block as u32));
        }
    }
}

/// Ends the call of a request that `dead` had taken and not signed.
pub(crate) fn end_unsigned(core: &Core, id: CallId) {
    let generation = Some(id.generation());
    end_call(core, id.participant(), id.call(), generation, |state| state.owner() == 0, PEER_DIED);
}

/// Wakes the callers of ended calls: whoever ended one may have died before it woke its caller.
fn wake_ended(core: &Core, participants: usize) {
    for participant in (1_u16..).take(participants).filter(|id| core.region.is_joined(*id)) {
        for (call, record) in (0_u16..).zip(core.region.replies(participant)) {
            let seen = State(record.state.load(Ordering::Acquire));
            if !matches!(seen.status(), FREE | WAITING | REPLYING) {
                wake_caller(core, record, CallId::new(participant, call, seen.generation()));
            }
        }
    }
}

/// Blocks that replies refer to.
pub(crate) fn for_each_reply_block(region: &Region, mut visit: impl FnMut(BlockId)) {
    for participant in (1_u16..).take(region.participants().len()) {
        if !region.is_joined(participant) {
            continue;
        }
        for record in region.replies(participant) {
            if let Some(block) = record.block.load(Ordering::Acquire).checked_sub(1) {
                visit(BlockId(block as u32));
            }
        }
    }
}

fn end_call(
    core: &Core,
    participant: u16,
    call: usize,
    generation: Option<u32>,
    applies: impl Fn(State) -> bool,
    status: u64,
) {
    let Some(record) = record(core, participant, call) else { return };
    let mut seen = State(record.state.load(Ordering::Acquire));
    while matches!(seen.status(), WAITING | REPLYING)
        && generation.is_none_or(|generation| generation == seen.generation())
        && applies(seen)
        && (status == PEER_DIED || seen.status() == WAITING)
    {
        let ended = State::new(seen.generation(), status, 0);
        match record.state.compare_exchange(seen.0, ended.0, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                if seen.parked() != 0 {
                    wake_caller(
                        core,
                        record,
                        CallId::new(participant, call as u16, seen.generation()),
                    );
                }
                return;
            }
            Err(now) => seen = State(now),
        }
    }
}
