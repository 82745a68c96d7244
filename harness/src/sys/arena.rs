//! A fork is slow where the worker has much memory mapped, and a victim needs little of that: this module
//! excludes a worker's memory from its forks, and lays out what victims do inherit. The main type is
//! [`Arena`].
//!
//! Most of what a fork costs is memory: the kernel copies every VMA, shares every page that was written, and
//! copies such a page for the process that writes to it first. A victim needs little memory: the code of this
//! program, its data, a stack, the record, and the steps of its case. Those lie in memory of their own, and
//! the rest (heap, libraries, thread-local memory, tables of pointers) is excluded from its fork (madvise(2),
//! MADV_DONTFORK). A victim that touched any of that would be killed by SIGSEGV at an address that no step
//! names: a first child of each worker tests that none does.

use std::cell::Cell;
use std::ops::Range;
use std::ptr::NonNull;

use nix::libc;
use procfs_core::FromRead as _;
use procfs_core::process::{MMPermissions, MMapPath, MemoryMap, MemoryMaps};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::victim_memory::{self, ROOM_BYTES as BYTES};
use super::{arch, rseq};

/// Bytes of stack that [`exclude_from_fork`] and what it calls may be using: far more than they do.
const OWN_FRAME: usize = 8 * 1024;

/// The alignment of an arena, and so the largest alignment of a value in it.
const ALIGNMENT: usize = align_of::<usize>();

/// An arena: memory that victims inherit, for plain values. Values that victims write to lie at its
/// beginning, on a page that they write to anyway, and values that they only read at its end.
#[derive(Debug)]
pub struct Arena {
    start: NonNull<u8>,
    /// The number of bytes in use at its beginning, and the offset from which those at its end are in use.
    written: Cell<usize>,
    read: Cell<usize>,
}

impl Arena {
    /// Reserves an arena: the room of the victim's memory, or other memory where this process has an arena
    /// already. Fails as mmap(2) does.
    pub fn new() -> Result<Arena, rustix::io::Errno> {
        let start = match victim_memory::take_room() {
            Some(room) => room,
            None => {
                let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
                let flags = flags | MapFlags::NORESERVE;
                // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
                let at = unsafe { mmap_anonymous(std::ptr::null_mut(), BYTES, protection, flags) }?;
                NonNull::new(at.cast()).ok_or(rustix::io::Errno::NOMEM)?
            }
        };
        Ok(Arena { start, written: Cell::new(0), read: Cell::new(BYTES) })
    }

    /// Copies these values into it. Panics when it is full, which no case that has passed the parser
    /// can bring about.
    pub fn keep<T: Copy>(&self, values: &[T]) -> &[T] {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let bytes = size_of_val(values);
        let from = self.read.get().saturating_sub(bytes) / align_of::<T>() * align_of::<T>();
        let fits = bytes <= self.read.get() && self.written.get() <= from;
        assert!(fits, "a case of more than {BYTES} bytes");
        self.read.set(from);
        // SAFETY: there is room for so many values, and from here on it is nobody else's. `T: Copy` has
        // nothing to drop.
        unsafe {
            let place = self.start.add(from).cast::<T>();
            std::ptr::copy_nonoverlapping(values.as_ptr(), place.as_ptr(), values.len());
            std::slice::from_raw_parts(place.as_ptr(), values.len())
        }
    }

    /// Lays `count` copies of a value for a victim to write to: each process has its own. Panics as `keep`
    /// does.
    pub fn cells<T: Copy>(&self, value: T, count: usize) -> &[Cell<T>] {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let from = self.written.get().next_multiple_of(align_of::<T>());
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| from.checked_add(bytes));
        let end = end.filter(|end| *end <= self.read.get());
        let end = end.unwrap_or_else(|| panic!("a case of more than {BYTES} bytes"));
        self.written.set(end);
        // SAFETY: as in `keep`.
        unsafe {
            let place = self.start.add(from).cast::<Cell<T>>();
            (0..count).for_each(|index| place.add(index).write(Cell::new(value)));
            std::slice::from_raw_parts(place.as_ptr(), count)
        }
    }

    /// Makes room for another case.
    pub fn clear(&mut self) {
        self.written.set(0);
        self.read.set(BYTES);
    }

    fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if !victim_memory::give_room_back(self.start) {
            // SAFETY: the mapping was made by `new` with this size, and no reference outlives `self`.
            let _ = unsafe { munmap(self.start.as_ptr().cast(), BYTES) };
        }
    }
}

/// Prepares this process to exclude memory. False where its victims need all of it, because the
/// kernel writes to their thread-local memory.
pub fn can_exclude_from_fork() -> bool {
    rseq::unregister()
}

/// Excludes all private memory of this process from its forks, but for this program's own code and
/// data, the stack, and `arena`. Must be repeated after much has been allocated. Does nothing
/// where /proc is not mounted. Returns the addresses of the stack.
#[inline(never)]
pub fn exclude_from_fork(arena: &Arena) -> Range<usize> {
    // The compiler may call memcpy for any move of a value: that page of libc stays.
    let (code, memcpy) =
        (exclude_from_fork as *const () as usize, libc::memcpy as *const () as usize);
    let page = rustix::param::page_size();
    let here = 0u8;
    let stack = (&raw const here) as usize;
    let needed = [code, memcpy, stack, arena.address()];
    let tables = tables_of_pointers();
    let areas = own_maps();
    let holds = |area: &MemoryMap, at: usize| bounds(area).contains(&at);
    let own = areas.iter().find(|area| holds(area, code)).map(|area| &area.pathname);
    let mut end_of_own = 0;
    let mut own_stack = 0..0;
    for area in &areas {
        let Range { start, end } = bounds(area);
        // A VMA without a name that follows the program's own data is the rest of that data (.bss).
        let is_rest = start == end_of_own && area.pathname == MMapPath::Anonymous;
        let is_own = Some(&area.pathname) == own || is_rest;
        if is_own {
            end_of_own = end;
        }
        if holds(area, stack) {
            own_stack = start..end;
            // Calls that have returned left what lies below the frames in use.
            let unused = ((stack - OWN_FRAME) / page * page).saturating_sub(start);
            // SAFETY: nothing of it is in use: this function is not inlined, and its own frame, with those of
            // what it has called, is smaller than what is left out.
            let _ = unsafe { madvise(pointer(start), unused, Advice::LinuxDontNeed) };
        }
        // A handler may return through [vdso].
        let is_kernels = is_kernels(&area.pathname) && arch::restorer().is_none();
        let is_shared = area.perms.contains(MMPermissions::SHARED);
        // Only what the dynamic linker has made read-only again holds nothing that is written to later.
        let is_constant = is_own && !area.perms.contains(MMPermissions::WRITE);
        let excluded = match part_of(&tables, start..end, page).filter(|_| is_constant) {
            Some(part) => part,
            None if is_own || is_kernels || is_shared => continue,
            None if needed.iter().any(|at| holds(area, *at)) => continue,
            None => start..end,
        };
        // SAFETY: the advice changes nothing for this process. A child does not get this memory, and
        // only victims are forked from here on, which need none of it.
        let _ = unsafe { madvise(pointer(excluded.start), excluded.len(), Advice::LinuxDontFork) };
    }
    own_stack
}

/// Returns the whole pages of a VMA that these tables take.
fn part_of(tables: &Range<usize>, area: Range<usize>, page: usize) -> Option<Range<usize>> {
    let (start, end) = (tables.start / page * page, tables.end / page * page);
    // A page before the tables may hold other constants, unless the VMA begins with it.
    let start = if start == area.start { start } else { tables.start.next_multiple_of(page) };
    (area.start <= start && start < end && end <= area.end).then_some(start..end)
}

/// Returns the addresses of this program's constants that hold pointers; none where there are no such.
///
/// The dynamic linker writes to each page of them, so each fork would copy their entries in the page table, and a
/// victim has no use for them. GNU ld and lld lay out the part that becomes read-only (elf(5), PT_GNU_RELRO) as
/// .data.rel.ro, .dynamic, .got. Code finds data by .got, so that stays, and so does a page that .dynamic shares. With
/// another order a victim would lack .got: the first child shows that, and all memory is kept.
fn tables_of_pointers() -> Range<usize> {
    extern "C" fn of_the_program(
        object: *mut libc::dl_phdr_info,
        _: libc::size_t,
        found: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the C library passes a valid structure, whose headers stay as long as the program.
        let (object, headers) = unsafe {
            let object = &*object;
            (object, std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()))
        };
        let start_of = |kind: u32| {
            let header = headers.iter().find(|header| header.p_type == kind)?;
            Some(object.dlpi_addr.wrapping_add(header.p_vaddr) as usize)
        };
        let range = start_of(libc::PT_GNU_RELRO).zip(start_of(libc::PT_DYNAMIC));
        // SAFETY: the caller below has passed the place for it.
        unsafe { *found.cast::<Option<(usize, usize)>>() = range };
        1 // the program comes first: no other is asked for
    }
    let mut found = None;
    // SAFETY: the function takes the arguments that dl_iterate_phdr(3) names, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(of_the_program), (&raw mut found).cast()) };
    let (start, end): (usize, usize) = found.unwrap_or_default();
    start..end
}

/// Undoes [`exclude_from_fork`]: victims inherit everything again.
pub fn include_in_fork() {
    for area in own_maps() {
        let Range { start, end } = bounds(&area);
        // SAFETY: the advice changes nothing for this process.
        let _ = unsafe { madvise(pointer(start), end - start, Advice::LinuxDoFork) };
    }
}

fn pointer(address: usize) -> *mut libc::c_void {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Returns the VMAs of this process; none where /proc does not tell.
pub(super) fn own_maps() -> Vec<MemoryMap> {
    MemoryMaps::from_file("/proc/self/maps").map_or(Vec::new(), |maps| maps.0)
}

fn bounds(area: &MemoryMap) -> Range<usize> {
    area.address.0 as usize..area.address.1 as usize
}

/// True for \[vdso], and for the data that it reads: \[vvar], \[vvar_vclock].
fn is_kernels(name: &MMapPath) -> bool {
    match name {
        MMapPath::Vdso | MMapPath::Vvar | MMapPath::Vsyscall => true,
        MMapPath::Other(name) => name.starts_with('v'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, part_of};

    #[test]
    #[should_panic(expected = "a case of more than")]
    fn a_number_of_cells_whose_bytes_overflow_does_not_fit() {
        let memory = Arena::new().expect("memory");
        memory.cells(7u64, usize::MAX / 8 + 2);
    }

    #[test]
    fn values_are_aligned_whatever_lies_before_them() {
        let memory = Arena::new().expect("memory");
        memory.cells(1u8, 3);
        memory.keep(&[1u8; 5]);
        assert_eq!(memory.keep(&[u64::MAX; 2]), [u64::MAX; 2]);
        assert_eq!(memory.cells(u64::MAX, 1)[0].get(), u64::MAX);
    }
    #[test]
    fn tables_take_no_page_that_holds_other_things() {
        for (tables, part) in [
            (0x1290..0x5b18, Some(0x1000..0x5000)),
            (0x1000..0x5000, Some(0x1000..0x5000)),
            (0x2290..0x5b18, Some(0x3000..0x5000)),
            (0x2290..0x3b18, None),
            (0x2290..0xa000, None),
            (0x290..0x5b18, Some(0x1000..0x5000)),
            (0..0, None),
        ] {
            assert_eq!(part_of(&tables, 0x1000..0x9000, 0x1000), part, "{tables:#x?}");
        }
    }
}
