//! What names there are, and who is behind each: looked at without a lock, and cleaned with one.

use std::fs::File;
use std::path::PathBuf;

use crate::attach::{check, system};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, peer};

use super::{Directory, Entry, Found, LINE_BYTES, LINES_MAX, LockedName, Memory, namespace};

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
    /// The name, without `shm://`.
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
    let directory = Directory::path_of_user();
    let names = directory.names()?;
    Ok(SharedNames { directory: directory.0, names })
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
    check(name)?;
    lock_existing(name)?.clean()
}

/// Locks a name that has a file.
pub(crate) fn lock_existing(name: &str) -> Result<LockedName> {
    let directory = Directory::path_of_user();
    if !directory.0.join(name).exists() {
        return Err(directory.not_found(name));
    }
    directory.check()?;
    directory.lock(name)
}

/// Descriptors of a name's memory, control and data, with which it can be looked at.
pub(crate) fn open_to_read(name: &str) -> Result<(File, File)> {
    check(name)?;
    let directory = Directory::path_of_user();
    let Some(file) = directory.file(name)? else { return Err(directory.not_found(name)) };
    let here = namespace()?;
    let mut refused = None;
    for (_, entry) in entries(&file)? {
        if entry.pid_namespace != here {
            refused = Some(super::foreign_namespace(&entry, here));
            continue;
        }
        match entry.open_to_read() {
            Ok(Found::Memory(control, data)) => return Ok((control.into(), data.into())),
            Ok(Found::Gone) => {}
            Err(error) => refused = Some(super::not_permitted(&entry, &error)),
        }
    }
    Err(refused.unwrap_or_else(|| directory.not_found(name)))
}

/// The error that names what there is instead.
pub(crate) fn not_found(name: &str) -> Error {
    Directory::path_of_user().not_found(name)
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
        let path = self.0.join(name);
        match peer::open_file_to_read(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(system(format_args!("read {}", path.display()))(error)),
        }
    }

    fn names(&self) -> Result<Vec<SharedName>> {
        let files = match std::fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(system(format_args!("read {}", self.0.display()))(error));
            }
        };
        self.check()?;
        let mut names = Vec::new();
        for file in files.flatten() {
            // What is no name was not put there by this library.
            let Some(name) = file.file_name().to_str().map(str::to_owned) else { continue };
            if check(&name).is_ok()
                && let Some(file) = self.file(&name)?
            {
                names.push(SharedName { name, processes: processes(&file)? });
            }
        }
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(names)
    }

    fn not_found(&self, name: &str) -> Error {
        let open: Vec<String> = self
            .names()
            .unwrap_or_default()
            .into_iter()
            .filter(|other| !other.is_stale())
            .map(|other| format!("shm://{}", other.name))
            .collect();
        let there = if open.is_empty() { "none is".into() } else { open.join(", ") };
        Error::new(
            ErrorKind::NotFound,
            format!(
                "no process of this user has shm://{name} open; open in {}: {there}",
                self.0.display()
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
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
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
        Ok(CleanedName { ended, removed: !self.path.exists() })
    }
}
