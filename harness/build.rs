//! What Cargo cannot know by itself.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // At a fixed address nothing of the command has to be relocated: some twenty pages fewer that are
    // written to when it starts, and then copied into the page table of each child.
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if target("OS") == "linux" && target("ENV") == "gnu" && !is_static {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        println!("cargo::rustc-link-arg-benches=-no-pie");
    }
}
