//! The rows of the Python module and of its peers, asked of `bindings/python/bench/measure.py`.
//!
//! One interpreter measures all of them, a row when it is asked for, so that they take turns as the
//! contestants in this process do. `cargo xtask bench` prepares it and names it in `NEO_PYTHON`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use serde_json::Value;

use crate::harness::{Sample, Scale};
use crate::threads::{Cores, settle};

/// Names the interpreter that finds the module and its peers.
pub const INTERPRETER: &str = "NEO_PYTHON";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/python/bench/measure.py");

struct Interpreter {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

static INTERPRETERS: LazyLock<Mutex<Interpreter>> = LazyLock::new(|| Mutex::new(start()));

fn start() -> Interpreter {
    let program = std::env::var_os(INTERPRETER).expect("the figure needs the interpreter");
    let spawn = || {
        // A process has the cores of the thread that starts it, and this one may be pinned.
        settle(Cores::Free);
        let mut command = Command::new(program);
        command.args([SCRIPT, "--serve"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("the interpreter starts")
    };
    let mut process = std::thread::spawn(spawn).join().expect("the interpreter starts");
    let questions = process.stdin.take().expect("a pipe");
    let answers = BufReader::new(process.stdout.take().expect("a pipe"));
    Interpreter { _process: process, questions, answers }
}

/// Whether [`INTERPRETER`] is named.
pub fn is_prepared() -> bool {
    std::env::var_os(INTERPRETER).is_some()
}

fn ask(row: &str) -> f64 {
    let mut python = INTERPRETERS.lock().expect("nobody panics with it");
    writeln!(python.questions, "{row}").expect("the interpreter lives");
    let mut line = String::new();
    python.answers.read_line(&mut line).expect("the interpreter answers");
    let answer: Value = serde_json::from_str(&line).unwrap_or_default();
    answer["value"].as_f64().unwrap_or_else(|| panic!("{row}: {line}"))
}

macro_rules! rows {
    ($($function:ident $row:literal)*) => {
        $(
            #[doc = concat!("The row `", $row, "`.")]
            pub fn $function(_: Scale) -> Sample {
                Sample::new(ask($row))
            }
        )*
    };
}

rows! {
    noop "no-op call"
    publish "publish 64 B"
    publish_many "publish_many of 256, per message"
    recv_batch "recv_batch of 256, per message"
    array "1 MiB payload as numpy array"
    threads "two threads, 64 B: neo publish to recv_batch"
    threads_queue "two threads, 64 B: queue.SimpleQueue"
    threads_zmq "two threads, 64 B: pyzmq inproc PUSH/PULL"
    iterate "busy subscription: for"
    iterate_async "busy subscription: async for"
    queue_async "asyncio.Queue: get"
    zmq_async "pyzmq.asyncio: recv"
    loop_lag "loop lag beside a saturated subscription"
    call_spinning "call: sync, spinning"
    call_parked "call: sync, parked"
    queue_round_trip "round trip: queue.SimpleQueue"
    call_async "call: asyncio, one loop, function"
    call_coroutine "call: asyncio, one loop, coroutine"
    eventfds "round trip: two eventfds, one loop"
}
