//! The service `delays`: a worker that answers `mean` from what the desks have added up so far.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use neo_protocol::{ErrorKind, Kernel, Reply};

use crate::data::{Carrier, Code, Failure};
use crate::readers::Sums;
use crate::tally::Delays;

pub(crate) const NAME: &str = "delays";
const MEAN: &str = "mean";

/// The answer to `mean`: 16 bytes, little-endian.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Mean {
    pub(crate) minutes: f64,
    /// Flights that it is the mean of.
    pub(crate) departed: u64,
}

impl Mean {
    pub(crate) fn of(delays: Delays) -> Option<Self> {
        delays.mean().map(|minutes| Self { minutes, departed: delays.departed })
    }

    fn encode(self) -> Reply {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.minutes.to_le_bytes());
        bytes[8..].copy_from_slice(&self.departed.to_le_bytes());
        Reply::from(&bytes)
    }

    fn decode(reply: &[u8]) -> Option<Self> {
        let (minutes, departed) = reply.split_first_chunk()?;
        Some(Self {
            minutes: f64::from_le_bytes(*minutes),
            departed: u64::from_le_bytes(departed.try_into().ok()?),
        })
    }
}

/// Starts the worker; it ends when the kernel closes.
pub(crate) fn serve(kernel: &Kernel, desks: Vec<Arc<Sums>>) -> Result<JoinHandle<()>, Failure> {
    let mut worker = kernel.serve(NAME).open()?;
    let work = move || {
        // Returns when the kernel closes, which is how the demo ends it.
        let _ = worker.run(|call| {
            if call.method() != MEAN {
                return Err(format!("`{NAME}` has no method `{}`", call.method()).into());
            }
            let carrier = str::from_utf8(call.payload()).ok().and_then(Code::parse);
            let carrier = carrier.ok_or("the argument must be the two letters of a carrier")?;
            let mut delays = Delays::default();
            desks.iter().for_each(|desk| delays.merge(desk.of_carrier(carrier)));
            let mean = Mean::of(delays).ok_or_else(|| format!("no {carrier} departed so far"))?;
            Ok(mean.encode())
        });
    };
    Ok(thread::Builder::new().name(NAME.to_owned()).spawn(work)?)
}

/// Calls the service; `None` while no flight of the carrier has departed.
pub(crate) fn ask(kernel: &Kernel, carrier: Carrier) -> Result<Option<Mean>, Failure> {
    match kernel.call(NAME, MEAN, carrier.as_str().as_bytes()) {
        Ok(reply) => Ok(Some(Mean::decode(&reply).ok_or("an answer must have 16 bytes")?)),
        Err(error) if error.kind() == ErrorKind::Service => Ok(None),
        Err(error) => Err(error.into()),
    }
}
