//! `neo call`.

use std::io::{self, Read};
use std::time::Instant;

use serde::Serialize;

use crate::args::{self, CallArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::subscribe::Payload;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    service: &'a str,
    method: &'a str,
    #[serde(flatten)]
    payload: Payload<'a>,
    elapsed_ns: u64,
}

pub(crate) fn run(arguments: &CallArguments, output: &mut Output) -> Result<u8, Failure> {
    let CallArguments { url, service, method, data, timeout } = arguments;
    let request = request(data.as_deref())?;
    let stop = Stop::listen()?;
    let kernel = args::open(url, false)?;
    let _closing = stop.then({
        let kernel = kernel.clone();
        move || kernel.close()
    });
    let began = Instant::now();
    let reply = stop.or_signal(kernel.call_timeout(service, method, &request, *timeout))?;
    let elapsed_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    if output.is_json() {
        output.json(&Answer { service, method, payload: Payload::of(&reply), elapsed_ns })?;
        return Ok(0);
    }
    output.bytes(&reply)?;
    if output.is_terminal() && reply.last().is_some_and(|byte| *byte != b'\n') {
        output.bytes(b"\n")?;
    }
    Ok(0)
}

fn request(data: Option<&str>) -> io::Result<Vec<u8>> {
    match data {
        None => Ok(Vec::new()),
        Some("-") => {
            let mut request = Vec::new();
            io::stdin().lock().read_to_end(&mut request)?;
            Ok(request)
        }
        Some(data) => Ok(data.into()),
    }
}
