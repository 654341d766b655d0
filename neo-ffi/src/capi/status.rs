//! Status codes and the other numbers of the header.

/// What a function says: `NEO_OK`, an outcome above it that is no failure, or an error below it.
/// Numbers are frozen; later versions may add some.
pub type neo_status_t = i32;

/// Done.
pub const NEO_OK: i32 = 0;
/// Nothing is there now, or the time passed without it.
pub const NEO_AGAIN: i32 = 1;
/// Nothing is left and nothing will come.
pub const NEO_EOS: i32 = 2;
/// Not armed: something is ready now.
pub const NEO_ALREADY_READY: i32 = 3;

/// An argument is not valid.
pub const NEO_E_INVALID: i32 = -1;
/// A message is larger than a limit.
pub const NEO_E_TOO_LARGE: i32 = -2;
/// Memory, a table or a mailbox has no room.
pub const NEO_E_FULL: i32 = -3;
/// The time given has passed.
pub const NEO_E_TIMEOUT: i32 = -4;
/// The handle or its kernel is closed.
pub const NEO_E_CLOSED: i32 = -5;
/// The subscription was full and has been closed.
pub const NEO_E_DETACHED: i32 = -6;
/// Nobody serves what was called.
pub const NEO_E_NO_RESPONDER: i32 = -7;
/// The service dropped the request unanswered.
pub const NEO_E_NO_REPLY: i32 = -8;
/// The process that worked on the call died.
pub const NEO_E_PEER_DIED: i32 = -9;
/// The service answered with an error.
pub const NEO_E_SERVICE: i32 = -10;
/// The service's handler panicked.
pub const NEO_E_PANICKED: i32 = -11;
/// This kind of kernel cannot do that.
pub const NEO_E_UNSUPPORTED: i32 = -12;
/// The operating system refused.
pub const NEO_E_OS: i32 = -13;
/// The handle belongs to the parent process.
pub const NEO_E_FORKED: i32 = -14;
/// The caller's hook ended the wait. (Not in C: for the languages that have hooks.)
pub const NEO_E_INTERRUPTED: i32 = -15;
/// The handle cannot be used like this.
pub const NEO_E_MISUSE: i32 = -16;
/// A defect of the library; the handle must not be used any more.
pub const NEO_E_INTERNAL: i32 = -17;
/// The pointer is no live handle of this type.
pub const NEO_E_BAD_HANDLE: i32 = -18;
/// A struct or the header is of another version.
pub const NEO_E_VERSION: i32 = -19;
/// Nothing has that name.
pub const NEO_E_NOT_FOUND: i32 = -20;

/// What happens when a subscription is full: the library's default, `NEO_POLICY_DROP_OLDEST`; in a
/// group `NEO_POLICY_BLOCK`.
pub const NEO_POLICY_DEFAULT: i32 = 0;
/// The oldest message makes room.
pub const NEO_POLICY_DROP_OLDEST: i32 = 1;
/// The new message is dropped.
pub const NEO_POLICY_DROP_NEWEST: i32 = 2;
/// Only the newest message of each topic is kept.
pub const NEO_POLICY_LATEST: i32 = 3;
/// The publisher waits, for at most its send timeout.
pub const NEO_POLICY_BLOCK: i32 = 4;
/// The subscription is closed: its reader gets what is queued, then `NEO_E_DETACHED`.
pub const NEO_POLICY_DETACH: i32 = 5;

/// How a receiver waits: it spins for a moment, then sleeps.
pub const NEO_WAIT_ADAPTIVE: i32 = 0;
/// It never sleeps: the lowest latency, at the price of a core.
pub const NEO_WAIT_SPIN: i32 = 1;
/// It sleeps at once.
pub const NEO_WAIT_PARK: i32 = 2;

/// For `timeout_ns`: wait for ever. Any number below 0 does.
pub const NEO_FOREVER: i64 = -1;

/// In a field of options: as the library has it.
pub const NEO_DEFAULT32: u32 = 0xFFFF_FFFF;
/// In a field of options: as the library has it.
pub const NEO_DEFAULT64: u64 = 0xFFFF_FFFF_FFFF_FFFF;
/// In a duration of options: as the library has it.
pub const NEO_DEFAULT_NS: i64 = i64::MIN;

/// Kinds of `neo_debug_live`: all of them.
pub const NEO_LIVE_ALL: i32 = -1;
/// Kernels.
pub const NEO_LIVE_KERNELS: i32 = 0;
/// Publishers.
pub const NEO_LIVE_PUBLISHERS: i32 = 1;
/// Subscriptions.
pub const NEO_LIVE_SUBSCRIPTIONS: i32 = 2;
/// Services.
pub const NEO_LIVE_SERVICES: i32 = 3;
/// Requests; each holds a message as well.
pub const NEO_LIVE_REQUESTS: i32 = 4;
/// Messages and replies.
pub const NEO_LIVE_MESSAGES: i32 = 5;
/// Loans.
pub const NEO_LIVE_LOANS: i32 = 6;
/// Pollers.
pub const NEO_LIVE_POLLERS: i32 = 7;
/// Calls that were started.
pub const NEO_LIVE_CALLS: i32 = 8;
/// Rooms.
pub const NEO_LIVE_ROOMS: i32 = 9;
/// Wake callbacks.
pub const NEO_LIVE_WAKES: i32 = 10;
/// Borrowed batches.
pub const NEO_LIVE_BATCHES: i32 = 11;
/// Snapshots of counters.
pub const NEO_LIVE_COUNTERS: i32 = 12;

/// Version of the ABI; another major version is incompatible.
pub const NEO_ABI_MAJOR: u32 = 0;
/// Version of the ABI; a higher minor version only adds.
pub const NEO_ABI_MINOR: u32 = 1;

#[cfg(test)]
mod tests {
    use crate::rsapi::{CODES, KINDS, OUTCOMES};

    /// `#define`s of this file: name and number.
    fn constants() -> Vec<(&'static str, i32)> {
        include_str!("status.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": i32 = "))
            .map(|(name, number)| (name, number.trim_end_matches(';').parse().unwrap()))
            .collect()
    }

    #[test]
    fn codes_are_those_of_the_one_table() {
        let named = |start: &str| -> Vec<(&str, i32)> {
            constants().into_iter().filter(|(name, _)| name.starts_with(start)).collect()
        };
        let codes: Vec<_> = CODES.iter().map(|code| (code.symbol(), code.number())).collect();
        assert_eq!(named("NEO_E_"), codes);
        for outcome in OUTCOMES {
            assert!(constants().contains(&(outcome.symbol(), outcome.number())), "{outcome:?}");
        }
    }

    #[test]
    fn every_kind_of_live_object_has_its_number() {
        for kind in KINDS {
            let name = format!("NEO_LIVE_{}", kind.name().to_uppercase());
            assert!(constants().contains(&(name.as_str(), kind.number())), "{name}");
        }
    }
}
