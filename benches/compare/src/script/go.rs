//! The rows of the Go package and of its peers, asked of `bindings/go/bench`. `cargo xtask bench` builds
//! that program and names it in `NEO_GO`.

use super::rows;

rows! {
    "NEO_GO" "bindings/go/bench":
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
