//! What is refused: the exit code says how, the text what to do.

use crate::world::{Names, World, run};

#[test]
fn what_is_no_shared_kernel_is_refused() {
    for (url, part) in [
        ("orders", "is no kernel URL"),
        ("memory://orders", "unknown"),
        ("mem://orders", "open shm://NAME"),
        ("neo://host:1", "not part of this version"),
        ("shm://", "1 to 63"),
        ("shm://.hidden", "does not begin with '.'"),
    ] {
        for words in [
            vec!["pub", url, "a", "x"],
            vec!["sub", url, "a"],
            vec!["sub", "--create", url, "a"],
            vec!["call", url, "a", "b"],
            vec!["top", url, "--once"],
            vec!["explain", url, "a"],
            vec!["doctor", url],
        ] {
            let ended = run(&words);
            assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""), "{words:?} {ended:?}");
            assert!(ended.stderr.contains(part), "{words:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_name_that_nobody_has_open_is_not_made_and_the_open_ones_are_named() {
    let names = Names::new();
    let _kernel = names.subscriber("orders", "a");
    for words in [
        ["pub", "shm://order", "a", "x"],
        ["sub", "shm://order", "a", "--json"],
        ["call", "shm://order", "a", "b"],
        ["top", "shm://order", "--interval", "9"],
        ["explain", "shm://order", "a", "--json"],
        ["doctor", "shm://order", "--check", "--json"],
    ] {
        let ended = names.run(&words);
        assert_eq!((ended.code(), ended.stdout.as_str()), (3, ""), "{ended:?}");
        assert!(ended.stderr.contains("shm://order open"), "{}", ended.stderr);
        assert!(ended.stderr.contains(": shm://orders"), "{}", ended.stderr);
        let files: Vec<_> = std::fs::read_dir(names.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

#[test]
fn topics_and_patterns_are_checked() {
    let world = World::new();
    let topic = world.run(&["pub", "URL", "a.*", "x"]);
    assert_eq!(topic.code(), 2);
    assert!(topic.stderr.contains("wildcards belong in subscription patterns"), "{topic:?}");
    let pattern = world.run(&["sub", "URL", "a.>.b", "--json"]);
    assert_eq!(pattern.code(), 2);
    let complaint: serde_json::Value = serde_json::from_str(&pattern.stderr).unwrap();
    assert_eq!(complaint["kind"], "Invalid");
    assert!(complaint["error"].as_str().unwrap().contains("before the last token"));
}

#[test]
fn a_wrong_command_line_is_explained() {
    for words in [
        vec!["bup"],
        vec!["pub", "shm://a"],
        vec!["pub", "shm://a", "t", "x", "--rate", "0"],
        vec!["pub", "shm://a", "t", "x", "--rate", "1e-300"],
        vec!["sub", "shm://a", "t", "--timeout", "soon"],
        vec!["sub", "shm://a", "t", "--policy", "lossy"],
        vec!["sub", "shm://a", "t", "--raw", "--json"],
        vec!["top", "shm://a", "--interval", "0"],
        vec!["top", "shm://a", "--interval", "1e19"],
    ] {
        let ended = run(&words);
        assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""), "{words:?} {ended:?}");
        assert!(ended.stderr.contains("--help"), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let help = run(&["--help"]);
    assert!(help.text().contains("Exit codes:") && help.text().contains("130, 143"));
}
