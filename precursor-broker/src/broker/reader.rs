//! The receiving end of a mailbox: taking, waiting, sleeping. Subscriptions and services are made
//! of it.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells::{Mailbox, ReaderEntry};
use crate::mailbox::cells_mapped::MailboxRef;
use crate::mailbox::extent::Extent;
use crate::mailbox::table::Value;
use crate::mailbox::take::{ReaderCursor, Taken};
use crate::mailbox::word::{CommitWord, Kind, Tail};
use crate::region::blocks::{BlockId, BlockRef};
use crate::region::records::PollerRecord;
use crate::steps::step;
use crate::sync::{Ordering, full_fence};
use crate::sys::{EventFd, prefetch_read};

use super::answer::sign_request;
use super::core::Core;
use super::held::{HeldBlock, PinnedBytes};
use super::message::Message;
use super::policy::{Policy, Wait};
use super::spins::Spins;

/// A reader entry of a mailbox, with what this process keeps for it.
///
/// On cache lines of its own: its cursor is written with every message, and the readers of two
/// threads often lie side by side, on a stack or in a `Vec`.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Reader {
    pub(crate) core: Arc<Core>,
    pub(crate) mailbox: MailboxRef,
    pub(super) entry: usize,
    pub(crate) cursor: ReaderCursor,
    pub(super) poller: u32,
    pub(crate) policy: Policy,
    pub(crate) depth: u32,
    pub(super) shared: bool,
    pub(super) requests: bool,
    pub(super) wait: Wait,
    pub(super) spins: Spins,
    /// The topic of a subscription without wildcards.
    pub(crate) topic: Option<Arc<str>>,
    pub(super) pinned: Arc<PinnedBytes>,
    pub(super) descriptor: Option<Arc<EventFd>>,
    /// Memory for batches of messages that cannot be lent in place.
    pub(super) owned: Vec<Message>,
}

/// What a reader is opened with.
#[derive(Debug)]
pub(crate) struct ReaderOptions {
    pub(crate) policy: Policy,
    pub(crate) depth: u32,
    pub(crate) shared: bool,
    pub(crate) wait: Wait,
    pub(crate) topic: Option<Arc<str>>,
    pub(crate) pinned_max: u64,
}

/// What a batch is made of.
#[derive(Debug)]
pub(crate) struct Run<'r> {
    pub(crate) core: &'r Core,
    pub(crate) topic: Option<&'r str>,
    /// The messages in place; `None` if they are the reader's own, or if there are none.
    pub(crate) taken: Option<Taken<'r, 'r>>,
    pub(crate) owned: &'r mut Vec<Message>,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Ready,
    TimedOut,
    /// Nothing is left and nothing will come.
    Closed,
}

impl Reader {
    pub(crate) fn open(
        core: &Arc<Core>,
        mailbox: MailboxRef,
        options: ReaderOptions,
    ) -> Result<Self> {
        let poller = core.open_poller()?;
        let joined = mailbox.get(&core.region).join(core.owner_id());
        let Some(entry) = joined else {
            core.close_poller(poller);
            return Err(Error::new(
                ErrorKind::Full,
                format!(
                    "the group has {} members, which is the most: start another group",
                    crate::mailbox::MEMBERS_MAX
                ),
            ));
        };
        let view = mailbox.get(&core.region);
        view.readers[entry].poller.store(poller, Ordering::Release);
        let cursor = core.cursor(&mailbox);
        let mailbox_holds_requests = view.holds_requests();
        Ok(Self {
            core: core.clone(),
            mailbox,
            entry,
            cursor,
            poller,
            policy: options.policy,
            depth: options.depth,
            shared: options.shared,
            requests: mailbox_holds_requests,
            wait: options.wait,
            spins: Spins::new(options.depth),
            topic: options.topic,
            pinned: PinnedBytes::new(core.clone(), options.pinned_max),
            descriptor: None,
            owned: Vec::new(),
        })
    }

    #[inline(always)]
    pub(crate) fn view(&self) -> &Mailbox<'_> {
        self.mailbox.get(&self.core.region)
    }

    pub(super) fn entry(&self) -> &ReaderEntry {
        &self.view().readers[self.entry]
    }

    pub(super) fn record(&self) -> &PollerRecord {
        &self.core.region.pollers()[self.poller as usize]
    }

    /// Takes a run of up to `max` messages in place.
    #[inline(always)]
    pub(crate) fn take_run(&mut self, max: u32) -> Run<'_> {
        let core = &*self.core;
        let view = self.mailbox.get(&core.region);
        let taken = view.take(&view.readers[self.entry], &mut self.cursor, max);
        // A small batch that was asked for says nothing.
        if max >= self.spins.aim {
            self.spins.took(taken.as_ref().map_or(0, Taken::count));
        }
        Run { core, topic: self.topic.as_deref(), taken, owned: &mut self.owned }
    }

    /// Whether messages cannot be lent in place: several readers, or a table of newest ones.
    pub(crate) fn owns_messages(&self) -> bool {
        self.shared || self.policy == Policy::Latest
    }

    /// Whether the mailbox may have several readers.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether publishers may wait for room here.
    pub(crate) fn may_block(&self) -> bool {
        self.policy == Policy::Block
    }

    /// An error once nothing is left and nothing will come.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_over() { Err(self.over()) } else { Ok(()) }
    }

    /// Takes one message out of the mailbox.
    #[inline]
    pub(crate) fn try_recv(&mut self) -> Option<Message> {
        loop {
            let (word, lost, message) = {
                let view = self.mailbox.get(&self.core.region);
                let entry = &view.readers[self.entry];
                let mut taken = view.take(entry, &mut self.cursor, 1)?;
                let (word, lost) = taken.entry(0);
                let message = match word.kind() {
                    Kind::Inline => Some(Message::inline(taken.cell(0), self.topic.as_ref(), lost)),
                    Kind::Block => Some(own_block(
                        &self.core,
                        &self.pinned,
                        view,
                        word,
                        (self.topic.as_ref(), lost),
                    )),
                    _ => None,
                };
                // While the slot is pinned: a survivor finds the request there, or signed.
                if let Some(message) = message.as_ref().filter(|_| self.requests) {
                    sign_request(&self.core, message.frame().corr_id());
                }
                step!("take.copied");
                if taken.release(self.policy == Policy::Block) {
                    self.core.wake_publishers(view);
                }
                (word, lost, message)
            };
            if self.shared {
                self.view().pass_wake_on(|poller| self.core.notify(poller));
            }
            if message.is_some() {
                return message;
            }
            if word.kind() == Kind::Key {
                // The key is out of the ring before its message is looked at: partner of the fence
                // in `unqueued_keys`.
                full_fence();
                if let Some(message) = self.newest(word.block() as usize, lost) {
                    return Some(message);
                }
                self.view().note_empty_key();
            }
        }
    }

    /// Takes up to `max` messages out of the mailbox.
    pub(crate) fn take_owned(&mut self, max: usize) -> Run<'_> {
        let mut owned = core::mem::take(&mut self.owned);
        owned.clear();
        while owned.len() < max && self.try_recv_run(max - owned.len(), &mut owned) {}
        self.owned = owned;
        Run { core: &self.core, topic: None, taken: None, owned: &mut self.owned }
    }

    /// Takes a run of up to `max` messages out of the mailbox. False: none is there.
    fn try_recv_run(&mut self, max: usize, messages: &mut Vec<Message>) -> bool {
        /// What one member takes at a time: enough to share the cost, few enough to share the work.
        const RUN: u32 = 16;
        // A survivor looks for one request of a dead worker; keys are looked up one by one.
        if self.requests || self.policy == Policy::Latest {
            return self.try_recv().map(|message| messages.push(message)).is_some();
        }
        let view = self.mailbox.get(&self.core.region);
        let max = RUN.min(u32::try_from(max).unwrap_or(RUN));
        let entry = &view.readers[self.entry];
        let Some(mut taken) = view.take(entry, &mut self.cursor, max) else { return false };
        for index in 0..taken.count() {
            let (word, lost) = taken.entry(index);
            messages.push(match word.kind() {
                Kind::Block => {
                    own_block(&self.core, &self.pinned, view, word, (self.topic.as_ref(), lost))
                }
                _ => Message::inline(taken.cell(index), self.topic.as_ref(), lost),
            });
        }
        step!("take.copied");
        if taken.release(self.policy == Policy::Block) {
            self.core.wake_publishers(view);
        }
        if self.shared {
            view.pass_wake_on(|poller| self.core.notify(poller));
        }
        true
    }

    /// Takes the newest message of a key out of the table.
    fn newest(&mut self, key: usize, lost: u64) -> Option<Message> {
        let view = self.mailbox.get(&self.core.region);
        loop {
            let value = view.newest(key)?;
            let block = value.block()?;
            let lost = lost + value.conflated();
            match self.hold_newest(view, key, value, block) {
                Held::Yes(held) => {
                    let payload = Extent::of_frame(held.bytes());
                    return Some(Message::block(held, payload, self.topic.as_ref(), lost));
                }
                Held::Replaced => {}
                Held::NoRoom => {
                    if !view.remove(key, value) {
                        continue;
                    }
                    let frame = self.core.block_frame(block.id);
                    let message = Message::copied(frame, self.topic.as_ref(), lost);
                    self.core.release(block);
                    return Some(message);
                }
            }
        }
    }

    /// The holder entry is written before the message leaves the table.
    fn hold_newest(&self, view: &Mailbox<'_>, key: usize, value: Value, block: BlockRef) -> Held {
        let Some(capacity) = self.core.region.blocks().capacity(block.id) else {
            return if view.newest(key) == Some(value) { Held::NoRoom } else { Held::Replaced };
        };
        match HeldBlock::reserve(&self.pinned, block, capacity) {
            None => Held::NoRoom,
            Some(reserved) if view.remove(key, value) => Held::Yes(reserved.confirm()),
            Some(reserved) => {
                reserved.cancel();
                Held::Replaced
            }
        }
    }

    /// The error that a reader gets when its mailbox is over.
    pub(crate) fn over(&self) -> Error {
        if let Err(forked) = self.core.check_same_process() {
            return forked;
        }
        let tail = Tail(self.view().header.publishers.tail.load(Ordering::Acquire));
        if tail.is_detached() {
            return Error::new(
                ErrorKind::Detached,
                format!(
                    "the subscription was full ({} messages) and its policy is Detach: subscribe \
                     again, with a greater depth or another policy",
                    self.depth
                ),
            );
        }
        Error::new(ErrorKind::Closed, "the subscription is closed: subscribe again to go on")
    }

    /// Losses that no message has told.
    pub(crate) fn take_lost(&mut self) -> u64 {
        let view = self.mailbox.get(&self.core.region);
        view.report_remaining_losses(&mut self.cursor)
    }

    /// Leaves the mailbox. True: nobody else reads it.
    pub(crate) fn leave(&self) -> bool {
        let view = self.view();
        view.leave(self.entry());
        // A wake that was meant for this member goes to another.
        view.pass_wake_on(|poller| self.core.notify(poller));
        !view.has_readers()
    }
}

enum Held {
    Yes(HeldBlock),
    Replaced,
    NoRoom,
}

/// Turns the reference of a taken slot into an owned message.
#[inline(never)]
fn own_block(
    core: &Core,
    pinned: &Arc<PinnedBytes>,
    view: &Mailbox<'_>,
    word: CommitWord,
    (topic, lost): (Option<&Arc<str>>, u64),
) -> Message {
    let block = BlockId(word.block());
    let payload = core.extent_of(word);
    prefetch(core, block, payload);
    let len = payload.frame_len();
    view.release_block_bytes(len as u64);
    let reserved = core
        .region
        .blocks()
        .reference(block)
        .and_then(|block| HeldBlock::reserve(pinned, block, len));
    match reserved {
        Some(reserved) => Message::block(reserved.confirm(), payload, topic, lost),
        None => {
            let message = Message::copied(core.block_frame(block), topic, lost);
            core.release_id(block);
            message
        }
    }
}

/// Asks for the lines that whoever receives a block is about to need: its word, to be changed when
/// the message is dropped, and those of the payload. Else they come one after another, behind the
/// fences of what follows.
#[inline(always)]
fn prefetch(core: &Core, block: BlockId, payload: Extent) {
    /// Of a longer payload, the core fetches the lines ahead itself while it is read in order.
    const LINES: usize = 16;
    core.region.blocks().expect_change(block);
    let bytes = core.region.shared_bytes(block).get(payload.range()).unwrap_or_default();
    bytes.chunks(64).take(LINES).for_each(|line| prefetch_read(line.as_ptr()));
    if let Some(last) = bytes.last() {
        prefetch_read(last);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.core.close_poller(self.poller);
    }
}
