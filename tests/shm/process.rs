//! Processes of the tests: this binary again, in a role.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs::Permissions;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use neo_protocol::{Kernel, Options, Subscription};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes so long; a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);
const ROLE: &str = "NEO_SHM_TEST_ROLE";
const URL: &str = "NEO_SHM_TEST_URL";
/// Names the directory of the names, see [`is_apart`].
const DIRECTORY: &str = "NEO_SHM_DIR";
const APART: &str = "NEO_SHM_TEST_APART";

fn number() -> u32 {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A kernel name that no other test uses, gone with this value.
#[derive(Debug)]
pub(crate) struct Name {
    name: String,
    group: Option<u32>,
}

impl Name {
    pub(crate) fn new() -> Self {
        Self::of(None)
    }

    /// One that the users of a group share.
    pub(crate) fn of_group(group: u32) -> Self {
        Self::of(Some(group))
    }

    fn of(group: Option<u32>) -> Self {
        Self { name: format!("test-{}-{}", std::process::id(), number()), group }
    }

    pub(crate) fn url(&self) -> String {
        match self.group {
            None => format!("shm://{}", self.name),
            Some(group) => format!("shm://{}?group={group}", self.name),
        }
    }

    /// The file that stands for the name while it is open.
    pub(crate) fn file(&self) -> PathBuf {
        let shared = Path::new("/dev/shm");
        let named = std::env::var_os(DIRECTORY).map(PathBuf::from);
        let directory = match self.group {
            None => named.unwrap_or_else(|| {
                shared.join(format!("neo-{}", rustix::process::geteuid().as_raw()))
            }),
            Some(group) => named.as_deref().unwrap_or(shared).join(format!("neo-group-{group}")),
        };
        directory.join(&self.name)
    }

    /// The socket of the process of a line, at the name of a group.
    pub(crate) fn door(&self, line: usize) -> PathBuf {
        self.file().with_file_name(format!(".{}.{line}", self.name))
    }

    /// Waits until a process has the name open.
    pub(crate) fn wait_for_file(&self) {
        wait_for(&self.file());
    }

    pub(crate) fn open(&self) -> Kernel {
        Kernel::open_with(&self.url(), &options()).unwrap()
    }

    /// Starts a process in a role.
    pub(crate) fn start(&self, role: &str) -> Process {
        self.start_by(Command::new(std::env::current_exe().unwrap()), role)
    }

    pub(crate) fn start_by(&self, mut command: Command, role: &str) -> Process {
        let child = command
            .args(["--exact", "roles::play", "--nocapture"])
            .env(ROLE, role)
            .env(URL, self.url())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }
}

/// Whether this process runs one test alone, with names that no other process sees. If not, the test
/// is run in one that does: for what looks at the files of the dead, which any open elsewhere takes
/// away, or at what the whole process has. The mode is that of the directory: 0o700 for names of this
/// user, 0o777 for one in which groups have theirs.
pub(crate) fn is_apart<F: Fn()>(_test: F, mode: u32) -> bool {
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let (_, test) = core::any::type_name::<F>().split_once("::").unwrap();
    // A short one: the paths of sockets have few bytes.
    let place = format!("neo-{}-{}", std::process::id(), number());
    let place = std::env::temp_dir().join(place);
    std::fs::create_dir(&place).unwrap();
    std::fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(DIRECTORY, &place)
        .env(APART, test)
        .output()
        .unwrap();
    // The last name takes the directory with it, if it is the names' own.
    let _ = std::fs::remove_dir_all(&place);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Waits until a process has written its line into a name's file.
#[track_caller]
pub(crate) fn wait_for(file: &Path) {
    let begun = Instant::now();
    while !std::fs::metadata(file).is_ok_and(|file| file.len() > 0) {
        assert!(begun.elapsed() < LONG, "nobody opens the name");
        std::thread::yield_now();
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file());
    }
}

/// Small limits: many of these kernels are open at once.
pub(crate) fn options() -> Options {
    Options::new()
        .with_memory_bytes_max(16 << 20)
        .with_subscriptions_max(64)
        .with_participants_max(8)
        .with_calls_in_flight_max(16)
        .with_call_timeout(Some(LONG))
}

/// The role of this process and the kernel's URL; `None` in a run of the tests.
pub(crate) fn role() -> Option<(String, String)> {
    Some((std::env::var(ROLE).ok()?, std::env::var(URL).ok()?))
}

/// A process of a test, killed with this value.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Returns once it runs `program`.
    pub(crate) fn wait_to_become(&self, program: &str) {
        let link = format!("/proc/{}/exe", self.id());
        while !std::fs::read_link(&link).is_ok_and(|found| found.ends_with(program)) {
            std::thread::yield_now();
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it, and does not ask what became of it: it is a zombie.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
    }

    /// Kills it, wherever it is, and sees that nothing else has ended it before.
    pub(crate) fn kill_at_work(mut self) {
        use std::os::unix::process::ExitStatusExt;
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
    }

    /// Waits for its own end.
    pub(crate) fn finish(mut self) {
        assert!(self.0.wait().unwrap().success(), "the role failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The payload of the next message.
#[track_caller]
pub(crate) fn next(subscription: &mut Subscription) -> Vec<u8> {
    let message = subscription.recv_timeout(LONG).unwrap().expect("a message comes");
    message.payload().to_vec()
}

/// Whether a descriptor is readable, now or within [`LONG`].
pub(crate) fn is_readable(descriptor: impl AsFd, may_wait: bool) -> bool {
    let seconds = if may_wait { LONG.as_secs() as i64 } else { 0 };
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() == 1
}
