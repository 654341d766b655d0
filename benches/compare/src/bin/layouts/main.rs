//! Mailbox layouts side by side: the measurements behind `docs/adr/0001-mailbox-layout.md`.
//!
//! `cargo run --release --bin layouts [-- REPEATS [DEPTH [FILTER]]]`

mod fixed;
mod mailbox;
mod memory;
mod scenario;
mod variable;

use fixed::{Fixed, control::*};
use neo_compare::harness::Scale;
use neo_compare::stats::Summary;
use neo_compare::yardsticks;
use scenario::{Scenario, Wait, run};
use variable::Variable;

/// Few, so that a repeat often fits between two disturbances of a shared machine.
const MESSAGES: u64 = 1 << 17;

const SCENARIOS: [(&str, Scenario); 7] = [
    ("round trip ns", Scenario::RoundTrip),
    ("1->1 polling", Scenario::OneWay(Wait::Poll)),
    ("1->1 32 pauses", Scenario::OneWay(Wait::Pauses(32))),
    ("1->1 adaptive", Scenario::OneWay(Wait::Adaptive)),
    ("1->1 by 32", Scenario::Batches),
    ("2->1 pinned", Scenario::TwoProducersPinned),
    ("2->1 free", Scenario::TwoProducersFree),
];

type Run = fn(Scenario, usize, u64) -> f64;

/// Fixed: slot bytes, control words, slots prefetched ahead, control words too, cached cursor.
const LAYOUTS: &[(&str, Run)] = &[
    ("V  packed", run::<Variable<1, 0>>),
    ("V  strided", run::<Variable<8, 0>>),
    ("V' packed, ahead 4", run::<Variable<1, 4>>),
    ("F  256 packed", run::<Fixed<256, PACKED, 0, false, true>>),
    ("F  256 strided", run::<Fixed<256, STRIDED, 0, false, true>>),
    ("F  256 spread", run::<Fixed<256, SPREAD, 0, false, true>>),
    ("F  256 spread, uncached", run::<Fixed<256, SPREAD, 0, false, false>>),
    ("F  256 paired", run::<Fixed<256, PAIRED, 0, false, true>>),
    ("F  256 inline", run::<Fixed<256, INLINE, 0, false, true>>),
    ("F  128 spread", run::<Fixed<128, SPREAD, 0, false, true>>),
    ("F' 256 spread, ahead 1", run::<Fixed<256, SPREAD, 1, false, true>>),
    ("F' 256 spread, ahead 4", run::<Fixed<256, SPREAD, 4, false, true>>),
    ("F' 256 spread, ahead 1+ctl", run::<Fixed<256, SPREAD, 1, true, true>>),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let repeats: usize = arguments.next().map_or(9, |n| n.parse().expect("repeats: a number"));
    let depth: usize = arguments.next().map_or(1024, |n| n.parse().expect("depth: a number"));
    let filter = arguments.next().unwrap_or_default();
    let layouts: Vec<_> = LAYOUTS.iter().filter(|(name, _)| name.contains(&filter)).collect();

    let mut ping_pong = Vec::new();
    let mut samples = vec![vec![Vec::new(); SCENARIOS.len()]; layouts.len()];
    for _ in 0..repeats {
        ping_pong.push(yardsticks::ping_pong(Scale { is_quick: true }).value);
        for (column, (_, scenario)) in SCENARIOS.iter().enumerate() {
            for (row, (_, run)) in layouts.iter().enumerate() {
                samples[row][column].push(run(*scenario, depth, MESSAGES));
            }
        }
    }

    println!("depth {depth}, {repeats} repeats, 64 B payload + 64 B header, cores 0 and 1");
    let yardstick = Summary::new(&ping_pong);
    println!("ping-pong {:.0} ns, {:.0} to {:.0}", yardstick.median, yardstick.min, yardstick.max);
    println!("median [best] x median ratio to the first layout; M messages/s unless ns");
    print!("{:28}", "");
    SCENARIOS.iter().for_each(|(name, _)| print!(" {name:>20}"));
    println!();
    for ((name, _), columns) in layouts.iter().zip(&samples) {
        print!("{name:28}");
        for (column, (sample, (_, scenario))) in columns.iter().zip(SCENARIOS).enumerate() {
            let summary = Summary::new(sample);
            let best = if scenario == Scenario::RoundTrip { summary.min } else { summary.max };
            let pairs = sample.iter().zip(&samples[0][column]);
            let ratio = Summary::new(&pairs.map(|(ours, first)| ours / first).collect::<Vec<_>>());
            let median = summary.median;
            print!(" {:>20}", format!("{median:.1} [{best:.1}] x{:.2}", ratio.median));
        }
        println!();
    }
}
