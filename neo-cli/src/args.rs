//! The command line.

use core::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use neo_protocol::{Address, Kernel, Options, Policy, SharedNames};

use crate::failure::Failure;

/// Time between two looks at least.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// A time at most, some 30 years: no clock runs over by it.
const TIME_MAX: Duration = Duration::from_secs(1_000_000_000);

const EXIT_CODES: &str = "\
Exit codes:
  0  done; also if the reader of the output went away
  1  the system refused, or the kernel was closed
  2  the command line, a URL, a topic or a limit is not valid
  3  no such kernel, or nobody serves what was called
  4  the time given has passed
  5  there was no room: slow subscribers, or the kernel's memory
  6  the service answered with an error, or died with the call
  7  doctor: something is wrong that it did not mend
  129, 130, 143  ended by a hang-up, by Ctrl-C, by SIGTERM";

/// Looks at shared kernels of this user on this host, talks to them, and says what is wrong.
#[derive(Debug, Parser)]
#[command(name = "neo", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print JSON: one object, or one for each line where output goes on.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the kernels that are open: processes, memory, age; debris is marked.
    Ls(LsArguments),
    /// Publish a message, or each line of the input as one.
    Pub(PubArguments),
    /// Subscribe and print what comes.
    Sub(SubArguments),
    /// Call a method of a service and print the answer.
    Call(CallArguments),
    /// Show a live table: topics, rates, lag, losses, memory, processes. Disturbs nobody.
    Top(TopArguments),
    /// Say who publishes a topic, who subscribes to it, who is slow, and since when messages are
    /// lost.
    Explain(ExplainArguments),
    /// Say what is wrong, and take away what dead processes left.
    Doctor(DoctorArguments),
}

#[derive(Args, Debug)]
pub(crate) struct LsArguments {
    /// The names that this group of users shares, by its name or number.
    #[arg(long)]
    pub(crate) group: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct PubArguments {
    /// The kernel: shm://NAME.
    pub(crate) url: String,
    /// Tokens joined by dots: flights.AA1.arrived.
    pub(crate) topic: String,
    /// The message. `-`, or none: each line of the standard input.
    pub(crate) data: Option<String>,
    /// Messages a second at most.
    #[arg(long = "rate", value_name = "N", value_parser = interval_of_rate)]
    pub(crate) interval: Option<Duration>,
    /// Publish DATA this often; of the input, this many lines at most.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// How long one message waits for room at subscriptions that block.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) send_timeout: Duration,
    /// Make the kernel, with the default limits, if nobody has it open.
    #[arg(long)]
    pub(crate) create: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SubArguments {
    /// The kernel: shm://NAME.
    pub(crate) url: String,
    /// A topic, with `*` for one token and `>` for the rest.
    pub(crate) pattern: String,
    /// Join a queue group: each message goes to one member.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// End after this many messages.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// End if no message comes for so long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// What happens when this is too slow; drop-oldest unless set, block in a group.
    #[arg(long, value_enum)]
    pub(crate) policy: Option<PolicyName>,
    /// Messages that may wait; with `--policy latest`: topics.
    #[arg(long, value_name = "N", default_value_t = 1_024)]
    pub(crate) depth: u32,
    /// Print payloads as they are, one a line, without topics.
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
    /// Make the kernel, with the default limits, if nobody has it open.
    #[arg(long)]
    pub(crate) create: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CallArguments {
    /// The kernel: shm://NAME.
    pub(crate) url: String,
    /// The service's name.
    pub(crate) service: String,
    /// The method's name.
    pub(crate) method: String,
    /// The request's payload; `-`: all of the standard input.
    pub(crate) data: Option<String>,
    /// How long to wait for the answer.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Args, Debug)]
pub(crate) struct TopArguments {
    /// The kernel: shm://NAME.
    pub(crate) url: String,
    /// Print one table and end. Without a terminal, tables are printed one after the other.
    #[arg(long)]
    pub(crate) once: bool,
    /// Time between two looks, which the rates stand for; 0.01 at least.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// What the first lines have most of.
    #[arg(long, value_enum, default_value = "lag")]
    pub(crate) sort: SortBy,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The kernel: shm://NAME.
    pub(crate) url: String,
    /// The topic, without wildcards.
    pub(crate) topic: String,
    /// How long to look at it, which the rates stand for.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// One kernel: shm://NAME. All names of this user, or of the group, unless given.
    pub(crate) url: Option<String>,
    /// The names that this group of users shares, by its name or number.
    #[arg(long, conflicts_with = "url")]
    pub(crate) group: Option<String>,
    /// Only say what is wrong; change nothing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    Lag,
    Rate,
    Lost,
    Name,
}

impl SortBy {
    /// The next one in turn.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Lag => Self::Rate,
            Self::Rate => Self::Lost,
            Self::Lost => Self::Name,
            Self::Name => Self::Lag,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::Rate => "rate",
            Self::Lost => "lost",
            Self::Name => "name",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PolicyName {
    DropOldest,
    DropNewest,
    Latest,
    Block,
    Detach,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::DropOldest => Self::DropOldest,
            PolicyName::DropNewest => Self::DropNewest,
            PolicyName::Latest => Self::Latest,
            PolicyName::Block => Self::Block,
            PolicyName::Detach => Self::Detach,
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number that is not negative is needed, such as 5 or 0.25".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let time = Duration::try_from_secs_f64(number(text)?).ok().filter(|time| *time <= TIME_MAX);
    time.ok_or_else(|| format!("at most {} seconds are possible", TIME_MAX.as_secs()))
}

/// The time between two messages.
fn interval_of_rate(text: &str) -> Result<Duration, String> {
    let interval = Duration::try_from_secs_f64(1.0 / number(text)?).ok();
    interval
        .filter(|interval| *interval <= TIME_MAX)
        .ok_or_else(|| format!("it must be more than one in {} seconds", TIME_MAX.as_secs()))
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    if interval < INTERVAL_MIN {
        return Err("it must be 0.01 or more: a look costs time itself".into());
    }
    Ok(interval)
}

/// What stands behind `shm://` in a URL. Other processes' kernels have URLs of `shm://` only.
pub(crate) fn shared_name(url: &str) -> Result<String, Failure> {
    match url.parse()? {
        Address::SharedMemory { name, group: None } => Ok(name),
        Address::SharedMemory { name, group: Some(group) } => Ok(format!("{name}?group={group}")),
        Address::Memory { .. } => Err(Failure::Invalid(format!(
            "{url} is a kernel within one process, which no other can reach: open shm://NAME in \
             the program, and give that here"
        ))),
        address => Err(Failure::Invalid(format!(
            "{}:// is not part of this version: give shm://NAME (`neo ls` says which there are)",
            address.scheme()
        ))),
    }
}

/// The names of this user, or of a group.
pub(crate) fn names(group: Option<&str>) -> Result<SharedNames, Failure> {
    Ok(match group {
        None => neo_protocol::shared_names()?,
        Some(group) => neo_protocol::shared_names_of_group(group)?,
    })
}

/// The group in what stands behind `shm://`.
pub(crate) fn group_of(name: &str) -> Option<&str> {
    name.split_once("?group=").map(|(_, group)| group)
}

/// Joins the kernel of a URL; makes it only if it is asked to.
pub(crate) fn open(url: &str, create: bool) -> Result<Kernel, Failure> {
    let name = shared_name(url)?;
    let existing = Options::new().existing_only();
    match Kernel::open_with(&format!("shm://{name}"), &existing) {
        Err(error) if create && error.kind() == neo_protocol::ErrorKind::NotFound => {
            Ok(Kernel::open(url)?)
        }
        opened => Ok(opened?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    /// The words of a line of shell, without its pipes and comments.
    fn words(line: &str) -> Vec<String> {
        let command = line.split(" #").next().unwrap_or(line);
        let command = command.rsplit(" | ").next().unwrap_or(command);
        let parts = command.split('\'').enumerate();
        parts
            .flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            })
            .collect()
    }

    #[test]
    fn the_commands_of_the_guides_are_right() {
        let guides = [
            include_str!("../../docs/guide/neo.md"),
            include_str!("../../docs/guide/shared-memory.md"),
            include_str!("../../README.md"),
        ];
        for (guide, at_least) in guides.iter().zip([11, 6, 6]) {
            let blocks = guide.split("```").skip(1).step_by(2).filter(|b| b.starts_with("sh\n"));
            let lines = blocks.flat_map(str::lines);
            let commands: Vec<_> = lines
                .map(words)
                .filter(|words| words.first().is_some_and(|w| w == "neo"))
                .collect();
            assert!(commands.len() >= at_least, "{commands:?}");
            for words in commands {
                assert!(Arguments::try_parse_from(&words).is_ok(), "{words:?}");
            }
        }
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "-1", "NaN", "inf", "5s", "1e400", "1e19"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(interval_of_rate("0.5"), Ok(Duration::from_secs(2)));
        for text in ["0", "-0", "1e-19", "1e-300"] {
            assert!(interval_of_rate(text).is_err(), "{text}");
        }
    }
}
