//! What a survivor does for the dead (region.md R4).

use core::time::Duration;

use crate::mailbox::cells::Mailbox;
use crate::mailbox::cells_mapped::{self, ChunkClass};
use crate::mailbox::claim::ClaimOutcome;
use crate::mailbox::word::{CommitWord, Kind, Status};
use crate::region::blocks::BlockId;
use crate::region::owners::{Owner, Status as ParticipantStatus};
use crate::steps::step;
use crate::sync::{AtomicU64, Ordering};

use super::core::Core;
use super::mailboxes::cells_of;
use super::message::view;
use super::publisher::publish_to;
use super::reply::{self, CallId};
use super::router;
use super::router::RouteKind;

/// The topic on which survivors tell that a participant died: each one that is put right is one
/// message, whose payload is the number of its process in decimal digits.
///
/// What the dead published before is in the mailboxes already when the message comes. A survivor
/// that dies at this moment itself may take the message with it.
pub const DEATHS_TOPIC: &str = "$sys.deaths";

/// What a reclaim restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reclaimed {
    /// Participants that were dead.
    pub participants: usize,
    /// Subscriptions, groups and services that were closed.
    pub routes: usize,
    /// Slots that were claimed and not committed. Each counts as a lost message.
    pub claims: u64,
    /// Blocks that nothing referred to any more.
    pub blocks: usize,
}

impl Reclaimed {
    pub(crate) fn add(&mut self, more: Self) {
        self.participants += more.participants;
        self.routes += more.routes;
        self.claims += more.claims;
        self.blocks += more.blocks;
    }
}

/// Puts right what every dead participant left. Any survivor may run it.
pub(crate) fn reclaim_dead(core: &Core) -> Reclaimed {
    let mut total = Reclaimed::default();
    let dead: Vec<Owner> = core.region.dead_participants().collect();
    for owner in dead {
        total.add(reclaim(core, owner));
    }
    total
}

/// Puts right what `dead` left, one survivor at a time. If another one is at it, and does not come
/// to an end, `dead` stays marked for whoever comes next.
///
/// The right is held until the place is free: words name participants by their number, and nobody
/// else gets the number while a survivor, which may have been stopped for any time, is at work.
/// Nor does anybody join a mailbox while that is found to be without readers.
pub(crate) fn reclaim(core: &Core, dead: Owner) -> Reclaimed {
    let region = &core.region;
    if dead.id == core.owner_id() || !region.mark_dead(dead) {
        return Reclaimed::default();
    }
    let by = core.owner_id();
    let Some(membership) = core.membership_or_ask() else { return Reclaimed::default() };
    // Another survivor may have been faster.
    if region.status(dead.id) != Some((dead, ParticipantStatus::Dead)) {
        return Reclaimed::default();
    }
    step!("reclaim.begun");
    let pid = region.participant(dead.id).map_or(0, |record| record.pid.load(Ordering::Relaxed));
    let mut reclaimed = Reclaimed { participants: 1, ..Reclaimed::default() };
    reclaimed.routes = close_routes(core, dead.id);
    step!("reclaim.routes_closed");
    region.arena_reclaim(dead.id, by);
    for_each_chunk(core, |class, offset, chunk| {
        reclaimed.claims += reclaim_mailbox(core, class, offset, chunk, dead.id);
    });
    step!("reclaim.mailboxes_whole");
    close_pollers(core, dead.id);
    reply::reclaim_calls(core, dead.id, region.participants().len());
    step!("reclaim.calls_ended");
    region.clear_holders(dead.id);
    reclaimed.blocks += region.blocks().reclaim(dead.id, by);
    reclaimed.blocks += recount(core);
    step!("reclaim.recounted");
    region.leave(dead);
    // Before anybody else's code runs, which a publish may wake.
    drop(membership);
    // Nobody may listen, or have room.
    let _ = publish_to(core, DEATHS_TOPIC, Duration::ZERO, pid.to_string().as_bytes());
    reclaimed
}

/// Closes the routes of `dead`, and those of groups and services to which it was the last reader,
/// whoever opened them: with the right to change readers nobody is about to join one.
fn close_routes(core: &Core, dead: u16) -> usize {
    let states = core.region.route_states();
    let end = core.region.header().routes_end.0.load(Ordering::Acquire) as usize;
    let mut closed = 0;
    for index in 0..end.min(states.len()) {
        // A group or service that lives on in other readers keeps its route. A record that was not
        // finished says nothing yet: what it holds is of an earlier life.
        let Some((owner, is_open)) = router::route_owner(&core.region, index) else { continue };
        let may_be_last = owner == dead || (is_open && is_shared(core, index));
        if may_be_last && !(is_open && is_shared_with_others(core, index, dead)) {
            router::close_route(&core.region, index as u32);
            closed += 1;
        }
    }
    // It may have died between a change of a route and the word that says so.
    core.region.header().routes_version.0.fetch_add(1, Ordering::AcqRel);
    closed
}

fn is_shared(core: &Core, index: usize) -> bool {
    let entry = router::read_record(&core.region, index as u32);
    entry.is_some_and(|entry| matches!(entry.kind, RouteKind::Group | RouteKind::Service))
}

fn is_shared_with_others(core: &Core, index: usize, dead: u16) -> bool {
    let entry = router::read_record(&core.region, index as u32);
    let Some(at) = entry.and_then(|entry| entry.mailbox) else { return false };
    let Some(chunk) = cells_mapped::map(&core.region, at.class, at.offset, None) else {
        return false;
    };
    chunk.readers.iter().any(|reader| {
        let state = reader.state.load(Ordering::Acquire);
        state != 0 && (state & 0xFFFF) as u16 != dead
    })
}

fn for_each_chunk(core: &Core, mut visit: impl FnMut(ChunkClass, usize, &Mailbox<'_>)) {
    for class in ChunkClass::all() {
        for offset in core.region.arena_chunks(class.number(), class.chunk_bytes()) {
            if let Some(chunk) = core.chunk(class, offset) {
                visit(class, offset, &chunk);
            }
        }
    }
}

fn reclaim_mailbox(
    core: &Core,
    class: ChunkClass,
    offset: usize,
    chunk: &Mailbox<'_>,
    dead: u16,
) -> u64 {
    let state = chunk.state();
    match state.status() {
        Status::Free => return 0,
        Status::Opening if state.owner() == dead => {
            release_cells(core, chunk);
            chunk.abandon_reservation();
            return 0;
        }
        Status::Closing => {
            let claims = chunk.reclaim_claims(dead);
            // A closer reads the requests that it refuses.
            end_taken_requests(core, chunk, dead);
            chunk.reclaim_readers(dead);
            if chunk.take_over_close(dead, core.owner_id()) || state.owner() == core.owner_id() {
                close_now_or_later(core, class, offset, state.generation());
            }
            return claims;
        }
        Status::Opening | Status::Open => {}
    }
    let claims = chunk.reclaim_claims(dead);
    end_taken_requests(core, chunk, dead);
    chunk.reclaim_table(dead, |key| requeue(core, chunk, key));
    let readers = chunk.reclaim_readers(dead);
    recount_bytes(core, chunk);
    // Shared mailboxes change their readers under the right that is held here. Any other one
    // without a reader is the dead's: it died while it opened it, or left it.
    let is_abandoned = readers > 0 || class.is_shared() || state.owner() == dead;
    if is_abandoned && !chunk.has_readers() && chunk.begin_close(core.owner_id()) {
        core.wake_publishers(chunk);
        close_now_or_later(core, class, offset, chunk.state().generation());
    } else {
        // Readers behind a dead claim, members that a dead one was woken instead of, readers whose
        // waker died between two steps, publishers behind a dead pin: all look again.
        chunk.wake_all(|poller| core.notify(poller));
        for reader in chunk.readers.iter().filter(|r| r.state.load(Ordering::Acquire) != 0) {
            core.force_notify(reader.poller.load(Ordering::Acquire));
        }
        core.wake_publishers(chunk);
    }
    claims
}

/// Ends the life of a mailbox that is this survivor's to close. A living publisher may be in the
/// middle of a claim: then it is closed when that is finished.
fn close_now_or_later(core: &Core, class: ChunkClass, offset: usize, generation: u32) {
    if !core.finish_close(class, offset, generation) {
        core.close_later(class, offset, generation);
    }
}

/// Ends the calls whose requests lie in slots that a dead worker had taken.
fn end_taken_requests(core: &Core, chunk: &Mailbox<'_>, dead: u16) {
    if !chunk.holds_requests() || cells_of(chunk).is_none() {
        return;
    }
    for (position, reader) in chunk.readers_of(dead) {
        let mut request = None;
        reader.for_each_pinned_by(dead, |word, cell| request = request_of(core, word, cell));
        // Somebody else may have taken the request before the dead pinned its slot. That one has
        // signed it by the time that its own pin is gone; or the slot has moved on since.
        if let Some(id) = request
            && chunk.is_claimed_for(position)
            && chunk.wait_for_other_pins(position, dead)
        {
            reply::end_unsigned(core, id);
        }
    }
}

/// The call of the request in a slot. `None`: the slot's block is another message's by now.
fn request_of(core: &Core, word: CommitWord, cell: &[u8]) -> Option<CallId> {
    if word.kind() != Kind::Block {
        return Some(CallId(view(cell).corr_id()));
    }
    let block = BlockId(word.block());
    let life = core.region.blocks().reference(block)?;
    let id = CallId(view(core.block_frame(block)).corr_id());
    let is_only_place = slots_that_name(core, block) == 1;
    (is_only_place && core.region.blocks().reference(block) == Some(life)).then_some(id)
}

/// How many slots refer to a block.
fn slots_that_name(core: &Core, block: BlockId) -> usize {
    let mut slots = 0;
    for_each_chunk(core, |_, _, chunk| {
        chunk.for_each_reference(|word| {
            slots += usize::from(word.kind() == Kind::Block && word.block() == block.0);
        });
    });
    slots
}

fn recount_bytes(core: &Core, chunk: &Mailbox<'_>) {
    chunk.recount_block_bytes(|| {
        let mut bytes = 0;
        chunk.for_each_reference(|word| {
            if word.kind() == Kind::Block {
                bytes += core.extent_of(word).frame_len() as u64;
            }
        });
        bytes
    });
}

fn release_cells(core: &Core, chunk: &Mailbox<'_>) {
    if let Some(cells) = cells_of(chunk) {
        core.region.blocks().free_ring(cells);
        chunk.header.config.cells_block.store(0, Ordering::Release);
    }
}

/// Puts a key that a dead publisher may not have queued into the ready ring.
fn requeue(core: &Core, chunk: &Mailbox<'_>, key: usize) {
    let generation = chunk.state().generation();
    match chunk.claim(core.owner_id(), 1, generation, &AtomicU64::new(0)) {
        ClaimOutcome::Claimed(mut claimed) => {
            claimed.commit_key(key);
            claimed.finish();
        }
        ClaimOutcome::Full => super::latest::give_up(core, chunk, key),
        ClaimOutcome::Closed => {}
    }
}

fn close_pollers(core: &Core, dead: u16) {
    let end = core.region.header().pollers_end.0.load(Ordering::Acquire) as usize;
    for record in core.region.pollers().iter().take(end) {
        let _ =
            record.state.compare_exchange(u64::from(dead), 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Frees the shared blocks that no slot, no table, no reply and no holder refers to.
pub(crate) fn recount(core: &Core) -> usize {
    core.region.recount(&mut |visit| {
        for_each_chunk(core, |_, _, chunk| {
            chunk.for_each_reference(|word| {
                if word.kind() == Kind::Block {
                    visit(BlockId(word.block()));
                }
            });
            chunk.for_each_newest(|block| visit(block.id));
        });
        reply::for_each_reply_block(&core.region, &mut *visit);
    })
}
