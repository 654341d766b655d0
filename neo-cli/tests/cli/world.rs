//! Kernels, and the command run at them.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use neo_protocol::{Kernel, Observer, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Nothing takes so long; a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);

fn number() -> u32 {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A kernel that this process has open, with limits of its own.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) kernel: Kernel,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Options::new())
    }

    /// One whose host never maintains it: nobody buries the dead.
    pub(crate) fn neglected() -> Self {
        Self::with(Options::new().without_thread())
    }

    fn with(options: Options) -> Self {
        let name = format!("cli-{}-{}", std::process::id(), number());
        let options = options
            .with_memory_bytes_max(16 << 20)
            .with_subscriptions_max(64)
            .with_participants_max(8)
            .with_calls_in_flight_max(16);
        let kernel = Kernel::open_with(&format!("shm://{name}"), &options).unwrap();
        Self { name, kernel }
    }

    pub(crate) fn url(&self) -> String {
        format!("shm://{}", self.name)
    }

    /// Starts the command; `URL` among its words is this kernel's.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        let url = self.url();
        let words: Vec<&str> =
            words.iter().map(|word| if *word == "URL" { url.as_str() } else { word }).collect();
        start(&words, None)
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.start(words).finish()
    }

    /// Waits until so many subscriptions, groups and services are open.
    pub(crate) fn await_routes(&self, count: usize) {
        until("the routes are open", || self.kernel.counters().routes.len() == count);
    }

    pub(crate) fn observer(&self) -> Observer {
        Observer::open(&self.name).unwrap()
    }
}

/// A directory of names apart from that of the user, gone with this value.
#[derive(Debug)]
pub(crate) struct Names(PathBuf);

impl Names {
    pub(crate) fn new() -> Self {
        let name = format!("neo-cli-names-{}-{}", std::process::id(), number());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.0
    }

    pub(crate) fn start(&self, words: &[&str]) -> Running {
        start(words, Some(&self.0))
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.start(words).finish()
    }

    /// Has a process make `shm://NAME` and subscribe to `pattern` there; returns when it has.
    pub(crate) fn subscriber(&self, name: &str, pattern: &str) -> Running {
        let url = format!("shm://{name}");
        let running = self.start(&["sub", "--create", &url, pattern]);
        until("a subscription is open", || {
            self.run(&["ls", "--json"]).json()["names"]
                .as_array()
                .is_some_and(|names| names.iter().any(|n| n["url"] == *url && n["routes"] == 1))
        });
        running
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the command away from any kernel of the test.
pub(crate) fn run(words: &[&str]) -> Ended {
    start(words, None).finish()
}

fn start(words: &[&str], names: Option<&PathBuf>) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neo"));
    command.args(words).env_remove("NEO_SHM_DIR");
    if let Some(names) = names {
        command.env("NEO_SHM_DIR", names);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

/// A command that runs, killed with this value.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.0.id() as i32).unwrap(), signal).unwrap();
    }

    /// Kills it; it is gone when this returns.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Nobody reads its output any more.
    pub(crate) fn close_output(&mut self) {
        drop(self.0.stdout.take());
    }

    /// Its input; dropped, the input is over.
    pub(crate) fn input(&mut self, bytes: &[u8]) -> ChildStdin {
        let mut stdin = self.0.stdin.take().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin
    }

    /// Its output, line by line; only what is left by then is part of what it printed.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.0.stdout.take().unwrap();
        BufReader::new(stdout).lines().map(Result::unwrap)
    }

    /// Ends its input and waits for its own end.
    pub(crate) fn finish(mut self) -> Ended {
        drop(self.0.stdin.take());
        let read = |stream: Option<Box<dyn Read + Send>>| {
            thread::spawn(move || {
                let mut text = Vec::new();
                stream.map(|mut stream| stream.read_to_end(&mut text));
                String::from_utf8(text).unwrap()
            })
        };
        let stdout = read(self.0.stdout.take().map(|stream| Box::new(stream) as _));
        let stderr = read(self.0.stderr.take().map(|stream| Box::new(stream) as _));
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Ended { status: self.0.wait().unwrap(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("no exit code: {self:?}"))
    }

    /// What it printed, if all went well and nothing was complained of.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        assert_eq!((self.code(), self.stderr.as_str()), (0, ""), "{self:?}");
        &self.stdout
    }

    /// The one object that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }

    /// The object of each line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Looks again and again.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "waited in vain until {what}");
        thread::yield_now();
    }
}
