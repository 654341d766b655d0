//! `cargo xtask kills`: processes that share a kernel are killed, thousands of times.
//!
//! `cargo xtask test` kills 500; this is the long form of the same tests, optimised, so that the
//! moments lie closer together.

use core::time::Duration;

use crate::run::Step;
use crate::suite::{self, Suite};
use crate::{Failure, toolchains};

const KILLS: u64 = 10_000;
const LIMIT: Duration = Duration::from_secs(60 * 60);

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let kills = match arguments {
        [] => KILLS,
        [kills] => kills.parse().map_err(|_| format!("`{kills}` is no number of kills"))?,
        _ => return Err("one number of kills, or none for 10,000".into()),
    };
    let mut command = toolchains::cargo(false);
    command.args(["test", "--release", "--package", "neo-tests", "--test", "shm"]);
    command.args(["kills::", "--", "--nocapture", "--test-threads", "1"]);
    command.env("NEO_SHM_KILLS", kills.to_string());
    let outcome = Step::new("kills", command, LIMIT).run();
    suite::close(&[("kills", Suite::of([outcome]).not_empty())])
}
