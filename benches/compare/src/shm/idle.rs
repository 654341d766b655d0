//! What a process costs that has a kernel open and does nothing with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use neo_protocol::{Kernel, Options};

use super::neo::url;
use super::process::{self, Process};
use crate::harness::{Sample, Scale};
use crate::neo::TOPIC;
use crate::neo::memory::resident_kib;
use crate::threads::{Cores, settle};

/// The role of the idle process.
pub const ROLE: &str = "idler";

/// Resident memory that attaching with one subscription adds to a process, KiB.
pub fn memory(_: Scale) -> Sample {
    let place = process::new_name();
    let _kernel = open(&place);
    let mut idler = Process::start(&[ROLE.to_owned(), place]);
    Sample::new(idler.next_line().trim().parse().expect("it says how much"))
}

/// How often the threads of an idle process wake and go to sleep again in a second.
pub fn sleeps(_: Scale) -> Sample {
    let place = process::new_name();
    let _kernel = open(&place);
    let mut idler = Process::start(&[ROLE.to_owned(), place]);
    // It has done what it does on the way to sleep when two looks find the same.
    idler.next_line();
    let count = || sleeps_of(idler.id());
    let mut before = count();
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = count();
        if now == before && is_asleep(idler.id()) {
            break;
        }
        before = now;
    }
    std::thread::sleep(Duration::from_secs(1));
    Sample::new((count() - before) as f64)
}

fn open(place: &str) -> Kernel {
    settle(Cores::Free);
    Kernel::open_with(&url(place), &Options::new()).expect("a kernel opens")
}

fn sleeps_of(process: u32) -> u64 {
    let key = "voluntary_ctxt_switches:";
    let of = |status: String| {
        let number = status.lines().find_map(|line| line.strip_prefix(key));
        number.and_then(|number| number.trim().parse::<u64>().ok()).expect("Linux counts them")
    };
    statuses(process).map(of).sum()
}

fn is_asleep(process: u32) -> bool {
    statuses(process).all(|status| status.contains("State:\tS"))
}

fn statuses(process: u32) -> impl Iterator<Item = String> {
    let threads: PathBuf = Path::new("/proc").join(process.to_string()).join("task");
    let threads = std::fs::read_dir(threads).expect("the process lives").flatten();
    threads.map(|t| std::fs::read_to_string(t.path().join("status")).expect("its threads live"))
}

/// Plays the role of this file; `None` if the words are not those of it.
pub fn play(words: &mut impl Iterator<Item = String>) -> Option<()> {
    let place = words.next()?;
    let before = resident_kib();
    let kernel = Kernel::open_with(&url(&place), &Options::new()).expect("a kernel opens");
    let subscription = kernel.subscribe(TOPIC).open().expect("a subscription opens");
    let added = resident_kib() - before;
    process::ready();
    process::say(&format!("{added}\n"));
    process::wait_for_end();
    drop(subscription);
    Some(())
}
