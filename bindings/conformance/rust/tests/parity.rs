//! `parity.toml` names what exists: the Rust column is held against the library by the compiler.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::path::Path;

use neo_protocol::Kernel;

/// The names as text; a name that the library does not have does not compile.
macro_rules! names {
    ($($type:ident::$function:ident,)+) => {
        &[$({
            let _ = neo_protocol::$type::$function;
            concat!(stringify!($type), "::", stringify!($function))
        }),+]
    };
}

const RUST: &[&str] = names![
    Kernel::open,
    Kernel::open_with,
    Kernel::from_env,
    Options::with_memory_bytes_max,
    Options::with_subscriptions_max,
    Options::with_participants_max,
    Options::with_calls_in_flight_max,
    Options::with_call_timeout,
    Options::without_thread,
    Options::existing_only,
    Kernel::close,
    Kernel::is_closed,
    Kernel::trim,
    Kernel::maintain,
    Kernel::maintain_fd,
    Kernel::counters,
    Kernel::publish,
    Kernel::publisher,
    PublisherBuilder::send_timeout,
    PublisherBuilder::stamp_time,
    PublisherBuilder::headers,
    Publisher::publish,
    Publisher::publish_run,
    Publisher::topic,
    Publisher::loan,
    Loan::send,
    Loan::abort,
    Loan::truncate,
    Kernel::subscribe,
    SubscribeBuilder::depth,
    SubscribeBuilder::mailbox_bytes_max,
    SubscribeBuilder::pinned_bytes_max,
    SubscribeBuilder::policy,
    SubscribeBuilder::group,
    SubscribeBuilder::wait,
    Subscription::try_recv,
    Subscription::recv,
    Subscription::recv_timeout,
    Subscription::recv_batch,
    Subscription::recv_async,
    Subscription::take_lost,
    Subscription::queued,
    Subscription::pattern,
    Subscription::close,
    Message::payload,
    Message::topic,
    Message::frame,
    Message::lost_before,
    Kernel::serve,
    ServiceBuilder::depth,
    Service::name,
    Service::recv,
    Request::method,
    Request::payload,
    Request::reply,
    Request::fail,
    Kernel::call,
    Kernel::call_timeout,
    Kernel::call_async,
    Error::kind,
];

/// A function that takes a handler cannot be named without one.
fn serve_inline() -> &'static str {
    let _ = |kernel: &Kernel| kernel.serve_inline("", |_| Ok("".into()));
    "Kernel::serve_inline"
}

fn capabilities() -> Vec<toml::Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parity.toml");
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let list = table["capability"].as_array().unwrap();
    list.iter().map(|capability| capability.as_table().unwrap().clone()).collect()
}

#[test]
fn every_rust_name_exists_and_every_listed_one_stands_in_the_table() {
    let capabilities = capabilities();
    let named: BTreeSet<&str> =
        capabilities.iter().filter_map(|capability| capability.get("rust")?.as_str()).collect();
    let known: BTreeSet<&str> = RUST.iter().copied().chain([serve_inline()]).collect();
    assert_eq!(named, known);
}

#[test]
fn every_capability_has_a_name_in_each_language_or_a_reason() {
    let mut seen = BTreeSet::new();
    for capability in capabilities() {
        let does = capability["does"].as_str().unwrap().to_owned();
        let text = |key: &str| capability.get(key).and_then(|value| value.as_str());
        let has = |key: &str| text(key).is_some_and(|name| !name.is_empty());
        let everywhere = ["rust", "c", "python", "go"].iter().all(|language| has(language));
        assert!(everywhere != has("only"), "{does}: a name in each language, or a reason why not");
        assert!(seen.insert(does.clone()), "{does} twice");
    }
}
