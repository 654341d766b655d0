//! Bells: how a process wakes the tasks and descriptors of another (R6.4).
//!
//! A process's bell is a pipe, found through its participant record and `/proc`. A ring writes one
//! key of eight bytes: what to look at. Nothing is believed of a key but that somebody should look,
//! so that a stranger can cost time and nothing else.

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
        record.bell_inode.store(self.inode, Ordering::Relaxed);
        // Release: whoever sees the descriptor sees the inode.
        record.bell.store(u64::from(self.number) + 1, Ordering::Release);
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

/// The bells of other processes, opened when they are first rung.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<u16, (u32, Option<File>)>>);

impl Bells {
    /// Rings the bell of whoever is a participant of that number. False: nobody is to be reached.
    #[cold]
    pub(crate) fn ring(&self, region: &Region, participant: u16, key: u64) -> bool {
        let Some((owner, Status::Live)) = region.status(participant) else { return false };
        let Some(record) = region.participant(participant) else { return false };
        let mut bells = self.0.lock();
        let known = bells.get(&participant).is_some_and(|(life, _)| *life == owner.generation);
        if !known {
            bells.insert(participant, (owner.generation, open(record)));
        }
        let Some((_, Some(pipe))) = bells.get(&participant) else {
            // It has no bell yet, or none any more; the next ring looks again.
            bells.remove(&participant);
            return false;
        };
        write(pipe, record, key)
    }
}

fn write(mut pipe: &File, record: &ParticipantRecord, key: u64) -> bool {
    sys::count::add();
    match pipe.write(&key.to_le_bytes()) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            record.bell_missed.store(1, Ordering::Release);
            full_fence();
            // If it was emptied meanwhile, the flag may have been looked at before it was raised;
            // if it is full still, its owner looks at the flag after emptying it.
            let _ = pipe.write(&key.to_le_bytes());
            true
        }
        Err(_) => false,
    }
}

fn open(record: &ParticipantRecord) -> Option<File> {
    let (pid, number, inode) = place(record)?;
    let pipe = peer::open_descriptor_of(pid, number).ok()?;
    // Whatever else it has there now is not written to.
    let is_it = peer::inode(&pipe).is_ok_and(|found| found == inode)
        && peer::is_pipe_of(pid, number, inode)
        && sys::is_process_live(pid, record.start.load(Ordering::Relaxed));
    is_it.then_some(pipe)
}

fn place(record: &ParticipantRecord) -> Option<(u32, u32, u64)> {
    let number = record.bell.load(Ordering::Acquire).checked_sub(1)?;
    let pid = u32::try_from(record.pid.load(Ordering::Relaxed)).ok()?;
    Some((pid, u32::try_from(number).ok()?, record.bell_inode.load(Ordering::Relaxed)))
}

/// Whether a process that once announced a bell has closed it: it runs another program now, which
/// its pid does not tell.
pub(crate) fn is_lost(record: &ParticipantRecord) -> bool {
    place(record).is_some_and(|(pid, number, inode)| {
        let found = peer::descriptor_metadata(pid, number);
        // What cannot be looked at is not known to be gone.
        let is_unknown = found.is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        !is_unknown && !peer::is_pipe_of(pid, number, inode)
    })
}
