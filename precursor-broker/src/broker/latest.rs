//! Delivery to `Latest` mailboxes: the newest message of each topic.

use crate::mailbox::cells::Mailbox;
use crate::mailbox::table::Put;
use crate::sync::Ordering;

use super::core::Core;
use super::deliver::{Content, queue_key};
use super::policy::Published;
use super::route::Target;

/// Makes the content's block the newest message of its topic.
pub(crate) fn put(
    core: &Core,
    target: &Target,
    (topic, topic_id): (&str, u64),
    content: &Content<'_>,
) -> Published {
    let Content::Block { block, .. } = *content else {
        return Published::default();
    };
    let view = target.mailbox.get(&core.region);
    let generation = target.mailbox.generation();
    let Some(visit) = view.visit(core.owner_id(), generation, topic_id) else {
        core.release(block);
        if view.is_closed() || !view.is_life(generation) {
            return Published::default();
        }
        view.count_dropped(core.owner_id(), generation);
        return Published { dropped: 1, ..Published::default() };
    };
    let Some(key) = view.key_of(&visit, topic, topic_id) else {
        view.header.publishers.dropped.fetch_add(1, Ordering::AcqRel);
        core.release(block);
        return Published { dropped: 1, ..Published::default() };
    };
    match view.put(key, block) {
        Put::Replaced(old) => {
            core.release(old);
            Published { accepted: 1, dropped: 1, timed_out: 0 }
        }
        Put::First if queue_key(core, target, key) => {
            Published { accepted: 1, ..Published::default() }
        }
        Put::First if view.is_closed() => Published::default(),
        Put::First => {
            give_up(core, view, key);
            Published { dropped: 1, ..Published::default() }
        }
    }
}

/// Gives up the message of a key that the ring has no room for: what died in the middle of being
/// queued fills it until the reader comes by.
#[cold]
pub(crate) fn give_up(core: &Core, view: &Mailbox<'_>, key: usize) {
    if let Some(block) = view.take_back(key) {
        core.release(block);
    }
}

/// Releases what the table refers to, at the end of a mailbox's life.
pub(crate) fn drain(core: &Core, view: &Mailbox<'_>) {
    view.clear_table(|block| core.release(block));
}
