//! One side of a pair of processes: see the README's section on them.

use core::time::Duration;
use std::process::ExitCode;

use neo::rsapi::Code;
use neo_protocol::{Failure, Kernel, Policy, Result};

use crate::value::pattern;

const LIMIT: Duration = Duration::from_secs(20);
const MESSAGES: u64 = 257;
const BY_LOAN: u64 = 16;
const CALLS: u64 = 32;
const SIZES: [u64; 8] = [0, 1, 64, 200, 256, 1_000, 5_000, 70_000];

pub(crate) fn run(role: &str, url: &str) -> ExitCode {
    let outcome = Kernel::open(url).and_then(|kernel| match role {
        "hear" => hear(&kernel),
        "tell" => tell(&kernel),
        _ => {
            eprintln!("there is no role {role}: hear, tell");
            Ok(false)
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("{role}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn message(number: u64) -> Vec<u8> {
    pattern(number, SIZES[(number % SIZES.len() as u64) as usize])
}

/// False: what it waited for did not come.
fn hear(kernel: &Kernel) -> Result<bool> {
    let mut subscription = kernel.subscribe("pair.*").depth(32).policy(Policy::Block).open()?;
    let mut service = kernel.serve("pair").open()?;
    println!("ready");
    let (mut messages, mut equal, mut lost, mut requests) = (0, 0, 0, 0_u32);
    loop {
        let Some(received) = subscription.recv_timeout(LIMIT)? else { return Ok(false) };
        lost += received.lost_before();
        if received.topic() == "pair.end" {
            break;
        }
        let is_equal = received.topic() == "pair.data" && received.payload() == message(equal);
        equal += u64::from(is_equal);
        messages += 1;
    }
    loop {
        let Some(request) = service.recv(Some(LIMIT))? else { return Ok(false) };
        requests += 1;
        match request.method() {
            "reverse" => {
                let reversed: Vec<u8> = request.payload().iter().rev().copied().collect();
                request.reply(&reversed)?;
            }
            "end" => {
                request.reply(b"")?;
                break;
            }
            _ => request.fail(&Failure::new("the handler says no")),
        }
    }
    println!("messages={messages} equal={equal} lost={lost} requests={requests}");
    Ok(true)
}

fn tell(kernel: &Kernel) -> Result<bool> {
    let publisher = kernel.publisher("pair.data").send_timeout(LIMIT).open()?;
    let (mut accepted, mut answered) = (0, 0);
    for number in 0..MESSAGES {
        let payload = message(number);
        let published = if number < BY_LOAN {
            let mut loan = publisher.loan(payload.len())?;
            loan.copy_from_slice(&payload);
            loan.send()?
        } else {
            publisher.publish(&payload)?
        };
        accepted += published.accepted;
    }
    kernel.publisher("pair.end").send_timeout(LIMIT).open()?.publish(b"")?;
    let call = |method: &str, payload: &[u8]| kernel.call_timeout("pair", method, payload, LIMIT);
    for number in 0..CALLS {
        let payload = message(number);
        let answer = call("reverse", &payload)?;
        answered += u32::from(answer.iter().rev().eq(&payload));
    }
    let failure = match call("fail", b"") {
        Ok(_) => "error=- text=".to_owned(),
        Err(error) => format!("error={} text={error}", Code::from(error.kind()).symbol()),
    };
    call("end", b"")?;
    println!("accepted={accepted} answered={answered} {failure}");
    Ok(true)
}
