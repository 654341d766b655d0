//! Processes that share a kernel. Run it as `serve` in one terminal and as `ask` in another; the
//! programs of this name in other languages are either side of the same conversation.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it shows")]

use std::process::ExitCode;

use neo_protocol::{Kernel, Result};

const URL: &str = "shm://example-users";

/// Answers one call, and publishes who was asked for.
fn serve(kernel: &Kernel) -> Result<()> {
    let mut users = kernel.serve("user_service").open()?;
    println!("serving on {URL}");
    if let Some(request) = users.recv(None)? {
        let who = String::from_utf8_lossy(request.payload()).into_owned();
        kernel.publish("users.asked", who.as_bytes())?;
        request.reply(format!("{who} is Ada").as_bytes())?;
    }
    Ok(())
}

fn ask(kernel: &Kernel) -> Result<()> {
    let mut asked = kernel.subscribe("users.*").open()?;
    let answer = kernel.call("user_service", "get_user", b"42")?;
    println!("{}", String::from_utf8_lossy(&answer));
    let message = asked.recv()?;
    println!("{}: {}", message.topic(), String::from_utf8_lossy(message.payload()));
    Ok(())
}

fn main() -> ExitCode {
    let role = std::env::args().nth(1).unwrap_or_default();
    let outcome = Kernel::open(URL).and_then(|kernel| match role.as_str() {
        "serve" => serve(&kernel),
        "ask" => ask(&kernel),
        _ => {
            println!("usage: shared_memory serve|ask");
            Ok(())
        }
    });
    if let Err(error) = outcome {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
