//! A service: a worker answers calls; its failures and its absence are the caller's errors.
#![allow(clippy::print_stdout, reason = "the program shows the answers")]

use std::thread;

use neo_protocol::{ErrorKind, Failure, Kernel, Result};

fn main() -> Result<()> {
    let kernel = Kernel::open("mem://")?;
    let mut worker = kernel.serve("gates").open()?;
    let gates = thread::spawn(move || {
        worker.run(|call| match (call.method(), call.payload()) {
            ("of", b"AA1") => Ok(b"B22".into()),
            ("of", flight) => Err(Failure::new(format!("no gate for {}", flight.escape_ascii()))),
            (method, _) => Err(Failure::new(format!("no method {method}"))),
        })
    });

    println!("AA1 leaves from {}", kernel.call("gates", "of", b"AA1")?.escape_ascii());
    for (service, flight) in [("gates", b"ZZ9"), ("lounges", b"AA1")] {
        if let Err(error) = kernel.call(service, "of", flight) {
            println!("{service}: {error}");
        }
    }
    kernel.close();
    if let Ok(Err(error)) = gates.join()
        && error.kind() == ErrorKind::Closed
    {
        println!("the worker ended");
    }
    Ok(())
}
