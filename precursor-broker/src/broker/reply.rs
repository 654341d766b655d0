//! Calls in flight: one reply slot each, from the caller's fixed table (region.md R3.3).
//!
//! What may happen to a slot, and in which order, is in `region::replies`; here is who does it.

use core::borrow::Borrow;
use core::cell::Cell;
use core::time::Duration;
use std::sync::Arc;

use qiss_format::{Flags, FrameBuilder, Kind, Template};

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::extent::Extent;
use crate::region::blocks::BlockId;
use crate::region::map::Region;
use crate::region::records::ReplyRecord;
use crate::region::replies::{CLOSED, DONE, GivenUp, NO_REPLY, PEER_DIED, SlotState};
use crate::steps::step;
use crate::sync::Ordering;

use super::core::Core;
use super::deliver::Deadline;
use super::held::HeldBlock;
use super::message::Message;
use super::policy::Wait;

/// Names one call for whoever answers it: `participant:16 · call:16 · generation:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(pub(crate) u64);

impl CallId {
    #[inline(always)]
    fn new(participant: u16, call: u16, generation: u32) -> Self {
        Self(u64::from(participant) << 48 | u64::from(call) << 32 | u64::from(generation))
    }

    #[inline(always)]
    pub(super) fn participant(self) -> u16 {
        (self.0 >> 48) as u16
    }

    #[inline(always)]
    pub(super) fn call(self) -> usize {
        (self.0 >> 32 & 0xFFFF) as usize
    }

    #[inline(always)]
    pub(super) fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Where the wake target of an async caller is kept.
    fn wake_key(self) -> u64 {
        1 << 63 | self.0 >> 32
    }
}

/// What this participant's calls and replies have in common.
#[derive(Debug)]
pub(crate) struct CallTable {
    pub(super) reply: Template,
    pub(super) failure: Template,
}

impl CallTable {
    pub(crate) fn new() -> Self {
        let template = |flags| {
            let mut builder = FrameBuilder::new();
            #[expect(clippy::expect_used, reason = "a header without text always fits")]
            Template::new(builder.kind(Kind::RESPONSE).flags(flags)).expect("a plain header")
        };
        let (reply, failure) = (template(Flags::NONE), template(Flags::ERROR));
        Self { reply, failure }
    }
}

thread_local! {
    /// Where this thread looks first for a free slot: the one that it freed last, or the one behind
    /// that it took last.
    static NEXT: Cell<u16> = const { Cell::new(0) };
}

/// A call that this participant waits for. Dropped, it is cancelled.
#[derive(Debug)]
pub(crate) struct PendingCall<C: Borrow<Arc<Core>> = Arc<Core>> {
    core: C,
    id: CallId,
    ended: bool,
}

impl<C: Borrow<Arc<Core>>> PendingCall<C> {
    /// Takes a reply slot. The call waits from here on.
    #[inline(always)]
    pub(crate) fn begin(core: C, timeout: Option<Duration>) -> Result<Self> {
        let (participant, region) = (core.borrow().owner_id(), &core.borrow().region);
        let next = NEXT.try_with(Cell::get).unwrap_or(0);
        let begun = region
            .reply(participant, usize::from(next))
            .and_then(|record| Some((next, record, record.begin()?)));
        let (call, record, generation) = match begun {
            Some(begun) => begun,
            None => begin_elsewhere(core.borrow(), next)?,
        };
        record.set_timeout(timeout);
        let _ = NEXT.try_with(|next| next.set(call + 1));
        step!("call.waiting");
        Ok(Self { id: CallId::new(participant, call, generation), core, ended: false })
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    #[inline(always)]
    fn core(&self) -> &Arc<Core> {
        self.core.borrow()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.core().is_closed()
    }

    #[inline(always)]
    fn record(&self) -> &ReplyRecord {
        #[expect(clippy::expect_used, reason = "`begin` found it")]
        record(self.core(), self.id.participant(), self.id.call()).expect("a slot of this region")
    }

    /// Waits for the answer until `deadline`, which is that of `timeout` (`None`: for ever).
    pub(crate) fn wait(
        mut self,
        timeout: Option<Duration>,
        deadline: &mut Deadline,
        wait: Wait,
    ) -> Result<Message> {
        const SPINS: u32 = 4_000;
        let mut is_told = false;
        let mut turns = 0_u32;
        loop {
            if self.has_ended() {
                return self.finish();
            }
            turns = turns.saturating_add(1);
            if wait != Wait::Park
                && (turns < SPINS || wait == Wait::Spin)
                && !turns.is_multiple_of(256)
            {
                crate::sync::spin_loop();
                continue;
            }
            if self.is_closed() {
                return Err(Error::closed());
            }
            let left = timeout.map(|_| deadline.remaining(self.core().clock()));
            if let Some(left) = left.filter(|_| !core::mem::replace(&mut is_told, true)) {
                self.tell_deadline(left);
            }
            if left.is_some_and(|left| left.is_zero()) {
                if self.has_ended() {
                    return self.finish();
                }
                return Err(timed_out(timeout.unwrap_or_default()));
            }
            if wait != Wait::Spin && (turns >= SPINS || wait == Wait::Park) {
                self.park(self.core().nap(left));
            }
            if turns >= SPINS || wait == Wait::Park {
                self.core().notice_deaths();
            }
        }
    }

    /// Lets the service know what is left of the time, now that this caller's clock has started.
    #[cold]
    fn tell_deadline(&self, left: Duration) {
        let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        self.record().set_deadline(self.core().clock().monotonic_ns().saturating_add(left));
    }

    fn park(&self, timeout: Option<Duration>) {
        self.record().park(timeout, self.core().region.futex_scope());
    }

    /// Registers a task to be woken by the answer. False: the call has ended.
    pub(crate) fn register(&self, waker: &core::task::Waker) -> bool {
        self.core().wake_targets.set_task(self.id.wake_key(), waker);
        self.record().poller.store(1, Ordering::Release);
        self.record().set_parked()
    }

    /// The answer, if the call has ended.
    pub(crate) fn try_finish(&mut self) -> Option<Result<Message>> {
        self.has_ended().then(|| self.finish())
    }

    #[inline(always)]
    fn has_ended(&self) -> bool {
        !self.record().slot().is_pending()
    }

    /// The answer of a call that has ended.
    #[inline]
    fn finish(&mut self) -> Result<Message> {
        let answer = match self.record().slot().status() {
            DONE => self.read(),
            status => Err(self.unanswered(status)),
        };
        self.free();
        answer
    }

    #[cold]
    fn unanswered(&self, status: u64) -> Error {
        match status {
            NO_REPLY => {
                Error::new(ErrorKind::NoReply, "the service dropped the request without an answer")
            }
            PEER_DIED => {
                self.discard_block();
                Error::new(
                    ErrorKind::PeerDied,
                    "the process that worked on the call died: call again",
                )
            }
            _ => Error::closed(),
        }
    }

    #[inline]
    fn read(&self) -> Result<Message> {
        let record = self.record();
        let block = record.take_block(self.id.generation());
        step!("reply.block_taken");
        let message = match block {
            None => {
                let (participant, call) = (self.id.participant(), self.id.call());
                let read = |cell: &[u8; 256]| Message::inline(cell, None, 0);
                self.core().region.read_reply(participant, call, read).ok_or_else(Error::closed)?
            }
            Some(block) => self.own(block),
        };
        if message.frame().flags().contains(Flags::ERROR) {
            return Err(service_error(message.payload()));
        }
        Ok(message)
    }

    /// Gives up a reply that was stored and not announced: the next call must not find it.
    #[cold]
    fn discard_block(&self) {
        if let Some(block) = self.record().take_block(self.id.generation()) {
            self.core().release_id(block);
        }
    }

    #[cold]
    fn own(&self, block: BlockId) -> Message {
        let core = self.core();
        let payload = Extent::of_frame(core.region.shared_bytes(block));
        let held = core
            .region
            .blocks()
            .reference(block)
            .and_then(|block| HeldBlock::reserve_reply(core, block, payload.frame_len()));
        match held {
            Some(reserved) => Message::block(reserved.confirm(), payload, None, 0),
            None => {
                let message = Message::copied(core.block_frame(block), None, 0);
                core.release_id(block);
                message
            }
        }
    }

    #[inline(always)]
    fn free(&mut self) {
        self.forget_waker();
        self.record().free(self.id.generation());
        self.leave();
    }

    /// The slot is free or will be, and as good as any for this thread's next call.
    #[inline(always)]
    fn leave(&mut self) {
        self.ended = true;
        let _ = NEXT.try_with(|next| next.set(self.id.call() as u16));
    }

    /// Nobody waits any more. Before the slot is free: then it may be another call's.
    #[inline(always)]
    fn forget_waker(&self) {
        if self.record().poller.load(Ordering::Relaxed) != 0 {
            self.record().poller.store(0, Ordering::Relaxed);
            self.core().wake_targets.remove(self.id.wake_key());
        }
    }

    /// Gives the call up. A replier in the middle of its bounded copy is waited for a while; beyond
    /// it the slot is left to that one.
    #[cold]
    fn cancel(&mut self) {
        const TURNS_MAX: u32 = 2_000;
        const SPINS: u32 = 1_000;
        self.forget_waker();
        for turn in 0..TURNS_MAX {
            match self.record().give_up() {
                GivenUp::Replying if turn < SPINS => crate::sync::spin_loop(),
                GivenUp::Replying => std::thread::yield_now(),
                given_up => return self.end_given_up(given_up),
            }
        }
        self.end_given_up(self.record().leave_to_replier());
    }

    fn end_given_up(&mut self, given_up: GivenUp) {
        match given_up {
            // A slot that was left is passed over by new calls until it is free.
            GivenUp::Free | GivenUp::Replying => self.leave(),
            GivenUp::Ended => {
                let _ = self.try_finish();
            }
        }
    }
}

impl<C: Borrow<Arc<Core>>> Drop for PendingCall<C> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.ended {
            self.cancel();
        }
    }
}

/// What is left of a call's time; zero if nobody waits for its answer.
pub(super) fn remaining(core: &Core, id: CallId) -> Option<Duration> {
    record(core, id.participant(), id.call()).map_or(Some(Duration::ZERO), |record| {
        record.remaining(id.generation(), || core.clock().monotonic_ns())
    })
}

/// The slot of a call. `None`: no such call.
#[inline(always)]
pub(super) fn record(core: &Core, participant: u16, call: usize) -> Option<&ReplyRecord> {
    core.region.reply(participant, call)
}

/// Starts a call in the first slot behind `next` that is free.
#[cold]
fn begin_elsewhere(core: &Core, next: u16) -> Result<(u16, &ReplyRecord, u32)> {
    let records = core.region.replies(core.owner_id());
    let begins: [fn(&Core, &ReplyRecord) -> Option<u32>; 2] =
        [|_, record| record.begin(), begin_late];
    for begin in begins {
        for place in 0..records.len() {
            let call = (usize::from(next) + place) % records.len();
            if let Some(generation) = begin(core, &records[call]) {
                return Ok((call as u16, &records[call], generation));
            }
        }
    }
    Err(too_many_calls(core))
}

/// Starts a call in a slot that a caller left to its replier, if that is gone as well. The recount at
/// the end of that one's reclaim freed the reply's block.
#[cold]
fn begin_late(core: &Core, record: &ReplyRecord) -> Option<u32> {
    let _ = record.free_abandoned(|owner| core.region.is_joined(owner));
    record.begin()
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
    // A call is waited for by a thread or by a task, whose waker came before the flag.
    if record.poller.load(Ordering::Acquire) == 0 {
        record.wake(core.region.futex_scope());
    } else {
        core.wake_targets.fire_of(&core.region, id.participant(), id.wake_key());
    }
}

/// Ends a request that nobody will answer.
pub(crate) fn refuse_request(core: &Core, id: CallId) {
    end_call(core, id.participant(), id.call(), NO_REPLY, |state| {
        state.generation() == id.generation()
    });
}

/// Ends the calls of a closing kernel, so that every waiter returns.
pub(crate) fn close_calls(core: &Core) {
    let owner = core.owner_id();
    for call in 0..core.region.replies(owner).len() {
        end_call(core, owner, call, CLOSED, |_| true);
    }
}

/// Ends the calls that `dead` was working on, and frees the ones it waited for.
pub(crate) fn reclaim_calls(core: &Core, dead: u16, participants: usize) {
    for participant in (1_u16..).take(participants).filter(|id| core.region.is_joined(*id)) {
        for (call, record) in core.region.replies(participant).iter().enumerate() {
            end_call(core, participant, call, PEER_DIED, |state| state.owner() == dead);
            if let Some(block) = record.free_abandoned(|owner| owner != dead) {
                core.release_id(block);
            }
        }
    }
    wake_ended(core, participants);
    for record in core.region.replies(dead) {
        let is_at_work = |owner| owner != dead && core.region.is_joined(owner);
        if let Some(block) = record.abandon(is_at_work) {
            core.release_id(block);
        }
    }
}

/// Ends the call of a request that `dead` had taken and not signed.
pub(crate) fn end_unsigned(core: &Core, id: CallId) {
    end_call(core, id.participant(), id.call(), PEER_DIED, |state| {
        state.owner() == 0 && state.generation() == id.generation()
    });
}

/// Wakes the callers of ended calls: whoever ended one may have died before it woke its caller.
fn wake_ended(core: &Core, participants: usize) {
    for participant in (1_u16..).take(participants).filter(|id| core.region.is_joined(*id)) {
        for (call, record) in (0_u16..).zip(core.region.replies(participant)) {
            let seen = record.slot();
            if seen.has_ended() {
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
            if let Some(block) = record.block() {
                visit(block);
            }
        }
    }
}

fn end_call(
    core: &Core,
    participant: u16,
    call: usize,
    status: u64,
    applies: impl Fn(SlotState) -> bool,
) {
    let Some(record) = record(core, participant, call) else { return };
    if let Some(ended) = record.end(status, applies)
        && ended.is_parked()
    {
        wake_caller(core, record, CallId::new(participant, call as u16, ended.generation()));
    }
}
