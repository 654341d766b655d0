//! The machine and the versions, printed with every report.

use serde_json::{Value, json};

/// Describes the machine that runs this.
pub fn describe() -> Value {
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "cpu": model,
        "cores": cores,
        "kernel": format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        "arch": std::env::consts::ARCH,
        "load_before": read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    })
}

/// The compiler and the peers, as they were built.
pub fn versions() -> Value {
    json!({ "rustc": env!("COMPARE_RUSTC"), "peers": env!("COMPARE_PEERS") })
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
