//! Users, namespaces and small file systems: who shares a name, and who is told that it does not.
//!
//! Making them needs rights that a test does not have everywhere; what could not be made is said
//! and not run.
#![allow(clippy::print_stdout, reason = "what was not run is said aloud")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use neo_protocol::{ErrorKind, Kernel};

use crate::process::{LONG, Name, next, options};

/// `unshare` with these options, if this system lets a test use it.
pub(crate) fn unshare(options: &[&str]) -> Option<Command> {
    let command = || {
        let mut command = Command::new("unshare");
        command.args(options).stderr(Stdio::null());
        command
    };
    if command().arg("true").status().is_ok_and(|status| status.success()) {
        return Some(command());
    }
    println!("not run: this system does not let a test do `unshare {}`", options.join(" "));
    None
}

/// This program under `command`.
pub(crate) fn this_program(mut command: Command) -> Command {
    command.arg(std::env::current_exe().unwrap());
    command
}

const OTHER_USER: u32 = 65_534;

/// This program as another user.
fn as_other_user() -> Option<Command> {
    let program = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.uid(OTHER_USER).gid(OTHER_USER);
        command
    };
    if program().arg("--list").stdout(Stdio::null()).status().is_ok_and(|end| end.success()) {
        return Some(program());
    }
    println!("not run: this user may not start processes of another one");
    None
}

#[test]
fn names_are_their_users_alone() {
    let name = Name::new();
    let _kernel = name.open();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&name.file()), 0o600);
    assert_eq!(mode(name.file().parent().unwrap()), 0o700);
}

#[test]
fn the_same_name_of_another_user_is_another_kernel() {
    let Some(mut other) = as_other_user() else { return };
    let name = Name::new();
    let kernel = name.open();
    let _kept = kernel.subscribe("kept").open().unwrap();
    other.env("NEO_SHM_TEST_PEER", std::process::id().to_string());
    name.start_by(other, "other user").finish();
}

#[test]
fn the_names_of_another_user_are_refused_and_the_owner_is_named() {
    let Some(mut other) = as_other_user() else { return };
    let name = Name::new();
    let _kernel = name.open();
    other.env("NEO_SHM_DIR", name.file().parent().unwrap());
    name.start_by(other, "intruder").finish();
}

#[test]
fn a_process_of_another_pid_namespace_is_refused() {
    let spaces = ["--user", "--map-current-user", "--pid", "--fork", "--mount-proc"];
    let own = rustix::process::getegid().as_raw();
    for name in [Name::new(), Name::of_group(own)] {
        let Some(inside) = unshare(&spaces) else { return };
        let _kernel = name.open();
        name.start_by(this_program(inside), "stranger").finish();
    }
}

#[test]
fn a_process_whose_proc_is_of_another_pid_namespace_is_refused() {
    let spaces = ["--user", "--map-current-user", "--pid", "--fork"];
    let Some(inside) = unshare(&spaces) else { return };
    let name = Name::new();
    let _kernel = name.open();
    name.start_by(this_program(inside), "blind").finish();
}

#[test]
fn a_name_is_free_when_its_process_of_another_pid_namespace_was_killed() {
    let spaces = ["--user", "--map-current-user", "--pid", "--fork", "--kill-child"];
    let Some(inside) = unshare(&[&spaces[..], &["--mount-proc"]].concat()) else { return };
    let name = Name::new();
    let mut process = name.start_by(this_program(inside), "holder");
    name.wait_for_file();
    let begun = Instant::now();
    // Its pid means nothing here: that it lives is known by the lock of its line.
    let open = || Kernel::open_with(&name.url(), &options());
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Unsupported);
    process.kill();
    let kernel = loop {
        match open() {
            Ok(kernel) => break kernel,
            Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
        }
    };
    assert_eq!(kernel.counters().routes.len(), 0);
}

#[test]
fn processes_of_different_network_namespaces_share_a_name() {
    // Without a user namespace of its own, which would end at the other's memory.
    let Some(inside) = unshare(&["--net"]) else { return };
    let name = Name::new();
    let kernel = name.open();
    let mut replies = kernel.subscribe("from.task").open().unwrap();
    let _task = name.start_by(this_program(inside), "waiting task");
    assert_eq!(next(&mut replies), b"here");
    for n in 0..20_u8 {
        kernel.publish("to.task", &[n]).unwrap();
        assert_eq!(next(&mut replies), [n]);
    }
}

#[test]
fn a_process_of_another_user_namespace_is_told_what_it_lacks() {
    let Some(inside) = unshare(&["--user", "--map-current-user"]) else { return };
    let name = Name::new();
    let _kernel = name.open();
    name.start_by(this_program(inside), "unprivileged").finish();
}

#[test]
fn a_small_dev_shm_is_no_limit() {
    let Some(mut inside) = unshare(&["--user", "--map-root-user", "--mount"]) else { return };
    let mount = "mount -t tmpfs -o size=64k none /dev/shm && exec \"$@\"";
    let can_mount = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", "true"])
        .stderr(Stdio::null())
        .status();
    if !can_mount.is_ok_and(|status| status.success()) {
        println!("not run: this system does not let a test mount a tmpfs");
        return;
    }
    inside.args(["sh", "-c", mount, "sh"]);
    Name::new().start_by(this_program(inside), "filler").finish();
}
