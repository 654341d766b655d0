//! What the system tells of a process.

use serde::Serialize;

/// A process by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// The name of its program; none if it has ended.
    pub(crate) command: Option<String>,
    /// By SIGSTOP, a terminal or a debugger: it does nothing, and is not dead.
    pub(crate) is_stopped: bool,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        let command = command.map(|name| name.trim_end().to_owned());
        let state = std::fs::read(format!("/proc/{pid}/stat")).ok();
        let is_stopped =
            state.as_deref().and_then(state_of).is_some_and(|s| matches!(s, b'T' | b't'));
        Self { pid, command, is_stopped }
    }

    /// "4711 (python)".
    pub(crate) fn label(&self) -> String {
        let command = self.command.as_deref().unwrap_or("ended");
        format!("{} ({command})", self.pid)
    }
}

/// The letter behind the program's name, which may hold spaces and parentheses itself.
fn state_of(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(end + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_has_a_name() {
        let this = Process::of(std::process::id());
        assert!(this.command.is_some() && !this.is_stopped, "{this:?}");
    }

    #[test]
    fn the_state_stands_behind_any_name() {
        assert_eq!(state_of(b"12 (a) R b) T 1 2"), Some(b'T'));
        assert_eq!(state_of(b"12 (a"), None);
    }
}
