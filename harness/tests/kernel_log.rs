//! Thousands of children die of a fault in each run, and the kernel writes each fault that nobody handles to its log: a
//! run must not fill that.

#![expect(unsafe_code, reason = "a program that faults, as strangers write it")]

mod command;
mod own_process;

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use command::{BIN, run};
use nix::libc;
use own_process::test;

/// The argument with which this program dies of a fault that nobody handles.
const FAULT: &str = "--fault";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(FAULT) {
        fault();
    }
    own_process::run(vec![
        test("a_run_writes_no_fault_to_it", a_run_writes_no_fault_to_it).unless_tried(no_log),
    ])
}

/// Dies of a load from a page without rights.
fn fault() -> ! {
    for signal in [nix::sys::signal::SIGSEGV, nix::sys::signal::SIGBUS] {
        // SAFETY: no code of ours runs.
        unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigDfl) }.unwrap();
    }
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let map = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            1,
            rustix::mm::ProtFlags::empty(),
            rustix::mm::MapFlags::PRIVATE,
        )
    };
    // SAFETY: it is to fault.
    unsafe { map.unwrap().cast::<u8>().read_volatile() };
    unreachable!("the page cannot be read")
}

/// The kernel's log from here on.
fn log() -> std::io::Result<File> {
    let mut log = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")?;
    log.seek(SeekFrom::End(0))?;
    Ok(log)
}

/// The lines since then that name a program. (A read returns one record, see Documentation/ABI/testing/dev-kmsg.)
fn lines_of(log: &mut File, program: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut record = [0; 8192];
    loop {
        match log.read(&mut record) {
            Ok(0) => return found,
            Ok(bytes) => {
                let line = String::from_utf8_lossy(&record[..bytes]).into_owned();
                found.extend(line.contains(&format!("{program}[")).then_some(line));
            }
            // EPIPE: records were overwritten.
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            Err(_) => return found,
        }
    }
}

/// Runs a copy of this program, by a name that no other process has.
fn copy(of: &Path, folder: &Path, name: &str) -> std::path::PathBuf {
    let copy = folder.join(name);
    // Another process copies it: see `command::open_to_all`.
    assert!(Command::new("cp").arg(of).arg(&copy).status().expect("cp(1)").success());
    copy
}

/// Returns the reason why a fault that nobody handles is not in the log.
fn no_log() -> Option<String> {
    let mut log = match log() {
        Ok(log) => log,
        Err(error) => return Some(format!("the kernel's log cannot be read: {error}")),
    };
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let name = format!("fault-{}", std::process::id());
    let own = std::env::current_exe().expect("it runs");
    let _ = Command::new(copy(&own, dir.path(), &name)).arg(FAULT).status().expect("it starts");
    let lines = lines_of(&mut log, &name);
    lines.is_empty().then(|| "this kernel does not log faults, or has too many to log".to_owned())
}

fn a_run_writes_no_fault_to_it() {
    let mut log = log().expect("the log");
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let name = format!("map-{}", std::process::id());
    let command = copy(Path::new(BIN), dir.path(), &name);
    for family in ["notes", "signals/blocked"] {
        let (code, stdout, stderr) =
            run(Command::new(&command).args(["run", family]).current_dir("/"));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
    let lines = lines_of(&mut log, &name);
    assert!(lines.is_empty(), "{lines:?}");
}
