//! Who answers this process's bell and notices the deaths of others, at one region (region.md R6).
//!
//! All of it hangs on one descriptor: the bell and the pidfds of the other processes. A thread of
//! the library waits for it, or the host does and calls `maintain`.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::catch_unwind;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, ReentrantMutex};

use crate::attach::bell::Bell;
use crate::attach::system;
use crate::error::Result;
use crate::region::map::Region;
use crate::region::owners::{Owner, Status};
use crate::steps::step;
use crate::sync::{AtomicBool, AtomicU64, Ordering, full_fence};
use crate::sys::{self, Watch, peer};

use super::core::Core;
use super::idle::Idle;
use super::poller::{KEY_JOINED, KEY_ROOM, WakeTargets};
use super::reclaim::{Reclaimed, reclaim_dead};
use super::room::RoomWaiters;
use super::visitors::{DOOR, Visitors};

/// Token of the bell; the others are pids, which begin at 1.
const BELL: u64 = 0;
/// Token of the timers that are set when memory grows.
const TIMER: u64 = u64::MAX;
/// Turns of one `maintain`, so that a peer that rings all the time does not keep it.
const TURNS_MAX: usize = 64;

/// How long to wait with what the dead left, if another survivor is at it.
const RETRY: Duration = Duration::from_millis(100);

/// This process's attendant at one region.
#[derive(Debug)]
pub(crate) struct Attendant {
    watch: Watch,
    bell: Bell,
    targets: Arc<WakeTargets>,
    rooms: Arc<RoomWaiters>,
    cores: Mutex<Cores>,
    /// Held for as long as this keeps a participant from ending. Wakers run under it, which may come
    /// back here.
    busy: ReentrantMutex<()>,
    /// The other processes, by pid.
    processes: Mutex<HashMap<u32, Process>>,
    visitors: Visitors,
    idle: Mutex<Idle>,
    has_thread: AtomicBool,
    /// A process could not be watched: it has to be looked after now and then.
    has_unwatched: AtomicBool,
    /// When a thread that waits looked for deaths last, on the monotonic clock.
    looked_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Cores {
    known: Vec<Weak<Core>>,
    /// Nobody was left: nobody may come any more.
    is_over: bool,
}

/// A process that is watched: a pidfd, and the start time that it was found to have.
#[derive(Debug)]
struct Process {
    start: u64,
    descriptor: OwnedFd,
}

/// What one look found.
#[derive(Debug, Default)]
struct Seen {
    is_rung: bool,
    has_joined: bool,
    ended: Vec<u32>,
    is_at_door: bool,
    visitors: Vec<u64>,
    is_time: bool,
}

impl Seen {
    fn is_nothing(&self) -> bool {
        let has_come = self.is_rung || self.is_at_door || self.is_time;
        !has_come && self.ended.is_empty() && self.visitors.is_empty()
    }
}

impl Attendant {
    /// Has `core` attended to, if its region has a name.
    pub(crate) fn join(core: &Arc<Core>) -> Result<()> {
        // One that ended at this moment is replaced by the next turn.
        while let Some(attendant) = Self::of(core)? {
            if attendant.attend(core)? {
                break;
            }
        }
        Ok(())
    }

    /// The one of this process at the region, which may have ended by now.
    fn of(core: &Core) -> Result<Option<Arc<Self>>> {
        let mut known = core.wake_targets.attendant.lock();
        let found = known.upgrade().filter(|attendant| !attendant.cores.lock().is_over);
        if found.is_some() || core.region.name().is_none() {
            return Ok(found);
        }
        let attendant = Self::new(core)?;
        *known = Arc::downgrade(&attendant);
        Ok(Some(attendant))
    }

    fn new(core: &Core) -> Result<Arc<Self>> {
        let watch = Watch::new().map_err(system("make an epoll descriptor"))?;
        let bell = Bell::new()?;
        watch.add(bell.descriptor(), BELL).map_err(system("watch a pipe"))?;
        Ok(Arc::new(Self {
            watch,
            bell,
            targets: core.wake_targets.clone(),
            rooms: core.rooms.clone(),
            cores: Mutex::default(),
            busy: ReentrantMutex::new(()),
            processes: Mutex::default(),
            visitors: Visitors::default(),
            idle: Mutex::default(),
            has_thread: AtomicBool::new(false),
            has_unwatched: AtomicBool::new(false),
            looked_ns: AtomicU64::new(0),
        }))
    }

    /// Attends to one more participant of this process. False: it is over; make another.
    fn attend(self: &Arc<Self>, core: &Arc<Core>) -> Result<bool> {
        {
            let mut cores = self.cores.lock();
            if cores.is_over {
                return Ok(false);
            }
            let watched = self.visitors.watch(&core.region, &self.watch);
            watched.map_err(system("watch a socket"))?;
            self.watch_timer(&core.region).map_err(system("watch a timer"))?;
            cores.known.push(Arc::downgrade(core));
        }
        let _ = core.attendant.set(self.clone());
        self.bell.announce(&core.region, core.owner);
        step!("attach.bell_announced");
        // Of two that join at once, one sees the other's bell or the other sees this participant.
        full_fence();
        self.ring_others(core);
        step!("attach.others_rung");
        self.look_around(core);
        Ok(true)
    }

    /// Has the other participants look around.
    fn ring_others(&self, core: &Core) {
        let ids = (1_u16..).take(core.region.participants().len());
        for id in ids.filter(|id| *id != core.owner_id()) {
            self.targets.ring(&core.region, id, KEY_JOINED);
        }
    }

    /// Has the thread, or whoever maintains, look for the dead.
    pub(crate) fn look_again(&self) {
        self.bell.ring(KEY_JOINED);
    }

    /// A participant of this process has left, or has left the rest to survivors.
    pub(crate) fn leave(&self, core: &Core) {
        step!("leave.place_free");
        if core.region.has_marked_dead() {
            self.ring_others(core);
        }
        let mut cores = self.cores.lock();
        cores.known.retain(|core| core.strong_count() > 0);
        if cores.known.is_empty() {
            cores.is_over = true;
            drop(cores);
            self.bell.ring(KEY_JOINED);
        }
    }

    /// The last handle of a participant is about to go: from here on this keeps it from nothing, so
    /// that it ends here and now and not a moment later in the thread.
    pub(crate) fn let_go(&self, core: &Arc<Core>) {
        /// A waker that waits for the caller is not waited for. Far more than a thread of a busy
        /// machine is kept from going on.
        const PATIENCE: Duration = Duration::from_secs(2);
        let _idle = self.busy.try_lock_for(PATIENCE);
        let mut cores = self.cores.lock();
        if Arc::strong_count(core) == 1 {
            cores.known.retain(|known| known.as_ptr() != Arc::as_ptr(core));
        }
    }

    /// The descriptor that is readable when there is something to do.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    /// Starts the thread that does it, unless it runs already.
    pub(crate) fn start_thread(self: &Arc<Self>) -> Result<()> {
        if self.has_thread.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let attendant = self.clone();
        let started = sys::start_thread("neo-shm", move || {
            let mut patience = None;
            while !attendant.cores.lock().is_over && attendant.turn(patience).is_ok() {
                patience = attendant.has_to_look_again().then_some(RETRY);
            }
            attendant.has_thread.store(false, Ordering::Release);
        });
        started.map_err(|error| {
            self.has_thread.store(false, Ordering::Release);
            system("start the shared kernel's thread")(error)
        })
    }

    /// Does what there is to do, without waiting.
    pub(crate) fn maintain(&self) -> Result<Reclaimed> {
        let mut total = Reclaimed::default();
        for _ in 0..TURNS_MAX {
            match self.turn(Some(Duration::ZERO)).map_err(system("wait for other processes"))? {
                Some(reclaimed) => total.add(reclaimed),
                None => break,
            }
        }
        let _busy = self.busy.lock();
        if let Some(core) = self.core() {
            total.add(self.look_around(&core));
        }
        Ok(total)
    }

    /// Whether the thread does it.
    pub(crate) fn has_thread(&self) -> bool {
        self.has_thread.load(Ordering::Acquire)
    }

    /// Does what there is to do for a thread that waits, if nobody is at it, and nobody was within
    /// the last `interval`.
    pub(crate) fn look(&self, interval: Duration) {
        let now = sys::monotonic_ns();
        let last = self.looked_ns.load(Ordering::Relaxed);
        let is_due = u128::from(now.saturating_sub(last)) >= interval.as_nanos();
        if !is_due || self.looked_ns.swap(now, Ordering::Relaxed) != last {
            return;
        }
        let Some(_busy) = self.busy.try_lock() else { return };
        // A system that does not answer now may do so at the next look.
        let _ = self.turn(Some(Duration::ZERO));
        if self.has_to_look_again()
            && let Some(core) = self.core()
        {
            self.look_around(&core);
        }
    }

    /// One look, for at most `timeout`; `None` if there was nothing.
    fn turn(&self, timeout: Option<Duration>) -> io::Result<Option<Reclaimed>> {
        let mut seen = Seen::default();
        self.watch.wait(timeout, |token| match u32::try_from(token) {
            Ok(pid) if token != BELL => seen.ended.push(pid),
            Ok(_) => seen.is_rung = true,
            Err(_) if token == DOOR => seen.is_at_door = true,
            Err(_) if token == TIMER => seen.is_time = true,
            Err(_) => seen.visitors.push(token),
        })?;
        // Nothing came, and this was to be tried again then.
        seen.has_joined = seen.is_nothing() && timeout == Some(RETRY);
        if !seen.has_joined && seen.is_nothing() {
            return Ok(None);
        }
        if seen.is_at_door {
            self.let_in();
        }
        if seen.is_time {
            self.give_back();
        }
        if seen.is_rung || !seen.visitors.is_empty() {
            self.answer(&mut seen);
        }
        let mut reclaimed = Reclaimed::default();
        if !seen.has_joined && seen.ended.is_empty() {
            return Ok(Some(reclaimed));
        }
        let _busy = self.busy.lock();
        if let Some(core) = self.core() {
            seen.ended.iter().for_each(|pid| self.bury(&core.region, *pid));
            reclaimed = self.look_around(&core);
        }
        Ok(Some(reclaimed))
    }

    fn watch_timer(&self, region: &Region) -> io::Result<()> {
        let Some(name) = region.name() else { return Ok(()) };
        match self.watch.add(name.timer().as_fd(), TIMER) {
            // Another participant of the same mapping has done it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            added => added,
        }
    }

    /// Gives memory back that nothing uses, where its time has come.
    fn give_back(&self) {
        let _busy = self.busy.lock();
        let cores: Vec<_> = self.cores.lock().known.iter().filter_map(Weak::upgrade).collect();
        for core in cores {
            let Some(name) = core.region.name().filter(|name| name.timer().take()) else {
                continue;
            };
            if let Some(after) = self.idle.lock().look(&core) {
                name.timer().start(after);
            }
        }
    }

    /// Lets in who waits at the doors. One that is over leaves them to the next.
    fn let_in(&self) {
        let _busy = self.busy.lock();
        let cores = self.cores.lock();
        if !cores.is_over {
            self.visitors.let_in(&self.watch);
        }
    }

    /// Wakes whom the bell and the visitors name.
    fn answer(&self, seen: &mut Seen) {
        let mut has_joined = false;
        let mut wake = |key| match key {
            KEY_JOINED => has_joined = true,
            KEY_ROOM => guarded(|| self.rooms.fire_all()),
            key => guarded(|| _ = self.targets.fire(key)),
        };
        if seen.is_rung {
            self.bell.take(&mut wake);
        }
        for visitor in core::mem::take(&mut seen.visitors) {
            let _busy = self.busy.lock();
            let core = self.core();
            let region = core.as_ref().map(|core| &*core.region);
            self.visitors.hear(visitor, &self.watch, region, &mut wake);
        }
        seen.has_joined |= has_joined;
        // After the pipe is empty: see `bell::Rope::pull`.
        full_fence();
        if self.has_missed() {
            seen.has_joined = true;
            guarded(|| self.targets.fire_all());
            guarded(|| self.rooms.fire_all());
        }
    }

    fn has_missed(&self) -> bool {
        let _busy = self.busy.lock();
        let cores: Vec<Arc<Core>> =
            self.cores.lock().known.iter().filter_map(Weak::upgrade).collect();
        cores.iter().fold(false, |missed, core| {
            let record = core.region.participant(core.owner_id());
            missed | record.is_some_and(|record| record.bell_missed.swap(0, Ordering::AcqRel) != 0)
        })
    }

    /// Whether nothing may tell what is to be done next: somebody is dead and not put right yet, as
    /// another survivor has the right to and does not go on; or somebody is not watched.
    fn has_to_look_again(&self) -> bool {
        let _busy = self.busy.lock();
        self.has_unwatched.load(Ordering::Acquire)
            || self.core().is_some_and(|core| core.region.has_marked_dead())
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.cores.lock().known.iter().find_map(Weak::upgrade)
    }

    /// A watched process has ended: its participants are dead, whatever its pid says by now.
    fn bury(&self, region: &Region, pid: u32) {
        let Some(process) = self.processes.lock().remove(&pid) else { return };
        self.watch.remove(process.descriptor.as_fd());
        for (id, record) in (1_u16..).zip(region.participants()) {
            let is_of = record.pid.load(Ordering::Relaxed) == u64::from(pid)
                && record.start.load(Ordering::Relaxed) == process.start;
            if is_of && let Some((owner, Status::Live)) = region.status(id) {
                region.mark_dead(owner);
            }
        }
    }

    /// Puts right what the dead left, and watches everybody that lives.
    fn look_around(&self, core: &Core) -> Reclaimed {
        let region = &core.region;
        let mut living = Vec::new();
        for (id, record) in (1_u16..).zip(region.participants()) {
            let Some((owner, Status::Live)) = region.status(id) else { continue };
            let pid = record.pid.load(Ordering::Relaxed) as u32;
            let start = record.start.load(Ordering::Relaxed);
            if self.targets.is_bell_lost(region, id)
                && region.status(id) == Some((owner, Status::Live))
            {
                // Its process runs another program now.
                region.mark_dead(owner);
            } else if pid != std::process::id() {
                living.push((owner, pid, start));
            }
        }
        self.forget_others(&living);
        self.has_unwatched.store(false, Ordering::Release);
        for (owner, pid, start) in living {
            self.watch_process(region, owner, pid, start);
        }
        let reclaimed = reclaim_dead(core);
        if reclaimed.participants > 0 {
            // What the dead needed may be more than the living ever will.
            core.trim();
        }
        reclaimed
    }

    fn forget_others(&self, living: &[(Owner, u32, u64)]) {
        self.processes.lock().retain(|pid, process| {
            let is_here = living.iter().any(|(_, p, start)| p == pid && *start == process.start);
            if !is_here {
                self.watch.remove(process.descriptor.as_fd());
            }
            is_here
        });
    }

    fn watch_process(&self, region: &Region, owner: Owner, pid: u32, start: u64) {
        let mut processes = self.processes.lock();
        if processes.contains_key(&pid) {
            return;
        }
        // The pidfd first: then the process that has the start time is the one that it names.
        let descriptor = peer::process_descriptor(pid);
        if !sys::is_process_live(pid, start) {
            region.mark_dead(owner);
            return;
        }
        match descriptor {
            Ok(descriptor) if self.watch.add(descriptor.as_fd(), u64::from(pid)).is_ok() => {
                processes.insert(pid, Process { start, descriptor });
            }
            _ => self.has_unwatched.store(true, Ordering::Release),
        }
    }
}

/// A waker that panics ends neither the thread nor the wakes of others.
fn guarded(wake: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(wake));
}
