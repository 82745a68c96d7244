//! A thread has one tracer (ptrace(2)): a debugger that a program starts could trace nothing. [`is_tracer`] knows such
//! programs, so that they are let go.

/// Programs that trace others. Only their names tell: that they call ptrace(2) is seen when it has failed, unless each
/// of their calls is stopped, or a filter asks the tracer. Such a filter stays in a process that is let go, and its calls
/// fail then (seccomp(2), SECCOMP_RET_TRACE). And who imports ptrace() need not trace: some only look who traces them.
const TRACERS: &[&str] = &[
    "criu",
    "dlv",
    "edb",
    "eu-stack",
    "faultmap",
    "gdb",
    "gdb-multiarch",
    "gdbserver",
    "lldb-server",
    "ltrace",
    "proot",
    "radare2",
    "reptyr",
    "rr",
    "strace",
];

/// True for the name of a program that traces others, also with its version: `lldb-server-14.0.6`.
pub fn is_tracer(name: &str) -> bool {
    TRACERS.iter().any(|tracer| {
        let rest = name.strip_prefix(tracer);
        let version = rest.and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        rest == Some("") || version.starts_with(|first: char| first.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debugger_is_known_by_its_name_with_and_without_its_version() {
        for name in ["gdb", "lldb-server", "lldb-server-14.0.6", "gdb-multiarch", "gdb-15"] {
            assert!(is_tracer(name), "{name}");
        }
        for name in ["", "gdb-", "gdb-add-index", "rrdtool", "strace-log-merge", "my-gdb"] {
            assert!(!is_tracer(name), "{name}");
        }
    }
}
