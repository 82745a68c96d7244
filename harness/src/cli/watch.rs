//! `--watch`: who writes a case wants to see its picture whenever the file is saved. The main type is [`Watch`].
//!
//! The folders of the files are watched, and not the files (inotify(7)): many editors write another file and rename
//! it, and the watch of a file follows the old one. A file counts as saved when a writer closes it, or when it is
//! renamed to its name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::output::{self, count};
use super::select::{Selection, files_below, is_case};

/// The time without a further event after which a save is over: editors close and rename in quick succession.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// The folders of the cases.
struct Watch {
    inotify: OwnedFd,
    /// The folders, by their watch descriptors.
    folders: BTreeMap<i32, PathBuf>,
}

/// What ended a wait.
enum Woken {
    /// These files were saved, or all may have been.
    Saved(BTreeSet<PathBuf>),
    All,
    /// A signal arrived, with this exit code.
    Ended(Exit),
    /// Nobody reads the pictures any more.
    Unread,
}

/// Measures the cases that the words name, and again whatever is saved, until a signal ends it.
pub fn run(
    words: &[String],
    interrupt: &Interrupt,
    mut measure: impl FnMut(Selection) -> Result<Exit, Failed>,
) -> Result<Exit, Failed> {
    let mut watch = Watch::new()?;
    // The watch begins before the files are read: no save is missed.
    let mut saved = watch.follow(words)?;
    let files = count(saved.len(), "file");
    output::tell(&output::note(&format!("watching {files}; Ctrl-C ends it")));
    loop {
        let last = match Selection::of_files(&saved).and_then(&mut measure) {
            Ok(exit @ (Exit::Interrupted | Exit::Terminated)) => return Ok(exit),
            Ok(exit) => exit,
            Err(failed @ Failed::Interrupted { .. }) => return Err(failed),
            // The next save may mend it.
            Err(failed) => failed.report(),
        };
        saved = match watch.next(words, interrupt)? {
            ControlFlow::Continue(saved) => saved,
            ControlFlow::Break(exit) => return Ok(exit.unwrap_or(last)),
        };
    }
}

impl Watch {
    fn new() -> Result<Watch, Failed> {
        let inotify =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(refused)?;
        Ok(Watch { inotify, folders: BTreeMap::new() })
    }

    /// Watches the folders of the files that the words name now. Returns the files.
    fn follow(&mut self, words: &[String]) -> Result<Vec<PathBuf>, Failed> {
        let (files, folders) = Selection::files(words)?;
        folders.iter().try_for_each(|folder| self.add(folder))?;
        for file in &files {
            // A link is saved where it leads to.
            for path in [file.clone(), file.canonicalize().unwrap_or_else(|_| file.clone())] {
                self.add(path.parent().unwrap_or(Path::new("")))?;
            }
        }
        Ok(files)
    }

    fn add(&mut self, folder: &Path) -> Result<(), Failed> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let events = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::CREATE
            | WatchFlags::ONLYDIR;
        let added = inotify::add_watch(&self.inotify, folder, events).map_err(refused)?;
        self.folders.insert(added, folder.to_path_buf());
        Ok(())
    }

    /// Waits until files of these words are saved. Returns them; or the exit code of a signal, or none where nobody
    /// reads the pictures.
    fn next(
        &mut self,
        words: &[String],
        interrupt: &Interrupt,
    ) -> Result<ControlFlow<Option<Exit>, Vec<PathBuf>>, Failed> {
        loop {
            let saved = match self.wait(interrupt)? {
                Woken::Ended(exit) => return Ok(ControlFlow::Break(Some(exit))),
                Woken::Unread => return Ok(ControlFlow::Break(None)),
                Woken::All => None,
                Woken::Saved(saved) => Some(saved),
            };
            let whole = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            let saved: Option<BTreeSet<PathBuf>> =
                saved.map(|saved| saved.iter().map(whole).collect());
            match self.follow(words) {
                Ok(files) => {
                    let is_saved = |file: &PathBuf| {
                        saved.as_ref().is_none_or(|saved| saved.contains(&whole(file)))
                    };
                    let files: Vec<PathBuf> = files.into_iter().filter(is_saved).collect();
                    if !files.is_empty() {
                        return Ok(ControlFlow::Continue(files));
                    }
                }
                Err(failed) => {
                    failed.report();
                }
            }
        }
    }

    /// Waits for events, and on until no more come.
    fn wait(&mut self, interrupt: &Interrupt) -> Result<Woken, Failed> {
        let (mut saved, mut has_lost) = (BTreeSet::new(), false);
        loop {
            let has_some = has_lost || !saved.is_empty();
            // POLLERR, which nobody has to ask for, tells of a pipe that its reader has closed (poll(2)).
            let mut fds = [
                PollFd::from_borrowed_fd(self.inotify.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(interrupt.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
            ];
            match poll(&mut fds, has_some.then_some(&QUIET)) {
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(refused(errno)),
                Ok(0) if has_lost => return Ok(Woken::All),
                Ok(0) => return Ok(Woken::Saved(saved)),
                Ok(_) => {}
            }
            let is_unread = !fds[2].revents().is_empty();
            if let Some(exit) = interrupt.caught() {
                return Ok(Woken::Ended(exit));
            }
            if is_unread {
                return Ok(Woken::Unread);
            }
            has_lost |= self.read(&mut saved)?;
        }
    }

    /// Reads all events that are there. True where the kernel has dropped some.
    fn read(&mut self, saved: &mut BTreeSet<PathBuf>) -> Result<bool, Failed> {
        let (mut has_lost, mut new) = (false, Vec::new());
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                event => event.map_err(refused)?,
            };
            let kind = event.events();
            has_lost |= kind.contains(ReadFlags::QUEUE_OVERFLOW);
            if kind.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name())
            else {
                continue;
            };
            let path = folder.join(OsStr::from_bytes(name.to_bytes()));
            match kind.contains(ReadFlags::ISDIR) {
                true => new.push(path),
                false if kind.contains(ReadFlags::CREATE) => {} // its writer closes it later
                false if is_case(&path) => {
                    saved.insert(path);
                }
                false => {}
            }
        }
        for folder in new {
            // It may be gone again. What was written to it before the watch counts as saved.
            if self.add(&folder).is_ok() {
                saved.extend(files_below(&folder).unwrap_or_default());
            }
        }
        if self.folders.is_empty() {
            return Err(Failed::harness("the folders that were watched are gone"));
        }
        Ok(has_lost)
    }
}

fn refused(errno: Errno) -> Failed {
    let more = match errno {
        Errno::MFILE | Errno::NOSPC => "; see /proc/sys/fs/inotify/ for the limits of this user",
        _ => "",
    };
    Failed::harness(format!("cannot watch files: {errno}{more}"))
}
