//! Options of kernels, publishers, sends, subscriptions, services and calls.

use core::time::Duration;

use crate::rsapi::{
    MessageHeaders, Options, Policy, PublisherOptions, Result, ServiceOptions, SubscribeOptions,
    Wait, parse_traceparent,
};

use super::caller::{Caller, timeout};
use super::error::invalid;
use super::message::neo_slice_t;
use super::status::{
    NEO_DEFAULT_NS, NEO_DEFAULT32, NEO_DEFAULT64, NEO_POLICY_BLOCK, NEO_POLICY_DEFAULT,
    NEO_POLICY_DETACH, NEO_POLICY_DROP_NEWEST, NEO_POLICY_DROP_OLDEST, NEO_POLICY_LATEST,
    NEO_WAIT_ADAPTIVE, NEO_WAIT_PARK, NEO_WAIT_SPIN,
};
use super::versioned::{Defaults, Versioned};

/// Limits of a kernel. Begin with `NEO_CONFIG_INIT`, and set what is to differ.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_config_t {
    /// `sizeof(neo_config_t)`.
    pub struct_size: u32,
    /// Subscriptions, groups and services that may be open at a time; 131,072 by default.
    pub subscriptions_max: u32,
    /// Opens of one name at a time; 64 by default.
    pub participants_max: u32,
    /// Calls that may wait for an answer at a time; 1,024 by default.
    pub calls_in_flight_max: u32,
    /// Payload memory in bytes that the kernel takes at most; 256 MiB by default.
    pub memory_bytes_max: u64,
    /// How long a call waits for its answer; 5 s by default, below 0 for ever.
    pub call_timeout_ns: i64,
    /// 1: starts no thread. A kernel of `shm://` starts one otherwise, which sleeps until another
    /// process dies, or wakes a poller of this one; without it call neo_kernel_maintain. Threads that wait
    /// in a function of the library look themselves, every 5 ms.
    pub without_thread: u8,
    /// 1: opens a name only if somebody has it open, with the limits that it has; `NEO_E_NOT_FOUND`
    /// otherwise. For tools that look on, and for workers that are of no use alone.
    pub existing_only: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_config_t {
    const SIZE_FIRST: usize = 32;
    const NAME: &'static str = "neo_config_t";
}

impl Defaults for neo_config_t {
    const DEFAULTS: Self = Self {
        struct_size: size_of::<Self>() as u32,
        subscriptions_max: NEO_DEFAULT32,
        participants_max: NEO_DEFAULT32,
        calls_in_flight_max: NEO_DEFAULT32,
        memory_bytes_max: NEO_DEFAULT64,
        call_timeout_ns: NEO_DEFAULT_NS,
        without_thread: 0,
        existing_only: 0,
        reserved: [0; 6],
    };
}

impl neo_config_t {
    pub(super) fn to_options(self) -> Result<Options> {
        let mut options = Options::new();
        if self.subscriptions_max != NEO_DEFAULT32 {
            options = options.with_subscriptions_max(self.subscriptions_max);
        }
        if self.participants_max != NEO_DEFAULT32 {
            options = options.with_participants_max(self.participants_max);
        }
        if self.calls_in_flight_max != NEO_DEFAULT32 {
            options = options.with_calls_in_flight_max(self.calls_in_flight_max);
        }
        if self.memory_bytes_max != NEO_DEFAULT64 {
            options = options.with_memory_bytes_max(self.memory_bytes_max);
        }
        if self.call_timeout_ns != NEO_DEFAULT_NS {
            options = options.with_call_timeout(timeout(self.call_timeout_ns));
        }
        if flag(self.without_thread, "without_thread")? {
            options = options.without_thread();
        }
        if flag(self.existing_only, "existing_only")? {
            options = options.existing_only();
        }
        Ok(options)
    }
}

/// A header of messages.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_header_t {
    /// UTF-8, 1 to 255 bytes.
    pub key: neo_slice_t,
    /// Any bytes.
    pub value: neo_slice_t,
}

/// Options of a publisher. Begin with `NEO_PUB_OPTS_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_pub_opts_t {
    /// `sizeof(neo_pub_opts_t)`.
    pub struct_size: u32,
    /// 1: each message carries the wall clock of its sending.
    pub stamp_time: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// How long one publish may block at full mailboxes with `NEO_POLICY_BLOCK`; 0 not at all,
    /// below 0 for ever.
    pub send_timeout_ns: i64,
    /// What each message carries beside its payload: at most 32 keys of 1 to 255 bytes with their
    /// values, borrowed. With the topic and 8 bytes for each they have room in 448 bytes.
    pub headers: *const neo_header_t,
    /// How many headers there are.
    pub header_count: usize,
    /// The W3C trace context of each message as text of 55 letters, borrowed; NULL: none.
    pub traceparent: neo_slice_t,
}

// SAFETY: repr(C), begins with its size, numbers and pointers only.
unsafe impl Versioned for neo_pub_opts_t {
    const SIZE_FIRST: usize = 16;
    const NAME: &'static str = "neo_pub_opts_t";
}

impl Defaults for neo_pub_opts_t {
    const DEFAULTS: Self = Self {
        struct_size: size_of::<Self>() as u32,
        stamp_time: 0,
        reserved: [0; 3],
        send_timeout_ns: 0,
        headers: core::ptr::null(),
        header_count: 0,
        traceparent: neo_slice_t::EMPTY,
    };
}

impl neo_pub_opts_t {
    pub(super) fn to_options(self, caller: &Caller) -> Result<PublisherOptions> {
        let mut headers = MessageHeaders::new();
        for header in caller.array(self.headers, self.header_count)? {
            headers =
                headers.with(caller.text(header.key, "header's key")?, caller.slice(header.value)?);
        }
        if !self.traceparent.data.is_null() {
            let text = caller.text(self.traceparent, "traceparent")?;
            headers = headers.with_trace(parse_traceparent(text)?);
        }
        Ok(PublisherOptions {
            stamp_time: flag(self.stamp_time, "stamp_time")?,
            send_timeout: timeout(self.send_timeout_ns).unwrap_or(Duration::MAX),
            headers,
        })
    }
}

/// Options of one publish. Begin with `NEO_SEND_OPTS_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_send_opts_t {
    /// `sizeof(neo_send_opts_t)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// How long this publish may wait for room beforehand; 0 not at all, below 0 for ever.
    pub timeout_ns: i64,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_send_opts_t {
    const SIZE_FIRST: usize = 16;
    const NAME: &'static str = "neo_send_opts_t";
}

impl Defaults for neo_send_opts_t {
    const DEFAULTS: Self =
        Self { struct_size: size_of::<Self>() as u32, reserved: 0, timeout_ns: 0 };
}

/// Options of a subscription. Begin with `NEO_SUB_OPTS_INIT`, and set what is to differ.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_sub_opts_t {
    /// `sizeof(neo_sub_opts_t)`.
    pub struct_size: u32,
    /// Messages that may wait, 1 to 65,536; 1,024 by default. With `NEO_POLICY_LATEST`: topics.
    pub depth: u32,
    /// What happens when it is full: a `NEO_POLICY_` number.
    pub policy: i32,
    /// How its receivers wait: a `NEO_WAIT_` number.
    pub wait: i32,
    /// Bytes that may wait in messages of more than 256 bytes; 1 MiB by default.
    pub mailbox_bytes_max: u64,
    /// Bytes of such messages that may be kept without being copied; 64 MiB by default.
    pub pinned_bytes_max: u64,
    /// The queue group to join, UTF-8, borrowed; each message goes to one of its members. NULL: none.
    pub group: neo_slice_t,
}

// SAFETY: repr(C), begins with its size, numbers and pointers only.
unsafe impl Versioned for neo_sub_opts_t {
    const SIZE_FIRST: usize = 32 + size_of::<neo_slice_t>();
    const NAME: &'static str = "neo_sub_opts_t";
}

impl Defaults for neo_sub_opts_t {
    const DEFAULTS: Self = Self {
        struct_size: size_of::<Self>() as u32,
        depth: NEO_DEFAULT32,
        policy: NEO_POLICY_DEFAULT,
        wait: NEO_WAIT_ADAPTIVE,
        mailbox_bytes_max: NEO_DEFAULT64,
        pinned_bytes_max: NEO_DEFAULT64,
        group: neo_slice_t::EMPTY,
    };
}

impl neo_sub_opts_t {
    pub(super) fn to_options(self, caller: &Caller) -> Result<SubscribeOptions> {
        let group = match self.group.data.is_null() && self.group.len == 0 {
            true => None,
            false => Some(caller.text(self.group, "group")?.to_owned()),
        };
        Ok(SubscribeOptions {
            depth: set(self.depth, NEO_DEFAULT32),
            policy: policy(self.policy)?,
            wait: wait(self.wait)?,
            mailbox_bytes_max: set(self.mailbox_bytes_max, NEO_DEFAULT64),
            pinned_bytes_max: set(self.pinned_bytes_max, NEO_DEFAULT64),
            group,
        })
    }
}

/// Options of a service worker. Begin with `NEO_SERVICE_OPTS_INIT`, and set what is to differ.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_service_opts_t {
    /// `sizeof(neo_service_opts_t)`.
    pub struct_size: u32,
    /// Requests that may wait, 1 to 65,536; 1,024 by default. All workers use the same.
    pub depth: u32,
    /// How its receivers wait: a `NEO_WAIT_` number.
    pub wait: i32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_service_opts_t {
    const SIZE_FIRST: usize = 16;
    const NAME: &'static str = "neo_service_opts_t";
}

impl Defaults for neo_service_opts_t {
    const DEFAULTS: Self = Self {
        struct_size: size_of::<Self>() as u32,
        depth: NEO_DEFAULT32,
        wait: NEO_WAIT_ADAPTIVE,
        reserved: 0,
    };
}

impl neo_service_opts_t {
    pub(super) fn to_options(self) -> Result<ServiceOptions> {
        Ok(ServiceOptions { depth: set(self.depth, NEO_DEFAULT32), wait: wait(self.wait)? })
    }
}

/// Options of one call. Begin with `NEO_CALL_OPTS_INIT`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct neo_call_opts_t {
    /// `sizeof(neo_call_opts_t)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// How long to wait for the answer, below 0 for ever; by default as long as the kernel's own
    /// timeout says.
    pub timeout_ns: i64,
}

// SAFETY: repr(C), begins with its size, numbers only.
unsafe impl Versioned for neo_call_opts_t {
    const SIZE_FIRST: usize = 16;
    const NAME: &'static str = "neo_call_opts_t";
}

impl Defaults for neo_call_opts_t {
    const DEFAULTS: Self =
        Self { struct_size: size_of::<Self>() as u32, reserved: 0, timeout_ns: NEO_DEFAULT_NS };
}

fn set<T: PartialEq>(value: T, default: T) -> Option<T> {
    Some(value).filter(|value| *value != default)
}

fn flag(value: u8, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid(format!("`{name}` is {value}: a flag is 0 or 1"))),
    }
}

fn policy(number: i32) -> Result<Option<Policy>> {
    Ok(Some(match number {
        NEO_POLICY_DEFAULT => return Ok(None),
        NEO_POLICY_DROP_OLDEST => Policy::DropOldest,
        NEO_POLICY_DROP_NEWEST => Policy::DropNewest,
        NEO_POLICY_LATEST => Policy::Latest,
        NEO_POLICY_BLOCK => Policy::Block,
        NEO_POLICY_DETACH => Policy::Detach,
        _ => return Err(invalid(format!("there is no policy {number}: use a NEO_POLICY_ number"))),
    }))
}

pub(super) fn policy_number(policy: Policy) -> i32 {
    match policy {
        Policy::DropOldest => NEO_POLICY_DROP_OLDEST,
        Policy::DropNewest => NEO_POLICY_DROP_NEWEST,
        Policy::Latest => NEO_POLICY_LATEST,
        Policy::Block => NEO_POLICY_BLOCK,
        Policy::Detach => NEO_POLICY_DETACH,
        // A policy of a later version, which this header has no number for.
        _ => NEO_POLICY_DEFAULT,
    }
}

impl neo_call_opts_t {
    /// `None`: as the kernel says.
    pub(super) fn timeout(self) -> Option<Duration> {
        let given = set(self.timeout_ns, NEO_DEFAULT_NS)?;
        Some(timeout(given).unwrap_or(Duration::MAX))
    }
}

fn wait(number: i32) -> Result<Wait> {
    match number {
        NEO_WAIT_ADAPTIVE => Ok(Wait::Adaptive),
        NEO_WAIT_SPIN => Ok(Wait::Spin),
        NEO_WAIT_PARK => Ok(Wait::Park),
        _ => Err(invalid(format!("there is no way to wait {number}: use a NEO_WAIT_ number"))),
    }
}
