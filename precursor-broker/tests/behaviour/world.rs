//! Where publishers and subscribers live, and what the tests share.

#[cfg(all(target_os = "linux", not(miri)))]
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use precursor_broker::{
    Broker, Error, ErrorKind, Limits, Message, Policy, PublishOptions, SubscribeOptions,
    Subscription, Wait,
};

/// Longer than any wait that ends as it should, also where the machine stops for a while.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How the two sides of a test share their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One broker.
    Private,
    /// Two participants of one mapping.
    Joined,
    /// Two participants of one memory, mapped at two addresses.
    #[cfg(all(target_os = "linux", not(miri)))]
    MappedTwice,
    /// Two opens of one name, each with a mapping of its own, and the thread that attends to them.
    #[cfg(all(target_os = "linux", not(miri)))]
    Named,
}

/// One kernel, as its publishers and as its subscribers see it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) publishers: Broker,
    pub(crate) subscribers: Broker,
}

impl Place {
    pub(crate) fn open(self) -> World {
        self.open_with(&Limits::new())
    }

    pub(crate) fn open_with(self, limits: &Limits) -> World {
        let (publishers, subscribers) = match self {
            Self::Private => {
                let broker = Broker::private(limits).unwrap();
                (broker.clone(), broker)
            }
            Self::Joined => {
                let broker = Broker::private(limits).unwrap();
                (broker.join().unwrap(), broker)
            }
            #[cfg(all(target_os = "linux", not(miri)))]
            Self::MappedTwice => {
                let broker = Broker::shared(limits).unwrap();
                (broker.attach_again().unwrap(), broker)
            }
            #[cfg(all(target_os = "linux", not(miri)))]
            Self::Named => {
                static NUMBERS: AtomicU32 = AtomicU32::new(0);
                let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
                let name = format!("behaviour-{}-{number}", std::process::id());
                let broker = Broker::open_shared(&name, limits).unwrap();
                broker.start_thread().unwrap();
                (Broker::open_shared(&name, limits).unwrap(), broker)
            }
        };
        World { publishers, subscribers }
    }
}

impl World {
    pub(crate) fn subscribe(&self, pattern: &str, options: &SubscribeOptions) -> Subscription {
        self.subscribers.subscribe(pattern, options).unwrap()
    }

    /// Calls from the publishers' side, with time enough.
    pub(crate) fn call(
        &self,
        service: &str,
        method: &str,
        payload: &[u8],
    ) -> Result<precursor_broker::Reply, Error> {
        self.publishers.call(service, method, payload, Some(LONG), Wait::Adaptive)
    }
}

/// Makes each function a test in every place.
macro_rules! everywhere {
    ($($(#[doc = $doc:literal])* fn $name:ident($place:ident: Place) $body:block)*) => {
        $($(#[doc = $doc])* fn $name($place: $crate::world::Place) $body)*

        mod private {
            $(#[test] fn $name() { super::$name($crate::world::Place::Private); })*
        }

        mod joined {
            $(#[test] fn $name() { super::$name($crate::world::Place::Joined); })*
        }

        #[cfg(all(target_os = "linux", not(miri)))]
        mod mapped_twice {
            $(#[test] fn $name() { super::$name($crate::world::Place::MappedTwice); })*
        }

        #[cfg(all(target_os = "linux", not(miri)))]
        mod named {
            $(#[test] fn $name() { super::$name($crate::world::Place::Named); })*
        }
    };
}

pub(crate) fn options(set: impl FnOnce(&mut SubscribeOptions)) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    set(&mut options);
    options
}

pub(crate) fn holding(depth: u32, policy: Policy) -> SubscribeOptions {
    options(|options| {
        options.depth = depth;
        options.policy = policy;
    })
}

pub(crate) fn member_of(group: &str) -> SubscribeOptions {
    options(|options| {
        options.group = Some(group.into());
        options.policy = Policy::Block;
    })
}

pub(crate) fn waiting_for(send_timeout: Duration) -> PublishOptions {
    let mut options = PublishOptions::default();
    options.send_timeout = send_timeout;
    options
}

/// Bytes that tell one message from another, and every place in it.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|at| (at ^ at >> 8).wrapping_mul(31).wrapping_add(seed) as u8).collect()
}

/// The next message, which must come.
#[track_caller]
pub(crate) fn next(subscription: &mut Subscription) -> Message {
    subscription.recv_timeout(LONG).unwrap().expect("a message")
}

/// The numbers of the messages that wait, until none does.
pub(crate) fn numbers(subscription: &mut Subscription) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(message) = subscription.try_recv().unwrap() {
        numbers.push(number(message.payload()));
    }
    numbers
}

pub(crate) fn number(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

/// An error of this kind whose text has all of `parts`.
#[track_caller]
pub(crate) fn assert_error<T>(result: Result<T, Error>, kind: ErrorKind, parts: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no {part:?} in: {error}");
    }
}

/// Looks until the condition holds; fails if it never does.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        thread::yield_now();
    }
}

/// A thread that can be seen going to sleep.
#[derive(Debug)]
pub(crate) struct Running<T> {
    status: std::path::PathBuf,
    handle: JoinHandle<T>,
}

pub(crate) fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Running<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let handle = thread::spawn(move || {
        let this = std::fs::read_link("/proc/thread-self").unwrap();
        sender.send(this).unwrap();
        drop(sender);
        work()
    });
    let status = std::path::Path::new("/proc").join(receiver.recv().unwrap()).join("stat");
    Running { status, handle }
}

impl<T> Running<T> {
    /// Returns once the operating system says that the thread sleeps.
    #[track_caller]
    pub(crate) fn wait_until_asleep(&self) {
        until("the thread sleeps", || {
            let status = std::fs::read_to_string(&self.status).unwrap_or_default();
            status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        });
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The thread's result; fails instead of waiting for ever.
    #[track_caller]
    pub(crate) fn join(self) -> T {
        until("the thread ends", || self.handle.is_finished());
        self.handle.join().unwrap()
    }
}
