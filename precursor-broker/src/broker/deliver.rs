//! Delivery: one frame into the mailboxes of a route, by each one's policy.

use core::time::Duration;

use qiss_format::{Stamp, Template};

use crate::clock::Clock;
use crate::mailbox::INLINE_BYTES;
use crate::mailbox::claim::{ClaimOutcome, Claimed};
use crate::mailbox::extent::Extent;
use crate::mailbox::word::{Kind, Tail};
use crate::region::blocks::BlockRef;
use crate::steps::step;
use crate::sync::Ordering;

use super::core::Core;
use super::policy::{Policy, Published};
use super::route::{Route, Target};

/// Evictions that one publish tries at one mailbox before it gives its message up.
const EVICTIONS_MAX: u32 = 64;

/// When a publish stops waiting. The clock is read only once a mailbox is full.
#[derive(Debug)]
pub(crate) struct Deadline {
    timeout: Duration,
    at_ns: Option<u64>,
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { timeout, at_ns: None }
    }

    /// What is left; zero when it has passed.
    pub(crate) fn remaining(&mut self, clock: &Clock) -> Duration {
        if self.timeout.is_zero() {
            return Duration::ZERO;
        }
        let now = clock.monotonic_ns();
        let timeout = u64::try_from(self.timeout.as_nanos()).unwrap_or(u64::MAX);
        let at = *self.at_ns.get_or_insert(now.saturating_add(timeout));
        Duration::from_nanos(at.saturating_sub(now))
    }
}

/// What is delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// Encoded into each mailbox's own slot.
    Inline { template: &'a Template, payload: &'a [u8], stamp: Stamp },
    /// One block that all refer to. The caller holds a reference for each.
    Block { block: BlockRef, payload: Extent },
}

impl Content<'_> {
    fn block_bytes(&self) -> u64 {
        match self {
            Content::Inline { .. } => 0,
            Content::Block { payload, .. } => payload.frame_len() as u64,
        }
    }
}

/// Whether a frame of this length travels in the slot itself.
#[inline(always)]
pub(crate) fn is_inline(frame_len: usize) -> bool {
    frame_len <= INLINE_BYTES
}

/// Delivers to those of `targets` that `serves` names, in order.
#[inline(always)]
pub(crate) fn to_all(
    core: &Core,
    targets: &[Target],
    topic: (&str, u64),
    content: &Content<'_>,
    deadline: &mut Deadline,
    serves: impl Fn(&Target) -> bool,
) -> Published {
    let mut result = Published::default();
    for target in targets.iter().filter(|target| serves(target)) {
        result.add(to_one(core, target, topic, content, deadline));
    }
    result
}

/// Counts the message as dropped at the targets that `serves` names. Returns how many.
#[cold]
pub(crate) fn refuse(core: &Core, route: &Route, serves: impl Fn(&Target) -> bool) -> u32 {
    let mut refused = 0;
    for target in route.targets.iter().filter(|target| serves(target)) {
        let view = target.mailbox.get(&core.region);
        view.count_dropped(core.owner_id(), target.mailbox.generation());
        refused += 1;
    }
    refused
}

/// Delivers to one target. A reference in `content` that was not accepted is released.
#[inline]
pub(crate) fn to_one(
    core: &Core,
    target: &Target,
    topic: (&str, u64),
    content: &Content<'_>,
    deadline: &mut Deadline,
) -> Published {
    if target.policy == Policy::Latest {
        return super::latest::put(core, target, topic, content);
    }
    match try_once(core, target, content) {
        Retry::Accepted => Published { accepted: 1, ..Published::default() },
        Retry::Full | Retry::Gone => to_full(core, target, content, deadline),
    }
}

#[inline(always)]
fn reserve_bytes(core: &Core, target: &Target, bytes: u64) -> bool {
    let view = target.mailbox.get(&core.region);
    view.reserve_block_bytes(bytes, target.block_bytes_max, &target.bytes_out_hint)
}

/// The bytes in blocks that wait at a mailbox, if a frame of this length is too much beside them.
pub(crate) fn bytes_over(core: &Core, target: &Target, frame_len: usize) -> Option<u64> {
    let waiting = target.mailbox.get(&core.region).block_bytes();
    let is_over = waiting.saturating_add(frame_len as u64) > target.block_bytes_max;
    (!is_inline(frame_len) && waiting > 0 && is_over).then_some(waiting)
}

/// What came of one try at a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Accepted,
    Full,
    Gone,
}

/// Encodes a frame into the next slot of a claim. The caller has checked that it fits.
#[inline(always)]
fn commit_frame(claimed: &mut Claimed<'_>, template: &Template, payload: &[u8], stamp: Stamp) {
    let written = template.write(claimed.cell(), payload, stamp);
    debug_assert!(written.is_ok(), "the frame does not fit the slot");
    claimed.commit_written();
}

/// Encodes a frame into the next slot and wakes, if there is room.
#[inline(always)]
pub(crate) fn try_inline(
    core: &Core,
    target: &Target,
    template: &Template,
    payload: &[u8],
    stamp: Stamp,
) -> Retry {
    let view = target.mailbox.get(&core.region);
    match view.claim(core.owner_id(), 1, target.mailbox.generation(), &target.free_hint) {
        ClaimOutcome::Claimed(mut claimed) => {
            commit_frame(&mut claimed, template, payload, stamp);
            if let Some(cleared) = claimed.finish() {
                core.wake_reader(&target.mailbox, cleared);
            }
            Retry::Accepted
        }
        ClaimOutcome::Full => Retry::Full,
        ClaimOutcome::Closed => Retry::Gone,
    }
}

/// Shares a block, which is this participant's and holds a frame, with the next slot and wakes, if
/// there is room. If not, the block is its owner's as before.
#[inline(always)]
pub(crate) fn try_block(core: &Core, target: &Target, block: BlockRef, payload: Extent) -> Retry {
    // The entry names the block until the slot does, for a survivor's scan.
    let Some(holder) = core.holders.hold(block) else { return Retry::Full };
    step!("block.named");
    let owner = core.owner_id();
    let view = target.mailbox.get(&core.region);
    let bytes = payload.frame_len() as u64;
    if reserve_bytes(core, target, bytes) {
        let claim = view.claim(owner, 1, target.mailbox.generation(), &target.free_hint);
        if let ClaimOutcome::Claimed(mut claimed) = claim
            && core.region.blocks().share(block.id, owner, 1).is_some()
        {
            step!("block.shared");
            claimed.commit_block(block.id.0, payload);
            let cleared = claimed.finish();
            core.holders.release(holder);
            if let Some(cleared) = cleared {
                core.wake_reader(&target.mailbox, cleared);
            }
            return Retry::Accepted;
        }
        view.release_block_bytes(bytes);
    }
    core.holders.release(holder);
    Retry::Full
}

/// Claims, commits and wakes, if there is room.
#[inline(always)]
fn try_once(core: &Core, target: &Target, content: &Content<'_>) -> Retry {
    match *content {
        Content::Inline { template, payload, stamp } => {
            try_inline(core, target, template, payload, stamp)
        }
        Content::Block { block, payload } => try_reference(core, target, block, payload),
    }
}

/// Puts a reference that the caller holds to a shared block into the next slot and wakes, if there
/// is room.
#[inline(always)]
fn try_reference(core: &Core, target: &Target, block: BlockRef, payload: Extent) -> Retry {
    let bytes = payload.frame_len() as u64;
    let view = target.mailbox.get(&core.region);
    if !reserve_bytes(core, target, bytes) {
        return if view.is_closed() { Retry::Gone } else { Retry::Full };
    }
    let retry = match view.claim(core.owner_id(), 1, target.mailbox.generation(), &target.free_hint)
    {
        ClaimOutcome::Claimed(mut claimed) => {
            claimed.commit_block(block.id.0, payload);
            if let Some(cleared) = claimed.finish() {
                core.wake_reader(&target.mailbox, cleared);
            }
            return Retry::Accepted;
        }
        ClaimOutcome::Full => Retry::Full,
        ClaimOutcome::Closed => Retry::Gone,
    };
    view.release_block_bytes(bytes);
    retry
}

#[cold]
fn to_full(
    core: &Core,
    target: &Target,
    content: &Content<'_>,
    deadline: &mut Deadline,
) -> Published {
    let view = target.mailbox.get(&core.region);
    let mut result = Published::default();
    if view.is_closed() || !view.is_life(target.mailbox.generation()) {
        release(core, content);
        return result;
    }
    let outcome = match target.policy {
        Policy::DropOldest => evict_and_retry(core, target, content, &mut result.dropped),
        Policy::Block => wait_and_retry(core, target, content, deadline),
        _ => try_once(core, target, content),
    };
    match outcome {
        Retry::Accepted => result.accepted = 1,
        Retry::Gone => release(core, content),
        Retry::Full => {
            release(core, content);
            core.notice_deaths();
            if target.policy == Policy::Block {
                view.count_timed_out(core.owner_id(), target.mailbox.generation());
                result.timed_out = 1;
            } else {
                view.count_dropped(core.owner_id(), target.mailbox.generation());
                result.dropped += 1;
            }
            if target.policy == Policy::Detach {
                view.detach();
                view.wake_all(|poller| core.notify(poller));
            }
        }
    }
    result
}

fn release(core: &Core, content: &Content<'_>) {
    if let Content::Block { block, .. } = *content {
        core.release(block);
    }
}

fn evict_and_retry(
    core: &Core,
    target: &Target,
    content: &Content<'_>,
    evicted: &mut u32,
) -> Retry {
    let view = target.mailbox.get(&core.region);
    for _ in 0..EVICTIONS_MAX {
        let tail = Tail(view.header.publishers.tail.load(Ordering::Acquire));
        let life = (core.owner_id(), target.mailbox.generation());
        let freed = view.evict(tail.position(), life, |word| core.name_block(word));
        let has_freed = freed.is_some();
        if let Some((word, block)) = freed {
            *evicted += u32::from(!matches!(word.kind(), Kind::Aborted | Kind::Dead));
            if word.kind() != Kind::Aborted {
                view.note_loss();
            }
            if let Some(block) = block {
                block.release_from(view);
            }
        }
        match try_once(core, target, content) {
            Retry::Full if has_freed => {}
            // Nothing could be evicted: look whether somebody else's move made the difference.
            Retry::Full if tail.0 != view.header.publishers.tail.load(Ordering::Acquire) => {}
            outcome => return outcome,
        }
    }
    Retry::Full
}

fn wait_and_retry(
    core: &Core,
    target: &Target,
    content: &Content<'_>,
    deadline: &mut Deadline,
) -> Retry {
    /// Looks at a full mailbox before sleeping: a reader at work makes room within microseconds.
    const SPINS: u32 = 16;
    const YIELDS: u32 = 16;
    let view = target.mailbox.get(&core.region);
    let mut turns = 0;
    loop {
        match try_once(core, target, content) {
            Retry::Full => {}
            outcome => return outcome,
        }
        if core.is_closed() || !view.is_life(target.mailbox.generation()) {
            return Retry::Gone;
        }
        turns += 1;
        if turns <= SPINS {
            for _ in 0..8 {
                crate::sync::spin_loop();
            }
            if turns % 32 != 1 {
                continue;
            }
        }
        let remaining = deadline.remaining(core.clock());
        if remaining.is_zero() {
            return Retry::Full;
        }
        if turns <= SPINS + YIELDS {
            std::thread::yield_now();
            continue;
        }
        // Asked again once the wait is announced: a close or a release in between is seen.
        view.wait_for_room(core.nap(Some(remaining)), core.region.futex_scope(), || {
            !core.is_closed()
                && view.is_life(target.mailbox.generation())
                && (view.is_full()
                    || bytes_over(core, target, content.block_bytes() as usize).is_some())
        });
        core.notice_deaths();
    }
}

/// Delivers many payloads to the one mailbox of a route, in claimed runs. Returns how many were
/// accepted before the first that was not.
pub(crate) fn run_inline(
    core: &Core,
    target: &Target,
    template: &Template,
    payloads: &[&[u8]],
    stamp: Stamp,
) -> usize {
    let view = target.mailbox.get(&core.region);
    let generation = target.mailbox.generation();
    let mut done = 0;
    let mut span = payloads.len().min(crate::mailbox::RUN_MAX).min(target.depth as usize);
    while done < payloads.len() && span > 0 {
        span = span.min(payloads.len() - done);
        match view.claim(core.owner_id(), span as u32, generation, &target.free_hint) {
            ClaimOutcome::Claimed(mut claimed) => {
                for payload in &payloads[done..done + span] {
                    commit_frame(&mut claimed, template, payload, stamp);
                }
                if let Some(cleared) = claimed.finish() {
                    core.wake_reader(&target.mailbox, cleared);
                }
                done += span;
            }
            ClaimOutcome::Full => span /= 2,
            ClaimOutcome::Closed => break,
        }
    }
    done
}

/// Puts an index into the ready ring of a `Latest` mailbox.
pub(crate) fn queue_key(core: &Core, target: &Target, key: usize) -> bool {
    let view = target.mailbox.get(&core.region);
    let generation = target.mailbox.generation();
    match view.claim(core.owner_id(), 1, generation, &target.free_hint) {
        ClaimOutcome::Claimed(mut claimed) => {
            claimed.commit_key(key);
            if let Some(cleared) = claimed.finish() {
                core.wake_reader(&target.mailbox, cleared);
            }
            true
        }
        ClaimOutcome::Full | ClaimOutcome::Closed => false,
    }
}
