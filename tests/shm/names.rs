//! Names: what stays, what is refused, what is cleaned.

use neo_protocol::{ErrorKind, Kernel, Options};

use crate::process::{Name, is_apart, next, options};

#[test]
fn nothing_stays_after_a_normal_end() {
    let name = Name::new();
    let kernel = name.open();
    assert!(name.file().exists());
    name.start("opener").finish();
    assert!(name.file().exists(), "this process has it open still");
    drop(kernel);
    assert!(!name.file().exists());
    name.start("opener").finish();
    assert!(!name.file().exists());
}

#[test]
fn a_name_whose_last_process_was_killed_is_free() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let mut holder = name.start("holder");
    assert_eq!(next(&mut ready), b"holding");
    drop((ready, kernel));
    holder.kill();
    drop(holder);
    // Other limits: the memory is new, and the old one's limits are not in the way.
    let kernel = Kernel::open_with(&name.url(), &options().with_participants_max(3)).unwrap();
    assert_eq!(kernel.counters().routes.len(), 0);
    drop(kernel);
    assert!(!name.file().exists());
}

#[test]
fn what_the_dead_left_under_other_names_is_taken_away() {
    if !is_apart(what_the_dead_left_under_other_names_is_taken_away, 0o700) {
        return;
    }
    let (dead, living, fresh) = (Name::new(), Name::new(), Name::new());
    let kernel = dead.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let mut holder = dead.start("holder");
    next(&mut ready);
    drop((ready, kernel));
    let _living = living.open();
    assert!(dead.file().exists());
    holder.kill();
    drop(holder);
    let _fresh = fresh.open();
    assert!(!dead.file().exists() && living.file().exists());
}

#[test]
fn the_lines_of_the_dead_are_used_again() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    for _ in 0..3 {
        let mut holder = name.start("holder");
        next(&mut ready);
        holder.kill();
    }
    assert_eq!(std::fs::metadata(name.file()).unwrap().len(), 2 * 128);
}

#[test]
fn what_is_no_list_of_processes_is_passed_over() {
    let (name, other) = (Name::new(), Name::new());
    let _keeps_the_directory = other.open();
    for debris in ["", "\n\n", "1 2 3", &"x".repeat(1_000), &format!("{:127}\n", "1 2 3 4 5 6 7")] {
        std::fs::write(name.file(), debris).unwrap();
        drop(name.open());
        assert!(!name.file().exists(), "{debris:?}");
    }
}

#[test]
fn other_limits_are_refused_with_both_values() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let _holder = name.start("holder");
    next(&mut ready);
    // Once in this process, and once between two.
    for _ in 0..2 {
        let error =
            Kernel::open_with(&name.url(), &options().with_participants_max(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(&name.url()) && text.contains("participants_max"), "{text}");
        assert!(text.contains('8') && text.contains('9'), "{text}");
    }
}

#[test]
fn limits_of_another_process_are_refused_with_both_values() {
    let name = Name::new();
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let _holder = name.start("holder");
    next(&mut ready);
    drop((ready, kernel));
    let error = Kernel::open_with(&name.url(), &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(
        text.contains("memory_bytes_max is 16777216 in the region and 268435456 here"),
        "{text}"
    );
    drop(name.open());
}

#[test]
fn as_many_as_the_limits_allow_may_have_it_open() {
    let name = Name::new();
    let few = options().with_participants_max(2);
    let open = || Kernel::open_with(&name.url(), &few);
    let (one, two) = (open().unwrap(), open().unwrap());
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Full);
    drop(one);
    open().unwrap();
    drop(two);
    assert!(!name.file().exists());
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    for url in ["shm://..", "shm://.hidden", "shm://a/b", "shm://"] {
        let error = Kernel::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
        assert!(error.to_string().contains("1 to 63"), "{error}");
    }
}
