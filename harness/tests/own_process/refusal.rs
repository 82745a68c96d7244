//! A machine may refuse what a test needs: each function returns the reason, or `None` if it is allowed.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::LazyLock;

/// The ordinary user for tests that root runs.
pub const NOBODY: u32 = 65534;

/// Returns the reason why unshare(1) cannot make namespaces with these options.
pub fn namespaces(options: &[&str]) -> Option<String> {
    let output = Command::new("unshare").args(options).arg("true").output();
    let reason = match output {
        Ok(output) if output.status.success() => return None,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("cannot run unshare(1): {error}"),
    };
    Some(format!("this machine refuses {}: {reason}", options.join(" ")))
}

/// Returns the reason why this machine has no strict isolation, as another program finds.
pub fn strict_isolation() -> Option<String> {
    const OPTIONS: [&str; 6] =
        ["--user", "--map-current-user", "--pid", "--fork", "--ipc", "--mount-proc"];
    static REFUSED: LazyLock<Option<String>> = LazyLock::new(|| namespaces(&OPTIONS));
    REFUSED.clone()
}

/// Returns the reason why the test cannot become another user, which only root can.
pub fn other_users() -> Option<String> {
    (!nix::unistd::geteuid().is_root()).then(|| "only root can be another user".to_owned())
}

/// Returns the reason why there is no ordinary user: root of a namespace may know none (user_namespaces(7)).
pub fn ordinary_user() -> Option<String> {
    let mut command = Command::new("true");
    command.gid(NOBODY).uid(NOBODY);
    let error = command.status().err().filter(|_| other_users().is_none())?;
    Some(format!("root cannot be user {NOBODY} here: {error}"))
}

/// Returns the reason why SIGINT is ignored: the starter of the tests ignores it, as a shell does for a
/// command in the background, and an ignored signal stays ignored (execve(2)).
pub fn interrupts() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    let ignored = u64::from_str_radix(mask.trim(), 16).expect("a number in base 16");
    let bit = nix::libc::SIGINT - 1;
    (ignored >> bit & 1 == 1).then(|| "SIGINT is ignored here".to_owned())
}

/// Returns the reason why a program cannot be used, if it fails with these arguments.
pub fn missing(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output();
    let works = output.is_ok_and(|output| output.status.success());
    (!works).then(|| format!("there is no {program} here, or a part of it is missing"))
}
