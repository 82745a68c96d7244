//! A supervisor in the process of a test, and children that are held back as those of a case are.
//!
//! A child calls the kernel through the same [`Child`] that a victim has.

use std::os::fd::OwnedFd;
use std::time::Duration;

use faultmap::backing::Backing;
use faultmap::case::Access;
use faultmap::confine::Held;
use faultmap::supervise::{Ending, Supervisor};
use faultmap::sys::{Arena, Child, SharedRecord};
use faultmap::victim::Program;

/// Time for a child. None of these needs so much.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The reason for which this kernel has not that part.
pub fn lacks(part: &str) -> Option<String> {
    Held::find().without().into_iter().find(|lacking| lacking.starts_with(part))
}

/// A worker in this process, and a case with its folder.
pub struct Stage {
    pub supervisor: Supervisor,
    pub held: Held,
    pub memory: &'static Arena,
    pub dir: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Stage {
        let held = Held::find();
        rustix::thread::set_no_new_privs(true).expect("any kernel has that");
        let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
        let supervisor = Supervisor::new(record, None::<OwnedFd>).expect("a supervisor");
        let memory = Box::leak(Box::new(Arena::new().expect("memory")));
        let dir = tempfile::tempdir().expect("a folder for temporary files");
        Stage { supervisor, held, memory, dir }
    }

    pub fn backing(&self) -> Backing {
        Backing::Directory(self.dir.path().to_owned())
    }

    /// The end of a child that is held back as those of this case are, and then runs `body`.
    pub fn child(&self, case: &str, body: impl Fn(&Child) -> i32) -> Ending {
        let case = faultmap::parse::case(case).expect("a case");
        let page = rustix::param::page_size() as u64;
        let program = Program::of(&case, page, self.memory);
        let accesses: Vec<Access> =
            case.sweeps().flat_map(|(_, _, accesses)| accesses).copied().collect();
        let held = self.held.sandbox(&program, &accesses, &self.backing(), self.memory);
        let (sandbox, _ruleset) = held.expect("a sandbox");
        let body = |child: Child, entered: Result<(), i32>| match entered {
            Ok(()) => body(&child),
            Err(_) => 99,
        };
        self.supervisor.run_behind(sandbox, 1, &[], DEADLINE, body).expect("it was forked").ending
    }
}
