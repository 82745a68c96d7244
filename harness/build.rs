//! Cargo cannot know by itself that a debug build has to lie at a fixed address, nor from which commit a release is
//! built: this script tells it both.

use std::path::Path;
use std::process::Command;

/// What a release is made of, beside this folder.
const SOURCES: &[&str] = &[
    "build.rs",
    "Cargo.toml",
    "src",
    "../Cargo.toml",
    "../Cargo.lock",
    "../.cargo",
    "../cases",
    "../snapshots",
];

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
    // A debug build does not tell: each commit would have the tests linked anew.
    let built = if is_debug { "debug build".to_owned() } else { commit() };
    println!("cargo::rustc-env=FAULTMAP_BUILT={built}");
}

/// The commit that this folder is at, with `-dirty` where that is not what is built.
fn commit() -> String {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let folder = Path::new(&folder);
    packed(folder).or_else(|| checked_out(folder)).unwrap_or("commit unknown".to_owned())
}

/// `cargo package` writes the commit into the crate (doc.rust-lang.org/cargo, "cargo package").
fn packed(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    let dirty = if text.contains("\"dirty\": true") { "-dirty" } else { "" };
    Some(format!("{}{dirty}", rest.get(..12)?))
}

/// What git says. A folder that lies in somebody else's repository is none of its files.
fn checked_out(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim_end().to_owned())
    };
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let sources = SOURCES.iter().filter(|path| folder.join(path).exists());
    let status =
        [&["status", "--porcelain", "--"], &*sources.copied().collect::<Vec<_>>()].concat();
    let is_dirty = !git(&status)?.is_empty();
    // HEAD and its log change whenever another commit is checked out.
    let logs = ["HEAD", "logs/HEAD"].map(|name| git(&["rev-parse", "--git-path", name]));
    let logs = logs.into_iter().flatten();
    for path in SOURCES.iter().map(|path| (*path).to_owned()).chain(logs) {
        if folder.join(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(if is_dirty { commit + "-dirty" } else { commit })
}
