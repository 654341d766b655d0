//! Labelled steps. The abandon harness stops a participant for ever at each of them and lets a
//! survivor reclaim what it held. Without the feature a step is nothing.

/// Marks a point at which a participant may die while it holds something.
macro_rules! step {
    ($label:literal) => {
        #[cfg(feature = "__internal_steps")]
        $crate::steps::reached($label);
    };
}
pub(crate) use step;

#[cfg(feature = "__internal_steps")]
mod hook {
    use core::cell::RefCell;

    type Hook = Box<dyn Fn(&'static str)>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Every label in the crate; the harness must cover all of them.
    pub const LABELS: &[&str] = &[
        "claim.claimed",
        "claim.run_named",
        "claim.copied",
        "claim.committed",
        "publish.bytes_counted",
        "evict.taken",
        "wake.disarmed",
        "wake.notified",
        "take.pinned",
        "take.taken",
        "take.copied",
        "block.allocated",
        "block.named",
        "block.shared",
        "segment.claimed",
        "segment.run_begun",
        "segment.run_claimed",
        "segment.committed",
        "segment.moving",
        "segment.retired",
        "segment.tails_freed",
        "run.held",
        "run.moving",
        "segment.trimming",
        "segment.decommitted",
        "latest.keys_held",
        "latest.key_leaving",
        "latest.key_freed",
        "latest.key_ready",
        "latest.stored",
        "latest.removed",
        "join.joining",
        "join.committed",
        "join.live",
        "membership.held",
        "subscribe.reserved",
        "subscribe.cells_named",
        "subscribe.mailbox_open",
        "reader.joined",
        "subscribe.route_opening",
        "subscribe.route_written",
        "subscribe.route_stored",
        "subscribe.route_open",
        "reader.left",
        "close.route_freed",
        "close.route_closed",
        "close.flagged",
        "close.drained",
        "call.waiting",
        "call.sent",
        "reply.replying",
        "reply.block_stored",
        "reply.done",
        "reply.block_taken",
        "attach.locked",
        "attach.memory_found",
        "attach.memory_made",
        "attach.door_open",
        "attach.line_written",
        "attach.line_held",
        "attach.bell_announced",
        "attach.others_rung",
        "leave.place_free",
        "leave.locked",
        "leave.line_cleared",
        "leave.file_removed",
        "reclaim.begun",
        "reclaim.routes_closed",
        "reclaim.mailboxes_whole",
        "reclaim.calls_ended",
        "reclaim.recounted",
    ];

    /// Sets what this thread does when it reaches a step.
    pub fn set_hook(hook: impl Fn(&'static str) + 'static) {
        HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
    }

    /// System calls for parking and signalling that this process has made through this library.
    #[must_use]
    pub fn system_calls() -> u64 {
        crate::sys::count::total()
    }

    #[inline(never)]
    pub(crate) fn reached(label: &'static str) {
        debug_assert!(LABELS.contains(&label), "label {label} is missing in LABELS");
        HOOK.with(|slot| {
            if let Some(hook) = slot.borrow().as_ref() {
                hook(label);
            }
        });
    }
}

#[cfg(feature = "__internal_steps")]
pub use hook::*;
