//! Two processes on one host, pinned apart: this program, and itself started again.
//!
//! Every contestant is an [`end::End`] of a connection that carries messages both ways. The same
//! [`drive`] goes through all of them: one end is in the process that measures, the other one in
//! the process that answers or sends, and both check what comes.

pub mod deaths;
pub mod drive;
pub mod end;
pub mod idle;
pub mod neo;
pub mod process;

/// Plays the role that the words name.
///
/// # Errors
/// If there is no such role.
pub fn play(mut words: impl Iterator<Item = String>) -> Result<(), String> {
    process::follow();
    let role = words.next().unwrap_or_default();
    let played = match role.as_str() {
        deaths::ROLE => deaths::play(&mut words),
        drive::ROLE => drive::play(&mut words),
        idle::ROLE => idle::play(&mut words),
        _ => None,
    };
    played.ok_or_else(|| format!("there is no role {role:?}, or not with these words"))
}
