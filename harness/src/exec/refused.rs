//! A kernel may refuse to trace, for one of a few reasons: [`why`] looks which, so that a user knows what to change.

use std::fs::read_to_string;

use nix::errno::Errno;

use super::live;

/// Says why this process could not be traced.
pub fn why(errno: Errno) -> String {
    let own = live::status(std::process::id() as i32);
    let yama = read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let error = std::io::Error::from(errno);
    let cause = match (own, yama.trim()) {
        (Some(own), _) if own.tracerpid != 0 => {
            format!("process {} traces it already: a debugger, strace or another faultmap", own.tracerpid)
        }
        (_, "2" | "3") => format!(
            "/proc/sys/kernel/yama/ptrace_scope is {}: this user may trace nothing",
            yama.trim()
        ),
        (Some(own), _) if own.seccomp == Some(2) => {
            "a seccomp filter forbids it: that of a container, as a rule (docker run --cap-add SYS_PTRACE)"
                .to_owned()
        }
        (_, "1") => "/proc/sys/kernel/yama/ptrace_scope is 1: only a parent may trace".to_owned(),
        _ => "the kernel does not say why".to_owned(),
    };
    format!("cannot trace the program ({error}): {cause}")
}
