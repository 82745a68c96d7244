//! rstest's `#[files]` lists the cases while the tests are compiled: a new case file must be seen.

fn main() {
    println!("cargo::rerun-if-changed=../cases");
    println!("cargo::rerun-if-changed=build.rs");
}
