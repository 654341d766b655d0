//! Options as JavaScript passes them; `js/options.cjs` has checked their types and ranges.

use napi_derive::napi;
use neo::rsapi::{self, Code, Error, Policy, Wait};

use crate::error::{Result, thrown};

/// Options of `open`; what is missing is as the kernel has it.
#[napi(object, object_to_js = false)]
pub(crate) struct OpenOptions {
    /// The limit of payload memory, in bytes.
    pub memory_bytes_max: Option<f64>,
    /// The limit of subscriptions.
    pub subscriptions_max: Option<u32>,
    /// The limit of opens of a name.
    pub participants_max: Option<u32>,
    /// The limit of calls on their way.
    pub calls_in_flight_max: Option<u32>,
    /// Whether a kernel of `shm://` starts its thread.
    pub thread: Option<bool>,
    /// Whether nothing is made: the name must be open.
    pub existing_only: Option<bool>,
}

impl OpenOptions {
    pub(crate) fn into_options(self) -> rsapi::Options {
        let mut options = rsapi::Options::new();
        if let Some(bytes) = self.memory_bytes_max {
            options = options.with_memory_bytes_max(bytes as u64);
        }
        if let Some(subscriptions) = self.subscriptions_max {
            options = options.with_subscriptions_max(subscriptions);
        }
        if let Some(participants) = self.participants_max {
            options = options.with_participants_max(participants);
        }
        if let Some(calls) = self.calls_in_flight_max {
            options = options.with_calls_in_flight_max(calls);
        }
        if self.thread == Some(false) {
            options = options.without_thread();
        }
        if self.existing_only == Some(true) {
            options = options.existing_only();
        }
        options
    }
}

/// Options of `subscribe`; what is missing is as the kernel has it.
#[napi(object, object_to_js = false)]
pub(crate) struct SubscribeOptions {
    /// Messages that may wait.
    pub depth: Option<u32>,
    /// What happens when it is full.
    pub policy: Option<String>,
    /// The queue group to join.
    pub group: Option<String>,
    /// Bytes that may wait in blocks.
    pub mailbox_bytes_max: Option<f64>,
    /// Bytes of large messages that may be kept without a copy.
    pub pinned_bytes_max: Option<f64>,
}

impl SubscribeOptions {
    pub(crate) fn into_options(self) -> Result<rsapi::SubscribeOptions> {
        let mut options = rsapi::SubscribeOptions::default();
        options.depth = self.depth;
        options.policy = self.policy.as_deref().map(policy).transpose()?;
        options.group = self.group;
        options.mailbox_bytes_max = self.mailbox_bytes_max.map(|bytes| bytes as u64);
        options.pinned_bytes_max = self.pinned_bytes_max.map(|bytes| bytes as u64);
        // No thread waits in it.
        options.wait = Wait::Park;
        Ok(options)
    }
}

const POLICIES: &[(&str, Policy)] = &[
    ("drop_oldest", Policy::DropOldest),
    ("drop_newest", Policy::DropNewest),
    ("latest", Policy::Latest),
    ("block", Policy::Block),
    ("detach", Policy::Detach),
];

fn policy(word: &str) -> Result<Policy> {
    if let Some((_, policy)) = POLICIES.iter().find(|(name, _)| *name == word) {
        return Ok(*policy);
    }
    let names: Vec<&str> = POLICIES.iter().map(|(name, _)| *name).collect();
    let text = format!("policy {word:?}: choose one of {}", names.join(", "));
    Err(thrown(&Error::new(Code::Invalid, text)))
}

/// The word for a policy.
pub(crate) fn policy_name(policy: Policy) -> &'static str {
    POLICIES.iter().find(|(_, known)| *known == policy).map_or("unknown", |(name, _)| name)
}
