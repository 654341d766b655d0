//! Publishers, and room at full mailboxes.

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use neo::rsapi::{self, Published};

use crate::error::{OrThrow as _, Result, thrown};
use crate::loan::Loan;
use crate::poller;
use crate::table::{self, Key, kept};

/// What became of messages: accepted, dropped, timed out.
pub(crate) type Told = Vec<u32>;

/// What became of a message; one number where all that took it kept everything, as nearly always.
#[inline]
pub(crate) fn told(published: Published) -> Either<u32, Told> {
    let Published { accepted, dropped, timed_out, .. } = published;
    if dropped == 0 && timed_out == 0 {
        Either::A(accepted)
    } else {
        Either::B(vec![accepted, dropped, timed_out])
    }
}

/// How far a batch came.
#[napi(object, object_from_js = false)]
pub(crate) struct Run {
    /// Messages that were published, from the first on.
    pub messages: u32,
    /// Mailboxes that took them, added up.
    pub accepted: u32,
    /// Messages dropped, added up.
    pub dropped: u32,
    /// Mailboxes that had no room, added up.
    pub timed_out: u32,
    /// The symbol and the text of what the next message met.
    pub error: Option<Vec<String>>,
}

impl Run {
    /// Throws if the first message already met an error.
    pub(crate) fn new(run: &rsapi::Run) -> Result<Self> {
        let error = match &run.error {
            Some(error) if run.messages == 0 => return Err(thrown(error)),
            Some(error) => Some(vec![error.code().symbol().to_owned(), error.message().to_owned()]),
            None => None,
        };
        let Published { accepted, dropped, timed_out, .. } = run.published;
        Ok(Self { messages: run.messages as u32, accepted, dropped, timed_out, error })
    }
}

kept!(rsapi::Publisher, "publisher");
kept!(rsapi::Room, "room");

/// Publishes one message, without waiting.
#[napi(catch_unwind)]
pub(crate) fn publisher_publish(publisher: Key, payload: &[u8]) -> Result<Either<u32, Told>> {
    table::with(publisher, |publisher: &rsapi::Publisher| {
        Ok(told(publisher.publish(payload).or_throw()?))
    })
}

/// Publishes each payload as a message of its own, in order.
#[napi(catch_unwind)]
pub(crate) fn publisher_publish_many(publisher: Key, payloads: Vec<&[u8]>) -> Result<Run> {
    table::with(publisher, |publisher: &rsapi::Publisher| {
        Run::new(&publisher.publish_many(&payloads).or_throw()?)
    })
}

/// Lends memory of the kernel to write a message in place.
#[napi(catch_unwind)]
pub(crate) fn publisher_loan(publisher: Key, len: f64) -> Result<Key> {
    table::with(publisher, |publisher: &rsapi::Publisher| {
        Ok(table::keep(Loan::new(publisher.loan(len as usize).or_throw()?)))
    })
}

/// Room for a message of so many bytes.
#[napi(catch_unwind)]
pub(crate) fn publisher_room(publisher: Key, payload_bytes: f64) -> Result<Key> {
    table::with(publisher, |publisher: &rsapi::Publisher| {
        Ok(table::keep(publisher.room(payload_bytes as usize).or_throw()?))
    })
}

/// Gives it up.
#[napi(catch_unwind)]
pub(crate) fn publisher_close(publisher: Key) {
    drop(table::take::<rsapi::Publisher>(publisher));
}

/// Whether there is room now.
#[napi(catch_unwind)]
pub(crate) fn room_is_ready(room: Key) -> Result<bool> {
    table::with(room, |room: &rsapi::Room| room.is_ready().or_throw())
}

/// Has a poller report it once there is room.
#[napi(catch_unwind)]
pub(crate) fn room_watch(room: Key, poller: Key, token: u32) -> Result<()> {
    poller::watch::<rsapi::Room>(room, poller, token)
}

/// Waits no longer.
#[napi(catch_unwind)]
pub(crate) fn room_close(room: Key) {
    drop(table::take::<rsapi::Room>(room));
}
