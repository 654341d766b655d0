//! Looking at a shared kernel from outside: its memory mapped for reading only. Nobody notices it
//! (invariant 12), and it keeps nobody's memory: when the last process has left, the observer sees
//! that nobody is there.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::attach;
use crate::error::{Error, ErrorKind, Result};
use crate::mailbox::cells::Mailbox;
use crate::mailbox::word::{ClaimWord, Tail};
use crate::region::Limits;
use crate::region::map::Region;
use crate::region::owners::Status;
use crate::sync::Ordering;
use crate::sys;

use super::counters::{Counters, RouteCounters};
use super::router::{self, RouteEntry, Router};
use super::topic;

/// Words of a mailbox in which its last publishers are looked for.
const SENDERS_BACK: u64 = 1_024;

/// Looks at the kernel of a `shm://` name without joining it.
///
/// Any number of threads may share one. It never blocks anybody and takes no participant's place; a
/// look costs more with every open subscription and every participant.
#[derive(Debug)]
pub struct Observer {
    region: Arc<Region>,
    router: Mutex<Router>,
}

/// A shared kernel at one moment. Counters are read one after the other while others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// Nanoseconds of the monotonic clock at which it was looked at.
    pub at_ns: u64,
    /// Who has joined, the dead that nobody has put right yet included.
    pub participants: Vec<ObservedParticipant>,
    /// Every open subscription, group and service.
    pub routes: Vec<ObservedRoute>,
    /// The kernel's own counters. Its routes stand in `routes`.
    pub totals: Counters,
    /// Bytes of memory that the system has given to the kernel: control words, mailboxes, payloads.
    pub resident_bytes: u64,
}

/// A participant: one open of the name in one process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedParticipant {
    /// Its number in the kernel.
    pub id: u16,
    /// Its process.
    pub pid: u32,
    /// The process has ended, and what it held awaits a survivor.
    pub is_dead: bool,
    /// Its calls that wait for an answer.
    pub calls_in_flight: u32,
    /// Blocks (messages above 256 bytes) that it has received and still holds.
    pub blocks_held: u32,
}

/// A subscription, group or service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedRoute {
    /// Its place in the kernel. With `opened_ns` it names this route in every look.
    pub index: u32,
    /// When it was opened, in nanoseconds of the monotonic clock.
    pub opened_ns: u64,
    /// When its first message was lost, by the same clock; `None` if none was.
    pub first_loss_ns: Option<u64>,
    /// What it is, and what happened at it.
    pub counters: RouteCounters,
    /// Who reads it; for a service on its callers' threads, nobody.
    pub readers: Vec<ObservedReader>,
    /// Who published the last messages that its mailbox has room for, and how many of them, the most
    /// active first.
    pub senders: Vec<ObservedSender>,
}

/// A reader of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedReader {
    /// The participant's number.
    pub participant: u16,
    /// It sleeps until a message comes.
    pub is_waiting: bool,
    /// It holds messages of the mailbox that it has not given back: a batch, or a request.
    pub is_holding: bool,
}

/// A publisher, as the slots of a mailbox name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedSender {
    /// The participant's number. One that has left may share it with one that came later.
    pub participant: u16,
    /// Messages among the last ones. Of a `Latest` mailbox: those that did not replace another.
    pub messages: u64,
}

impl Observation {
    /// The routes that a message of `topic` goes to.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for what is no topic.
    pub fn routes_of(&self, topic: &str) -> Result<impl Iterator<Item = &ObservedRoute>> {
        use super::router::RouteKind::{Group, Subscription};
        topic::validate_topic(topic)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        Ok(self.routes.iter().filter(move |route| {
            let RouteCounters { kind, pattern, .. } = &route.counters;
            matches!(kind, Subscription | Group) && topic::matches(pattern, topic)
        }))
    }

    /// Whether anybody is there. A kernel that nobody has open is over, whoever looks at it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.participants.iter().all(|participant| participant.is_dead)
    }
}

impl Observer {
    /// Maps the kernel of a name for reading. The name must be open in a process of this user and
    /// this PID namespace.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), with the names that are open;
    /// [`Invalid`](ErrorKind::Invalid) for what is no name, or a kernel of another version;
    /// [`Unsupported`](ErrorKind::Unsupported) if it is open in another PID namespace;
    /// [`Os`](ErrorKind::Os).
    pub fn open(name: &str) -> Result<Self> {
        let region = attach::existing::look_at(name)?;
        Ok(Self { region, router: Mutex::default() })
    }

    /// The limits that the kernel was created with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.region.limits()
    }

    /// How long the kernel's memory exists, as far as the system tells.
    #[must_use]
    pub fn age(&self) -> Option<core::time::Duration> {
        let (control, _) = self.region.memory().ok()?;
        sys::peer::age(control)
    }

    /// Looks at the kernel. Takes no time of others.
    #[must_use]
    pub fn look(&self) -> Observation {
        let region = &*self.region;
        let mut router = self.router.lock();
        router.refresh(region);
        let mut routes: Vec<ObservedRoute> =
            router.routes().filter_map(|(index, entry)| self.route(index, entry)).collect();
        routes.sort_unstable_by_key(|route| route.index);
        Observation {
            at_ns: sys::monotonic_ns(),
            participants: self.participants(),
            routes,
            totals: Counters::of(region, Vec::new()),
            resident_bytes: self.resident_bytes(),
        }
    }

    fn participants(&self) -> Vec<ObservedParticipant> {
        let region = &*self.region;
        let dead: Vec<u16> = region.dead_participants().map(|owner| owner.id).collect();
        (1_u16..)
            .zip(region.participants())
            .filter_map(|(id, record)| {
                let (_, status) = region.status(id)?;
                if !matches!(status, Status::Live | Status::Dead) {
                    return None;
                }
                let calls = region.replies(id).iter();
                let calls = calls.filter(|call| call.slot().is_pending()).count();
                let holders = region.holders(id).iter();
                let held = holders.filter(|entry| entry.load(Ordering::Relaxed) != 0).count();
                Some(ObservedParticipant {
                    id,
                    pid: record.pid.load(Ordering::Relaxed) as u32,
                    is_dead: dead.contains(&id),
                    calls_in_flight: calls as u32,
                    blocks_held: held as u32,
                })
            })
            .collect()
    }

    fn route(&self, index: u32, entry: &RouteEntry) -> Option<ObservedRoute> {
        let region = &*self.region;
        let opened_ns = router::opened_ns(region, index);
        let Some(mailbox) = entry.mailbox_ref(region) else {
            let counters = RouteCounters::without_mailbox(entry);
            let (readers, senders, first_loss_ns) = (Vec::new(), Vec::new(), None);
            return Some(ObservedRoute {
                index,
                opened_ns,
                first_loss_ns,
                counters,
                readers,
                senders,
            });
        };
        let view = mailbox.get(region);
        let counters = RouteCounters::of(entry, view);
        let has_lost = counters.lost + counters.timed_out > 0;
        let first_loss_ns = view.header.config.first_loss_ns.load(Ordering::Relaxed);
        let observed = ObservedRoute {
            index,
            opened_ns,
            // A publisher that was held up may have noted a loss of the life before.
            first_loss_ns: (has_lost && first_loss_ns != 0).then(|| first_loss_ns.max(opened_ns)),
            counters,
            readers: readers_of(view),
            senders: senders_of(view),
        };
        // A mailbox that was closed meanwhile may be another's by now.
        view.is_life(mailbox.generation()).then_some(observed)
    }

    fn resident_bytes(&self) -> u64 {
        let Ok((control, data)) = self.region.memory() else { return 0 };
        [control, data].into_iter().filter_map(|fd| sys::peer::resident_bytes(fd).ok()).sum()
    }
}

fn readers_of(view: &Mailbox<'_>) -> Vec<ObservedReader> {
    let open = view.readers.iter().filter_map(|reader| {
        let participant = reader.state.load(Ordering::Acquire) as u16;
        (participant != 0).then(|| ObservedReader {
            participant,
            is_waiting: reader.armed.load(Ordering::Relaxed) != 0,
            is_holding: reader.pin.load(Ordering::Relaxed) != crate::mailbox::cells::UNPINNED,
        })
    });
    open.collect()
}

/// The owners of the last claims: claim words stay as they are until the next lap.
fn senders_of(view: &Mailbox<'_>) -> Vec<ObservedSender> {
    let geometry = view.geometry();
    let tail = Tail(view.header.publishers.tail.load(Ordering::Acquire)).position();
    let base = view.header.config.base.load(Ordering::Relaxed).max(geometry.capacity());
    let back = SENDERS_BACK.min(geometry.capacity());
    let mut senders: Vec<ObservedSender> = Vec::new();
    for position in tail.saturating_sub(back).max(base)..tail {
        let claim = ClaimWord(view.claim_word(position).load(Ordering::Relaxed));
        let participant = claim.owner();
        if participant == 0 || claim.lap() != geometry.lap(position) {
            continue;
        }
        match senders.iter_mut().find(|sender| sender.participant == participant) {
            Some(sender) => sender.messages += 1,
            None => senders.push(ObservedSender { participant, messages: 1 }),
        }
    }
    senders.sort_by_key(|sender| core::cmp::Reverse(sender.messages));
    senders
}
