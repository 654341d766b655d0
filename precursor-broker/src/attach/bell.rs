//! Bells: how a process wakes the tasks and descriptors of another (R6.4).
//!
//! A process's bell is a pipe, found through its participant record and `/proc`; at the name of a
//! group others ring at its door instead. A ring writes one key of eight bytes: what to look at.
//! Nothing is believed of a key but that somebody should look, so that a stranger can cost time and
//! nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use parking_lot::Mutex;

use crate::error::Result;
use crate::region::map::Region;
use crate::region::owners::{Owner, Status};
use crate::region::records::ParticipantRecord;
use crate::sync::{Ordering, full_fence};
use crate::sys::{self, peer};

use super::door::Knocker;
use super::system;

const KEY_BYTES: usize = 8;
/// Keys that one look takes at most from the pipe at once.
const KEYS_MAX: usize = 64;

/// The bell of this process at one region.
#[derive(Debug)]
pub(crate) struct Bell {
    pipe: File,
    number: u32,
    inode: u64,
}

impl Bell {
    pub(crate) fn new() -> Result<Self> {
        let pipe = peer::pipe().map_err(system("make a pipe to be woken by"))?;
        let inode = peer::inode(&pipe).map_err(system("look at a pipe"))?;
        let number = u32::try_from(pipe.as_raw_fd()).unwrap_or(0);
        Ok(Self { pipe, number, inode })
    }

    /// Tells other processes where it is.
    pub(crate) fn announce(&self, region: &Region, owner: Owner) {
        let Some(record) = region.participant(owner.id) else { return };
        let (number, inode) = match region.name() {
            Some(name) if name.door().is_some() => (name.line(), 0),
            _ => (self.number.into(), self.inode),
        };
        record.bell_inode.store(inode, Ordering::Relaxed);
        // Release: whoever sees the descriptor sees the inode.
        record.bell.store(number + 1, Ordering::Release);
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Rings this process's own bell.
    pub(crate) fn ring(&self, key: u64) {
        // A full pipe is a bell that rings already.
        let _ = (&self.pipe).write(&key.to_le_bytes());
    }

    /// Takes the keys that have come. All of them, unless more come all the time.
    pub(crate) fn take(&self, mut key: impl FnMut(u64)) {
        /// Reads of one call: what a full pipe holds.
        const READS_MAX: usize = 1 + (1 << 16) / (KEYS_MAX * KEY_BYTES);
        let mut bytes = [0; KEYS_MAX * KEY_BYTES];
        for _ in 0..READS_MAX {
            let Ok(read) = (&self.pipe).read(&mut bytes) else { return };
            for word in bytes.get(..read).unwrap_or_default().chunks_exact(KEY_BYTES) {
                key(u64::from_le_bytes(word.try_into().unwrap_or_default()));
            }
        }
    }
}

/// The bells of other processes, opened when they are first rung, with the participant's generation.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<u16, (u32, Rope)>>);

/// What is pulled to ring the bell of another process.
#[derive(Debug)]
enum Rope {
    Pipe(File),
    Door(Knocker),
}

impl Bells {
    /// Rings the bell of whoever is a participant of that number. False: nobody is to be reached.
    #[cold]
    pub(crate) fn ring(&self, region: &Region, participant: u16, key: u64) -> bool {
        let mut bells = self.0.lock();
        let Some((record, rope)) = find(&mut bells, region, participant) else { return false };
        if rope.pull(record, key) {
            return true;
        }
        // A door may have closed on a connection only: once more, by another one.
        bells.remove(&participant);
        find(&mut bells, region, participant).is_some_and(|(record, rope)| rope.pull(record, key))
    }

    /// Whether a process that once announced a bell has closed it: it runs another program now,
    /// which its pid does not tell.
    pub(crate) fn is_lost(&self, region: &Region, participant: u16) -> bool {
        let Some(record) = region.participant(participant) else { return false };
        let Some((pid, number, inode)) = place(record) else { return false };
        let Some(path) = door_of(region, number) else { return is_lost_pipe(pid, number, inode) };
        let mut bells = self.0.lock();
        if let Some((_, Rope::Door(knocker))) = find(&mut bells, region, participant)
            && !knocker.is_over()
        {
            return false;
        }
        bells.remove(&participant);
        // A door that nobody listens at; one that was taken away says nothing.
        let refused = Knocker::of(&path, pid);
        refused.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// The rope of a participant, taken hold of if it is not yet. `None`: it has no bell yet, or none any
/// more; the next ring looks again.
fn find<'b, 'r>(
    bells: &'b mut HashMap<u16, (u32, Rope)>,
    region: &'r Region,
    participant: u16,
) -> Option<(&'r ParticipantRecord, &'b Rope)> {
    let (owner, Status::Live) = region.status(participant)? else { return None };
    let record = region.participant(participant)?;
    let known = bells.get(&participant).is_some_and(|(life, _)| *life == owner.generation);
    if !known {
        bells.remove(&participant);
        bells.insert(participant, (owner.generation, open(region, record)?));
    }
    bells.get(&participant).map(|(_, rope)| (record, rope))
}

impl Rope {
    fn write(&self, key: u64) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => {
                let mut pipe = pipe;
                pipe.write(&key.to_le_bytes()).map(drop)
            }
            Self::Door(knocker) => knocker.ring(key),
        }
    }

    fn pull(&self, record: &ParticipantRecord, key: u64) -> bool {
        sys::count::add();
        match self.write(key) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                record.bell_missed.store(1, Ordering::Release);
                full_fence();
                // If it was emptied meanwhile, the flag may have been looked at before it was
                // raised; if it is full still, its owner looks at the flag after emptying it.
                let _ = self.write(key);
                true
            }
            Err(_) => false,
        }
    }
}

fn open(region: &Region, record: &ParticipantRecord) -> Option<Rope> {
    let (pid, number, inode) = place(record)?;
    if let Some(path) = door_of(region, number) {
        let knocker = Knocker::of(&path, pid).or_else(|error| {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            // As for a full pipe: too many wait to be let in.
            record.bell_missed.store(1, Ordering::Release);
            full_fence();
            Knocker::of(&path, pid)
        });
        return knocker.ok().map(Rope::Door);
    }
    let pipe = peer::open_descriptor_of(pid, number).ok()?;
    // Whatever else it has there now is not written to.
    let is_it = peer::inode(&pipe).is_ok_and(|found| found == inode)
        && peer::is_pipe_of(pid, number, inode)
        && sys::is_process_live(pid, record.start.load(Ordering::Relaxed));
    is_it.then_some(Rope::Pipe(pipe))
}

fn door_of(region: &Region, line: u32) -> Option<std::path::PathBuf> {
    region.name()?.door_of(line.into())
}

fn place(record: &ParticipantRecord) -> Option<(u32, u32, u64)> {
    let number = record.bell.load(Ordering::Acquire).checked_sub(1)?;
    let pid = u32::try_from(record.pid.load(Ordering::Relaxed)).ok()?;
    Some((pid, u32::try_from(number).ok()?, record.bell_inode.load(Ordering::Relaxed)))
}

fn is_lost_pipe(pid: u32, number: u32, inode: u64) -> bool {
    match peer::descriptor_metadata(pid, number) {
        Ok(_) => !peer::is_pipe_of(pid, number, inode),
        // Or it is about to end: some of its threads may be in the middle of a system call still.
        // When all of them have ended it is dead.
        Err(error) if error.kind() == io::ErrorKind::NotFound => peer::runs_a_program(pid),
        // What cannot be looked at is not known to be gone.
        Err(_) => false,
    }
}
