//! System V shared memory.

use std::collections::BTreeMap;

use nix::libc;

use super::Unmodelled;
use super::rule::Rule;
use super::space::{EXEC, READ, Stretch, WRITE};
use super::steps::{Performance, Returned, Value};
use super::world::Segment;
use crate::case::{Arg, Call};

impl Performance<'_> {
    pub(super) fn segment(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        match call {
            Call::Shmget => self.shmget(args),
            Call::Shmat => self.shmat(args),
            Call::Shmdt => self.shmdt(args),
            _ => Ok(self.remove(args)),
        }
    }

    fn shmget(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (size, flags) = (self.length(args, 1), Self::flags(args, 2) as i32);
        if flags & !(libc::IPC_CREAT | libc::IPC_EXCL | 0o777) != 0 || flags & 0o600 != 0o600 {
            return Err(Unmodelled::new("other flags and modes of shmget"));
        }
        if size == 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let whole = self.world.on(Rule::SegmentsAreZeroPages);
        let page = self.world.page();
        let size = if whole { size.div_ceil(page) } else { size / page } * page;
        let object = self.new_memory(size);
        self.world.segments.push(Segment { object, removed: false, attached: 0 });
        Ok(Returned::Value(Value::Segment(self.world.segments.len() - 1)))
    }

    /// The segment of an id, while it is there.
    fn alive(&self, arg: &Arg) -> Option<usize> {
        let Arg::Id(name) = arg else { return None };
        let Value::Segment(number) = self.value(name) else { return None };
        let segment = self.world.segments.get(number)?;
        let lives = segment.attached > 0 && self.world.on(Rule::RemovedSegmentLives);
        (!segment.removed || lives).then_some(number)
    }

    fn shmat(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let flags = Self::flags(args, 2) as i32;
        if self.address(&args[1])? != 0 || flags & !libc::SHM_RDONLY != 0 {
            return Err(Unmodelled::new("shmat at an address, and its other flags"));
        }
        let Some(number) = self.alive(&args[0]) else {
            return Ok(Returned::Errno(libc::EINVAL));
        };
        let object = self.world.segments[number].object;
        let start = self.place();
        let read_only = flags & libc::SHM_RDONLY != 0 && self.world.on(Rule::ShmRdonly);
        let prot = if read_only { READ } else { READ | WRITE };
        let may = if read_only { READ | EXEC } else { READ | WRITE | EXEC };
        let range = start..start + self.world.objects[object].size;
        let (offset, copies) = (0, BTreeMap::new());
        let (locked, dont_fork) = (false, false);
        let object = Some(object);
        let stretch =
            Stretch { range, prot, may, shared: true, object, offset, copies, locked, dont_fork };
        self.process().space.insert(stretch);
        self.process().attached.push((start, number));
        self.world.segments[number].attached += 1;
        Ok(Returned::Value(Value::Map(start)))
    }

    fn shmdt(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let address = self.address(&args[0])?;
        let place = self.process().attached.iter().position(|(start, _)| *start == address);
        let Some(place) = place else { return Ok(Returned::Errno(libc::EINVAL)) };
        let (start, number) = self.process().attached.remove(place);
        let size = self.world.objects[self.world.segments[number].object].size;
        self.process().space.remove(&(start..start + size));
        self.detach(number);
        Ok(Returned::Nothing)
    }

    /// One process fewer has it.
    pub(super) fn detach(&mut self, number: usize) {
        let segment = &mut self.world.segments[number];
        segment.attached = segment.attached.saturating_sub(1);
    }

    fn remove(&mut self, args: &[Arg]) -> Returned {
        let Some(number) = self.alive(&args[0]) else { return Returned::Errno(libc::EINVAL) };
        self.world.segments[number].removed = true;
        Returned::Nothing
    }
}
