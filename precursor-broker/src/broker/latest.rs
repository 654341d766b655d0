//! Delivery to `Latest` mailboxes: the newest message of each topic.

use crate::mailbox::cells::Mailbox;
use crate::mailbox::table::Put;
use crate::region::blocks::BlockId;
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
    let Some(_visit) = view.visit(core.owner_id(), target.mailbox.generation()) else {
        core.release(block);
        return Published::default();
    };
    let Some(key) = view.key_of(topic, topic_id, core.owner_id()) else {
        view.header.publishers.dropped.fetch_add(1, Ordering::AcqRel);
        core.release(block);
        return Published { dropped: 1, ..Published::default() };
    };
    let peek = |old| core.region.blocks().reference(BlockId(old));
    match view.put(key, block.id.0, core.owner_id(), peek) {
        Put::Replaced(old) => {
            if let Some(old) = old {
                core.release(old);
            }
            Published { accepted: 1, dropped: 1, timed_out: 0 }
        }
        Put::First => {
            let queued = queue_key(core, target, key);
            view.key_queued(key);
            Published { accepted: u32::from(queued), ..Published::default() }
        }
    }
}

/// Releases what the table refers to, at the end of a mailbox's life.
pub(crate) fn drain(core: &Core, view: &Mailbox<'_>) {
    view.clear_table(|block| {
        core.release_id(BlockId(block));
    });
}
