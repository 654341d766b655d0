//! Names that the users of a group share.
//!
//! Processes of other users can be started by root only; what could not be started is said and not
//! run. The way by the door is gone as well by processes of one user that may not look into each
//! other, which needs no rights.
#![allow(clippy::print_stdout, reason = "what was not run is said aloud")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use neo_protocol::{ErrorKind, Kernel, clean_name, shared_names_of_group};
use rustix::process::Signal;

use crate::isolation::{this_program, unshare};
use crate::process::{LONG, Name, is_apart, next, options, wait_for};

/// A group that need not have a name.
const GROUP: u32 = 4_242;
const ADA: u32 = 60_001;
const BOB: u32 = 60_002;
const EVE: u32 = 60_003;

/// This program as another user, who is in the group beside one of its own.
fn as_member(user: u32) -> Option<Command> {
    as_user(user, &format!("--groups={GROUP}"))
}

/// This program as another user who is in no other group than its own.
fn as_outsider(user: u32) -> Option<Command> {
    as_user(user, "--clear-groups")
}

fn as_user(user: u32, groups: &str) -> Option<Command> {
    let command = || {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), groups]);
        command.arg(std::env::current_exe().unwrap());
        command
    };
    let tried = command().arg("--list").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if tried.is_ok_and(|status| status.success()) {
        return Some(command());
    }
    println!("not run: this user may not start processes of others (`setpriv --reuid={user}`)");
    None
}

fn mode(path: &Path) -> (u32, u32) {
    let found = path.metadata().unwrap();
    (found.permissions().mode() & 0o7777, found.gid())
}

#[test]
fn users_of_a_group_share_a_name() {
    let (Some(ada), Some(bob)) = (as_member(ADA), as_member(BOB)) else { return };
    let name = Name::of_group(GROUP);
    let _task = name.start_by(ada, "waiting task");
    name.wait_for_file();
    name.start_by(bob, "partner").finish();
}

#[test]
fn the_death_of_another_users_process_is_noticed_and_put_right() {
    let (Some(ada), Some(bob)) = (as_member(ADA), as_member(BOB)) else { return };
    let name = Name::of_group(GROUP);
    let kernel = name.open();
    let (mut task, mut told) =
        (kernel.subscribe("from.task").open().unwrap(), kernel.subscribe("told").open().unwrap());
    let mut dying = name.start_by(ada, "waiting task");
    assert_eq!(next(&mut task), b"here");
    let mourner = name.start_by(bob, "mourner");
    assert_eq!(next(&mut told), b"waiting");
    drop((task, told, kernel));
    dying.kill();
    mourner.finish();
}

#[test]
fn who_is_not_in_the_group_is_refused_and_told_both_sides() {
    let Some(eve) = as_outsider(EVE) else { return };
    let name = Name::of_group(GROUP);
    let _kernel = name.open();
    name.start_by(eve, "outsider").finish();
}

#[test]
fn who_is_not_in_the_group_gets_no_memory_by_the_door_either() {
    let (Some(mut ada), Some(mut eve)) = (as_member(ADA), as_outsider(EVE)) else { return };
    let name = Name::of_group(GROUP);
    // A place of its own, opened to everybody as by mistake.
    let place = std::env::temp_dir().join(format!("neo-doors-{}", std::process::id()));
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(&place).unwrap();
    set(&place, 0o777);
    let directory = place.join(format!("neo-group-{GROUP}"));
    let door = directory.join(name.door(0).file_name().unwrap());
    ada.env("NEO_SHM_DIR", &place);
    let task = name.start_by(ada, "waiting task");
    wait_for(&directory.join(name.file().file_name().unwrap()));
    set(&directory, 0o2771);
    set(&door, 0o666);
    eve.env("NEO_SHM_TEST_DOOR", &door);
    name.start_by(eve, "knocker").finish();
    drop(task);
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_groups_files_are_the_groups_whatever_the_umask() {
    let Some(ada) = as_member(ADA) else { return };
    let name = Name::of_group(GROUP);
    let mut masked = Command::new("sh");
    masked
        .args(["-c", "umask 0277; exec \"$@\"", "sh"])
        .arg(ada.get_program())
        .args(ada.get_args());
    let task = name.start_by(masked, "waiting task");
    name.wait_for_file();
    assert_eq!(mode(&name.file()), (0o660, GROUP));
    assert_eq!(mode(&name.door(0)), (0o660, GROUP));
    assert_eq!(mode(name.file().parent().unwrap()), (0o2770, GROUP));
    drop(task);
}

#[test]
fn what_a_killed_user_left_is_taken_away_by_another_at_any_name() {
    if !is_apart(what_a_killed_user_left_is_taken_away_by_another_at_any_name, 0o777) {
        return;
    }
    for at_the_same in [true, false] {
        let (Some(ada), Some(bob)) = (as_member(ADA), as_member(BOB)) else { return };
        let (name, other) = (Name::of_group(GROUP), Name::of_group(GROUP));
        let mut task = name.start_by(ada, "waiting task");
        name.wait_for_file();
        task.kill();
        drop(task);
        assert!(name.file().exists() && name.door(0).exists());
        (if at_the_same { &name } else { &other }).start_by(bob, "opener").finish();
        assert!(!name.file().exists() && !name.door(0).exists(), "{at_the_same}");
    }
}

#[test]
fn who_gets_no_answer_is_told_which_processes_are_stopped() {
    let (Some(ada), Some(mut bob)) = (as_member(ADA), as_member(BOB)) else { return };
    let name = Name::of_group(GROUP);
    let kernel = name.open();
    let mut here = kernel.subscribe("from.task").open().unwrap();
    let task = name.start_by(ada, "waiting task");
    assert_eq!(next(&mut here), b"here");
    task.signal(Signal::STOP);
    drop((here, kernel));
    bob.env("NEO_SHM_TEST_PEER", task.id().to_string());
    name.start_by(bob, "impatient").finish();
}

#[test]
fn a_process_that_runs_another_program_now_has_left_a_groups_name() {
    let name = Name::of_group(rustix::process::getegid().as_raw());
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.reborn").open().unwrap();
    let reborn = name.start("reborn");
    assert_eq!(next(&mut ready), b"here");
    reborn.wait_to_become("sleep");
    let begun = Instant::now();
    while kernel.counters().routes.len() != 1 {
        assert!(begun.elapsed() < LONG, "it is taken for alive");
        kernel.maintain().unwrap();
    }
}

#[test]
fn a_process_that_nobody_may_look_into_can_be_joined_at_a_name_of_its_group() {
    let (name, one, other) = match (as_member(ADA), as_member(ADA)) {
        (Some(one), Some(other)) => (Name::of_group(GROUP), one, other),
        // Not root: this user, in the group that it has anyway.
        _ => {
            let own = rustix::process::getegid().as_raw();
            let this = || Command::new(std::env::current_exe().unwrap());
            (Name::of_group(own), this(), this())
        }
    };
    let _task = name.start_by(one, "closed task");
    name.wait_for_file();
    name.start_by(other, "partner").finish();
}

#[test]
fn a_process_of_another_user_namespace_can_share_a_name_of_its_group() {
    let Some(inside) = unshare(&["--user", "--map-current-user"]) else { return };
    let name = Name::of_group(rustix::process::getegid().as_raw());
    let _task = name.start("waiting task");
    name.wait_for_file();
    name.start_by(this_program(inside), "partner").finish();
}

#[test]
fn nothing_stays_of_a_groups_name_after_a_normal_end() {
    let name = Name::of_group(rustix::process::getegid().as_raw());
    let kernel = name.open();
    assert!(name.file().exists() && name.door(0).exists());
    name.start("opener").finish();
    assert!(name.file().exists() && !name.door(1).exists());
    drop(kernel);
    assert!(!name.file().exists() && !name.door(0).exists());
}

#[test]
fn the_names_of_a_group_are_listed_and_cleaned() {
    if !is_apart(the_names_of_a_group_are_listed_and_cleaned, 0o777) {
        return;
    }
    let group = rustix::process::getegid().as_raw();
    let name = Name::of_group(group);
    let address = name.url().trim_start_matches("shm://").to_owned();
    let listed = || {
        let names = shared_names_of_group(&group.to_string()).unwrap().names;
        names.into_iter().find(|listed| listed.name == address)
    };
    assert_eq!(listed(), None);
    let mut task = name.start("waiting task");
    name.wait_for_file();
    assert_eq!(listed().unwrap().processes.len(), 1);
    task.kill();
    drop(task);
    assert!(listed().unwrap().is_stale());
    assert!(clean_name(&address).unwrap().removed);
    assert_eq!(clean_name(&address).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_name_and_the_same_name_of_a_group_are_two_kernels() {
    let (own, common) = (Name::new(), Name::of_group(rustix::process::getegid().as_raw()));
    let url = own.url() + common.url().split_at(common.url().find('?').unwrap()).1;
    let (one, two) = (own.open(), Kernel::open_with(&url, &options()).unwrap());
    let _kept = one.subscribe("kept").open().unwrap();
    assert_eq!((one.counters().routes.len(), two.counters().routes.len()), (1, 0));
}
