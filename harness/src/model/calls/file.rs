//! The model must predict the calls that make, open, close, unlink, seal and sync files and other
//! descriptors.

use crate::case::Arg;
use crate::model::bytes::{Bytes, Content, phase_of};
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::{Returned, Value};
use crate::model::rule::Rule;
use crate::model::state::{Descriptor, FileKind, Kind, Object};
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("file", |p, args| p.file(args)),
    ("memfd", |p, args| p.memfd(args)),
    ("dir", |p, _| p.open_as(FileKind::Dir, linux::O_RDONLY)),
    ("devzero", |p, args| p.open_as(FileKind::DevZero, p.open_flags(args, 0))),
    ("pipe", |p, _| p.pipe()),
    ("open", |p, args| p.open(args)),
    ("close", |p, args| p.close(args)),
    ("unlink", |p, args| p.unlink(args)),
    ("fcntl", |p, args| p.add_seals(args)),
    ("fsync", |p, args| p.fsync(args)),
];

impl Interpreter<'_> {
    /// Returns the flags of an open; a file is for reading and writing where the case does not say.
    fn open_flags(&self, args: &[Arg], index: usize) -> i32 {
        match args.get(index) {
            Some(_) => Self::flags(args, index) as i32,
            None => linux::O_RDWR,
        }
    }

    /// Opens a descriptor with the lowest number that is free, as the kernel does.
    fn opened(&mut self, shows: FileKind, flags: i32) -> Returned {
        let mode = flags & linux::O_ACCMODE;
        self.state.positions.push(0);
        let descriptor = Descriptor {
            shows,
            // With access mode 3, neither. (open(2), NOTES)
            readable: mode == linux::O_RDONLY || mode == linux::O_RDWR,
            writable: mode == linux::O_WRONLY || mode == linux::O_RDWR,
            appends: flags & linux::O_APPEND != 0,
            syncs: flags & linux::O_SYNC == linux::O_SYNC,
            path_only: flags & linux::O_PATH != 0,
            open_file: self.state.positions.len() - 1,
        };
        let all = &mut self.process().descriptors;
        let number = all.iter().position(Option::is_none).unwrap_or(all.len());
        if number == all.len() {
            all.push(None);
        }
        all[number] = Some(descriptor);
        Returned::Value(Value::Descriptor(number))
    }

    /// Opens a descriptor with these flags, or returns the errno.
    fn open_as(&mut self, shows: FileKind, flags: i32) -> Result<Returned, Failure> {
        if flags & linux::O_DIRECT != 0 {
            return Err(Unmodelled("O_DIRECT, whose alignment is the file system's"));
        }
        self.can_have_another()?;
        let truncates = flags & linux::O_TRUNC != 0 && flags & linux::O_PATH == 0;
        if let (FileKind::Object(object), true) = (shows, truncates) {
            if self.state.objects[object].size > 0 && self.sealed(object, linux::F_SEAL_SHRINK) {
                return Err(Errno(linux::EPERM));
            }
            self.resize(object, 0, Rule::GrowthClearsThePage);
        }
        Ok(self.opened(shows, flags))
    }

    /// Checks that the process can have another descriptor. (open(2), pipe(2), dup(2): EMFILE)
    fn can_have_another(&self) -> Result<(), Failure> {
        match self.limit(linux::RLIMIT_NOFILE as i64) {
            None => Ok(()),
            Some(0) => Err(Errno(linux::EMFILE)),
            Some(_) => Err(Unmodelled(
                "the number of descriptors that a process has used of RLIMIT_NOFILE",
            )),
        }
    }

    fn file(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let object = self.filled(args, Kind::File, linux::F_SEAL_SEAL);
        self.open_as(object, self.open_flags(args, 1))
    }

    fn memfd(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let flags = Self::flags(args, 1) as i32;
        let has = |flag: i32| flags & flag != 0;
        if has(linux::MFD_HUGETLB) {
            return Err(Unmodelled("huge pages"));
        }
        let exec = has(linux::MFD_EXEC | linux::MFD_NOEXEC_SEAL);
        if exec && !self.state.holds(Rule::MemfdsKnowExec) {
            return Err(Errno(linux::EINVAL));
        }
        if has(linux::MFD_EXEC) && has(linux::MFD_NOEXEC_SEAL) {
            return Err(Unmodelled("a memfd that cannot be made"));
        }
        let seals = match has(linux::MFD_NOEXEC_SEAL) {
            true => linux::F_SEAL_EXEC,
            false if has(linux::MFD_ALLOW_SEALING) => 0,
            false => linux::F_SEAL_SEAL,
        };
        let object = self.filled(args, Kind::Memfd, seals);
        self.open_as(object, linux::O_RDWR)
    }

    /// Makes a file that holds the pattern.
    fn filled(&mut self, args: &[Arg], kind: fn(u64) -> Kind, seals: i32) -> FileKind {
        let phase = phase_of(self.file_number());
        let size = self.number(args, 0) as u64;
        let mut bytes = Bytes::default();
        bytes.fill(0..size, Content::Pattern(phase));
        let kind = kind(phase);
        let named = matches!(kind, Kind::File(_));
        self.state.objects.push(Object { size, bytes, kind, named, seals });
        FileKind::Object(self.state.objects.len() - 1)
    }

    fn open(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        if let Arg::Text(path) = &args[0] {
            let flags = Self::flags(args, 1) as i32;
            let shows = match path.as_slice() {
                b"/dev/zero" => FileKind::DevZero,
                b"/dev/null" => FileKind::DevNull,
                b"/dev/full" => FileKind::DevFull,
                b"/proc/self/maps" => FileKind::ProcMaps,
                _ => FileKind::Proc,
            };
            let proc = matches!(shows, FileKind::ProcMaps | FileKind::Proc);
            let writes = flags & linux::O_ACCMODE != linux::O_RDONLY || flags & linux::O_TRUNC != 0;
            return match proc && writes {
                true => Err(Unmodelled("the right to open a file of /proc for writing")),
                false => self.open_as(shows, flags),
            };
        }
        // The path is known, whether or not its descriptor is still open: the file is the one that the
        // variable was made for.
        let Arg::Descriptor(name) = &args[0] else { return Err(Errno(linux::EBADF)) };
        let Some(object) = self.made_for(name) else {
            return Err(Unmodelled("a file whose descriptor failed to open"));
        };
        self.open_as(FileKind::Object(object), self.open_flags(args, 1))
    }

    /// Opens both ends of a pipe; the case knows the one for reading.
    fn pipe(&mut self) -> Result<Returned, Failure> {
        self.can_have_another()?;
        let first = self.opened(FileKind::Pipe, linux::O_RDONLY);
        let _ = self.opened(FileKind::Pipe, linux::O_WRONLY);
        Ok(first)
    }

    fn close(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let closes = self.state.holds(Rule::ClosedIsEbadf);
        let Arg::Descriptor(name) = &args[0] else { return Err(Errno(linux::EBADF)) };
        let Value::Descriptor(number) = self.value(name) else {
            return Err(Errno(linux::EBADF));
        };
        let place = self.process().descriptors.get_mut(number).ok_or(linux::EBADF)?;
        let shows = place.ok_or(linux::EBADF)?.shows;
        if closes {
            *place = None;
        }
        if let FileKind::Object(object) = shows {
            self.state.write_back_where(Rule::ClosingWritesBack, object);
        }
        Ok(Returned::Nothing)
    }

    fn fsync(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        match self.descriptor(&args[0]).map(|own| own.shows) {
            None => Err(Errno(linux::EBADF)),
            Some(FileKind::Object(object)) => {
                self.state.write_back(object, 0..u64::MAX);
                Ok(Returned::Nothing)
            }
            Some(FileKind::Dir) => Ok(Returned::Nothing),
            Some(_) => Err(Errno(linux::EINVAL)),
        }
    }

    fn unlink(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let Arg::Descriptor(name) = &args[0] else { return Err(Errno(linux::ENOENT)) };
        let object = self.made_for(name).map(|object| &mut self.state.objects[object]);
        match object {
            Some(object) if object.named => {
                object.named = false;
                Ok(Returned::Nothing)
            }
            _ => Err(Errno(linux::ENOENT)),
        }
    }

    /// True if an object has one of these seals.
    pub(in crate::model) fn sealed(&self, object: usize, seals: i32) -> bool {
        let own = &self.state.objects[object];
        matches!(own.kind, Kind::Memfd(_))
            && own.seals & seals != 0
            && self.state.holds(Rule::SealedIsEperm)
    }

    fn add_seals(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let mut added = Self::flags(args, 2) as i32;
        let descriptor = self.descriptor(&args[0]).ok_or(linux::EBADF)?;
        if !descriptor.writable {
            return Err(Errno(linux::EPERM));
        }
        let FileKind::Object(object) = descriptor.shows else {
            return Err(Errno(linux::EINVAL));
        };
        let exec = added & linux::F_SEAL_EXEC != 0;
        if exec && !self.state.holds(Rule::MemfdsKnowExec) {
            return Err(Errno(linux::EINVAL));
        }
        if self.state.holds_for(Rule::FilesHaveNoSeals, object) {
            return Err(Errno(linux::EINVAL));
        }
        let own = self.state.objects[object].seals;
        if own & linux::F_SEAL_SEAL != 0 {
            return Err(Errno(linux::EPERM));
        }
        // A file that may be executed is sealed against writing along with its mode. (Linux 6.3:
        // memfd_add_seals)
        let before = added;
        if added & linux::F_SEAL_EXEC != 0 && own & linux::F_SEAL_EXEC == 0 {
            added |= linux::F_SEAL_SHRINK | linux::F_SEAL_GROW;
            added |= linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE;
        }
        let writes = added & linux::F_SEAL_WRITE != 0 && own & linux::F_SEAL_WRITE == 0;
        let mapped = self.processes.iter().flat_map(|process| process.space.iter()).any(|map| {
            map.object == Some(object)
                && map.shared
                && map.may & crate::model::address_space::WRITE != 0
        });
        let says = before & linux::F_SEAL_WRITE != 0;
        let busy = writes && mapped && (says || self.state.holds(Rule::SealExecIsSealWrite));
        if busy && self.state.holds(Rule::SealWriteOfMappedIsEbusy) {
            return Err(Errno(linux::EBUSY));
        }
        self.state.objects[object].seals |= added;
        Ok(Returned::Nothing)
    }
}
