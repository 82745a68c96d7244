//! Children that are restricted as those of a case.

use faultmap::internals::backing::Backing;
use faultmap::internals::case::Access;
use faultmap::internals::confine::Held;
use faultmap::internals::supervise::{Asked, Ending, Fork, Supervisor};
use faultmap::internals::sys::{Arena, Child};
use faultmap::internals::victim::Program;

use super::{ENDS, SLOTS, Stage};

/// Returns the reason why this kernel lacks that part.
pub fn lacks(part: &str) -> Option<String> {
    Held::find().without().into_iter().find(|lacking| lacking.starts_with(part))
}

/// A worker in this process, and a case with the folder of its files.
pub struct HeldStage {
    pub supervisor: Supervisor,
    pub held: Held,
    pub memory: &'static Arena,
    pub dir: tempfile::TempDir,
}

impl HeldStage {
    pub fn new() -> HeldStage {
        let held = Held::find();
        rustix::thread::set_no_new_privs(true).expect("any kernel has that");
        let supervisor = Stage::new().supervisor;
        let memory = Box::leak(Box::new(Arena::new().expect("memory")));
        let dir = tempfile::tempdir().expect("a folder for temporary files");
        HeldStage { supervisor, held, memory, dir }
    }

    pub fn backing(&self) -> Backing {
        Backing::Directory(self.dir.path().to_owned())
    }

    /// Returns the end of a child that is restricted as those of this case and then runs `body`.
    pub fn child(&self, case: &str, body: impl Fn(&Child) -> i32) -> Ending {
        let case = faultmap::internals::parse::case(case).expect("a case");
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
        let fork = Fork { sandbox, body };
        self.supervisor.run(fork, Asked::Slots(SLOTS), ENDS).expect("it was forked").ending
    }
}
