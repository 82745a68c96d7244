//! Which call is performed where; its arguments; and descriptors: opened, closed, unlinked, sealed.

use nix::libc;

use super::Unmodelled;
use super::bytes::{Content, Runs, phase_of};
use super::rule::Rule;
use super::steps::{Performance, Returned, Value};
use super::world::{Descriptor, Kind, Object, Shows};
use crate::case::{Arg, Call, FlagWord, Size};

/// MFD_NOEXEC_SEAL and MFD_EXEC, which the C library does not name on every target. (<linux/memfd.h>)
const MFD_NOEXEC_SEAL: i32 = 0x0008;
const MFD_EXEC: i32 = 0x0010;
/// F_SEAL_EXEC. (<linux/fcntl.h>)
const F_SEAL_EXEC: i32 = 0x0020;

impl Performance<'_> {
    /// Performs a call.
    pub fn call(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        if args.iter().any(|arg| self.may_be_open(arg)) {
            return Err(Unmodelled::new("a number that a descriptor of the case may have"));
        }
        match call {
            Call::File | Call::Memfd => self.file(call, args),
            Call::Open => self.open(args),
            Call::Dir => self.open_as(Shows::Dir, libc::O_RDONLY),
            Call::Devzero => self.open_as(Shows::DevZero, self.open_flags(args, 0)),
            Call::Pipe => self.pipe(),
            Call::Close => Ok(self.close(args)),
            Call::Unlink => Ok(self.unlink(args)),
            Call::Fcntl => Ok(self.add_seals(args)),
            Call::Fsync => Ok(self.fsync(args)),
            Call::Ftruncate => Ok(self.ftruncate(args)),
            Call::Fallocate => self.fallocate(args),
            Call::Pread => self.pread(args),
            Call::Pwrite => Ok(self.pwrite(args)),
            Call::Read => self.read(args),
            Call::Write => self.write(args),
            Call::Mmap => self.mmap(args),
            Call::Munmap => self.munmap(args),
            Call::Mremap => self.mremap(args),
            Call::RemapFilePages => self.remap_file_pages(args),
            Call::Mprotect => self.mprotect(args),
            Call::Madvise => self.madvise(args),
            Call::Msync => self.msync(args),
            Call::Mlock | Call::Munlock => self.mlock(call, args),
            Call::Mseal => self.mseal(args),
            Call::Shmget => self.shmget(args),
            Call::Shmat => self.shmat(args),
            Call::Shmdt => self.shmdt(args),
            Call::Shmctl => Ok(self.remove_segment(args)),
            Call::Sigaction => Ok(self.sigaction(args)),
            Call::Sigprocmask => self.sigprocmask(args),
            Call::Raise => self.raise(args),
            Call::Setrlimit => self.setrlimit(args),
            Call::Exit => Ok(Returned::Exits),
            Call::Pause => Ok(Returned::Hangs),
        }
    }

    /// The value of the flags at this place; 0 where they are left out.
    pub fn flags(args: &[Arg], index: usize) -> i64 {
        match args.get(index) {
            Some(Arg::Flags(words)) => FlagWord::all(words),
            _ => 0,
        }
    }

    /// The flags of an open; a file is for reading and writing where the case does not say.
    fn open_flags(&self, args: &[Arg], index: usize) -> i32 {
        match args.get(index) {
            Some(_) => Self::flags(args, index) as i32,
            None => libc::O_RDWR,
        }
    }

    /// The number at this place, as the kernel sees it.
    pub fn number(&self, args: &[Arg], index: usize) -> i128 {
        match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { map: None, offset: size }) => self.bytes(size),
            _ => 0,
        }
    }

    /// A plain number of bytes, for lengths: negative ones are huge to the kernel.
    pub fn length(&self, args: &[Arg], index: usize) -> u64 {
        match args.get(index) {
            Some(Arg::Size(size)) => Size::register(size, self.world.page()).unwrap_or(0),
            _ => 0,
        }
    }

    /// The address at this place.
    pub fn address(&self, arg: &Arg) -> u64 {
        let Arg::Address { map, offset } = arg else { return 0 };
        let offset = self.bytes(offset) as u64;
        match map.as_ref().map(|map| self.value(map)) {
            None => offset,
            Some(Value::Map(base)) => base.wrapping_add(offset),
            Some(_) => u64::MAX, // MAP_FAILED, whatever is added to it
        }
    }

    /// The open descriptor at this place; none as well where it is one of O_PATH. (open(2): EBADF)
    pub fn descriptor(&self, arg: &Arg) -> Option<Descriptor> {
        let Arg::Descriptor(name) = arg else { return None };
        let Value::Descriptor(number) = self.value(name) else { return None };
        let process = &self.processes[self.processes.len() - 1];
        let descriptor = process.descriptors.get(number).copied().flatten();
        descriptor.filter(|own| !own.path_only || !self.world.on(Rule::PathDescriptorIsEbadf))
    }

    /// Whether this is a number that no variable holds, and that the kernel may have given all the same: so many are
    /// open that it is among the lowest that were free. How many the harness has open is not known here.
    fn may_be_open(&self, arg: &Arg) -> bool {
        const HARNESS: usize = 24;
        let Arg::BadDescriptor(number) = arg else { return false };
        let most = self.processes.iter().map(|process| process.descriptors.len()).max();
        let taken = most.unwrap_or(0) + self.world.objects.len() + HARNESS;
        usize::try_from(*number).is_ok_and(|number| number < taken)
    }

    /// Takes the lowest number that is free, as the kernel does.
    fn opened(&mut self, shows: Shows, flags: i32) -> Returned {
        let mode = flags & libc::O_ACCMODE;
        self.world.positions.push(0);
        let descriptor = Descriptor {
            shows,
            // With access mode 3, neither. (open(2), NOTES)
            readable: mode == libc::O_RDONLY || mode == libc::O_RDWR,
            writable: mode == libc::O_WRONLY || mode == libc::O_RDWR,
            appends: flags & libc::O_APPEND != 0,
            syncs: flags & libc::O_SYNC == libc::O_SYNC,
            path_only: flags & libc::O_PATH != 0,
            open_file: self.world.positions.len() - 1,
        };
        let all = &mut self.process().descriptors;
        let number = all.iter().position(Option::is_none).unwrap_or(all.len());
        if number == all.len() {
            all.push(None);
        }
        all[number] = Some(descriptor);
        Returned::Value(Value::Descriptor(number))
    }

    /// What an open with these flags gives.
    fn open_as(&mut self, shows: Shows, flags: i32) -> Result<Returned, Unmodelled> {
        if flags & libc::O_DIRECT != 0 {
            return Err(Unmodelled::new("O_DIRECT, whose alignment is the file system's"));
        }
        if let Some(errno) = self.descriptors_run_out()? {
            return Ok(Returned::Errno(errno));
        }
        let truncates = flags & libc::O_TRUNC != 0 && flags & libc::O_PATH == 0;
        if let (Shows::Object(object), true) = (shows, truncates) {
            if self.world.objects[object].size > 0 && self.sealed(object, libc::F_SEAL_SHRINK) {
                return Ok(Returned::Errno(libc::EPERM));
            }
            self.resize(object, 0);
        }
        Ok(self.opened(shows, flags))
    }

    /// The errno where there can be no further descriptor. (open(2), pipe(2), dup(2): EMFILE)
    fn descriptors_run_out(&self) -> Result<Option<i32>, Unmodelled> {
        match self.limit(libc::RLIMIT_NOFILE as i64) {
            None => Ok(None),
            Some(0) => Ok(Some(libc::EMFILE)),
            Some(_) => {
                Err(Unmodelled::new("how many descriptors a process has below RLIMIT_NOFILE"))
            }
        }
    }

    fn file(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let phase = phase_of(self.file_number());
        let size = self.number(args, 0) as u64;
        let mut bytes = Runs::all(Content::Zero);
        bytes.fill(0..size, Content::Pattern(phase));
        let flags = Self::flags(args, 1) as i32;
        let (kind, seals) = match call {
            Call::File => (Kind::File(phase), libc::F_SEAL_SEAL),
            _ if flags & libc::MFD_HUGETLB as i32 != 0 => {
                return Err(Unmodelled::new("huge pages"));
            }
            _ if flags & MFD_EXEC != 0 && flags & MFD_NOEXEC_SEAL != 0 => {
                return Err(Unmodelled::new("a memfd that cannot be made"));
            }
            _ if flags & MFD_NOEXEC_SEAL != 0 => (Kind::Memfd(phase), F_SEAL_EXEC),
            _ if flags & libc::MFD_ALLOW_SEALING as i32 != 0 => (Kind::Memfd(phase), 0),
            _ => (Kind::Memfd(phase), libc::F_SEAL_SEAL),
        };
        self.world.objects.push(Object { size, bytes, kind, named: call == Call::File, seals });
        let shows = Shows::Object(self.world.objects.len() - 1);
        match call {
            Call::File => self.open_as(shows, self.open_flags(args, 1)),
            _ => self.open_as(shows, libc::O_RDWR),
        }
    }

    fn open(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        if let Arg::Text(path) = &args[0] {
            let flags = Self::flags(args, 1) as i32;
            let shows = match path.as_slice() {
                b"/dev/zero" => Shows::DevZero,
                b"/dev/null" => Shows::DevNull,
                b"/dev/full" => Shows::DevFull,
                b"/proc/self/maps" => Shows::ProcMaps,
                _ => Shows::Proc,
            };
            let proc = matches!(shows, Shows::ProcMaps | Shows::Proc);
            let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0;
            return match proc && writes {
                true => Err(Unmodelled::new("whether a file of /proc can be opened for writing")),
                false => self.open_as(shows, flags),
            };
        }
        // The path is known, whether or not its descriptor is still open: the file is the one that the
        // variable was made for.
        let Arg::Descriptor(name) = &args[0] else { return Ok(Returned::Errno(libc::EBADF)) };
        let Some(object) = self.made_for(name) else {
            return Err(Unmodelled::new("a file whose descriptor failed to open"));
        };
        self.open_as(Shows::Object(object), self.open_flags(args, 1))
    }

    /// Both ends; the case knows the one for reading.
    fn pipe(&mut self) -> Result<Returned, Unmodelled> {
        if let Some(errno) = self.descriptors_run_out()? {
            return Ok(Returned::Errno(errno));
        }
        let first = self.opened(Shows::Pipe, libc::O_RDONLY);
        let _ = self.opened(Shows::Pipe, libc::O_WRONLY);
        Ok(first)
    }

    fn close(&mut self, args: &[Arg]) -> Returned {
        let closes = self.world.on(Rule::ClosedIsEbadf);
        let Arg::Descriptor(name) = &args[0] else { return Returned::Errno(libc::EBADF) };
        let Value::Descriptor(number) = self.value(name) else {
            return Returned::Errno(libc::EBADF);
        };
        match self.process().descriptors.get_mut(number) {
            Some(place @ Some(_)) => {
                if closes {
                    *place = None;
                }
                Returned::Nothing
            }
            _ => Returned::Errno(libc::EBADF),
        }
    }

    fn unlink(&mut self, args: &[Arg]) -> Returned {
        let Arg::Descriptor(name) = &args[0] else { return Returned::Errno(libc::ENOENT) };
        let object = self.made_for(name).map(|object| &mut self.world.objects[object]);
        match object {
            Some(object) if object.named => {
                object.named = false;
                Returned::Nothing
            }
            _ => Returned::Errno(libc::ENOENT),
        }
    }

    /// Whether an object has one of these seals.
    pub(super) fn sealed(&self, object: usize, seals: i32) -> bool {
        let own = &self.world.objects[object];
        matches!(own.kind, Kind::Memfd(_))
            && own.seals & seals != 0
            && self.world.on(Rule::SealedIsEperm)
    }

    fn add_seals(&mut self, args: &[Arg]) -> Returned {
        let mut added = Self::flags(args, 2) as i32;
        let Some(descriptor) = self.descriptor(&args[0]) else {
            return Returned::Errno(libc::EBADF);
        };
        if !descriptor.writable {
            return Returned::Errno(libc::EPERM);
        }
        let Shows::Object(object) = descriptor.shows else {
            return Returned::Errno(libc::EINVAL);
        };
        if self.world.on_for(Rule::FilesHaveNoSeals, object) {
            return Returned::Errno(libc::EINVAL);
        }
        let own = self.world.objects[object].seals;
        if own & libc::F_SEAL_SEAL != 0 {
            return Returned::Errno(libc::EPERM);
        }
        // A file that may be executed is sealed against writing along with its mode. (Linux 6.3:
        // memfd_add_seals)
        let before = added;
        if added & F_SEAL_EXEC != 0 && own & F_SEAL_EXEC == 0 {
            added |= libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
            added |= libc::F_SEAL_WRITE | libc::F_SEAL_FUTURE_WRITE;
        }
        let writes = added & libc::F_SEAL_WRITE != 0 && own & libc::F_SEAL_WRITE == 0;
        let mapped = self.processes.iter().flat_map(|process| process.space.iter()).any(|map| {
            map.object == Some(object) && map.shared && map.may & super::space::WRITE != 0
        });
        let says = before & libc::F_SEAL_WRITE != 0;
        let busy = writes && mapped && (says || self.world.on(Rule::SealExecIsSealWrite));
        if busy && self.world.on(Rule::SealWriteOfMappedIsEbusy) {
            return Returned::Errno(libc::EBUSY);
        }
        self.world.objects[object].seals |= added;
        Returned::Nothing
    }
}
