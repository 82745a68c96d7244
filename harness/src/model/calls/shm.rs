//! The model must predict System V shared memory: shmget, shmat, shmdt and the IPC_RMID of shmctl.

use crate::case::{Arg, limits};
use crate::model::address_space::{EXEC, READ, Vma, WRITE};
use crate::model::interpreter::{APART, Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::{Returned, Value};
use crate::model::rule::Rule;
use crate::model::state::Segment;
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("shmget", |p, args| p.shmget(args)),
    ("shmat", |p, args| p.shmat(args)),
    ("shmdt", |p, args| p.shmdt(args)),
    ("shmctl", |p, args| p.remove_segment(args)),
];

impl Interpreter<'_> {
    fn shmget(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (size, flags) = (self.length(args, 1), Self::flags(args, 2) as i32);
        if flags & linux::SHM_HUGETLB != 0 || flags & 0o600 != 0o600 {
            return Err(Unmodelled("huge pages, and segments that their owner may not use"));
        }
        // No file is longer. (Linux: __shmem_file_setup)
        if size == 0 || size > i64::MAX as u64 {
            return Err(Errno(linux::EINVAL));
        }
        if size > limits::MAP_BYTES {
            // EINVAL beyond shmmax, ENOSPC beyond shmall, ENOMEM beyond what may be promised; or it is made, as with
            // SHM_NORESERVE. (Linux: newseg; shmem_acct_size)
            return Err(Unmodelled("the limit on the size of a segment"));
        }
        let whole = self.state.holds(Rule::SegmentsAreZeroPages);
        let page = self.state.page();
        let pages = if whole { size.div_ceil(page) } else { size / page } * page;
        let object = self.new_memory(pages);
        let runs = flags & 0o100 != 0;
        self.state.segments.push(Segment { object, size, removed: false, runs });
        Ok(Returned::Value(Value::Segment(self.state.segments.len() - 1)))
    }

    /// Returns the segment of an id, while it exists.
    fn alive(&self, arg: &Arg) -> Option<usize> {
        let Arg::Id(name) = arg else { return None };
        let Value::Segment(number) = self.value(name) else { return None };
        let segment = self.state.segments.get(number)?;
        let attached = self.processes.iter().any(|own| own.space.shows(Some(segment.object)));
        let lives = attached && self.state.holds(Rule::RemovedSegmentLives);
        (!segment.removed || lives).then_some(number)
    }

    /// True if the user has CAP_SYS_RESOURCE and CAP_IPC_LOCK, and so is taken for root.
    fn is_root(&self) -> bool {
        let limits = &self.state.environment.limits;
        limits.raises && limits.locks
    }

    fn shmat(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let flags = Self::flags(args, 2) as i32;
        let has = |flag| flags & flag != 0;
        let einval = Err(Errno(linux::EINVAL));
        let Some(number) = self.alive(&args[0]) else { return einval };
        // CAP_IPC_OWNER does without. (shmat(2): EACCES)
        if has(linux::SHM_EXEC) && !self.state.segments[number].runs && !self.is_root() {
            return Err(Unmodelled(
                "the right of an ordinary user to execute a segment without execute permission",
            ));
        }
        let asked = self.address(&args[1]);
        let page = self.state.page();
        let start = match (asked, has(linux::SHM_RND)) {
            (0, _) if has(linux::SHM_REMAP) => return einval,
            (0, _) => self.place(),
            // SHMLBA is a page on x86 and most others. (shmat(2))
            (asked, true) => asked / page * page,
            (asked, false) if self.in_page(asked) => return einval,
            (asked, false) => asked,
        };
        if start < APART / 2 {
            return Err(Unmodelled("a segment at an address outside of every map"));
        }
        let object = self.state.segments[number].object;
        // The kernel checks the length that was asked for, not that of whole pages. (Linux: do_shmat)
        let asked_for = self.state.segments[number].size;
        if !has(linux::SHM_REMAP) && start.checked_add(asked_for).is_none() {
            return einval;
        }
        let range = start..start.saturating_add(self.state.objects[object].size);
        if range.end > super::mmap::ADDRESSES {
            return Err(Errno(linux::ENOMEM));
        }
        let taken = self.process().space.any_in(&range);
        if taken && !has(linux::SHM_REMAP) && self.state.holds(Rule::ShmatOverMapIsEinval) {
            return einval;
        }
        if self.process().space.touching(&range).any(|own| own.sealed) {
            return Err(Unmodelled("a segment over sealed memory"));
        }
        self.may_have(range.end - range.start, 0)?;
        let read_only = has(linux::SHM_RDONLY) && self.state.holds(Rule::ShmRdonly);
        let exec = if has(linux::SHM_EXEC) { EXEC } else { 0 };
        let write = if read_only { 0 } else { WRITE };
        // Each attach opens the segment anew. (Linux: do_shmat, alloc_file_clone)
        self.state.positions.push(0);
        let open_file = Some(self.state.positions.len() - 1);
        self.process().space.insert(Vma {
            range,
            open_file,
            prot: READ | write | exec,
            may: READ | write | EXEC,
            shared: true,
            writer: !read_only,
            object: Some(object),
            ..Vma::default()
        });
        Ok(Returned::Value(Value::Map(start)))
    }

    /// Detaches the parts of one attach that still lie where it was, up to the first map that ends further away than the
    /// segment is long. (Linux: ksys_shmdt)
    fn shmdt(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let address = self.address(&args[0]);
        let segments: Vec<usize> = self.state.segments.iter().map(|own| own.object).collect();
        let einval = Err(Errno(linux::EINVAL));
        if self.in_page(address) {
            return einval;
        }
        let lies_there = |own: &&Vma| {
            let place = own.range.start.checked_sub(own.offset);
            place == Some(address) && own.object.is_some_and(|object| segments.contains(&object))
        };
        let Some(process) = self.processes.last() else { return einval };
        let mut behind = process.space.iter().filter(|own| own.range.end > address);
        let Some(first) = behind.find(&lies_there) else { return einval };
        let size = first.object.map_or(0, |object| self.state.objects[object].size);
        let rest = behind
            .take_while(|own| own.range.end - address <= size)
            .filter(|own| lies_there(own) && own.open_file == first.open_file);
        let parts: Vec<&Vma> = std::iter::once(first).chain(rest).collect();
        if parts.iter().any(|own| own.sealed) {
            return Err(Unmodelled("a sealed segment"));
        }
        let ranges: Vec<_> = parts.into_iter().map(|own| own.range.clone()).collect();
        for range in ranges {
            self.process().space.remove(&range);
        }
        Ok(Returned::Nothing)
    }

    fn remove_segment(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let number = self.alive(&args[0]).ok_or(linux::EINVAL)?;
        self.state.segments[number].removed = true;
        Ok(Returned::Nothing)
    }
}
