//! Any sequence of operations on a mailbox, against its oracle: the one that the property tests use.
#![no_main]

use libfuzzer_sys::fuzz_target;
use precursor_broker::ops::{self, Op};

fuzz_target!(|bytes: &[u8]| {
    let Some((depth, bytes)) = bytes.split_first() else { return };
    let ops = bytes.chunks_exact(2).map(|op| Op::from_bytes([op[0], op[1]]));
    ops::run(depth % 16 + 1, ops.take(512));
});
