//! Doors: how processes of different users reach each other at the name of a group (R6.8).
//!
//! What another user's process has open cannot be opened through `/proc`. So each process that has
//! such a name open listens at a socket beside the name's file. A connection carries packets of 8
//! bytes: keys, as a bell does, and one that asks for the memory, which is answered with its two
//! descriptors. Only users whom the group admits are let in.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::socket::{self, PACKET_BYTES_MAX};
use crate::sys::users::{self, Peer};
use crate::sys::{self, peer};

use super::address::Group;
use super::entry::Entry;
use super::system;

const DOOR_MODE: u32 = 0o660;
/// How long a process may take to answer who wants the memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// A key that asks for the memory. Those of wakes are lower or name other things, see
/// `broker::poller`.
const KEY_MEMORY: u64 = u64::MAX - 2;
/// First word of an answer.
const GRANTED: u64 = 0;
const REFUSED: u64 = 1;

/// Where this process listens.
#[derive(Debug)]
pub(crate) struct Door {
    socket: OwnedFd,
    group: Group,
}

/// A process at the door, for as long as it stays.
#[derive(Debug)]
pub(crate) struct Visitor {
    connection: OwnedFd,
    /// Who is not was told so. The connection is left for it to close: closed here, with a packet
    /// that was not read, it would take the answer along.
    is_welcome: bool,
}

/// What a visitor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To wake what the key names.
    Wake(u64),
    /// The memory.
    Memory,
}

impl Door {
    /// Opens a door at a path of a line that is this process's, under the name's lock.
    pub(super) fn open(path: &Path, group: &Group) -> Result<Self> {
        remove(path);
        let socket = socket::listen_at(path, DOOR_MODE);
        let socket = socket.map_err(system(format_args!("listen at {}", path.display())))?;
        Ok(Self { socket, group: group.clone() })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next one that waits; `None`: nobody does. Who is not in the group is told so.
    pub(crate) fn admit(&self) -> Option<Visitor> {
        loop {
            let connection = socket::accept(self.socket.as_fd()).ok()?;
            let Ok(Peer { user, groups, .. }) = users::peer(connection.as_fd()) else { continue };
            let is_welcome = user == peer::user() || self.group.admits(user, &groups);
            if !is_welcome {
                let words = [REFUSED, peer::user().into(), self.group.id.into(), user.into()];
                let bytes = words.map(u64::to_le_bytes).concat();
                let _ = socket::send(connection.as_fd(), &bytes, &[]);
            }
            return Some(Visitor { connection, is_welcome });
        }
    }
}

/// Takes a socket's file away.
pub(super) fn remove(path: &Path) {
    // One that stays is in nobody's way: it is made anew with its line.
    let _ = std::fs::remove_file(path);
}

impl Visitor {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }

    /// The wishes that have come, `max` at most. False: it has gone, or is no participant's.
    pub(crate) fn take(&self, max: usize, mut wish: impl FnMut(Wish)) -> bool {
        for _ in 0..max {
            let mut bytes = [0; PACKET_BYTES_MAX];
            match socket::receive(self.connection.as_fd(), &mut bytes) {
                Ok(([_, ..], _)) if !self.is_welcome => {}
                Ok((packet, _)) => match packet.try_into().map(u64::from_le_bytes) {
                    Ok(KEY_MEMORY) => wish(Wish::Memory),
                    Ok(key) => wish(Wish::Wake(key)),
                    Err(_) => return false,
                },
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Hands the memory over.
    pub(crate) fn give(&self, control: BorrowedFd<'_>, data: BorrowedFd<'_>) {
        // Who does not read its answer asks somebody else.
        let _ = socket::send(self.connection.as_fd(), &GRANTED.to_le_bytes(), &[control, data]);
    }
}

/// The door of a participant's process, to ring at.
#[derive(Debug)]
pub(crate) struct Knocker(OwnedFd);

impl Knocker {
    /// Connects to the door at a path, if it is that process's.
    pub(super) fn of(path: &Path, pid: u32) -> io::Result<Self> {
        let connection = socket::connect_to(path)?;
        let found = users::peer(connection.as_fd())?;
        if found.pid != pid {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self(connection))
    }

    pub(super) fn ring(&self, key: u64) -> io::Result<()> {
        socket::send(self.0.as_fd(), &key.to_le_bytes(), &[])
    }

    pub(super) fn is_over(&self) -> bool {
        socket::is_over(self.0.as_fd())
    }
}

/// Asks processes that have a name open for its memory: the first answer counts. `None`: none of
/// them can be asked, as they are about to leave.
pub(super) fn ask(doors: &[(Entry, PathBuf)]) -> Result<Option<(OwnedFd, OwnedFd)>> {
    let mut asked = Vec::new();
    let mut silent = Vec::new();
    for (entry, path) in doors {
        match socket::connect_to(path) {
            Ok(connection) => {
                // What cannot be sent is not answered.
                let _ = socket::send(connection.as_fd(), &KEY_MEMORY.to_le_bytes(), &[]);
                asked.push((*entry, connection));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => silent.push(entry.pid),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) => {}
            Err(error) => {
                return Err(system(format_args!("connect to {}", path.display()))(error));
            }
        }
    }
    let until = sys::monotonic_ns().saturating_add(PATIENCE.as_nanos() as u64);
    let mut refused = None;
    while !asked.is_empty() {
        let left = Duration::from_nanos(until.saturating_sub(sys::monotonic_ns()));
        if left.is_zero() {
            break;
        }
        let connections: Vec<BorrowedFd<'_>> = asked.iter().map(|(_, fd)| fd.as_fd()).collect();
        let ready = socket::wait_for_any(&connections, left);
        let ready = ready.map_err(system("wait for another process"))?;
        // From the end: what is taken out moves nothing that is to come.
        for index in ready.into_iter().rev() {
            let (entry, connection) = asked.swap_remove(index);
            match answer(&entry, connection.as_fd()) {
                Ok(Some(memory)) => return Ok(Some(memory)),
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
    }
    silent.extend(asked.iter().map(|(entry, _)| entry.pid));
    match refused {
        Some(error) => Err(error),
        None if silent.is_empty() => Ok(None),
        None => Err(no_answer(&silent)),
    }
}

/// What a process says. `None`: it has gone, or gave something else.
fn answer(entry: &Entry, connection: BorrowedFd<'_>) -> Result<Option<(OwnedFd, OwnedFd)>> {
    let mut bytes = [0; PACKET_BYTES_MAX];
    let Ok((packet, descriptors)) = socket::receive(connection, &mut bytes) else {
        return Ok(None);
    };
    let mut words =
        packet.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    if words.next() == Some(REFUSED) {
        let [owner, group, here] = core::array::from_fn(|_| words.next().unwrap_or_default());
        return Err(Error::new(
            ErrorKind::Os,
            format!(
                "process {} of user {owner} shares it with group {group} alone, and sees this \
                 process as one of user {here}, which is not in it",
                entry.pid
            ),
        ));
    }
    let Ok([control, data]) = <[OwnedFd; 2]>::try_from(descriptors) else { return Ok(None) };
    let is_it = entry.is_memory(control.as_fd(), data.as_fd());
    Ok(is_it.then_some((control, data)))
}

fn no_answer(pids: &[u32]) -> Error {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    Error::new(
        ErrorKind::Timeout,
        format!(
            "none of the processes that have it open answered for two seconds ({}): they are \
             stopped, or have no thread and do not call maintain",
            pids.join(", ")
        ),
    )
}
