//! ZeroMQ between two processes: a pair of sockets over `ipc://`, in the abstract namespace.

use crate::shm::end::{End, Shape, Side};

/// One end.
pub struct ZmqIpc {
    socket: zmq::Socket,
    buffer: Vec<u8>,
    message: zmq::Message,
}

impl core::fmt::Debug for ZmqIpc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ZmqIpc").finish_non_exhaustive()
    }
}

impl End for ZmqIpc {
    const NAME: &'static str = "ZeroMQ ipc";

    /// However it is asked to wait, it sleeps at once.
    fn open(place: &str, side: Side, shape: Shape) -> Self {
        let socket = zmq::Context::new().socket(zmq::PAIR).expect("a socket opens");
        let depth = i32::try_from(shape.depth()).expect("depths are small");
        socket.set_sndhwm(depth).expect("before it is connected");
        socket.set_rcvhwm(depth).expect("before it is connected");
        let endpoint = format!("ipc://@{place}");
        match side {
            Side::Near => socket.bind(&endpoint),
            Side::Far => socket.connect(&endpoint),
        }
        .expect("the endpoint is there");
        Self { socket, buffer: vec![0; shape.payload_bytes], message: zmq::Message::new() }
    }

    fn send(&mut self, write: impl Fn(&mut [u8])) {
        write(&mut self.buffer);
        self.socket.send(&self.buffer, 0).expect("the other end reads");
    }

    fn receive<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R {
        self.socket.recv(&mut self.message, 0).expect("the other end sends");
        read(&self.message)
    }
}
