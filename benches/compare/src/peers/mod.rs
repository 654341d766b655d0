//! The peers, each used the way its documentation recommends for throughput or latency.

pub mod bare_ring;
pub mod crossbeam;
pub mod disruptor;
pub mod iceoryx2;
pub mod kanal;
pub mod raw_shm;
pub mod rtrb;
pub mod zmq_ipc;

/// Messages that a queue of 64-byte payloads holds, everybody's.
pub const DEPTH: usize = 1024;
/// Messages that a queue of 1 KiB payloads holds.
pub const DEPTH_1_KIB: usize = 1024;
/// Messages that a queue of 64 KiB payloads holds: 4 MiB.
pub const DEPTH_64_KIB: usize = 64;

/// Messages of a 64-byte rate run.
pub const MESSAGES: u64 = 1 << 18;
/// Messages of a run with four threads: many time slices of the scheduler.
pub const MESSAGES_OF_CROWD: u64 = 1 << 20;
/// Messages of a 1 KiB rate run.
pub const MESSAGES_1_KIB: u64 = 1 << 15;
/// Messages of a 64 KiB rate run.
pub const MESSAGES_64_KIB: u64 = 1 << 11;
/// Trips of a latency run, half of them stamped.
pub const TRIPS: u64 = 1 << 15;
/// Messages per batch claim.
pub const BATCH: usize = 32;
