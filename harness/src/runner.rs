//! A program of somebody else's may measure cases, too, without the command: a [`Runner`] forks a worker for each.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::backing::{self, Backing, Surveyed};
use crate::case::{Case, HarnessError, Measurement, limits};
use crate::confine::{Held, Isolation};
use crate::environment::Machine;
use crate::measure::{Failure, Means, Measurer, Restrictions, become_worker};
use crate::model::Environment;
use crate::sys::observed::{self, End};
use crate::sys::{SoleThread, close_all_but, keep_only};

/// The time that a case may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The reason why a case was not measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotMeasured {
    /// This machine, or the place of the files, lacks what the case requires.
    #[error("skipped: {0}")]
    Skipped(String),
    /// The harness could not measure it.
    #[error("harness error: {0}")]
    Failed(#[from] HarnessError),
}

/// Measures cases, with their files in one place.
///
/// ```
/// use faultmap::{Case, Runner, judge};
///
/// let case: Case = "fd = file(100);
///     map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
///     sweep(map, read);"
///     .parse()?;
/// let runner = Runner::new();
/// let measured = runner.run(&case)?;
/// let judgement = judge(&case, &runner.environment(), &measured);
/// let told = judgement.split.map(|split| split.explain(&case, &measured));
/// assert_eq!(told, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The calling process is not changed, and any number of threads may run cases at the same time: each run forks a
/// worker, as [`observe()`](crate::observe()) forks a child, and the worker ends with the run. A case may do no more
/// than one that the command runs with `--isolation default`.
#[derive(Debug, Clone)]
pub struct Runner {
    backing: Backing,
    /// The facts about it, once they are known.
    surveyed: OnceLock<Surveyed>,
    deadline: Duration,
    is_exhaustive: bool,
    seed: u64,
}

impl Default for Runner {
    fn default() -> Runner {
        Runner::new()
    }
}

impl Runner {
    /// Returns a runner whose files are memfds.
    pub fn new() -> Runner {
        Runner {
            backing: Backing::Memfd,
            surveyed: OnceLock::new(),
            deadline: limits::DEADLINE,
            is_exhaustive: false,
            seed: 0,
        }
    }

    /// Puts the files into this folder.
    pub fn directory(self, directory: impl Into<PathBuf>) -> Runner {
        Runner { backing: Backing::Directory(directory.into()), surveyed: OnceLock::new(), ..self }
    }

    /// Kills a child after this time, unless its case says otherwise.
    pub fn deadline(self, deadline: Duration) -> Runner {
        Runner { deadline, ..self }
    }

    /// Probes every byte, and does not bisect.
    pub fn exhaustive(self) -> Runner {
        Runner { is_exhaustive: true, ..self }
    }

    /// Chooses other random bytes at which regions are looked at once more.
    pub fn seed(self, seed: u64) -> Runner {
        Runner { seed, ..self }
    }

    /// Returns what the model has to know to predict what this runner measures: of the machine, of the user, and of
    /// the place of the files. The runner looks at that place once, when this or [`Runner::run`] is first called.
    pub fn environment(&self) -> Environment {
        Machine::here(1, Isolation::Default, self.surveyed()).environment()
    }

    fn surveyed(&self) -> &Surveyed {
        self.surveyed.get_or_init(|| Surveyed::of(&self.backing))
    }

    /// Measures a case. Fails where the case requires what is not here, and where a step has no answer. (A sweep
    /// without an answer is told in its place, see [`Measurement::sweeps`].)
    pub fn run(&self, case: &Case) -> Result<Measurement, NotMeasured> {
        if let Some(reason) = backing::missing(case, &self.backing, self.surveyed()) {
            return Err(NotMeasured::Skipped(reason));
        }
        let system = |error: std::io::Error| HarnessError::System(error.to_string());
        let answer = rustix::fs::memfd_create("faultmap-answer", MemfdFlags::CLOEXEC);
        let mut answer = File::from(answer.map_err(|errno| system(errno.into()))?);
        let (alive, held) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| system(errno.into()))?;
        let mut own = Some((answer.try_clone().map_err(system)?, alive, held));
        let mut body = || match own.take() {
            Some((answer, alive, held)) => {
                // Only the calling process is to have that end: where it hangs up, the worker ends.
                drop(held);
                self.work(case, answer, alive)
                    .map_or_else(|error| error.to_string(), |()| String::new())
            }
            None => String::new(),
        };
        let told = observed::run(&mut body, PATIENCE).map_err(system)?;
        answer.rewind().map_err(system)?;
        match serde_json::from_reader::<_, Result<Measurement, HarnessError>>(answer) {
            Ok(measured) => Ok(measured?),
            Err(_) => Err(HarnessError::WorkerDied(match told.end {
                End::Exited(0) => String::from_utf8_lossy(&told.text).into_owned(),
                end => format!("{end:?}"),
            })
            .into()),
        }
    }

    /// Measures the case in this process, a copy of the calling one, and writes the answer.
    fn work(
        &self,
        case: &Case,
        answer: File,
        controller: OwnedFd,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let thread = SoleThread::claim()?;
        close_all_but(thread, &[answer.as_fd(), controller.as_fd()]);
        let held = &Held::find();
        let (backing, ipc_namespace) = (&self.backing, held.ipc_namespace());
        let restrictions = Restrictions { backing, held, namespaces: None, ipc_namespace };
        let (supervisor, memory) = become_worker(restrictions, controller)?;
        let [answer] = keep_only(thread, [OwnedFd::from(answer)])?;
        let means = Means {
            supervisor: &supervisor,
            memory: &memory,
            backing,
            deadline: self.deadline,
            exhaustive: self.is_exhaustive,
            seed: self.seed,
        };
        let mut measurer = Measurer::new(means, case);
        let measured = match measurer.hold(held, None).and_then(|()| measurer.measure()) {
            Ok(measured) => Ok(measured),
            Err(Failure::Harness(error)) => Err(error),
            Err(Failure::Abandoned) => return Ok(()),
        };
        File::from(answer).write_all(&serde_json::to_vec(&measured)?)?;
        Ok(())
    }
}
