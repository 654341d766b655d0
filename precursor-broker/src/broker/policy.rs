//! What a subscription asks for, and what a publisher is told.

use core::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::MEMBERS_MAX;
use crate::mailbox::life::{BLOCK_POLICY, EVICTING_POLICY};

/// What happens to a message when a subscription's mailbox is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// The oldest message that was not taken yet makes room. While a reader holds the slot that is
    /// needed, the new message is dropped instead. The default of subscriptions.
    #[default]
    DropOldest,
    /// The new message is dropped.
    DropNewest,
    /// Only the newest message of each topic is kept, for at most `depth` topics at a time. What it
    /// replaces counts as dropped. A topic has its place until its message is received; then the
    /// place may go to another topic. While `depth` topics have a message that was not received, one
    /// of a further topic is dropped.
    Latest,
    /// The publisher waits for room, for at most its own `send_timeout`. The default of groups and
    /// services.
    Block,
    /// The subscription is closed: its reader gets what is queued, then an error.
    Detach,
}

impl Policy {
    pub(crate) fn to_word(self) -> u64 {
        match self {
            Self::DropOldest => EVICTING_POLICY,
            Self::DropNewest => 1,
            Self::Latest => 2,
            Self::Block => BLOCK_POLICY,
            Self::Detach => 4,
        }
    }

    pub(crate) fn from_word(word: u64) -> Option<Self> {
        Some(match word {
            EVICTING_POLICY => Self::DropOldest,
            1 => Self::DropNewest,
            2 => Self::Latest,
            BLOCK_POLICY => Self::Block,
            4 => Self::Detach,
            _ => return None,
        })
    }
}

/// How a reader waits for the next message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wait {
    /// Spins for a moment, longer where that has paid, then yields, then sleeps. The default.
    #[default]
    Adaptive,
    /// Never sleeps: the lowest latency, at the price of a core.
    Spin,
    /// Sleeps at once: no core is used while nothing comes.
    Park,
}

/// Options of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// Messages that the mailbox holds, 1 to 65,536.
    pub depth: u32,
    /// Bytes in blocks that may wait at the mailbox. Frames of up to 256 bytes lie in the mailbox
    /// itself and are bounded by `depth`.
    pub mailbox_bytes_max: u64,
    /// What happens when the mailbox is full.
    pub policy: Policy,
    /// How the reader waits.
    pub wait: Wait,
    /// The queue group to join: each message goes to one of its members.
    pub group: Option<String>,
    /// Bytes of blocks that received messages may keep alive. Beyond it a message is copied.
    pub pinned_bytes_max: u64,
}

impl SubscribeOptions {
    /// Most messages that a mailbox can hold.
    pub const DEPTH_MAX: u32 = 65_536;
    /// Members of one group.
    pub const MEMBERS_MAX: usize = MEMBERS_MAX;

    pub(crate) fn check_depth(&self) -> Result<()> {
        if (1..=Self::DEPTH_MAX).contains(&self.depth) {
            return Ok(());
        }
        let message = format!("a depth of {} is outside 1 to {}", self.depth, Self::DEPTH_MAX);
        Err(Error::new(ErrorKind::Invalid, message))
    }
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            depth: 1_024,
            mailbox_bytes_max: 1 << 20,
            policy: Policy::DropOldest,
            wait: Wait::Adaptive,
            group: None,
            pinned_bytes_max: 64 << 20,
        }
    }
}

/// What became of a published message at the subscriptions that it was routed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Mailboxes that took the message.
    pub accepted: u32,
    /// This message where a mailbox refused it, and older messages that made room for it.
    pub dropped: u32,
    /// Mailboxes that had no room until the publisher's `send_timeout` had passed.
    pub timed_out: u32,
}

impl Published {
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.dropped += other.dropped;
        self.timed_out += other.timed_out;
    }
}

/// Options of a publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishOptions {
    /// How long one publish may wait for room at mailboxes with [`Policy::Block`].
    pub send_timeout: Duration,
    /// Whether each message carries the wall clock of its sending.
    pub stamp_time: bool,
}
