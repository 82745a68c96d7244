//! A child that no longer follows its case can open and remove only the files that the words of the case
//! name: its Landlock domain refuses all others. The calls that it can make are in filter.rs.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork.

mod command;
mod own_process;
mod stage;

use std::ffi::CString;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::ExitCode;

use faultmap::internals::supervise::Ending;
use faultmap::internals::victim::FileSpec;
use nix::libc;
use own_process::children::none_left_by;
use own_process::test;
use stage::held::{HeldStage, lacks};

fn main() -> ExitCode {
    let tests: [(&str, fn()); 4] = [
        ("opens_paths_of_no_case", opens_paths_of_no_case),
        ("opens_paths_of_other_cases", opens_paths_of_other_cases),
        ("removes_files_of_other_cases", removes_files_of_other_cases),
        ("looks_into_its_supervisor", looks_into_its_supervisor),
    ];
    let row = |(name, body): (&'static str, fn())| test(name, move || none_left_by(body));
    let tests = tests.map(row).into_iter().map(|test| test.unless_tried(|| lacks("Landlock")));
    own_process::run(tests.collect())
}

/// Returns the errno with which a child of this case fails to open the path, or 0.
fn opens(stage: &HeldStage, case: &str, path: &Path, flags: i32) -> i32 {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).expect("no NUL in it");
    let args = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0];
    let ending = stage
        .child(case, |child| child.call(libc::SYS_openat, args).map_or_else(|errno| errno, |_| 0));
    match ending {
        Ending::Exited(errno) => errno,
        other => panic!("{path:?}: {other:?}"),
    }
}

fn opens_paths_of_no_case() {
    let stage = HeldStage::new();
    let file = stage.dir.path().join("beside");
    std::fs::write(&file, "it").expect("a file");
    let command = Path::new(command::BIN);
    for case in ["fd = open(\"/proc/version\", O_RDONLY);", "fd = devzero(O_RDONLY);"] {
        for path in [Path::new("/etc/passwd"), command, &file] {
            assert_eq!(
                opens(&stage, case, path, libc::O_RDONLY),
                libc::EACCES,
                "{path:?} in {case}"
            );
        }
    }
    let write = "fd = devzero(O_WRONLY);";
    let settings = Path::new("/proc/sys/vm/overcommit_memory");
    let refused = opens(&stage, write, settings, libc::O_WRONLY);
    assert_eq!(refused, libc::EACCES);
}

fn opens_paths_of_other_cases() {
    let stage = HeldStage::new();
    let (zero, version) = (Path::new("/dev/zero"), Path::new("/proc/version"));
    let (zeros, versions) = ("fd = devzero(O_RDONLY);", "fd = open(\"/proc/version\", O_RDONLY);");
    assert_eq!(opens(&stage, zeros, zero, libc::O_RDONLY), 0);
    assert_eq!(opens(&stage, versions, version, libc::O_RDONLY), 0);
    assert_eq!(opens(&stage, versions, zero, libc::O_RDONLY), libc::EACCES);
    assert_eq!(opens(&stage, zeros, version, libc::O_RDONLY), libc::EACCES);
    // This is a file of the case, by the path of its descriptor.
    let spec = FileSpec { size: 1, memfd: None, named: false };
    let made = stage.backing().make(&spec, b"x").expect("a file");
    let path = format!("/proc/self/fd/{}", made.handle().descriptor);
    let case = "fd = file(1, O_RDONLY);";
    assert_eq!(opens(&stage, case, Path::new(&path), libc::O_RDONLY), 0);
    assert_eq!(opens(&stage, zeros, Path::new(&path), libc::O_RDONLY), libc::EACCES);
}

fn removes_files_of_other_cases() {
    let stage = HeldStage::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let folder = std::fs::File::open(elsewhere.path()).expect("it is there");
    std::fs::write(elsewhere.path().join("it"), "it").expect("a file");
    let name = c"it";
    let args = [folder.as_raw_fd() as usize, name.as_ptr() as usize, 0, 0, 0, 0];
    let removed = stage.child("fd = file(1); unlink(fd);", |child| {
        child.call(libc::SYS_unlinkat, args).map_or_else(|errno| errno, |_| 0)
    });
    assert_eq!(removed, Ending::Exited(libc::EACCES));
    assert!(elsewhere.path().join("it").exists());
}

fn looks_into_its_supervisor() {
    let stage = HeldStage::new();
    let case =
        "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, exec);";
    let own = std::process::id();
    let path = format!("/proc/{own}/mem");
    assert_eq!(opens(&stage, case, Path::new(&path), libc::O_RDONLY), libc::EACCES, "{path}");
    assert_eq!(opens(&stage, case, Path::new("/proc/self/mem"), libc::O_RDONLY), 0);
}
