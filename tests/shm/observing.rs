//! Observers, and opens of what exists only.

use neo_protocol::{
    ErrorKind, Kernel, NamedProcess, Observer, Options, Policy, clean_name, shared_names,
};

use crate::process::{LONG, Name, is_apart, next};

#[test]
fn an_observer_sees_everything_and_is_nobody() {
    let name = Name::new();
    let kernel = name.open();
    let mut inbox = kernel.subscribe("from.*").depth(16).open().unwrap();
    let _worker = kernel.serve("gates").open().unwrap();
    let _inline = kernel.serve_inline("clock", |_| Ok(b"noon".into())).unwrap();
    let observer = Observer::open(name.url().trim_start_matches("shm://")).unwrap();
    assert_eq!(observer.limits().participants_max, 8, "the limits are the kernel's own");
    let mut peer = name.start("holder");
    assert_eq!(next(&mut inbox), b"holding");
    kernel.publish("from.here", b"one").unwrap();
    kernel.publish("from.here", b"two").unwrap();

    let look = observer.look();
    let pids: Vec<u32> = look.participants.iter().map(|one| one.pid).collect();
    assert_eq!(pids, [std::process::id(), peer.id()], "and not the observer");
    assert!(look.participants.iter().all(|one| !one.is_dead));
    let routes: Vec<&str> = look.routes.iter().map(|one| one.counters.pattern.as_str()).collect();
    assert_eq!(routes, ["from.*", "gates", "clock", "to.holder"]);
    assert_eq!(look.totals.memory_bytes, kernel.counters().memory_bytes);
    assert!(look.resident_bytes > look.totals.memory_bytes);
    let hears = look.routes_of("from.here").unwrap().collect::<Vec<_>>();
    let [route] = hears[..] else { panic!("{hears:?}") };
    assert_eq!((route.counters.queued, route.counters.delivered), (2, 1));
    assert!(route.opened_ns <= look.at_ns);
    assert_eq!(route.readers.len(), 1);
    assert_eq!(route.readers[0].participant, look.participants[0].id);
    let senders: Vec<_> = route.senders.iter().map(|one| (one.participant, one.messages)).collect();
    assert_eq!(senders, [(look.participants[0].id, 2), (look.participants[1].id, 1)]);
    assert_eq!(look.routes_of("a.*").err().map(|error| error.kind()), Some(ErrorKind::Invalid));

    peer.kill();
    // A survivor puts it right, whoever looks on.
    while observer.look().participants.len() > 1 {
        std::thread::yield_now();
    }
    drop((inbox, _worker, _inline, kernel));
    assert!(!name.file().exists(), "the observer keeps no name");
    assert!(observer.look().is_over());
    assert_eq!(Observer::open("none.such").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn every_kind_of_mailbox_can_be_looked_at_while_it_is_used() {
    let name = Name::new();
    let kernel = name.open();
    let mut newest = kernel.subscribe("a").policy(Policy::Latest).depth(16).open().unwrap();
    let mut member = kernel.subscribe("a").group("crew").depth(16).open().unwrap();
    let observer = Observer::open(name.url().trim_start_matches("shm://")).unwrap();
    for round in 0..200_usize {
        let short = kernel.subscribe("a").depth(16).open().unwrap();
        kernel.publish("a", &vec![7; round * 20]).unwrap();
        let look = observer.look();
        assert_eq!(look.routes.len(), 3);
        assert_eq!(look.routes.iter().filter(|one| one.counters.queued == 1).count(), 3);
        drop(short);
        assert_eq!(observer.look().routes.len(), 2);
        newest.recv_timeout(LONG).unwrap().expect("a message");
        member.recv_timeout(LONG).unwrap().expect("a message");
    }
}

#[test]
fn what_exists_is_joined_with_its_own_limits_and_nothing_is_made() {
    if !is_apart(what_exists_is_joined_with_its_own_limits_and_nothing_is_made, 0o700) {
        return;
    }
    let name = Name::new();
    let existing = Options::new().existing_only();
    let error = Kernel::open_with(&name.url(), &existing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!name.file().exists());
    let kernel = name.open();
    // Once in this process, and once between two.
    let joined = Kernel::open_with(&name.url(), &existing).unwrap();
    let mut ready = joined.subscribe("from.holder").open().unwrap();
    let mut holder = name.start("holder");
    next(&mut ready);
    let error = Kernel::open_with("shm://none.such", &existing).unwrap_err();
    assert!(error.to_string().contains(&name.url()), "it names what is open: {error}");
    drop((ready, joined, kernel));
    let joined = Kernel::open_with(&name.url(), &existing).unwrap();
    assert_eq!(joined.counters().routes.len(), 1);
    drop(joined);
    holder.kill();
    drop(holder);
    // Debris is no kernel.
    assert!(name.file().exists());
    let error = Kernel::open_with(&name.url(), &existing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!name.file().exists(), "and it was cleared on the way");
}

#[test]
fn names_are_listed_with_their_debris_and_cleaned() {
    let name = Name::new();
    let listed = || {
        let mine = name.url();
        let names = shared_names().unwrap().names;
        names.into_iter().find(|one| mine.ends_with(&one.name)).unwrap()
    };
    let kernel = name.open();
    let mut ready = kernel.subscribe("from.holder").open().unwrap();
    let mut holder = name.start("holder");
    next(&mut ready);
    let (here, there) = (std::process::id(), holder.id());
    let open = |pid| NamedProcess::Open { pid };
    assert_eq!(listed().processes, [open(here), open(there)]);
    assert_eq!(clean_name(&listed().name).unwrap().ended, 0);
    holder.kill();
    while listed().processes[1] == open(there) {
        std::thread::yield_now();
    }
    assert_eq!(listed().processes, [open(here), NamedProcess::Ended { pid: there }]);
    let cleaned = clean_name(&listed().name).unwrap();
    assert_eq!((cleaned.ended, cleaned.removed), (1, false));
    assert_eq!(listed().processes, [open(here)]);
    assert!(!listed().is_stale());
    drop((ready, kernel));
    assert!(!name.file().exists());
    assert_eq!(clean_name("none.such").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(clean_name("../etc").unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn the_first_loss_of_a_life_is_kept_whatever_the_policy() {
    let name = Name::new();
    let kernel = name.open();
    let observer = Observer::open(name.url().trim_start_matches("shm://")).unwrap();
    for policy in [Policy::DropOldest, Policy::DropNewest, Policy::Latest, Policy::Block] {
        let full = kernel.subscribe("a").policy(policy).depth(1).open().unwrap();
        kernel.publish("a", b"kept").unwrap();
        let kept = observer.look();
        assert_eq!(kept.routes[0].first_loss_ns, None, "{policy:?}");
        // Rings have sixteen places at least; `Latest` keeps one for each topic.
        for _ in 0..16 {
            let _ = kernel.publish("a", b"lost");
        }
        let first = observer.look().routes[0].first_loss_ns.expect("something was lost");
        assert!(first >= kept.at_ns, "{policy:?}");
        let _ = kernel.publish("a", b"lost");
        assert_eq!(observer.look().routes[0].first_loss_ns, Some(first), "{policy:?}");
        // The next life, in the same memory, has lost nothing.
        drop(full);
    }
}
