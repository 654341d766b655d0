//! Records the compiler and the versions of the peers, which belong to every figure; compiles the
//! side of C++.

use std::process::Command;

const PEERS: [&str; 6] =
    ["crossbeam-channel", "disruptor", "iceoryx2", "kanal", "rtrb", "zeromq-src"];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let rustc = std::env::var("RUSTC").expect("cargo sets RUSTC");
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8(output.stdout).expect("rustc prints UTF-8");
    println!("cargo::rustc-env=COMPARE_RUSTC={}", version.trim());

    let lock = std::fs::read_to_string("Cargo.lock").expect("a lock file");
    let versions: Vec<String> =
        PEERS.iter().map(|peer| format!("{peer} {}", locked_version(&lock, peer))).collect();
    println!("cargo::rustc-env=COMPARE_PEERS={}", versions.join(", "));

    println!("cargo::rerun-if-changed=src/neo/cpp.cpp");
    println!("cargo::rerun-if-changed=../../include");
    let mut cpp = cc::Build::new();
    cpp.cpp(true).std("c++17").opt_level(2).include("../../include");
    cpp.file("src/neo/cpp.cpp").compile("neo_compare_cpp");
}

fn locked_version<'a>(lock: &'a str, package: &str) -> &'a str {
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    let (_, rest) = entry.unwrap_or_else(|| panic!("{package} is not in Cargo.lock"));
    rest.split_once('"').expect("a quoted version").0
}
