//! A file system may never answer: its FUSE server hangs, or its network is gone. Whoever asks it sleeps then, and
//! SIGKILL does not end that either once the server has the request (fs/fuse/dev.c: request_wait_answer). The
//! program stands still meanwhile. So the tracer asks a file system nothing itself: [`FileProcess`] is a process that
//! does, and that is given up where it does not answer.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::file;
use super::maps::{Map, Maps, path_bytes};
use super::scene::{MappedFile, Place};
use super::symbol::Symbols;
use crate::supervise::is_runnable;
use crate::sys::{self, SoleThread};

/// The time after which a process that waits, and does nothing else, is given up.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two looks at what it does.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A process that looks at files. It is made when the first question is asked, and ends with the process that asks.
pub struct FileProcess(RefCell<State>);

struct State {
    thread: SoleThread,
    running: Option<Running>,
    /// The files that are not asked for any more: their file system did not answer.
    silent: HashSet<PathBuf>,
    /// The places that were asked for: a program faults at the same instruction again and again.
    places: HashMap<Instruction, Place>,
    /// For this process itself, where no other can be made.
    symbols: Symbols,
}

/// An instruction of one process, and so of one file: the root of the process, the path and the inode of the file, its
/// address, and whether it follows a call.
type Instruction = (PathBuf, PathBuf, u64, u64, bool);

/// The most places that are kept.
const PLACES: usize = 4096;

struct Running {
    questions: File,
    answers: File,
    pid: Pid,
    /// `None` where the kernel has no such descriptors.
    process: Option<OwnedFd>,
}

#[derive(Serialize, Deserialize)]
enum Question {
    /// The file behind a map of a process. There are two answers: what the kernel remembers, and all.
    Behind { process: i32, map: Map },
    /// The file of this name.
    Named(#[serde(with = "path_bytes")] PathBuf),
    /// The place of an instruction in a map, in a process whose files are below `root`.
    Place { root: PathBuf, map: Map, address: u64, is_return: bool },
    /// So many bytes of a file.
    Content {
        #[serde(with = "path_bytes")]
        path: PathBuf,
        offset: u64,
        length: usize,
    },
}

/// The reason why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    /// The file system did not answer.
    Silent,
    /// The process has ended.
    Ended,
    /// No process could be made.
    NoProcess,
}

impl FileProcess {
    pub fn new(thread: SoleThread) -> FileProcess {
        FileProcess(RefCell::new(State {
            thread,
            running: None,
            silent: HashSet::new(),
            places: HashMap::new(),
            symbols: Symbols::default(),
        }))
    }

    /// Looks at the file behind a map of a process; `None` for a map that shows no file.
    pub fn behind(&self, process: i32, map: &Map) -> Option<MappedFile> {
        let path = map.file()?;
        let mut state = self.0.borrow_mut();
        let question = Question::Behind { process, map: map.clone() };
        let asked = state.ask(path, &question);
        let remembered = asked.and_then(|()| state.answer::<Option<MappedFile>>(path));
        let found = match &remembered {
            Ok(_) => state.answer(path),
            Err(why) => Err(*why),
        };
        match found {
            Ok(found) => found,
            Err(NoAnswer::NoProcess) => file::behind(process, map),
            Err(why) => {
                let own = remembered.ok().flatten();
                let own = own.unwrap_or_else(|| MappedFile::of_map(path));
                Some(MappedFile { is_silent: why == NoAnswer::Silent, ..own })
            }
        }
    }

    /// Looks at the file of this name, which a core file tells.
    pub fn named(&self, path: &Path) -> MappedFile {
        let mut state = self.0.borrow_mut();
        match state.ask_once(path, &Question::Named(path.to_owned())) {
            Ok(found) => found,
            Err(NoAnswer::NoProcess) => file::of_name(path),
            Err(why) => {
                let is_silent = why == NoAnswer::Silent;
                MappedFile { is_silent, ..MappedFile::of_map(path) }
            }
        }
    }

    /// Returns the place of an instruction, in a process whose files are below `root`. A return address is that of the
    /// instruction after the call.
    pub fn place(&self, root: &Path, maps: &Maps, address: u64, is_return: bool) -> Place {
        let Some(map) = maps.at(address) else { return Place { address, ..Place::default() } };
        let Some(path) = map.file() else { return Place::of_map(map, address) };
        let mut state = self.0.borrow_mut();
        let instruction = (root.to_owned(), path.to_owned(), map.inode, address, is_return);
        if let Some(place) = state.places.get(&instruction) {
            return Place { address, ..place.clone() };
        }
        let (root_path, own_map) = (root.to_owned(), map.clone());
        let question = Question::Place { root: root_path, map: own_map, address, is_return };
        match state.ask_once::<Place>(path, &question) {
            Ok(place) => {
                if state.places.len() < PLACES {
                    state.places.insert(instruction, place.clone());
                }
                place
            }
            Err(NoAnswer::NoProcess) => state.symbols.place(root, map, address, is_return),
            Err(why) => Place { is_silent: why == NoAnswer::Silent, ..Place::of_map(map, address) },
        }
    }

    /// Reads up to so many bytes of a file; fewer where they cannot be read.
    pub fn content(&self, path: &Path, offset: u64, length: usize) -> Vec<u8> {
        let question = Question::Content { path: path.to_owned(), offset, length };
        match self.0.borrow_mut().ask_once(path, &question) {
            Err(NoAnswer::NoProcess) => content(path, offset, length).unwrap_or_default(),
            answer => answer.unwrap_or_default(),
        }
    }
}

impl State {
    fn ask_once<T: DeserializeOwned>(
        &mut self,
        path: &Path,
        question: &Question,
    ) -> Result<T, NoAnswer> {
        self.ask(path, question)?;
        self.answer(path)
    }

    /// Asks a question on this file.
    fn ask(&mut self, path: &Path, question: &Question) -> Result<(), NoAnswer> {
        if self.silent.contains(path) {
            return Err(NoAnswer::Silent);
        }
        // Somebody may have killed the one that was made before.
        for _ in 0..2 {
            if self.running.is_none() {
                self.running = Running::start(self.thread);
            }
            let running = self.running.as_mut().ok_or(NoAnswer::NoProcess)?;
            if send(&mut running.questions, question).is_ok() {
                return Ok(());
            }
            self.running = None;
        }
        Err(NoAnswer::NoProcess)
    }

    /// Waits for an answer. Gives the process up where none comes.
    fn answer<T: DeserializeOwned>(&mut self, path: &Path) -> Result<T, NoAnswer> {
        let running = self.running.as_mut().ok_or(NoAnswer::Ended)?;
        let answer =
            running.wait().and_then(|()| receive(&mut running.answers).ok_or(NoAnswer::Ended));
        if let Err(why) = &answer {
            running.kill();
            self.running = None;
            if *why == NoAnswer::Silent {
                self.silent.insert(path.to_owned());
            }
        }
        answer
    }
}

impl Running {
    /// Makes the process. It is nobody's child here, so that this process, which waits for all that it traces, does not
    /// wait for it.
    fn start(thread: SoleThread) -> Option<Running> {
        let (asked, questions) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let (answers, answered) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let ends = (File::from(asked), File::from(answered));
        sys::fork_grandchild(thread, || serve(thread, ends)).ok()?;
        let (questions, mut answers) = (File::from(questions), File::from(answers));
        let pid = Pid::from_raw(receive(&mut answers)?)?;
        let process = pidfd_open(pid, PidfdFlags::empty()).ok();
        Some(Running { questions, answers, pid, process })
    }

    /// Waits until there is something to read. One that runs, that waits for a CPU, or that the disk lets go on, is waited
    /// for.
    fn wait(&self) -> Result<(), NoAnswer> {
        let (mut ran, mut since) = (self.time_run(), Instant::now());
        loop {
            let mut wanted = [PollFd::new(&self.answers, PollFlags::IN)];
            match poll(&mut wanted, Some(&LOOK)) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Err(NoAnswer::Ended),
            }
            let now = self.time_run();
            if now != ran || is_runnable(self.pid) {
                (ran, since) = (now, Instant::now());
            } else if since.elapsed() >= PATIENCE {
                return Err(NoAnswer::Silent);
            }
        }
    }

    /// The time that it has spent on a CPU, in nanoseconds. (Documentation/scheduler/sched-stats.rst)
    fn time_run(&self) -> Option<u64> {
        let all = std::fs::read_to_string(format!("/proc/{}/schedstat", self.pid)).ok()?;
        all.split(' ').next()?.parse().ok()
    }

    fn kill(&self) {
        if let Some(process) = &self.process {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// Answers questions until nobody can ask any more. Returns the exit status.
fn serve(thread: SoleThread, (mut asked, mut answered): (File, File)) -> i32 {
    // What others wait for, until the last one has closed it.
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
    sys::close_all_but(thread, &[asked.as_fd(), answered.as_fd()]);
    std::panic::set_hook(Box::new(|_| std::process::exit(1)));
    let mut symbols = Symbols::default();
    let mut sent = send(&mut answered, &std::process::id());
    while let (Ok(()), Some(question)) = (sent, receive(&mut asked)) {
        sent = match question {
            Question::Behind { process, map } => {
                let remembered = send(&mut answered, &file::remembered(process, &map));
                remembered.and_then(|()| send(&mut answered, &file::behind(process, &map)))
            }
            Question::Named(path) => send(&mut answered, &file::of_name(&path)),
            Question::Place { root, map, address, is_return } => {
                send(&mut answered, &symbols.place(&root, &map, address, is_return))
            }
            Question::Content { path, offset, length } => {
                send(&mut answered, &content(&path, offset, length).unwrap_or_default())
            }
        };
    }
    0
}

fn content(path: &Path, offset: u64, length: usize) -> Option<Vec<u8>> {
    // A FIFO of that name would wait for a writer.
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mut read = vec![0; length];
    let count = File::open(path).ok()?.read_at(&mut read, offset).ok()?;
    read.truncate(count);
    Some(read)
}

/// Sends a value: the number of its bytes, and its JSON.
fn send(to: &mut File, value: &impl Serialize) -> std::io::Result<()> {
    let text = serde_json::to_vec(value)?;
    let mut message = text.len().to_ne_bytes().to_vec();
    message.extend(text);
    to.write_all(&message)
}

fn receive<T: DeserializeOwned>(from: &mut File) -> Option<T> {
    let mut length = [0; size_of::<usize>()];
    from.read_exact(&mut length).ok()?;
    let mut text = vec![0; usize::from_ne_bytes(length)];
    from.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}
