//! A queue group: each message goes to one of the members, whichever is free.
#![allow(clippy::print_stdout, reason = "the program shows who did the work")]

use std::thread;

use neo_protocol::{Kernel, Result, Subscription};

fn main() -> Result<()> {
    let kernel = Kernel::open("mem://")?;
    let join = || kernel.subscribe("bags.*").group("belt").open();
    let members: Vec<_> = [join()?, join()?, join()?].map(|m| thread::spawn(|| unload(m))).into();

    for bag in 1..=300_u32 {
        kernel.publish("bags.JFK", &bag.to_le_bytes())?;
    }
    // Members receive what is queued, then learn that the kernel is closed.
    kernel.close();

    let done: Vec<u32> = members.into_iter().map(|m| m.join().unwrap_or_default()).collect();
    println!("{} bags by {} members", done.iter().sum::<u32>(), done.len());
    Ok(())
}

fn unload(mut bags: Subscription) -> u32 {
    let mut done = 0;
    while bags.recv().is_ok() {
        done += 1;
    }
    done
}
