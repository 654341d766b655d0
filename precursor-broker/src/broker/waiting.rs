//! How a reader waits: it spins, yields, sleeps, leaves a task's waker, or arms a descriptor.

use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::sync::{Ordering, spin_loop};
use crate::sys::EventFd;

use super::deliver::Deadline;
use super::policy::Wait;
use super::poller::{self, TARGET_FUTEX, TARGET_TABLE, WakeTarget};
use super::reader::{Reader, Waited};
use super::spins::Spins;

impl Reader {
    /// Waits for a batch: as [`Self::wait`], and a reader at the publisher's heels first lets it get
    /// ahead.
    #[inline]
    pub(crate) fn wait_for_batch(&mut self, timeout: Option<Duration>) -> Waited {
        if self.wait != Wait::Park {
            self.spins.back_off();
        }
        if self.is_ready() {
            self.spins.ended(0);
            return Waited::Ready;
        }
        self.wait(timeout)
    }

    /// Waits until something is ready, for at most `timeout` (`None`: for ever).
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> Waited {
        let mut turns = 0;
        if self.spin(&mut turns) {
            self.spins.ended(turns);
            return Waited::Ready;
        }
        let mut deadline = timeout.map(Deadline::after);
        loop {
            if self.is_ready() {
                return Waited::Ready;
            }
            if self.is_over() {
                return Waited::Closed;
            }
            let clock = self.core.clock();
            let left = deadline.as_mut().map(|deadline| deadline.remaining(clock));
            if left == Some(Duration::ZERO) {
                return Waited::TimedOut;
            }
            if self.wait == Wait::Spin {
                self.spin(&mut turns);
                self.core.notice_deaths();
            } else {
                self.sleep(left);
            }
        }
    }

    /// Spins, then yields. True: something is ready.
    #[inline]
    fn spin(&mut self, turns: &mut u32) -> bool {
        const YIELDS: u32 = 8;
        if self.wait == Wait::Park {
            return false;
        }
        for turn in 0..self.spins.limit {
            if self.is_ready() {
                *turns = turn;
                self.spins.limit = (self.spins.limit * 2).min(Spins::MAX);
                return true;
            }
            spin_loop();
        }
        *turns = self.spins.limit;
        if self.wait == Wait::Spin {
            return false;
        }
        // Spinning did not pay: spend less on it next time.
        self.spins.limit = (self.spins.limit / 2).max(Spins::MIN);
        for _ in 0..YIELDS {
            if self.is_ready() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        self.mailbox.get(&self.core.region).is_ready(&self.cursor)
    }

    pub(super) fn is_over(&self) -> bool {
        (self.view().is_closed() || self.core.is_closed()) && !self.is_ready()
    }

    /// Sleeps until a publisher, a closer or the timeout ends it.
    fn sleep(&mut self, timeout: Option<Duration>) {
        poller::begin(self.record(), TARGET_FUTEX);
        if !self.arm() {
            return;
        }
        if poller::park(self.record()) {
            // Only what was claimed and is not committed may wait for somebody who died.
            let naps = self.view().queued() > 0 || self.core.clock().is_manual();
            let timeout = if naps { self.core.nap(timeout) } else { timeout };
            poller::sleep(&self.core.region, self.record(), timeout);
        }
        self.view().disarm(self.entry());
        self.core.notice_deaths();
    }

    /// True: the reader will be notified, and nothing is ready.
    fn arm(&self) -> bool {
        let view = self.view();
        if self.may_block() && view.header.space.waiters.load(Ordering::Relaxed) != 0 {
            self.core.wake_publishers(view);
        }
        if !view.arm(self.entry(), &self.cursor) {
            return false;
        }
        // The kernel's close is told to armed readers only.
        if self.core.is_closed() {
            view.disarm(self.entry());
            return false;
        }
        true
    }

    /// Registers a task to be woken. Ready: look again.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Waited> {
        loop {
            if self.is_ready() {
                return Poll::Ready(Waited::Ready);
            }
            if self.is_over() {
                return Poll::Ready(Waited::Closed);
            }
            let key = u64::from(self.poller);
            self.core.wake_targets.set_task(key, context.waker());
            poller::begin(self.record(), TARGET_TABLE);
            if self.arm() && poller::park(self.record()) {
                return Poll::Pending;
            }
        }
    }

    /// Takes back what [`Self::poll_ready`] asked for: nobody waits here any more. A wake that came
    /// already goes to another member.
    pub(crate) fn cancel_ready(&self) {
        let view = self.view();
        if !view.disarm(self.entry()) && self.shared {
            view.pass_wake_on(|poller| self.core.notify(poller));
        }
    }

    /// The descriptor that becomes readable when this reader is armed and something comes.
    pub(crate) fn descriptor(&mut self) -> Result<Arc<EventFd>> {
        if let Some(descriptor) = &self.descriptor {
            return Ok(descriptor.clone());
        }
        let descriptor = Arc::new(EventFd::new().map_err(|error| {
            Error::system(format!("no event descriptor could be made: {error}"), &error)
        })?);
        self.descriptor = Some(descriptor.clone());
        Ok(descriptor)
    }

    /// Arms the descriptor. False: something is ready now (or the mailbox is over).
    pub(crate) fn arm_descriptor(&mut self) -> Result<bool> {
        let descriptor = self.descriptor()?;
        descriptor.drain();
        let target = WakeTarget::Descriptor(descriptor);
        self.core.wake_targets.set(u64::from(self.poller), target);
        poller::begin(self.record(), TARGET_TABLE);
        Ok(!self.is_over() && self.arm() && poller::park(self.record()))
    }
}
