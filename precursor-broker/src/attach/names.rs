//! Names: a small file for each one that is open, in the directory of its user or group.
//!
//! A file is locked while its name is opened or left, and for no longer. What a process that died
//! leaves is a line that names nobody, or a file of such lines; whoever opens the name next passes
//! over them.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::error::{Error, ErrorKind, Result};
use crate::region::map::Region;
use crate::steps::step;
use crate::sys::{self, Timer, peer};

use super::directory::Place;
use super::door::{self, Door};
use super::entry::{Entry, Found, LINE_BYTES, Memory};
use super::system;

pub(crate) mod listing;

/// A kernel that nothing happens at for so long is idle.
pub(crate) const QUIET: Duration = Duration::from_secs(5);
/// As many processes may have one name open as there can be participants.
const LINES_MAX: u64 = 1_024;
/// A name that nobody else opens or leaves meanwhile.
#[derive(Debug)]
pub(crate) struct LockedName {
    file: File,
    place: Place,
}

impl LockedName {
    pub(super) fn new(file: File, place: Place) -> Self {
        Self { file, place }
    }

    /// The memory of the name, from the first of its processes that still has it.
    pub(super) fn find_memory(&mut self) -> Result<Option<(OwnedFd, OwnedFd)>> {
        let here = namespace()?;
        let mut refused = None;
        let mut doors = Vec::new();
        for line in 0..self.lines()? {
            let Some(entry) = self.read(line)? else { continue };
            if entry.pid_namespace != here {
                if self.is_held(line)? {
                    refused = Some(foreign_namespace(&entry, here));
                } else {
                    self.clear(line)?;
                }
                continue;
            }
            match entry.open() {
                Ok(Found::Memory(control, data)) => return Ok(Some((control, data))),
                Ok(Found::Gone) => self.clear(line)?,
                Err(_) if self.place.directory.group.is_some() => {
                    doors.push((entry, self.place.door(line)));
                }
                Err(error) => refused = Some(not_permitted(&entry, &error)),
            }
        }
        if let Some(memory) = door::ask(&doors)? {
            return Ok(Some(memory));
        }
        refused.map_or(Ok(None), Err)
    }

    /// Takes away what dead processes left under other names. For whoever makes new memory.
    pub(super) fn sweep_others(&self) {
        self.place.directory.sweep();
    }

    /// Writes down that this process has the region open, until the region is dropped.
    pub(super) fn enter(&mut self, region: &Region) -> Result<()> {
        let entry = entry_of(region)?;
        let line = self.free_line(entry.pid_namespace)?;
        let text = entry.line().ok_or_else(|| Error::new(ErrorKind::Os, "ids out of range"))?;
        let group = self.place.directory.group.as_ref();
        let timer = Timer::new().map_err(system("make a timer"))?;
        let door = group.map(|group| Door::open(&self.place.door(line), group)).transpose()?;
        step!("attach.door_open");
        self.write(line, &text)?;
        step!("attach.line_written");
        // Opened once more: ranges are held by whoever opened the file, and one process may have
        // a name open twice.
        let held = self.place.open().map_err(self.cannot("open"))?;
        peer::lock_range(&held, line * LINE_BYTES, LINE_BYTES).map_err(self.cannot("lock"))?;
        step!("attach.line_held");
        region.keep_name(NameEntry {
            place: self.place.clone(),
            line,
            entry,
            held,
            door,
            timer,
            generation: sys::fork::generation(),
        });
        Ok(())
    }

    fn free_line(&self, here: u64) -> Result<u64> {
        let lines = self.lines()?;
        for line in 0..lines {
            let is_free = match self.read(line)? {
                None => true,
                Some(entry) => !self.is_live(line, &entry, here)?,
            };
            // A child of a process that was killed may hold the lock of its line still.
            if is_free && !self.is_held(line)? {
                return Ok(line);
            }
        }
        if lines < LINES_MAX {
            return Ok(lines);
        }
        Err(Error::new(ErrorKind::Full, format!("{LINES_MAX} processes have the name open")))
    }

    fn cannot(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error + '_ {
        move |error| system(format_args!("{action} {}", self.place.file().display()))(error)
    }

    fn lines(&self) -> Result<u64> {
        let bytes = self.file.metadata().map_err(self.cannot("read"))?.len();
        Ok((bytes / LINE_BYTES).min(LINES_MAX))
    }

    fn read(&self, line: u64) -> Result<Option<Entry>> {
        let mut bytes = [0; LINE_BYTES as usize];
        let read = self.file.read_at(&mut bytes, line * LINE_BYTES).map_err(self.cannot("read"))?;
        Ok(bytes.get(..read).and_then(Entry::parse))
    }

    fn write(&self, line: u64, text: &[u8]) -> Result<()> {
        self.file.write_all_at(text, line * LINE_BYTES).map_err(self.cannot("write"))
    }

    fn clear(&self, line: u64) -> Result<()> {
        if self.place.directory.group.is_some() {
            door::remove(&self.place.door(line));
        }
        self.write(line, &[b' '; LINE_BYTES as usize])
    }

    /// Whether the process of a line lives: in the PID namespace `here` by its identity, in
    /// another one by its lock.
    fn is_live(&self, line: u64, entry: &Entry, here: u64) -> Result<bool> {
        if entry.pid_namespace == here {
            return Ok(sys::is_process_live(entry.pid, entry.start));
        }
        self.is_held(line)
    }

    fn is_held(&self, line: u64) -> Result<bool> {
        peer::is_range_locked(&self.file, line * LINE_BYTES, LINE_BYTES)
            .map_err(self.cannot("read the locks of"))
    }

    /// Takes the file away if no process of this namespace, or a living one of another, is in it.
    pub(super) fn remove_if_empty(&self) -> Result<()> {
        let here = namespace()?;
        for line in 0..self.lines()? {
            if let Some(entry) = self.read(line)?
                && self.is_live(line, &entry, here)?
            {
                return Ok(());
            }
        }
        if self.place.directory.group.is_some() {
            (0..self.lines()?).for_each(|line| door::remove(&self.place.door(line)));
        }
        std::fs::remove_file(self.place.file()).map_err(self.cannot("remove"))?;
        step!("leave.file_removed");
        // Other names are in it, as a rule; or it is another user's.
        let _ = std::fs::remove_dir(&self.place.directory.path);
        Ok(())
    }
}

impl Drop for LockedName {
    fn drop(&mut self) {
        // Said and not left to the close: a child that was forked meanwhile has the file open too.
        let _ = self.file.unlock();
    }
}

/// This process's line in the file of a name. Dropped, the line is gone, and the file with the last.
#[derive(Debug)]
pub(crate) struct NameEntry {
    place: Place,
    line: u64,
    entry: Entry,
    /// Its lock of the line tells other PID namespaces that this process lives.
    held: File,
    /// Where processes of other users reach this one, if the name is a group's.
    door: Option<Door>,
    /// Set when memory grows, see `broker::idle`.
    timer: Timer,
    generation: u32,
}

impl NameEntry {
    pub(crate) fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }

    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Has somebody look after a while whether it is needed still.
    pub(crate) fn memory_grew(&self) {
        self.timer.start(QUIET);
    }

    /// Number of the line.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Where the process of a line is reached, if the name is a group's.
    pub(crate) fn door_of(&self, line: u64) -> Option<std::path::PathBuf> {
        self.door.as_ref().map(|_| self.place.door(line))
    }

    fn leave(&self) -> Result<()> {
        self.timer.stop();
        let locked = self.place.directory.lock(&self.place.name)?;
        step!("leave.locked");
        // Said and not left to the close, as for the name's own lock.
        let _ = peer::unlock_range(&self.held, self.line * LINE_BYTES, LINE_BYTES);
        // The line is another's if somebody took the file away.
        if locked.read(self.line)? == Some(self.entry) {
            locked.clear(self.line)?;
        }
        step!("leave.line_cleared");
        locked.remove_if_empty()
    }
}

impl Drop for NameEntry {
    fn drop(&mut self) {
        if self.generation == sys::fork::generation() {
            // What cannot be removed is passed over by the next open.
            let _ = self.leave();
        }
    }
}

/// The PID namespace of this process, about whose processes `/proc` can be asked.
fn namespace() -> Result<u64> {
    let (own, number) = (std::process::id(), peer::number_in_proc());
    let number = number.map_err(system("read /proc/self"))?;
    if number != own {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "/proc is of another PID namespace: this process is {own}, and {number} there; \
                 mount the namespace's own (`unshare --mount-proc`, `mount -t proc proc /proc`)"
            ),
        ));
    }
    peer::pid_namespace().map_err(system("read /proc/self/ns/pid"))
}

fn entry_of(region: &Region) -> Result<Entry> {
    let (pid, start) = sys::process_identity();
    let memory = |fd: std::os::fd::BorrowedFd<'_>| -> Result<Memory> {
        let descriptor = u32::try_from(fd.as_raw_fd()).unwrap_or(u32::MAX);
        let found = peer::descriptor_metadata(pid, descriptor);
        let inode = found.map_err(system("read /proc/self/fd"))?.ino();
        Ok(Memory { descriptor, inode })
    };
    let (control, data) = region.memory()?;
    Ok(Entry {
        pid,
        start,
        pid_namespace: namespace()?,
        control: memory(control)?,
        data: memory(data)?,
    })
}

fn foreign_namespace(entry: &Entry, here: u64) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "process {} has it open in PID namespace {}, this one is in {here}: run both in one \
             (Kubernetes: `shareProcessNamespace: true`, Docker: `--pid`), or use another name",
            entry.pid, entry.pid_namespace
        ),
    )
}

fn not_permitted(entry: &Entry, error: &io::Error) -> Error {
    Error::system(
        format!(
            "process {} has it open and does not let this one look into /proc/{}/fd ({error}): \
             both must run as the same user, in one user namespace, without file capabilities or \
             set-user-id",
            entry.pid, entry.pid
        ),
        error,
    )
}
