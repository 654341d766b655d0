//! Another library in Rust: its copy of the standard library must not collide with Neo's.

/// Panics and catches it, so that unwinding is linked in.
#[unsafe(no_mangle)]
pub extern "C" fn other_answer() -> i32 {
    let caught = std::panic::catch_unwind(|| if std::env::args().count() > 100 { panic!("many") });
    if caught.is_ok() { 42 } else { 0 }
}
