//! Bad input: refused with an error that says what to do.

use neo_protocol::{Error, ErrorKind, Kernel, Options, Policy};

#[track_caller]
fn assert_error<T>(result: Result<T, Error>, kind: ErrorKind, parts: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn what_is_no_kernel_url_is_refused() {
    let table = [
        ("", "it is mem://"),
        ("orders", "it is mem://"),
        ("memory://orders", "use mem://"),
        ("MEM://", "use mem://"),
        ("http://host:1", "use mem://"),
        ("mem://a/b", "letters, digits"),
        ("mem://a b", "letters, digits"),
        ("shm://", "letters, digits"),
        ("file://relative", "absolute path"),
        ("neo://host", "HOST:PORT"),
        ("neo://host:0", "1 to 65535"),
    ];
    for (url, advice) in table {
        assert_error(Kernel::open(url), ErrorKind::Invalid, &[url, advice]);
    }
    let long = format!("mem://{}", "x".repeat(64));
    assert_error(Kernel::open(&long), ErrorKind::Invalid, &["1 to 63"]);
}

#[test]
fn schemes_that_are_not_served_yet_say_so() {
    for url in [
        "file:///var/neo",
        "neo://host:4222",
        "neo+tls://host:4222",
        "neo+unix:///run/neo",
        "neo+quic://host:4222",
        "ws://host:80",
        "wss://host:443",
        "nats://host:4222",
    ] {
        assert_error(Kernel::open(url), ErrorKind::Unsupported, &[url, "opens mem://"]);
    }
}

#[test]
fn limits_out_of_range_name_the_limit_and_its_range() {
    let table = [
        (Options::new().with_memory_bytes_max(1_000), ["memory_bytes_max = 1000", "1048576"]),
        (Options::new().with_subscriptions_max(0), ["subscriptions_max = 0", "at least 1"]),
        (Options::new().with_participants_max(9_999), ["participants_max = 9999", "1024"]),
        (Options::new().with_calls_in_flight_max(0), ["calls_in_flight_max = 0", "at least 1"]),
    ];
    for (options, parts) in table {
        assert_error(Kernel::open_with("mem://", &options), ErrorKind::Invalid, &parts);
        assert_error(Kernel::open_with("mem://bad.limits", &options), ErrorKind::Invalid, &parts);
    }
    Kernel::open("mem://bad.limits").unwrap();
}

#[test]
fn one_name_has_one_set_of_limits() {
    let _kernel = Kernel::open("mem://one.name").unwrap();
    let table = [
        (Options::new().with_memory_bytes_max(32 << 20), ["268435456", "33554432"]),
        (Options::new().with_subscriptions_max(10), ["131072", "not 10"]),
        (Options::new().with_participants_max(3), ["64", "not 3"]),
        (Options::new().with_calls_in_flight_max(5), ["1024", "not 5"]),
    ];
    for (options, parts) in table {
        let opened = Kernel::open_with("mem://one.name", &options);
        assert_error(opened, ErrorKind::Invalid, &parts);
        let opened = Kernel::open_with("mem://one.name", &options);
        assert_error(opened, ErrorKind::Invalid, &["mem://one.name", "another name"]);
    }
}

#[test]
fn malformed_topics_patterns_and_names_are_refused() {
    let kernel = Kernel::open("mem://").unwrap();
    for (topic, advice) in [
        ("", "give it"),
        ("a..b", "doubled dot"),
        ("a.*", "wildcards belong in subscription patterns"),
        ("a b", "use '-' or '_'"),
    ] {
        assert_error(kernel.publish(topic, b""), ErrorKind::Invalid, &[advice]);
        assert_error(kernel.publisher(topic).open(), ErrorKind::Invalid, &[advice]);
    }
    assert_error(kernel.subscribe("a.>.b").open(), ErrorKind::Invalid, &["move it to the end"]);
    assert_error(kernel.subscribe("a").group("").open(), ErrorKind::Invalid, &["needs a name"]);
    assert_error(kernel.serve("").open(), ErrorKind::Invalid, &["needs a name"]);
    assert_error(kernel.call("s", "", b""), ErrorKind::Invalid, &["needs a name"]);
    let latest = kernel.subscribe("a").group("crew").policy(Policy::Latest).open();
    assert_error(latest, ErrorKind::Invalid, &["group"]);
    assert_error(kernel.subscribe("a").depth(0).open(), ErrorKind::Invalid, &["1 to 65536"]);
}

#[test]
fn a_member_and_a_worker_must_have_the_settings_of_the_others() {
    let kernel = Kernel::open("mem://").unwrap();
    let _member = kernel.subscribe("work").group("crew").depth(8).open().unwrap();
    let other = kernel.subscribe("work").group("crew").depth(9).open();
    assert_error(other, ErrorKind::Invalid, &["\"crew\"", "depth 8", "9"]);
    let _worker = kernel.serve("s").depth(8).open().unwrap();
    assert_error(kernel.serve("s").depth(9).open(), ErrorKind::Invalid, &["\"s\"", "depth 8"]);
}

#[test]
fn payloads_beyond_the_memory_are_refused() {
    let options = Options::new().with_memory_bytes_max(1 << 20);
    let kernel = Kernel::open_with("mem://", &options).unwrap();
    let _t = kernel.subscribe("t").open().unwrap();
    let parts = ["1000000 bytes", "split it", "memory_bytes_max"];
    assert_error(kernel.publish("t", &vec![0; 1_000_000]), ErrorKind::TooLarge, &parts);
    assert_eq!(kernel.publish("t", b"small").unwrap().accepted, 1);
}

#[test]
fn a_closed_kernel_refuses_everything() {
    let kernel = Kernel::open("mem://").unwrap();
    kernel.close();
    kernel.close();
    let closed = ErrorKind::Closed;
    assert_error(kernel.publish("t", b""), closed, &["open it again"]);
    assert_error(kernel.publisher("t").open(), closed, &["open it again"]);
    assert_error(kernel.subscribe("t").open(), closed, &["open it again"]);
    assert_error(kernel.serve("t").open(), closed, &["open it again"]);
    assert_error(kernel.serve_inline("t", |_| Ok("".into())), closed, &["open it again"]);
    assert_error(kernel.call("t", "m", b""), closed, &["open it again"]);
}
