//! Linux: other processes of this user. What they have open, when they end, which files they hold.
#![allow(unsafe_code, reason = "system calls")]

use core::time::Duration;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::linux::check;

/// A descriptor that becomes readable when the process ends, zombies included. It names that
/// process for ever, whoever gets its number later.
pub(crate) fn process_descriptor(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = check(libc::c_int::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the descriptor is new and nobody else owns it; pidfds are close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens what another process of this user has open as descriptor `number`, for reading and
/// writing. It needs neither the other's help nor its running: it may be stopped.
pub(crate) fn open_descriptor_of(pid: u32, number: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    by_any_thread(pid, number, |path| options.open(path))
}

/// The same for reading only.
pub(crate) fn open_descriptor_to_read(pid: u32, number: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    by_any_thread(pid, number, |path| options.open(path))
}

/// A descriptor of this process's once more, for reading only.
pub(crate) fn reopen_to_read(file: BorrowedFd<'_>) -> io::Result<File> {
    let number = u32::try_from(file.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    open_descriptor_to_read(std::process::id(), number)
}

/// What a descriptor of a process names; nothing is opened.
pub(crate) fn descriptor_metadata(pid: u32, number: u32) -> io::Result<Metadata> {
    by_any_thread(pid, number, |path| std::fs::metadata(path))
}

/// What `look` finds at the path of a descriptor. The directory of a process is that of its first
/// thread, which may have ended while others go on, or have not ended yet: then theirs are asked.
fn by_any_thread<T>(pid: u32, number: u32, look: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let found = look(format!("/proc/{pid}/fd/{number}").as_ref());
    if !found.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return found;
    }
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut others = threads.map(|thread| look(&thread.path().join(format!("fd/{number}"))));
    others.find(Result::is_ok).unwrap_or(found)
}

/// Whether a process runs a program. One that is about to end does not, and gives that up before
/// its descriptors.
pub(crate) fn runs_a_program(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// Number by which the system knows the file behind a descriptor.
pub(crate) fn inode(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.ino())
}

/// The same of a descriptor.
pub(crate) fn inode_of(file: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(metadata(file)?.ino())
}

/// How long a file exists; `None` if the system does not tell.
pub(crate) fn age(file: BorrowedFd<'_>) -> Option<Duration> {
    metadata(file).ok()?.created().ok()?.elapsed().ok()
}

/// Bytes of memory behind a memfd.
pub(crate) fn resident_bytes(file: BorrowedFd<'_>) -> io::Result<u64> {
    /// Unit of the block count, whatever the file system's own is.
    const BLOCK_BYTES: u64 = 512;
    Ok(metadata(file)?.blocks() * BLOCK_BYTES)
}

fn metadata(file: BorrowedFd<'_>) -> io::Result<Metadata> {
    descriptor_metadata(std::process::id(), u32::try_from(file.as_raw_fd()).unwrap_or(u32::MAX))
}

/// A pipe whose two ends are one descriptor, so that a write never finds the reader gone. Neither
/// end blocks.
pub(crate) fn pipe() -> io::Result<File> {
    let (reader, _writer) = io::pipe()?;
    let number = u32::try_from(reader.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    open_descriptor_of(std::process::id(), number)
}

/// Whether a descriptor of another process is that pipe.
pub(crate) fn is_pipe_of(pid: u32, number: u32, inode: u64) -> bool {
    descriptor_metadata(pid, number)
        .is_ok_and(|found| found.file_type().is_fifo() && found.ino() == inode)
}

/// The PID namespace of this process: only within one do process ids mean the same.
pub(crate) fn pid_namespace() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/pid")?.ino())
}

/// The number of this process by `/proc`. If it is not its own, `/proc` was mounted in another PID
/// namespace, and says nothing about the processes that have numbers here.
pub(crate) fn number_in_proc() -> io::Result<u32> {
    let link = std::fs::read_link("/proc/self")?;
    let number = link.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The user that files of this process belong to.
pub(crate) fn user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Opens a file of this user alone, or makes it; never what a link names.
pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Opens a file that must be there, to be read; never what a link names.
pub(crate) fn open_file_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Locks a range of a file for as long as the file is open here or in a child: only this user's
/// processes of other PID namespaces have to go by it.
pub(crate) fn lock_range(file: &File, start: u64, bytes: u64) -> io::Result<()> {
    set_lock(file, range(libc::F_WRLCK, start, bytes)?)
}

/// Gives the lock up, in children that have the file open as well.
pub(crate) fn unlock_range(file: &File, start: u64, bytes: u64) -> io::Result<()> {
    set_lock(file, range(libc::F_UNLCK, start, bytes)?)
}

fn set_lock(file: &File, lock: libc::flock) -> io::Result<()> {
    // SAFETY: a descriptor of ours, and a live local that the kernel reads.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) })?;
    Ok(())
}

/// Whether somebody else holds a lock of [`lock_range`].
pub(crate) fn is_range_locked(file: &File, start: u64, bytes: u64) -> io::Result<bool> {
    let mut lock = range(libc::F_WRLCK, start, bytes)?;
    // SAFETY: a descriptor of ours, and a live local that the kernel reads and writes.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

fn range(kind: libc::c_int, start: u64, bytes: u64) -> io::Result<libc::flock> {
    let number = |value: u64| i64::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: number(start)?,
        l_len: number(bytes)?,
        l_pid: 0,
    })
}
