//! The names of a user: a directory of small files, one for each name that is open.
//!
//! A file is locked while its name is opened or left, and for no longer. What a process that died
//! leaves is a line that names nobody, or a file of such lines; whoever opens the name next passes
//! over them.

use core::time::Duration;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::region::map::Region;
use crate::steps::step;
use crate::sys::{self, peer};

use super::entry::{Entry, Found, LINE_BYTES, Memory};
use super::system;

pub(crate) mod listing;

/// Names the directory instead of the user's own.
const DIRECTORY_VARIABLE: &str = "NEO_SHM_DIR";
/// As many processes may have one name open as there can be participants.
const LINES_MAX: u64 = 1_024;
/// Files that one sweep looks at.
const SWEPT_MAX: usize = 64;
/// How often, and how far apart, the lock of a name is tried: two seconds.
const TURNS_MAX: u32 = 2_000;
const TURN: Duration = Duration::from_millis(1);

/// Where a user's names are.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// `NEO_SHM_DIR` if it is set, else `/dev/shm/neo-UID`, or `/tmp/neo-UID` on a system without
    /// `/dev/shm`.
    pub(crate) fn of_user() -> Result<Self> {
        let directory = Self::path_of_user();
        directory.prepare()?;
        Ok(directory)
    }

    /// Where it is or would be.
    fn path_of_user() -> Self {
        Self(match std::env::var_os(DIRECTORY_VARIABLE) {
            Some(path) => PathBuf::from(path),
            None => {
                let shared = Path::new("/dev/shm");
                let parent = if shared.is_dir() { shared } else { Path::new("/tmp") };
                parent.join(format!("neo-{}", peer::user()))
            }
        })
    }

    /// Makes the directory; refuses one that others can write to.
    fn prepare(&self) -> Result<()> {
        let path = &self.0;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(system(format_args!("make {}", path.display()))(error));
            }
            _ => {}
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        let path = &self.0;
        let found = std::fs::symlink_metadata(path)
            .map_err(|error| system(format_args!("look at {}", path.display()))(error))?;
        let mode = found.permissions().mode() & 0o777;
        if !found.is_dir() || found.uid() != peer::user() || mode & 0o077 != 0 {
            return Err(Error::new(
                ErrorKind::Os,
                format!(
                    "{} must be a directory of user {} that nobody else may enter; it belongs to \
                     user {} and has mode {mode:o}: remove it, or name another one in \
                     {DIRECTORY_VARIABLE}",
                    path.display(),
                    peer::user(),
                    found.uid()
                ),
            ));
        }
        Ok(())
    }

    /// Takes away the files of names whose processes are all dead: nobody may open them again.
    fn sweep(&self) {
        let Ok(files) = std::fs::read_dir(&self.0) else { return };
        for file in files.flatten().take(SWEPT_MAX) {
            let path = file.path();
            if let Ok(Some(file)) = try_lock(&path) {
                // What cannot be looked at or removed is for the next sweep.
                let _ = LockedName { file, path }.remove_if_empty();
            }
        }
    }

    /// Locks a name. Waits for others that open or leave it, within a bound.
    pub(crate) fn lock(&self, name: &str) -> Result<LockedName> {
        let path = self.0.join(name);
        for _ in 0..TURNS_MAX {
            match try_lock(&path) {
                Ok(Some(file)) => return Ok(LockedName { file, path }),
                Ok(None) => sys::pause(TURN),
                // The last one to leave a name takes the directory away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.prepare()?,
                Err(error) => return Err(system(format_args!("lock {}", path.display()))(error)),
            }
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!(
                "{} has been locked for two seconds by a process that opens or leaves it: \
                 see whether one is stopped (`lslocks`), and try again",
                path.display()
            ),
        ))
    }
}

/// `None`: somebody else has the lock, or took the file away at this moment.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = peer::open_private_file(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // A lock of a file that has lost its name says nothing about the name.
    let is_named = file.metadata()?.nlink() > 0;
    Ok(is_named.then_some(file))
}

/// A name that nobody else opens or leaves meanwhile.
#[derive(Debug)]
pub(crate) struct LockedName {
    file: File,
    path: PathBuf,
}

impl LockedName {
    /// The memory of the name, from the first of its processes that still has it.
    pub(super) fn find_memory(&mut self) -> Result<Option<(OwnedFd, OwnedFd)>> {
        let here = namespace()?;
        let mut refused = None;
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
                Err(error) => refused = Some(not_permitted(&entry, &error)),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Takes away what dead processes left under other names. For whoever makes new memory.
    pub(super) fn sweep_others(&self) {
        if let Some(directory) = self.path.parent() {
            Directory(directory.into()).sweep();
        }
    }

    /// Writes down that this process has the region open, until the region is dropped.
    pub(super) fn enter(&mut self, region: &Region) -> Result<()> {
        let entry = entry_of(region)?;
        let line = self.free_line(entry.pid_namespace)?;
        let text = entry.line().ok_or_else(|| Error::new(ErrorKind::Os, "ids out of range"))?;
        self.write(line, &text)?;
        step!("attach.line_written");
        // Opened once more: ranges are held by whoever opened the file, and one process may have
        // a name open twice.
        let held = peer::open_private_file(&self.path).map_err(self.cannot("open"))?;
        peer::lock_range(&held, line * LINE_BYTES, LINE_BYTES).map_err(self.cannot("lock"))?;
        step!("attach.line_held");
        region.keep_name(NameEntry {
            path: self.path.clone(),
            line,
            entry,
            held,
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
        move |error| system(format_args!("{action} {}", self.path.display()))(error)
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
    fn remove_if_empty(&self) -> Result<()> {
        let here = namespace()?;
        for line in 0..self.lines()? {
            if let Some(entry) = self.read(line)?
                && self.is_live(line, &entry, here)?
            {
                return Ok(());
            }
        }
        std::fs::remove_file(&self.path).map_err(self.cannot("remove"))?;
        step!("leave.file_removed");
        if let Some(directory) = self.path.parent() {
            // Other names are in it, as a rule.
            let _ = std::fs::remove_dir(directory);
        }
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
    path: PathBuf,
    line: u64,
    entry: Entry,
    /// Its lock of the line tells other PID namespaces that this process lives.
    held: File,
    generation: u32,
}

impl NameEntry {
    fn leave(&self) -> Result<()> {
        let (Some(directory), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        let name = name.to_string_lossy();
        let locked = Directory(directory.into()).lock(&name)?;
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

fn namespace() -> Result<u64> {
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
    Error::new(
        ErrorKind::Os,
        format!(
            "process {} has it open and does not let this one look into /proc/{}/fd ({error}): \
             both must run as the same user, in one user namespace, without file capabilities or \
             set-user-id",
            entry.pid, entry.pid
        ),
    )
}
