//! Where names are: one directory for each user, and one for each group.

use core::time::Duration;
use std::fs::{DirBuilder, File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, peer, socket};

use super::address::{Group, check_name};
use super::names::LockedName;
use super::system;

/// Names the directory instead of the user's own; for a group, the one in which the group's is.
const DIRECTORY_VARIABLE: &str = "NEO_SHM_DIR";
/// Files that one sweep looks at.
const SWEPT_MAX: usize = 64;
/// How often, and how far apart, the lock of a name is tried: two seconds.
const TURNS_MAX: u32 = 2_000;
const TURN: Duration = Duration::from_millis(1);

/// Whoever may look into the directory of a group may use what is in it. Files get the directory's
/// group (the set-group-id bit), whoever makes them.
const GROUP_DIRECTORY_MODE: u32 = 0o2770;
const GROUP_FILE_MODE: u32 = 0o660;

/// Where the names of a user or a group are.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(super) path: PathBuf,
    pub(super) group: Option<Group>,
}

/// A name's place: its file, and for a group the sockets beside it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) directory: Directory,
    pub(super) name: String,
}

impl Place {
    pub(super) fn file(&self) -> PathBuf {
        self.directory.path.join(&self.name)
    }

    /// Where the process of a line of a group's name is asked and rung. No name begins with a dot.
    pub(super) fn door(&self, line: u64) -> PathBuf {
        self.directory.path.join(format!(".{}.{line}", self.name))
    }

    /// Opens the file, or makes it.
    pub(super) fn open(&self) -> io::Result<File> {
        match self.directory.group {
            None => peer::open_private_file(&self.file()),
            Some(_) => socket::open_common_file(&self.file(), GROUP_FILE_MODE),
        }
    }
}

impl Directory {
    /// The directory of this user, or of a group that this user is in. It may not exist.
    ///
    /// A user's is `NEO_SHM_DIR` if that is set, else `/dev/shm/neo-UID`, or `/tmp/neo-UID` on a
    /// system without `/dev/shm`; a group's is `neo-group-GID` in one of the same places.
    pub(super) fn of(group: Option<Group>) -> Result<Self> {
        let named = std::env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from);
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared } else { Path::new("/tmp") };
        let path = match &group {
            None => named.unwrap_or_else(|| parent.join(format!("neo-{}", peer::user()))),
            Some(group) => {
                group.check_own()?;
                let name = format!("neo-group-{}", group.id);
                named.as_deref().unwrap_or(parent).join(name)
            }
        };
        Ok(Self { path, group })
    }

    /// Makes the directory; refuses one that others can write to.
    pub(super) fn prepare(&self) -> Result<()> {
        let path = &self.path;
        for _ in 0..TURNS_MAX {
            let made = match &self.group {
                None => DirBuilder::new().mode(0o700).create(path),
                Some(_) if path.exists() => Ok(()),
                Some(group) => make_for_group(path, group.id),
            };
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(system(format_args!("make {}", path.display()))(error));
                }
                _ => {}
            }
            // Whoever left the last name may have taken it away at this moment.
            if self.exists()? {
                return Ok(());
            }
        }
        self.judge(std::fs::symlink_metadata(path))
    }

    /// Whether it is there, which ends with its last name; refused if others can write to it.
    pub(super) fn exists(&self) -> Result<bool> {
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            found => self.judge(found).map(|()| true),
        }
    }

    fn judge(&self, found: io::Result<Metadata>) -> Result<()> {
        let path = self.path.display();
        let found = found.map_err(system(format_args!("look at {path}")))?;
        let (user, mode) = (peer::user(), found.permissions().mode() & 0o7777);
        let (is_right, wanted) = match &self.group {
            None => (
                found.uid() == user && mode & 0o077 == 0,
                format!("of user {user} that nobody else may enter"),
            ),
            Some(group) => (
                found.gid() == group.id && mode == GROUP_DIRECTORY_MODE,
                format!("of {group} with mode {GROUP_DIRECTORY_MODE:o}"),
            ),
        };
        if found.is_dir() && is_right {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Os,
            format!(
                "{path} must be a directory {wanted}; it belongs to user {} and group {} and has \
                 mode {mode:o}: remove it, or name another one in {DIRECTORY_VARIABLE}",
                found.uid(),
                found.gid()
            ),
        ))
    }

    /// The names that have files here.
    pub(super) fn file_names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in std::fs::read_dir(&self.path)?.flatten() {
            // What is no name was not put there by this library, or is a name's socket.
            let is_file = file.file_type().is_ok_and(|kind| kind.is_file());
            if let Some(name) = file.file_name().to_str().filter(|_| is_file)
                && check_name(name).is_ok()
            {
                names.push(name.into());
            }
        }
        Ok(names)
    }

    /// Takes away the files of names whose processes are all dead: nobody may open them again.
    pub(super) fn sweep(&self) {
        for name in self.file_names().unwrap_or_default().into_iter().take(SWEPT_MAX) {
            let place = Place { directory: self.clone(), name };
            // Not made anew, if whoever had it has left meanwhile.
            let found = peer::open_file_to_read(&place.file()).and_then(try_lock);
            if let Ok(Some(file)) = found {
                // What cannot be looked at or removed is for the next sweep.
                let _ = LockedName::new(file, place).remove_if_empty();
            }
        }
    }

    /// Locks a name. Waits for others that open or leave it, within a bound.
    pub(super) fn lock(&self, name: &str) -> Result<LockedName> {
        let place = Place { directory: self.clone(), name: name.into() };
        for _ in 0..TURNS_MAX {
            match place.open().and_then(try_lock) {
                Ok(Some(file)) => return Ok(LockedName::new(file, place)),
                Ok(None) => sys::pause(TURN),
                // The last one to leave a name takes the directory away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.prepare()?,
                Err(error) => {
                    return Err(system(format_args!("lock {}", place.file().display()))(error));
                }
            }
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!(
                "{} has been locked for two seconds by a process that opens or leaves it: \
                 see whether one is stopped (`lslocks`), and try again",
                place.file().display()
            ),
        ))
    }
}

/// `None`: somebody else has the lock, or took the file away at this moment.
fn try_lock(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // A lock of a file that has lost its name says nothing about the name.
    let is_named = file.metadata()?.nlink() > 0;
    Ok(is_named.then_some(file))
}

/// Nobody meets the directory before it has its group and its mode: it is made under another name.
fn make_for_group(path: &Path, group: u32) -> io::Result<()> {
    let new = make_anew(path)?;
    let made = std::os::unix::fs::chown(&new, None, Some(group))
        .and_then(|()| std::fs::set_permissions(&new, Permissions::from_mode(GROUP_DIRECTORY_MODE)))
        // Over an empty one that came meanwhile this changes nothing that matters.
        .and_then(|()| std::fs::rename(&new, path));
    if made.is_err() {
        let _ = std::fs::remove_dir(&new);
        // Another process was faster.
        return if path.exists() { Ok(()) } else { made };
    }
    Ok(())
}

/// Makes a directory beside `path` that is this process's: what others put there, a link that leads
/// somewhere else perhaps, is never taken for it.
fn make_anew(path: &Path) -> io::Result<PathBuf> {
    /// Other threads at the same moment, and processes that had the number and died here.
    const TRIES: u32 = 64;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 0..TRIES {
        let new = path.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&new) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| new),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_a_stranger_put_there_is_not_followed() {
        let parent = std::env::temp_dir().join(format!("neo-link-{}", std::process::id()));
        let victim = parent.join("private");
        std::fs::create_dir_all(&victim).unwrap();
        std::fs::set_permissions(&victim, Permissions::from_mode(0o700)).unwrap();
        let name = format!(".neo-group-0.{}", std::process::id());
        for link in [name.clone(), format!("{name}.0")] {
            std::os::unix::fs::symlink(&victim, parent.join(link)).unwrap();
        }
        let group = sys::users::groups().unwrap()[0];
        make_for_group(&parent.join("neo-group-0"), group).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&victim), 0o700, "it is as it was");
        assert_eq!(mode(&parent.join("neo-group-0")), GROUP_DIRECTORY_MODE);
        std::fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn a_name_may_be_opened_while_others_take_the_directory_away() {
        let path = std::env::temp_dir().join(format!("neo-names-{}", std::process::id()));
        std::thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let directory = Directory { path: path.clone(), group: None };
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        directory.prepare().unwrap();
                        directory.lock(name).unwrap().remove_if_empty().unwrap();
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
