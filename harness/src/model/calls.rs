//! Calls on descriptors and files: what each changes, and the errno where it fails.

use nix::libc;

use super::Unmodelled;
use super::bytes::{Bytes, Content};
use super::rule::Rule;
use super::steps::{Performance, Returned, Value};
use super::world::{Descriptor, Object, Shows};
use crate::case::{Arg, Call, FlagWord, Size};

impl Performance<'_> {
    /// Performs a call.
    pub fn call(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        match call {
            Call::File | Call::Memfd => self.file(call, args),
            Call::Open => self.open(args),
            Call::Dir | Call::Devzero | Call::Pipe => Ok(self.special(call, args)),
            Call::Close => Ok(self.close(args)),
            Call::Unlink => Ok(self.unlink(args)),
            Call::Fsync => Ok(match self.descriptor(&args[0]) {
                Some(descriptor) => match descriptor.shows {
                    Shows::Object(object) => {
                        self.world.write_back(object, 0..u64::MAX);
                        Returned::Nothing
                    }
                    _ => return Err(Unmodelled::new("fsync of what is no file")),
                },
                None => Returned::Errno(libc::EBADF),
            }),
            Call::Ftruncate => self.ftruncate(args),
            Call::Fallocate => self.fallocate(args),
            Call::Pread => self.pread(args),
            Call::Pwrite => self.pwrite(args),
            Call::Mmap => self.mmap(args),
            Call::Munmap => self.munmap(args),
            Call::Mprotect => self.mprotect(args),
            Call::Mremap => self.mremap(args),
            Call::Madvise => self.madvise(args),
            Call::Msync => self.msync(args),
            Call::Mlock | Call::Munlock => self.mlock(call, args),
            Call::Shmget | Call::Shmat | Call::Shmdt | Call::Shmctl => self.segment(call, args),
            _ => Err(Unmodelled::new(format!("`{}`", call.signature().name))),
        }
    }

    /// The value of the flags at this place; 0 where they are left out.
    pub fn flags(args: &[Arg], index: usize) -> i64 {
        match args.get(index) {
            Some(Arg::Flags(words)) => {
                words.iter().fold(0, |all, word| all | FlagWord::value(word))
            }
            _ => 0,
        }
    }

    /// The number at this place, as the kernel sees it.
    pub fn number(&self, args: &[Arg], index: usize) -> i128 {
        match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { map: None, offset: size }) => self.bytes(size),
            _ => 0,
        }
    }

    /// The address at this place; `None` where it is told from a map that was never made.
    pub fn address(&self, arg: &Arg) -> Result<u64, Unmodelled> {
        let Arg::Address { map, offset } = arg else { return Ok(0) };
        let offset: i128 = self.bytes(offset);
        match map.as_ref().map(|map| self.value(map)) {
            None => Ok(offset as u64),
            Some(Value::Map(base)) => Ok((i128::from(base) + offset) as u64),
            Some(_) => Err(Unmodelled::new("an address told from MAP_FAILED")),
        }
    }

    /// The open descriptor at this place.
    pub fn descriptor(&mut self, arg: &Arg) -> Option<Descriptor> {
        let Arg::Descriptor(name) = arg else { return None };
        let Value::Descriptor(number) = self.value(name) else { return None };
        self.process().descriptors.get(number).copied().flatten()
    }

    /// Takes the lowest number that is free, as the kernel does.
    fn opened(&mut self, descriptor: Descriptor) -> Returned {
        let all = &mut self.process().descriptors;
        let number = all.iter().position(Option::is_none).unwrap_or(all.len());
        if number == all.len() {
            all.push(None);
        }
        all[number] = Some(descriptor);
        Returned::Value(Value::Descriptor(number))
    }

    /// The descriptor that an open with these flags gives.
    fn open_as(&mut self, shows: Shows, flags: i64) -> Result<Returned, Unmodelled> {
        const KNOWN: i32 = libc::O_RDONLY | libc::O_WRONLY | libc::O_RDWR | libc::O_TRUNC;
        if flags & !i64::from(KNOWN) != 0 {
            return Err(Unmodelled::new("flags of open beyond the mode and O_TRUNC"));
        }
        let mode = flags as i32 & libc::O_ACCMODE;
        if let (Shows::Object(object), true) = (shows, flags as i32 & libc::O_TRUNC != 0) {
            self.resize(object, 0);
        }
        let (readable, writable) = (mode != libc::O_WRONLY, mode != libc::O_RDONLY);
        Ok(self.opened(Descriptor { shows, readable, writable }))
    }

    fn file(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let flags = Self::flags(args, 1);
        let plain = i64::from(libc::MFD_CLOEXEC);
        if call == Call::Memfd && flags & !plain != 0 {
            return Err(Unmodelled::new("memfds with seals or huge pages"));
        }
        let size = self.number(args, 0) as u64;
        let mut bytes = Bytes::all(Content::Zero);
        bytes.fill(0..size, Content::Pattern);
        let named = call == Call::File;
        self.world.objects.push(Object { size, bytes, is_file: true, named });
        let shows = Shows::Object(self.world.objects.len() - 1);
        match call {
            Call::File if args.len() > 1 => self.open_as(shows, flags),
            _ => self.open_as(shows, i64::from(libc::O_RDWR)),
        }
    }

    fn open(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let Arg::Descriptor(name) = &args[0] else {
            return Err(Unmodelled::new("files that the harness has not made"));
        };
        // The path is known, whether or not its descriptor is still open: the file is the one that the
        // variable was made for.
        let Some(object) = self.made_for(name) else {
            return Err(Unmodelled::new("a file whose descriptor failed to open"));
        };
        let flags = if args.len() > 1 { Self::flags(args, 1) } else { i64::from(libc::O_RDWR) };
        self.open_as(Shows::Object(object), flags)
    }

    fn special(&mut self, call: Call, args: &[Arg]) -> Returned {
        let writable = match args.first() {
            Some(_) => Self::flags(args, 0) as i32 & libc::O_ACCMODE != libc::O_RDONLY,
            None => call == Call::Devzero,
        };
        let shows = if call == Call::Devzero { Shows::DevZero } else { Shows::NoFile };
        let first = self.opened(Descriptor { shows, readable: true, writable });
        if call == Call::Pipe {
            self.opened(Descriptor { shows, readable: false, writable: true });
        }
        first
    }

    fn close(&mut self, args: &[Arg]) -> Returned {
        let closed = self.descriptor(&args[0]).is_some();
        if let (Arg::Descriptor(name), true) = (&args[0], self.world.on(Rule::ClosedIsEbadf)) {
            if let Value::Descriptor(number) = self.value(name) {
                if let Some(place) = self.process().descriptors.get_mut(number) {
                    *place = None;
                }
            }
        }
        if closed { Returned::Nothing } else { Returned::Errno(libc::EBADF) }
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

    fn ftruncate(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let size = self.number(args, 1);
        let fails = self.world.on(Rule::FtruncateIsEinval);
        if size < 0 {
            let errno = if fails { libc::EINVAL } else { libc::EFBIG };
            return Ok(Returned::Errno(errno));
        }
        let Some(descriptor) = self.descriptor(&args[0]) else {
            return Ok(Returned::Errno(libc::EBADF));
        };
        match descriptor.shows {
            Shows::Object(object) if descriptor.writable || !fails => {
                self.resize(object, size as u64);
                Ok(Returned::Nothing)
            }
            _ => Ok(Returned::Errno(libc::EINVAL)),
        }
    }

    fn fallocate(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let mode = Self::flags(args, 1) as i32;
        let (offset, length) = (self.number(args, 2), self.number(args, 3));
        let Some(descriptor) = self.descriptor(&args[0]) else {
            return Ok(Returned::Errno(libc::EBADF));
        };
        let Shows::Object(object) = descriptor.shows else {
            return Err(Unmodelled::new("fallocate of what is no file"));
        };
        if offset < 0 || length <= 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        if !descriptor.writable {
            return Ok(Returned::Errno(libc::EBADF));
        }
        let size = self.world.objects[object].size;
        let range = offset as u64..(offset + length) as u64;
        let (keep, punch) = (libc::FALLOC_FL_KEEP_SIZE, libc::FALLOC_FL_PUNCH_HOLE);
        if mode == punch | keep {
            let end = range.end.min(size);
            if range.end > size
                && range.start < self.world.round_up(size)
                && size % self.world.page() != 0
            {
                return Err(Unmodelled::new("a hole that reaches past the end of the file"));
            }
            if self.world.on(Rule::PunchingZeroes) {
                self.world.objects[object]
                    .bytes
                    .fill(range.start..end.max(range.start), Content::Zero);
            }
            if !self.world.on(Rule::PunchingLeavesCopies) {
                for process in &mut self.processes {
                    let own = process.space.iter_mut().filter(|own| own.object == Some(object));
                    own.for_each(|stretch| stretch.copies.retain(|at, _| !range.contains(at)));
                }
            }
        } else if mode == 0 {
            if range.end > size {
                self.resize(object, range.end);
            }
        } else if mode != keep {
            return Err(Unmodelled::new("other modes of fallocate"));
        }
        Ok(Returned::Nothing)
    }

    fn pread(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (offset, count) = (self.number(args, 1), self.number(args, 2) as u64);
        let Some(descriptor) = self.descriptor(&args[0]) else {
            return Ok(Returned::Errno(libc::EBADF));
        };
        if offset < 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let Shows::Object(object) = descriptor.shows else {
            return Err(Unmodelled::new("pread of what is no file"));
        };
        if !descriptor.readable {
            return Ok(Returned::Errno(libc::EBADF));
        }
        let object = &self.world.objects[object];
        let start = offset as u64;
        let end = match self.world.on(Rule::PreadStopsAtEof) {
            true => (start + count).min(object.size.max(start)),
            false => start + count,
        };
        Ok(Returned::Saw(object.bytes.runs(start..end)))
    }

    fn pwrite(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let Arg::Text(text) = &args[1] else { return Ok(Returned::Nothing) };
        let offset = self.number(args, 2);
        let Some(descriptor) = self.descriptor(&args[0]) else {
            return Ok(Returned::Errno(libc::EBADF));
        };
        if offset < 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let Shows::Object(object) = descriptor.shows else {
            return Err(Unmodelled::new("pwrite to what is no file"));
        };
        if !descriptor.writable {
            return Ok(Returned::Errno(libc::EBADF));
        }
        let (start, count) = (offset as u64, text.len() as u64);
        let grows = count > 0 && start + count > self.world.objects[object].size;
        if grows && self.world.on(Rule::PwriteGrows) {
            self.resize(object, start + count);
        }
        for (at, byte) in (start..).zip(text) {
            let content = if *byte == 0 { Content::Zero } else { Content::Byte(*byte) };
            self.world.objects[object].bytes.fill(at..at + 1, content);
        }
        Ok(Returned::Count(count))
    }

    /// A plain number of bytes, for lengths: negative ones are huge to the kernel.
    pub fn length(&self, args: &[Arg], index: usize) -> u64 {
        match args.get(index) {
            Some(Arg::Size(size)) => Size::register(size, self.world.page()).unwrap_or(0),
            _ => 0,
        }
    }
}
