//! A result, and what the model says of it, depend on the machine, the user, and the place of the files: this module
//! reads those. The main type is [`Machine`].

mod machine;
mod user;

pub use machine::Machine;
#[cfg(test)]
pub use user::Limit;
pub use user::User;

use rustix::fs::MemfdFlags;

/// The version of faultmap, and the commit that it was built from: `0.1.0 (0123456789ab)`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FAULTMAP_BUILT"), ")");

/// Returns what this kernel or this root lacks and the harness does without, each with the reason: `memfd: ...`. A case
/// that needs it is skipped.
fn without() -> Vec<String> {
    let proc = rustix::fs::stat("/proc/self").err().map(|errno| ("/proc", errno));
    let memfd = rustix::fs::memfd_create(c"faultmap", MemfdFlags::CLOEXEC).err();
    let missing = proc.into_iter().chain(memfd.map(|errno| ("memfd", errno)));
    missing.map(|(what, errno)| format!("{what}: {}", std::io::Error::from(errno))).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
