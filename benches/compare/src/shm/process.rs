//! The other process: this program, started again in a role.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use crate::threads::{Cores, settle};

/// The argument that makes this program play a role.
pub const ARGUMENT: &str = "--role";

const READY: &str = "ready\n";
const DONE: &str = "done\n";

/// A name that nothing else on this host has.
pub fn new_name() -> String {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    format!("compare-{}-{}", std::process::id(), NUMBERS.fetch_add(1, Ordering::Relaxed))
}

/// A process in a role that has said that it is ready. It is killed with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    said: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process on all cores and waits until it is ready.
    ///
    /// # Panics
    /// If it ends before it is.
    pub fn start(words: &[String]) -> Self {
        // A process has the cores of the thread that starts it, and this one may be pinned.
        settle(Cores::Free);
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts again");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a pipe is read");
        assert_eq!(line, READY, "the process {words:?} failed");
        Self { child, said: Some(said) }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        let said = self.said.as_mut().expect("nobody else listens");
        said.read_line(&mut line).expect("a pipe is read");
        line
    }

    /// Kills it, and does not wait for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("it lives");
    }

    /// Ends this program if the process ends before it is done: whoever waits for its messages
    /// would wait for ever.
    pub fn watched(mut self) -> Watched {
        let mut said = self.said.take().expect("nobody else listens");
        let watch = std::thread::spawn(move || {
            let mut rest = String::new();
            let is_read = said.read_to_string(&mut rest).is_ok();
            if !is_read || rest != DONE {
                eprintln!("the other process failed");
                std::process::exit(1);
            }
        });
        Watched { process: self, watch }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that must succeed.
#[derive(Debug)]
pub struct Watched {
    process: Process,
    watch: JoinHandle<()>,
}

impl Watched {
    /// Tells it to end, which it does once it is done.
    pub fn finish(mut self) {
        drop(self.process.child.stdin.take());
        let status = self.process.child.wait().expect("it is this process's child");
        self.watch.join().expect("nothing panics");
        assert!(status.success(), "the other process failed: {status}");
    }
}

/// In a role: dies with the process that measures, which may be ended at any time.
pub fn follow() {
    // SAFETY: a number of the system and no pointer.
    let failed = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    assert_eq!(failed, 0, "Linux knows this");
}

/// In a role: says that it is ready.
pub fn ready() {
    say(READY);
}

/// In a role: says something.
pub fn say(line: &str) {
    let mut stdout = std::io::stdout();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).expect("somebody listens");
}

/// In a role: says that it is done and waits until everybody is.
pub fn done() {
    say(DONE);
    wait_for_end();
}

/// In a role: waits until it is told to end.
pub fn wait_for_end() {
    let ended = std::io::stdin().read_to_end(&mut Vec::new());
    ended.expect("a pipe is read");
}
