//! Subscriptions, and large messages.

use core::cell::RefCell;
use std::collections::VecDeque;

use napi::Env;
use napi::bindgen_prelude::{ArrayBuffer, BufferSlice};
use napi_derive::napi;
use neo::rsapi;

use crate::error::{OrThrow as _, Result};
use crate::external::{Lend, Lender};
use crate::poller;
use crate::slab;
use crate::table::{self, Key, kept};

type Large = Lender<rsapi::Message>;

kept!(rsapi::Subscription, "subscription");
kept!(Large, "message");

impl Lend for rsapi::Message {
    const WHAT: &'static str = "message";

    fn memory(&mut self) -> (*mut u8, usize) {
        (self.data().as_ptr().cast_mut(), self.data().len())
    }
}

thread_local! {
    /// Large messages of records that were written and not asked for yet: the same call of
    /// JavaScript does that.
    static LARGE: RefCell<VecDeque<rsapi::Message>> = const { RefCell::new(VecDeque::new()) };
}

/// Messages that are taken ahead of who asked for one, at most.
const AHEAD_MAX: u64 = 32;

/// Of what waits, the part that is: what is taken is no longer the policy's to drop.
const AHEAD_SHARE: u64 = 8;

/// Writes at most `max` messages that are there as records into a slab, from a word on, while it
/// has room; the word behind the last one.
#[napi(catch_unwind)]
pub(crate) fn subscription_drain(
    subscription: Key,
    words: slab::Words<'_>,
    at: u32,
    max: u32,
) -> Result<u32> {
    table::with(subscription, |subscription: &rsapi::Subscription| {
        write(subscription, words, at as usize, |written, _| written < u64::from(max))
    })
}

/// As [`subscription_drain`] one message, and more where many wait, up to a large one, whose memory
/// nobody asked for yet.
#[napi(catch_unwind)]
pub(crate) fn subscription_drain_ahead(
    subscription: Key,
    words: slab::Words<'_>,
    at: u32,
) -> Result<u32> {
    table::with(subscription, |subscription: &rsapi::Subscription| {
        let queued = subscription.queued().or_throw()?;
        let max = (queued / AHEAD_SHARE).clamp(1, AHEAD_MAX);
        write(subscription, words, at as usize, |written, is_whole| written < max && is_whole)
    })
}

/// Writes messages for as long as `goes_on`, which is told how many were and whether the last one was
/// written whole.
fn write(
    subscription: &rsapi::Subscription,
    words: slab::Words<'_>,
    first: usize,
    goes_on: impl Fn(u64, bool) -> bool,
) -> Result<u32> {
    let (mut at, mut written, mut is_whole) = (first, 0, true);
    while goes_on(written, is_whole) && at + slab::ROOM <= words.len() {
        let message = match subscription.try_recv() {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) if written == 0 => return Err(error).or_throw(),
            // It comes again when nothing is there but it.
            Err(_) => break,
        };
        (at, is_whole) = slab::write(words, at, &message, subscription.pattern());
        written += 1;
        if !is_whole {
            LARGE.with_borrow_mut(|large| large.push_back(message));
        }
    }
    Ok(at as u32)
}

/// The large message of the first record that has none yet.
#[napi(catch_unwind)]
pub(crate) fn large_take() -> Option<Key> {
    let message = LARGE.with_borrow_mut(VecDeque::pop_front)?;
    Some(table::keep(Lender::new(message)))
}

/// Its payload, copied.
#[napi(catch_unwind)]
pub(crate) fn large_copy(env: &Env, large: Key) -> Result<ArrayBuffer<'_>> {
    table::with(large, |large: &Large| {
        large.with(|message| ArrayBuffer::copy_from(env, message.data()).or_throw())
    })
}

/// Whether nobody else reads its memory or will.
#[napi(catch_unwind)]
pub(crate) fn large_is_sole(large: Key) -> Result<bool> {
    table::with(large, |large: &Large| large.with(|message| Ok(message.is_sole_holder())))
}

/// Its payload in place. The handle goes with the buffer, at the latest.
#[napi(catch_unwind)]
pub(crate) fn large_view(env: &Env, large: Key) -> Result<ArrayBuffer<'_>> {
    let lender = table::with(large, |large: &Large| Ok(large.clone()))?;
    lender.lend(env, large)
}

/// Its headers, as records have them.
#[napi(catch_unwind)]
pub(crate) fn large_headers(env: &Env, large: Key) -> Result<BufferSlice<'_>> {
    table::with(large, |large: &Large| {
        large.with(|message| BufferSlice::copy_from(env, slab::headers(message)).or_throw())
    })
}

/// Gives its memory back now. `buffer` is what `large_view` returned.
#[napi(catch_unwind)]
pub(crate) fn large_release(large: Key, buffer: Option<ArrayBuffer<'_>>) -> Result<()> {
    drop(table::with(large, |large: &Large| large.give_up(buffer))?);
    drop(table::take::<Large>(large));
    Ok(())
}

/// Has a poller report it once it is ready.
#[napi(catch_unwind)]
pub(crate) fn subscription_watch(subscription: Key, poller: Key, token: u32) -> Result<()> {
    poller::watch::<rsapi::Subscription>(subscription, poller, token)
}

/// Losses since the last message that no message has told.
#[napi(catch_unwind)]
pub(crate) fn subscription_take_lost(subscription: Key) -> Result<f64> {
    table::with(subscription, |subscription: &rsapi::Subscription| {
        Ok(subscription.take_lost().or_throw()? as f64)
    })
}

/// Messages that wait to be received.
#[napi(catch_unwind)]
pub(crate) fn subscription_queued(subscription: Key) -> Result<f64> {
    table::with(subscription, |subscription: &rsapi::Subscription| {
        Ok(subscription.queued().or_throw()? as f64)
    })
}

/// Unsubscribes, rings whoever waits, and gives the handle up.
#[napi(catch_unwind)]
pub(crate) fn subscription_close(subscription: Key) {
    if let Some(subscription) = table::take::<rsapi::Subscription>(subscription) {
        subscription.close();
    }
}
