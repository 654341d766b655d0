//! What names there are, and who is behind each: looked at without a lock, and cleaned with one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use crate::attach::address::{self, Address, Group};
use crate::attach::directory::{Directory, Place};
use crate::attach::{door, system};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, peer};

use super::{Entry, Found, LINE_BYTES, LINES_MAX, LockedName, Memory, namespace};

/// What stands behind a name's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedProcess {
    /// A process that has the memory open. It may be stopped.
    Open {
        /// Its number.
        pid: u32,
    },
    /// A process that ended without leaving, or gave the memory up: debris.
    Ended {
        /// The number that it had.
        pid: u32,
    },
    /// A process of another PID namespace, with its number there: it holds the memory, and nobody
    /// here can join it.
    Elsewhere {
        /// Its number in its own namespace.
        pid: u32,
    },
}

/// A name of `shm://` and who is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedName {
    /// The name, without `shm://` and with its group: `orders`, `orders?group=desk`.
    pub name: String,
    /// The processes that its file names.
    pub processes: Vec<NamedProcess>,
}

impl SharedName {
    /// Whether nobody has it open: what is there is debris, which the next open passes over.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.processes.iter().all(|process| matches!(process, NamedProcess::Ended { .. }))
    }
}

/// The names of this user, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedNames {
    /// The directory that holds a file for each name. It may not exist.
    pub directory: PathBuf,
    /// In the order of the alphabet.
    pub names: Vec<SharedName>,
}

/// What [`clean_name`] took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanedName {
    /// Processes that had ended and were named still.
    pub ended: usize,
    /// The name's file is gone: nobody had it open.
    pub removed: bool,
}

/// Lists the names of this user's shared kernels. Takes no lock and changes nothing.
///
/// # Errors
///
/// [`Os`](ErrorKind::Os) if the directory cannot be read or is open to others.
pub fn shared_names() -> Result<SharedNames> {
    Directory::of(None)?.listing()
}

/// Lists the names of the kernels that a group of users shares: a group's name or number. Takes no
/// lock and changes nothing.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) for what is no group of this system; [`Os`](ErrorKind::Os) if this
/// process is not in it, or the directory cannot be read.
pub fn shared_names_of_group(group: &str) -> Result<SharedNames> {
    Directory::of(Some(Group::find(group)?))?.listing()
}

/// Takes away what dead processes left under a name: their lines, and the file if nobody has it
/// open. Nothing of the living is touched.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) for what is no name; [`NotFound`](ErrorKind::NotFound);
/// [`Timeout`](ErrorKind::Timeout) if a process that opens or leaves it does not go on;
/// [`Os`](ErrorKind::Os).
pub fn clean_name(name: &str) -> Result<CleanedName> {
    let (directory, name) = place_of(name)?;
    directory.lock_existing(&name)?.clean()
}

/// Where a name is, and what it is called there.
pub(crate) fn place_of(address: &str) -> Result<(Directory, String)> {
    let Address { name, group } = Address::parse(address)?;
    Ok((Directory::of(group)?, name))
}

/// Descriptors of a name's memory, control and data, with which it can be looked at.
pub(crate) fn open_to_read(address: &str) -> Result<(File, File)> {
    let (directory, name) = place_of(address)?;
    let Some(file) = directory.file(&name)? else { return Err(directory.not_found(&name)) };
    let place = Place { directory, name };
    let here = namespace()?;
    let mut refused = None;
    let mut doors = Vec::new();
    for (line, entry) in entries(&file)? {
        if entry.pid_namespace != here {
            refused = Some(super::foreign_namespace(&entry, here));
            continue;
        }
        match entry.open_to_read() {
            Ok(Found::Memory(control, data)) => return Ok((control.into(), data.into())),
            Ok(Found::Gone) => {}
            Err(_) if place.directory.group.is_some() => doors.push((entry, place.door(line))),
            Err(error) => refused = Some(super::not_permitted(&entry, &error)),
        }
    }
    if let Some((control, data)) = door::ask(&doors)? {
        let for_reading = |memory: OwnedFd| {
            let reopened = peer::reopen_to_read(memory.as_fd());
            reopened.map_err(system("open the memory for reading"))
        };
        return Ok((for_reading(control)?, for_reading(data)?));
    }
    Err(refused.unwrap_or_else(|| place.directory.not_found(&place.name)))
}

/// The lines that name somebody, and their numbers.
fn entries(file: &File) -> Result<Vec<(u64, Entry)>> {
    use std::os::unix::fs::FileExt;
    let bytes = file.metadata().map_err(system("read a name's file"))?.len();
    let mut found = Vec::new();
    for line in 0..(bytes / LINE_BYTES).min(LINES_MAX) {
        let mut text = [0; LINE_BYTES as usize];
        let read = file.read_at(&mut text, line * LINE_BYTES);
        let read = read.map_err(system("read a name's file"))?;
        found.extend(text.get(..read).and_then(Entry::parse).map(|entry| (line, entry)));
    }
    Ok(found)
}

impl Directory {
    /// `None`: it is not there (any more).
    fn file(&self, name: &str) -> Result<Option<File>> {
        let path = self.path.join(name);
        match peer::open_file_to_read(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(system(format_args!("read {}", path.display()))(error)),
        }
    }

    fn listing(self) -> Result<SharedNames> {
        let names = self.names()?;
        Ok(SharedNames { directory: self.path, names })
    }

    fn names(&self) -> Result<Vec<SharedName>> {
        if !self.exists()? {
            return Ok(Vec::new());
        }
        let found = match self.file_names() {
            // It went at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found.map_err(system(format_args!("read {}", self.path.display())))?,
        };
        let mut names = Vec::new();
        for name in found {
            if let Some(file) = self.file(&name)? {
                let name = address::text_of(&name, self.group.as_ref());
                names.push(SharedName { name, processes: processes(&file)? });
            }
        }
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(names)
    }

    /// Locks a name that has a file.
    pub(crate) fn lock_existing(&self, name: &str) -> Result<LockedName> {
        if !(self.exists()? && self.path.join(name).exists()) {
            return Err(self.not_found(name));
        }
        self.lock(name)
    }

    /// The error that names what there is instead.
    pub(crate) fn not_found(&self, name: &str) -> Error {
        let open: Vec<String> = self
            .names()
            .unwrap_or_default()
            .into_iter()
            .filter(|other| !other.is_stale())
            .map(|other| format!("shm://{}", other.name))
            .collect();
        let there = if open.is_empty() { "none is".into() } else { open.join(", ") };
        let whose = match &self.group {
            None => "this user".into(),
            Some(group) => group.to_string(),
        };
        let address = address::text_of(name, self.group.as_ref());
        Error::new(
            ErrorKind::NotFound,
            format!(
                "no process of {whose} has shm://{address} open; open in {}: {there}",
                self.path.display()
            ),
        )
    }
}

fn processes(file: &File) -> Result<Vec<NamedProcess>> {
    let here = namespace()?;
    let mut found = Vec::new();
    for (line, Entry { pid, start, pid_namespace, control, .. }) in entries(file)? {
        found.push(if pid_namespace == here {
            let is_open = sys::is_process_live(pid, start) && still_has(pid, control);
            if is_open { NamedProcess::Open { pid } } else { NamedProcess::Ended { pid } }
        } else {
            let held = peer::is_range_locked(file, line * LINE_BYTES, LINE_BYTES);
            let held = held.map_err(system("read the locks of a name's file"))?;
            if held { NamedProcess::Elsewhere { pid } } else { NamedProcess::Ended { pid } }
        });
    }
    Ok(found)
}

/// Whether a process has the memory open; one that may not be looked into is believed.
fn still_has(pid: u32, memory: Memory) -> bool {
    use std::os::unix::fs::MetadataExt;
    match peer::descriptor_metadata(pid, memory.descriptor) {
        Ok(found) => found.ino() == memory.inode,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

impl LockedName {
    /// Takes away the lines of the dead, and the file if nobody else has one.
    pub(crate) fn clean(self) -> Result<CleanedName> {
        let here = namespace()?;
        let mut ended = 0;
        for (line, entry) in entries(&self.file)? {
            let is_live = self.is_live(line, &entry, here)?
                && (entry.pid_namespace != here || still_has(entry.pid, entry.control));
            if !is_live {
                self.clear(line)?;
                ended += 1;
            }
        }
        self.remove_if_empty()?;
        Ok(CleanedName { ended, removed: !self.place.file().exists() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_and_sweeps_meets_no_error_and_makes_no_name_that_was_left() {
        let path = std::env::temp_dir().join(format!("neo-looks-{}", std::process::id()));
        let directory = Directory { path, group: None };
        std::thread::scope(|scope| {
            let comes_and_goes = scope.spawn(|| {
                for _ in 0..3_000 {
                    directory.prepare().unwrap();
                    directory.lock("a").unwrap().remove_if_empty().unwrap();
                    assert!(!directory.path.join("a").exists(), "it is there again");
                }
            });
            while !comes_and_goes.is_finished() {
                directory.names().unwrap();
                directory.sweep();
            }
        });
        assert!(!directory.path.exists());
    }
}
