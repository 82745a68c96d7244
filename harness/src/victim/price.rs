//! The disk space and the memory that a call may take, as its value in the vocabulary and its arguments tell.
//! The main type is [`Price`]; [`super::budget`] makes bytes of it.

use super::reach::Made;
use crate::case::{Arg, says};
use crate::vocabulary::{Cost, Effect, Facet, Parameter, Reach, Syscall};

/// The things that a call may allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// Nothing that counts.
    Nothing,
    /// The memory that is mapped from argument `address` on, for as many bytes as argument `length` says.
    Mapped { address: usize, length: usize },
    /// The same memory, which is to be locked: no more than may be locked, see mlock(2).
    Locked { address: usize, length: usize },
    /// The same memory, down to where the map at argument `address` begins, see mprotect(2): PROT_GROWSDOWN.
    GrownDown { address: usize, length: usize },
    /// A new map that is filled at once, see mmap(2); perhaps of `huge` pages.
    NewMap { locks: bool, huge: bool },
    /// The bytes by which a locked map grows, see mremap(2).
    Growth,
    /// Other pages of the file that is mapped there, which are brought in, see remap_file_pages(2).
    OtherPages,
    /// So much memory of huge pages, as this argument says.
    HugePages { length: usize },
    /// Blocks of the file of argument 0, at an offset and for a length that stand in these arguments. They
    /// may stay `beyond` its end.
    File { offset: usize, length: usize, beyond: bool },
    /// write(2) from memory into a file, wherever that is.
    Write,
}

impl Price {
    /// Returns the price of a call.
    pub fn of(call: &Syscall, args: &[Arg], made: Made) -> Price {
        let has = |index: usize, facet: Facet| says(args, index, facet);
        match call.effect {
            Effect::Maps { flags, .. } => {
                // Huge pages are set aside when the map is made.
                let huge = made.huge || has(flags, Facet::Huge);
                match has(flags, Facet::Locks) {
                    locks if locks || huge || has(flags, Facet::Fills) => {
                        Price::NewMap { locks, huge }
                    }
                    _ => Price::Nothing,
                }
            }
            Effect::Remaps { .. } if made.locks => Price::Growth,
            Effect::Remaps { .. } => Price::Nothing,
            Effect::Rearranges { .. } => Price::OtherPages,
            Effect::Locks { address, length } => Price::Locked { address, length },
            Effect::Transfers { to_memory: false, .. } => Price::Write,
            // The length of the text stands before the offset in the arguments of the kernel.
            Effect::StoresText { offset, .. } => {
                Price::File { offset: offset + 1, length: offset, beyond: false }
            }
            Effect::Allocates { mode, offset, length } => {
                let beyond = has(mode, Facet::KeepsSize);
                match has(mode, Facet::Frees) || has(mode, Facet::Moves) {
                    true => Price::Nothing,
                    false => Price::File { offset, length, beyond },
                }
            }
            Effect::MakesSegment { length, flags } if has(flags, Facet::Huge) => {
                Price::HugePages { length }
            }
            Effect::MakesSegment { .. } | Effect::Attaches { .. } => Price::Nothing,
            _ => Price::of_parameters(call, made, &has),
        }
    }

    fn of_parameters(call: &Syscall, made: Made, has: &impl Fn(usize, Facet) -> bool) -> Price {
        let pays = match call.cost {
            Cost::Derived => true,
            Cost::Nothing => false,
            Cost::RangeWhereLocked => made.locks,
            Cost::RangeWhereFilled(word) => has(word, Facet::Fills),
        };
        let at = |parameter: Parameter| call.position(|own| own == parameter);
        let grows =
            matches!(call.reach, Reach::ToTheGapUnlessGrowing(flags) if has(flags, Facet::Grows));
        match (at(Parameter::Address), at(Parameter::FileLength)) {
            _ if !pays => Price::Nothing,
            (Some(address), _) if grows => Price::GrownDown { address, length: address + 1 },
            (Some(address), _) => Price::Mapped { address, length: address + 1 },
            (None, Some(length)) => Price::File { offset: length - 1, length, beyond: true },
            (None, None) => Price::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reach::tests::{MADE, of_last};
    use super::*;

    const LOCKS: Made = Made { locks: true, ..MADE };
    const HUGE: Made = Made { huge: true, ..MADE };
    const RANGE: Price = Price::Mapped { address: 0, length: 1 };
    const FILLED: Price = Price::NewMap { locks: false, huge: false };
    const OF_HUGE_PAGES: Price = Price::NewMap { locks: false, huge: true };

    #[test]
    fn a_call_is_charged_for_what_it_may_allocate() {
        let map = "x = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS";
        let file = |beyond| Price::File { offset: 2, length: 3, beyond };
        for (step, made, price) in [
            (&*format!("{map}, -1, 0);"), LOCKS, Price::Nothing),
            (&*format!("{map}, -1, 0);"), HUGE, OF_HUGE_PAGES),
            (&*format!("{map} | MAP_POPULATE, -1, 0);"), MADE, FILLED),
            (&*format!("{map} | MAP_HUGETLB, -1, 0);"), MADE, OF_HUGE_PAGES),
            (
                &*format!("{map} | MAP_LOCKED, -1, 0);"),
                MADE,
                Price::NewMap { locks: true, huge: false },
            ),
            ("mremap(map, 1, 2, 0);", MADE, Price::Nothing),
            ("mremap(map, 1, 2, 0);", LOCKS, Price::Growth),
            ("mlock(map, 5);", MADE, Price::Locked { address: 0, length: 1 }),
            ("remap_file_pages(map, PAGE, 0, 0, 0);", MADE, Price::OtherPages),
            ("madvise(map, 5, MADV_POPULATE_READ);", MADE, RANGE),
            ("madvise(map, 5, MADV_NORMAL);", MADE, Price::Nothing),
            ("mprotect(map, 5, PROT_READ);", LOCKS, RANGE),
            ("mprotect(map, 5, PROT_READ);", MADE, Price::Nothing),
            (
                "mprotect(map, 5, PROT_READ | PROT_GROWSDOWN);",
                LOCKS,
                Price::GrownDown { address: 0, length: 1 },
            ),
            ("read(fd, map, 5);", MADE, Price::Mapped { address: 1, length: 2 }),
            ("write(fd, map, 5);", MADE, Price::Write),
            ("pwrite(fd, \"a\", 5);", MADE, Price::File { offset: 3, length: 2, beyond: false }),
            ("fallocate(fd, 0, 5, 6);", MADE, file(false)),
            ("fallocate(fd, FALLOC_FL_KEEP_SIZE, 5, 6);", MADE, file(true)),
            ("fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 5, 6);", MADE, Price::Nothing),
            (
                "fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5, 6);",
                MADE,
                Price::Nothing,
            ),
            ("y = shmget(IPC_PRIVATE, 5, SHM_HUGETLB);", MADE, Price::HugePages { length: 1 }),
            ("y = shmget(IPC_PRIVATE, 5, 0600);", HUGE, Price::Nothing),
            ("x = shmat(id, map, 0);", HUGE, Price::Nothing),
        ] {
            assert_eq!(of_last(step, |call, args| Price::of(call, args, made)), price, "{step}");
        }
    }
}
