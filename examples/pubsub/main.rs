//! Publish and subscribe: a pattern with `*` hears every topic that it matches.
#![allow(clippy::print_stdout, reason = "the program shows what it received")]

use neo_protocol::{Kernel, Result};

fn main() -> Result<()> {
    let kernel = Kernel::open("mem://")?;
    let mut arrivals = kernel.subscribe("flights.*.arrived").open()?;

    kernel.publish("flights.AA1.arrived", b"LAX")?;
    kernel.publish("flights.AA1.departed", b"JFK")?;
    kernel.publish("flights.DL42.arrived", b"ATL")?;

    for _ in 0..2 {
        let message = arrivals.recv()?;
        println!("{}: {}", message.topic(), String::from_utf8_lossy(message.payload()));
    }
    Ok(())
}
