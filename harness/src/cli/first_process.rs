//! An initramfs may hold nothing but this command, as its first process: when that one ends, the kernel panics, and
//! nothing on the console says how the run has ended. So the command says it itself, and sees to it that all of its
//! output is out. It does not stop the machine: whoever has started it so decides that (`panic=-1` on the kernel's command
//! line restarts the machine at once).

use super::output;

/// The inode number of the pid namespace that the kernel starts with (PROC_PID_INIT_INO in linux/proc_ns.h).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// Says with which code this process ends, if it is the first of the machine. Returns the code.
pub fn ends_with(code: u8) -> u8 {
    if is_first() {
        output::tell(&output::note(&format!(
            "faultmap ends with exit code {code}; it is process 1, and the kernel panics when that ends"
        )));
        // The kernel waits for nobody then: the driver of a serial line would lose what it has not sent.
        let _ = rustix::termios::tcdrain(std::io::stdout());
        let _ = rustix::termios::tcdrain(std::io::stderr());
    }
    code
}

/// True if this is process 1, and not that of a container. Without /proc nobody can tell, and a container has one.
fn is_first() -> bool {
    std::process::id() == 1
        && std::fs::read_link("/proc/self/ns/pid")
            .map_or(true, |namespace| namespace.as_os_str() == FIRST_NAMESPACE)
}
