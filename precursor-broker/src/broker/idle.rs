//! Memory is given back when nothing happens for a while (R6.9).
//!
//! A timer is started by whoever backs another segment with memory, so that a process which nothing
//! happens in is woken by nothing. When it has run out twice without a message in between, what
//! nothing uses goes back to the system.

use core::time::Duration;

use crate::attach::names::QUIET;

use super::core::Core;

/// Longest time between two looks at messages that somebody keeps.
const QUIET_MAX: Duration = Duration::from_secs(600);

/// What the last look found.
#[derive(Debug)]
pub(super) struct Idle {
    activity: Option<u64>,
    patience: Duration,
}

impl Default for Idle {
    fn default() -> Self {
        Self { activity: None, patience: QUIET }
    }
}

impl Idle {
    /// Gives memory back if nothing has happened since the last look. Returns after what time to
    /// look again; `None`: when memory has grown.
    pub(super) fn look(&mut self, core: &Core) -> Option<Duration> {
        let activity = core.activity();
        if self.activity.replace(activity) != Some(activity) {
            self.patience = QUIET;
            return Some(QUIET);
        }
        core.trim();
        if !core.region.blocks().has_messages() {
            *self = Self::default();
            return None;
        }
        // What is kept now may be given up without a sign.
        self.patience = (self.patience * 2).min(QUIET_MAX);
        Some(self.patience)
    }
}

impl Core {
    /// A number that changes with every message.
    fn activity(&self) -> u64 {
        let routes = self.counters().routes;
        let counts = routes.iter().flat_map(|route| [route.accepted, route.delivered, route.lost]);
        counts.fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Broker, Limits, SubscribeOptions};

    #[test]
    fn memory_goes_back_when_two_looks_find_the_same_and_not_while_messages_flow() {
        let broker = Broker::private(&Limits::new().with_memory_bytes_max(16 << 20)).unwrap();
        let core = broker.core();
        let mut inbox = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
        let backed = || core.region.blocks().committed_bytes();
        let before = backed();
        let mut idle = Idle::default();
        for _ in 0..3 {
            broker.publish("t", &[1; 900_000]).unwrap();
            drop(inbox.recv().unwrap());
            assert_eq!(idle.look(core), Some(QUIET));
            assert!(backed() > before, "it is at work");
        }
        assert_eq!(idle.look(core), None);
        assert_eq!(backed(), before);
    }

    #[test]
    fn whoever_keeps_a_message_is_looked_after_less_and_less_often() {
        let broker = Broker::private(&Limits::new().with_memory_bytes_max(16 << 20)).unwrap();
        let mut inbox = broker.subscribe("t", &SubscribeOptions::default()).unwrap();
        broker.publish("t", &[1; 900_000]).unwrap();
        let kept = inbox.recv().unwrap();
        let mut idle = Idle::default();
        let looks: Vec<_> = (0..10).map(|_| idle.look(broker.core()).unwrap().as_secs()).collect();
        assert_eq!(looks, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
        drop(kept);
        assert_eq!(idle.look(broker.core()), None);
    }
}
