//! Loans: a large message is written once, in the kernel's memory, and every reader reads it there.
#![allow(clippy::print_stdout, reason = "the program shows what was read")]

use neo_protocol::{Kernel, Result};

const SAMPLES: usize = 1 << 16;

fn main() -> Result<()> {
    let kernel = Kernel::open("mem://")?;
    let mut readers =
        [kernel.subscribe("radar.sweep").open()?, kernel.subscribe("radar.>").open()?];

    let publisher = kernel.publisher("radar.sweep").open()?;
    let mut sweep = publisher.loan(SAMPLES)?;
    for (at, sample) in sweep.iter_mut().enumerate() {
        *sample = at as u8;
    }
    sweep.send()?;
    publisher.loan(SAMPLES)?.abort();

    let messages = [readers[0].recv()?, readers[1].recv()?];
    let [first, second] = messages.each_ref().map(|message| message.payload());
    println!("{} bytes, the last is {}", first.len(), first[SAMPLES - 1]);
    println!("both readers read the same memory: {}", core::ptr::eq(first, second));
    println!("left in the queues: {}", readers.iter().map(|reader| reader.queued()).sum::<u64>());
    Ok(())
}
