//! Linux: `mmap`, memfd, futex, eventfd, `CLOCK_MONOTONIC`, `/proc`.
#![allow(unsafe_code, reason = "system calls")]

use super::{Scope, WaitOutcome, count};
use crate::sync::AtomicU32;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

#[cfg(not(any(miri, precursor_loom)))]
pub(crate) use mapping::Mapping;

#[cfg(not(any(miri, precursor_loom)))]
mod mapping {
    use core::ptr::NonNull;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

    use super::check;
    use crate::sys::fork;

    /// A reserved address range, unmapped on drop.
    #[derive(Debug)]
    pub(crate) struct Mapping {
        base: NonNull<u8>,
        bytes: usize,
        memory: Option<OwnedFd>,
        /// Shared memory is a private copy in forked children.
        in_children: Option<fork::Registered>,
    }

    // SAFETY: the mapping is plain memory owned by this value; access rules are its users' concern.
    unsafe impl Send for Mapping {}
    // SAFETY: as above; every method takes `&self` and only reads its own fields.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        /// Reserves `bytes` zeroed bytes for this process; pages appear when touched.
        pub(crate) fn private(bytes: usize) -> io::Result<Self> {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let base = map(bytes, flags, -1, libc::PROT_READ | libc::PROT_WRITE)?;
            Ok(Self { base, bytes, memory: None, in_children: None })
        }

        /// Maps the first `bytes` bytes of a memfd that others may map too. What is open for reading
        /// only can be looked at and not changed: a store to it would end the process.
        pub(crate) fn shared(memory: OwnedFd, bytes: usize) -> io::Result<Self> {
            let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
            let base = map(bytes, flags, memory.as_raw_fd(), access_of(&memory)?)?;
            let in_children = Some(fork::Registered::new(base, bytes, memory.as_fd()));
            Ok(Self { base, bytes, memory: Some(memory), in_children })
        }

        /// Backs a range with memory before it is touched (R1.2). Idempotent.
        pub(crate) fn commit(&self, offset: usize, bytes: usize) -> io::Result<()> {
            self.check(offset, bytes)?;
            match &self.memory {
                Some(memory) if bytes > 0 => fallocate(memory, 0, offset, bytes),
                _ => Ok(()),
            }
        }

        /// Gives the memory of whole pages back; they read as zero afterwards.
        pub(crate) fn decommit(&self, offset: usize, bytes: usize) -> io::Result<()> {
            self.check(offset, bytes)?;
            if bytes == 0 {
                return Ok(());
            }
            if let Some(memory) = &self.memory {
                let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
                return fallocate(memory, mode, offset, bytes);
            }
            // SAFETY: `check` proved that offset is inside the mapping.
            let start = unsafe { self.base.add(offset) };
            // SAFETY: the range lies in a mapping of ours, and the caller gave its contents up.
            let rc = unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_DONTNEED) };
            if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        }

        /// First byte, aligned to a page.
        #[inline]
        pub(crate) fn base(&self) -> NonNull<u8> {
            self.base
        }

        /// Bytes from [`base`](Self::base) on.
        #[inline]
        pub(crate) fn len(&self) -> usize {
            self.bytes
        }

        /// The memfd behind a shared mapping.
        pub(crate) fn memory_fd(&self) -> Option<BorrowedFd<'_>> {
            self.memory.as_ref().map(AsFd::as_fd)
        }

        fn check(&self, offset: usize, bytes: usize) -> io::Result<()> {
            let inside = offset.checked_add(bytes).is_some_and(|end| end <= self.bytes);
            if inside { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // First: a child must not map over what comes to lie here next.
            drop(self.in_children.take());
            // SAFETY: base and length are those of a mapping of ours; nothing borrows it any more.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
        }
    }

    /// What a mapping of the file may do.
    fn access_of(memory: &OwnedFd) -> io::Result<libc::c_int> {
        // SAFETY: takes a descriptor and a command only.
        let mode = check(unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_GETFL) })?;
        let may_write = mode & libc::O_ACCMODE == libc::O_RDWR;
        Ok(libc::PROT_READ | if may_write { libc::PROT_WRITE } else { 0 })
    }

    fn map(
        bytes: usize,
        flags: libc::c_int,
        fd: libc::c_int,
        access: libc::c_int,
    ) -> io::Result<NonNull<u8>> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe { libc::mmap(core::ptr::null_mut(), bytes, access, flags, fd, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn fallocate(memory: &OwnedFd, mode: i32, offset: usize, bytes: usize) -> io::Result<()> {
        let (Ok(offset), Ok(bytes)) = (i64::try_from(offset), i64::try_from(bytes)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        loop {
            // SAFETY: takes a descriptor and numbers only.
            if unsafe { libc::fallocate(memory.as_raw_fd(), mode, offset, bytes) } == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

const SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;

/// Creates a memfd of `bytes` bytes, close-on-exec, whose size nobody can change any more.
pub(crate) fn memfd(name: &core::ffi::CStr, bytes: usize) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a valid C string for the length of the call.
    let fd = check(unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
    // SAFETY: the descriptor is new and nobody else owns it.
    let memory = unsafe { OwnedFd::from_raw_fd(fd) };
    let length = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes a descriptor and a number only.
    check(unsafe { libc::ftruncate(memory.as_raw_fd(), length) })?;
    // SAFETY: takes a descriptor and flags only.
    check(unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
    Ok(memory)
}

/// Size of a memfd that was received; refused unless its size is sealed, because a peer that
/// could shrink it could kill every reader with SIGBUS.
pub(crate) fn memfd_bytes(memory: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: takes a descriptor and a command only.
    let seals = check(unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_GET_SEALS) })?;
    if seals & SEALS != SEALS {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the memory is not sealed against resizing: attach only to a region that Neo created",
        ));
    }
    let mut stat = core::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` is writable and large enough for the call's result.
    check(unsafe { libc::fstat(memory.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and filled the structure.
    let stat = unsafe { stat.assume_init() };
    u64::try_from(stat.st_size).map_err(|_| io::ErrorKind::InvalidData.into())
}

pub(super) fn futex_wait(
    word: &AtomicU32,
    expected: u32,
    timeout: Option<Duration>,
    scope: Scope,
) -> WaitOutcome {
    let spec = timeout.map(timespec);
    let spec = spec.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let operation = libc::FUTEX_WAIT | scope_flag(scope);
    // SAFETY: the word and the optional timeout outlive the call; the kernel only reads them.
    let rc = unsafe { libc::syscall(libc::SYS_futex, address(word), operation, expected, spec) };
    if rc == 0 {
        return WaitOutcome::Woken;
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => WaitOutcome::Mismatch,
        Some(libc::ETIMEDOUT) => WaitOutcome::TimedOut,
        _ => WaitOutcome::Woken,
    }
}

pub(super) fn futex_wake(word: &AtomicU32, waiters: u32, scope: Scope) -> u32 {
    let operation = libc::FUTEX_WAKE | scope_flag(scope);
    let waiters = i32::try_from(waiters).unwrap_or(i32::MAX);
    // SAFETY: the kernel uses the address as a key and reads no memory through it.
    let rc = unsafe { libc::syscall(libc::SYS_futex, address(word), operation, waiters) };
    u32::try_from(rc).unwrap_or(0)
}

fn address(word: &AtomicU32) -> *mut u32 {
    core::ptr::from_ref(word).cast_mut().cast()
}

fn scope_flag(scope: Scope) -> libc::c_int {
    if scope == Scope::Private { libc::FUTEX_PRIVATE_FLAG } else { 0 }
}

fn timespec(duration: Duration) -> libc::timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    libc::timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) }
}

/// A counter that an event loop of the host can wait for.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    /// A new eventfd, non-blocking and close-on-exec.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes numbers only.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes the descriptor readable. Never blocks; a saturated counter is readable already.
    pub(crate) fn signal(&self) {
        count::add();
        let one = 1_u64;
        // SAFETY: writes eight bytes from a live local to a descriptor of ours.
        unsafe { libc::write(self.0.as_raw_fd(), core::ptr::from_ref(&one).cast(), 8) };
    }

    /// Makes the descriptor unreadable until the next signal; `true` if there was one.
    pub(crate) fn drain(&self) -> bool {
        count::add();
        let mut signals = 0_u64;
        let target = core::ptr::from_mut(&mut signals).cast();
        // SAFETY: reads at most eight bytes into a live local.
        unsafe { libc::read(self.0.as_raw_fd(), target, 8) == 8 }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`, the same in every process of the host.
pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the target is a live local. The call cannot fail with this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// Start time of a process in clock ticks after boot; `None` if it is gone or `/proc` is hidden.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    ProcessStat::read(pid).map(|stat| stat.start)
}

/// Whether the process that had this identity still runs. `start` 0 means "not known".
pub(crate) fn is_process_live(pid: u32, start: u64) -> bool {
    if pid == std::process::id() {
        return start == 0 || start_ticks(pid).is_none_or(|own| own == start);
    }
    if let Some(stat) = ProcessStat::read(pid) {
        return !stat.exited && (start == 0 || stat.start == start);
    }
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 only asks whether the process exists.
    let rc = unsafe { libc::kill(pid, 0) };
    rc == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

struct ProcessStat {
    start: u64,
    exited: bool,
}

impl ProcessStat {
    /// Reads `/proc/PID/stat`. A zombie whose other threads still run has not exited.
    fn read(pid: u32) -> Option<Self> {
        if cfg!(miri) {
            return None;
        }
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The command name may hold spaces and parentheses: fields are counted from its end.
        let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
        let text = core::str::from_utf8(text.get(after_name..)?).ok()?;
        let mut fields = text.split_ascii_whitespace();
        let state = fields.next()?;
        let threads: u64 = fields.nth(16)?.parse().ok()?;
        let start = fields.nth(1)?.parse().ok()?;
        Some(Self { start, exited: matches!(state, "Z" | "X") && threads <= 1 })
    }
}

pub(super) fn check(rc: libc::c_int) -> io::Result<libc::c_int> {
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(rc) }
}
