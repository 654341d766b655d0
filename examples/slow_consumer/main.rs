//! Slow consumers: each subscription says what happens when it is full, and losses are told.
#![allow(clippy::print_stdout, reason = "the program shows who lost what")]

use neo_protocol::{Kernel, Policy, Result};

fn main() -> Result<()> {
    let kernel = Kernel::open("mem://")?;
    let open = |policy| kernel.subscribe("ticks").depth(4).policy(policy).open();
    let mut readers = [
        ("DropOldest", open(Policy::DropOldest)?),
        ("DropNewest", open(Policy::DropNewest)?),
        ("Latest", open(Policy::Latest)?),
    ];

    let mut dropped = 0;
    for tick in 1..=10_u8 {
        dropped += kernel.publish("ticks", &[tick])?.dropped;
    }

    let mut told = 0;
    for (policy, subscription) in &mut readers {
        let (mut ticks, mut lost) = (Vec::new(), 0);
        while let Some(message) = subscription.try_recv()? {
            lost += message.lost_before();
            ticks.extend_from_slice(message.payload());
        }
        lost += subscription.take_lost();
        println!("{policy}: received {ticks:?}, lost {lost}");
        told += lost;
    }
    println!("the publisher was told of {dropped} losses, the readers of {told}");
    Ok(())
}
