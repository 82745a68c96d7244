//! The guard must know which memory a call of the vocabulary may reach with the addresses that it is given:
//! [`super::guard`] judges that memory. The main type is [`Span`].

use crate::case::{Arg, says};
use crate::vocabulary::{Effect, Facet, Parameter, Reach, Syscall};

/// The largest huge page that a machine is likely to use: the kernel rounds lengths up to one.
pub(super) const HUGE: usize = 1 << 30;

/// The memory that a call may reach. A number is the index of an argument, in the order of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// None; or a hint, which replaces nothing.
    Nothing,
    /// From argument `address` to the first gap at most. Where it must be `aligned`, the kernel refuses
    /// another address.
    ToTheGap { address: usize, aligned: bool },
    /// All of a range, gaps or not. Where that is `bounded`, the kernel refuses a range that is longer than
    /// there are addresses.
    Range { address: usize, length: usize, bounded: bool },
    /// As a bounded `Range`, with a length that is rounded up to a multiple of `unit`; an address within a
    /// page may be rounded `down`.
    Place { address: usize, down: bool, length: Length, unit: usize },
    /// A buffer.
    Buffer { address: usize, length: usize },
    /// mremap(2): the old range; and the new one, where that is replaced. The kernel rounds lengths up to a
    /// multiple of `unit`.
    Remap { unit: usize },
}

/// The place of the length of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// In this argument.
    Argument(usize),
    /// The number of bytes, which is known.
    Bytes(usize),
}

/// The page size, and the things that other steps make: they decide on the reach and the price of a call.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// The number of bytes of a page.
    pub page: usize,
    /// True if there is memory of huge pages.
    pub huge: bool,
    /// True if some step locks memory.
    pub locks: bool,
    /// The length in bytes of the segment that the call attaches.
    pub segment: usize,
}

impl Span {
    /// Returns the memory that a call reaches. Its parameters are the arguments of the kernel, in the same
    /// order.
    pub fn of(call: &Syscall, args: &[Arg], made: Made) -> Span {
        let has = |index: usize, facet: Facet| says(args, index, facet);
        let unit = if made.huge { HUGE } else { made.page };
        match call.effect {
            // An address that is only a hint replaces nothing; the place of the map is checked after the
            // call.
            Effect::Maps { flags, .. } if !has(flags, Facet::Fixed) => Span::Nothing,
            Effect::Maps { address, length, flags, .. } => {
                let unit = if has(flags, Facet::Huge) { HUGE } else { unit };
                Span::Place { address, down: false, length: Length::Argument(length), unit }
            }
            // Where the case gives no address, a free one is put there.
            Effect::Attaches { address, flags, .. } => {
                let down = has(flags, Facet::RoundsDown);
                Span::Place { address, down, length: Length::Bytes(made.segment), unit }
            }
            Effect::Remaps { .. } => Span::Remap { unit },
            _ => Span::of_parameters(call, &has),
        }
    }

    fn of_parameters(call: &Syscall, has: &impl Fn(usize, Facet) -> bool) -> Span {
        let Some(address) = call.position(|own| own == Parameter::Address) else {
            return Span::Nothing;
        };
        let next = call.all_parameters().nth(address + 1);
        let length = address + 1;
        match (call.reach, next) {
            (Reach::ToTheGap { aligned }, _) => Span::ToTheGap { address, aligned },
            (Reach::ToTheGapUnlessGrowing(flags), _) if !has(flags, Facet::Grows) => {
                Span::ToTheGap { address, aligned: true }
            }
            (Reach::Bounded, _) => Span::Range { address, length, bounded: true },
            (_, Some(Parameter::BufferLength)) => Span::Buffer { address, length },
            (_, Some(Parameter::Length)) => Span::Range { address, length, bounded: false },
            _ => Span::ToTheGap { address, aligned: false },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::case::Step;

    pub const MADE: Made = Made { page: 4096, huge: false, locks: false, segment: 300 };

    /// Returns what a function makes of the last step of a case, a call.
    pub fn of_last<T>(step: &str, what: impl Fn(&Syscall, &[Arg]) -> T) -> T {
        let text = format!(
            "fd = file(1); map = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0);
             id = shmget(IPC_PRIVATE, 300, 0600); {step}"
        );
        match crate::parse::case(&text).unwrap().steps.last() {
            Some(Step::Call { call, args, .. }) => what(call, args),
            other => panic!("{other:?} is no call"),
        }
    }

    #[test]
    fn a_call_reaches_what_its_arguments_and_the_other_steps_say() {
        let fixed = "x = mmap(map, 5, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED";
        let place =
            |unit| Span::Place { address: 0, down: false, length: Length::Argument(1), unit };
        let attached =
            |down| Span::Place { address: 1, down, length: Length::Bytes(300), unit: 4096 };
        let range = |bounded| Span::Range { address: 0, length: 1, bounded };
        let to_the_gap = |aligned| Span::ToTheGap { address: 0, aligned };
        let huge = Made { huge: true, ..MADE };
        for (step, made, span) in [
            ("x = mmap(map, 5, PROT_READ, MAP_SHARED, fd, 0);", MADE, Span::Nothing),
            (&*format!("{fixed}, -1, 0);"), MADE, place(4096)),
            (&*format!("{fixed}, -1, 0);"), huge, place(HUGE)),
            (&*format!("{fixed} | MAP_HUGETLB, -1, 0);"), MADE, place(HUGE)),
            ("x = shmat(id, map, 0);", MADE, attached(false)),
            ("x = shmat(id, map, SHM_RND);", MADE, attached(true)),
            ("mremap(map, 1, 2, 0);", MADE, Span::Remap { unit: 4096 }),
            ("munmap(map, 5);", MADE, range(true)),
            ("madvise(map, 5, MADV_NORMAL);", MADE, range(false)),
            ("mprotect(map, 5, PROT_READ);", MADE, to_the_gap(true)),
            ("mprotect(map, 5, PROT_READ | PROT_GROWSDOWN);", MADE, range(false)),
            ("mlock(map, 5);", MADE, to_the_gap(false)),
            ("shmdt(map);", MADE, to_the_gap(false)),
            ("read(fd, map, 5);", MADE, Span::Buffer { address: 1, length: 2 }),
            ("ftruncate(fd, 5);", MADE, Span::Nothing),
        ] {
            assert_eq!(of_last(step, |call, args| Span::of(call, args, made)), span, "{step}");
        }
    }
}
