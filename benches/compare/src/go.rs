//! The rows of the Go package and of its peers, asked of `bindings/go/bench`. `cargo xtask bench` builds
//! that program and names it in `NEO_GO`.

use crate::harness::{Sample, Scale};
use crate::script::Script;

/// Names the program that measures.
pub const PROGRAM: &str = "NEO_GO";

static SCRIPT: Script =
    Script::new(PROGRAM, concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/go/bench"));

macro_rules! rows {
    ($($function:ident $row:literal)*) => {
        $(
            #[doc = concat!("The row `", $row, "`.")]
            pub fn $function(_: Scale) -> Sample {
                Sample::new(SCRIPT.ask($row))
            }
        )*
    };
}

rows! {
    noop "no-op call"
    publish "publish 64 B"
    publish_batch "PublishBatch of 256, per message"
    recv_batch "RecvBatch of 256, per message"
    channel_send "channel of 256: send, per message"
    channel_receive "channel of 256: receive, per message"
    recv "Recv, one by one"
    view "1 MiB payload by RecvView"
    call "call: parked"
    call_adaptive "call: adaptive"
    eventfds "round trip: two eventfds"
    channels "round trip: two channels"
}
