//! The guard must know which memory a call of the vocabulary may reach with the addresses that it is given:
//! [`super::guard`] judges that memory. The main type is [`Span`].

use crate::case::{Arg, says};
use crate::vocabulary::{Effect, Facet, Parameter, Reach, Syscall};

/// The largest huge page that a machine is likely to use: the kernel rounds lengths up to one.
pub(super) const HUGE: usize = 1 << 30;

/// The memory that a call may reach. A number is the index of an argument, in the order of the kernel.
#[derive(Debug, Clone, Copy)]
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
#[derive(Debug, Clone, Copy)]
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
