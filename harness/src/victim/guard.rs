//! A victim shares its address space with the harness: program, stack, record, handler. A case that reaches
//! those could fake its own answer, or make the harness run what it likes.
//!
//! So every address of a case passes the guard before the kernel or the CPU gets it. The guard compares
//! address and length together with a list of what a case *may* reach (what it may not reach cannot be
//! listed: it differs from machine to machine): the addresses kept for its maps, those below everything that
//! the process has, and those that no process has. A refusal is a harness error, never an answer.
//!
//! If the kernel itself refuses a call before it looks at any memory, or stops at the first address that
//! is not mapped, the call is made: the kernel's answer is what a case is for.
//!
//! The main type is [`Guard`]. Each [`Verdict`] is counted in the record, so that a test can tell which of
//! them its cases have met (`faultmap run --guard counted`). A debug build can do without the guard
//! (`--guard off`), to show that the tests find what it keeps away. No case can set either.

use std::ops::Range;

use nix::libc;

use super::reach::{Length, Span};
use crate::sys::{AddressRange, TAG_BITS, VERDICTS};

/// The guard's judgement of an address and a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Verdict {
    /// They lie among the addresses that are kept for the maps of the case.
    Kept,
    /// They lie below everything that the process has.
    Low,
    /// They lie above what any process has.
    Beyond,
    /// The kernel refuses before it looks at memory, or there is nothing to do.
    Harmless,
    /// The range goes on, but the kernel stops at the first gap.
    Stops,
    /// The kernel has put a map among the harness's own; it was moved.
    Moved,
    /// They reach memory of the harness.
    Refused,
}

impl Verdict {
    /// All verdicts with their names, in the order of their numbers.
    pub const ALL: [(Verdict, &'static str); VERDICTS] = [
        (Verdict::Kept, "kept"),
        (Verdict::Low, "low"),
        (Verdict::Beyond, "beyond"),
        (Verdict::Harmless, "harmless"),
        (Verdict::Stops, "stops at a gap"),
        (Verdict::Moved, "moved"),
        (Verdict::Refused, "refused"),
    ];
}

/// The addresses that the case may reach. Plain values, on the victim's own stack.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    kept: (usize, usize),
    low: usize,
    beyond: usize,
    page: usize,
}

impl Guard {
    /// Returns the guard of a process with these addresses and pages of `page` bytes.
    #[inline(always)]
    pub fn new(addresses: &AddressRange, page: usize) -> Guard {
        let Range { start, end } = addresses.kept();
        // A gap stays below the program, so that what stops at the first gap stops there.
        let low = addresses.lowest_mapped().saturating_sub(page);
        Guard { kept: (start, end), low, beyond: addresses.beyond(), page }
    }

    /// Judges a call by its arguments.
    #[inline(always)]
    pub fn call(&self, span: Span, args: &[usize; 6]) -> Verdict {
        match span {
            Span::Nothing => Verdict::Harmless,
            Span::ToTheGap { address, aligned } => {
                let at = args.get(address).copied().unwrap_or(0);
                match self.place(at, at.wrapping_add(1)) {
                    Verdict::Refused if aligned && self.in_page(at) => Verdict::Harmless,
                    Verdict::Refused => Verdict::Refused,
                    _ => Verdict::Stops,
                }
            }
            Span::Range { address, length, bounded } => {
                let argument = |index: usize| args.get(index).copied().unwrap_or(0);
                let most = if bounded { self.beyond } else { usize::MAX };
                self.range(argument(address), argument(length), most)
            }
            Span::Place { address, down, length, unit } => {
                let at = args.get(address).copied().unwrap_or(0);
                let at = if down { at & !(self.page - 1) } else { at };
                let length = match length {
                    Length::Argument(index) => args.get(index).copied().unwrap_or(0),
                    Length::Bytes(bytes) => bytes,
                };
                match rounded_up(length, unit) {
                    Some(length) => self.range(at, length, self.beyond),
                    None => Verdict::Harmless,
                }
            }
            Span::Buffer { address, length } => {
                let argument = |index: usize| args.get(index).copied().unwrap_or(0);
                match argument(length) {
                    0 => Verdict::Harmless,
                    length => self.bytes(argument(address), length),
                }
            }
            Span::Remap { unit } => self.remap(args, unit),
        }
    }

    /// Judges an access of so many bytes, by the CPU or into a buffer.
    #[inline(always)]
    pub fn bytes(&self, address: usize, length: usize) -> Verdict {
        match address.checked_add(length) {
            Some(end) => self.place(address, end),
            None if untagged(address) >= self.beyond => Verdict::Beyond,
            None => Verdict::Refused,
        }
    }

    /// True if a map of the kernel's choice lies where the case may reach it.
    #[inline(always)]
    pub fn holds(&self, address: usize, length: usize) -> bool {
        let end = address.checked_add(length.max(1));
        end.is_some_and(|end| matches!(self.place(address, end), Verdict::Kept | Verdict::Low))
    }

    /// Judges a range of whole pages. All calls that take a range refuse one that wraps around, and some refuse
    /// one that ends beyond the address `most`.
    #[inline(always)]
    fn range(&self, start: usize, length: usize, most: usize) -> Verdict {
        if length == 0 || self.in_page(start) {
            return Verdict::Harmless;
        }
        let end = rounded_up(length, self.page);
        match end.and_then(|length| untagged(start).checked_add(length)) {
            None => Verdict::Harmless,
            Some(end) if end > most => Verdict::Harmless,
            Some(end) => self.place(untagged(start), end),
        }
    }

    #[inline(always)]
    fn remap(&self, args: &[usize; 6], unit: usize) -> Verdict {
        let [start, old, new, flags, to, _] = *args;
        let (old, new) = (wrapped_up(old, unit), wrapped_up(new, unit));
        if new == 0 || self.in_page(start) {
            return Verdict::Harmless;
        }
        let here = self.place(start, start.wrapping_add(1));
        let was = match untagged(start).checked_add(old) {
            _ if here == Verdict::Refused || old == 0 => here,
            Some(end) if end <= self.beyond => self.place(start, untagged(start).wrapping_add(old)),
            // Longer than there are addresses: the kernel moves no such map and unmaps no such end of one,
            // unless it takes the end to begin elsewhere.
            _ if new >= old || untagged(start).checked_add(new).is_some() => Verdict::Harmless,
            None | Some(_) => Verdict::Refused,
        };
        if was == Verdict::Refused || flags & libc::MREMAP_FIXED as usize == 0 {
            return was;
        }
        match self.range(to, new, self.beyond) {
            Verdict::Refused => Verdict::Refused,
            _ => was,
        }
    }

    /// Returns where all bytes from one address to another lie.
    #[inline(always)]
    fn place(&self, start: usize, end: usize) -> Verdict {
        let end = end.wrapping_sub(start).wrapping_add(untagged(start));
        let start = untagged(start);
        if self.kept.0 <= start && start <= end && end <= self.kept.1 {
            Verdict::Kept
        } else if start <= end && end <= self.low {
            Verdict::Low
        } else if start >= self.beyond {
            Verdict::Beyond
        } else {
            Verdict::Refused
        }
    }

    #[inline(always)]
    fn in_page(&self, address: usize) -> bool {
        address & (self.page - 1) != 0
    }
}

/// Returns the address that the kernel takes this one for: it ignores the uppermost bits on some architectures,
/// in which a tag may stand, and takes a copy of the highest of the others for them.
#[inline(always)]
fn untagged(address: usize) -> usize {
    ((address << TAG_BITS) as isize >> TAG_BITS) as usize
}

/// Returns the next multiple of `unit`, a power of two; `None` where there is none. A division by it could
/// panic, as far as the compiler knows.
#[inline(always)]
fn rounded_up(length: usize, unit: usize) -> Option<usize> {
    let mask = unit.wrapping_sub(1);
    length.checked_add(mask).map(|sum| sum & !mask)
}

/// Returns a length rounded up to a multiple of `unit` as mremap(2) does it: the largest lengths become 0.
#[inline(always)]
pub(super) fn wrapped_up(length: usize, unit: usize) -> usize {
    let mask = unit.wrapping_sub(1);
    length.wrapping_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::super::reach::HUGE;
    use super::*;

    const PAGE: usize = 4096;
    const GUARD: Guard =
        Guard { kept: (1 << 40, 1 << 41), low: 0x3ff000, beyond: 1 << 47, page: PAGE };
    const MAP: usize = (1 << 40) + (1 << 30);
    const FAILED: usize = usize::MAX;

    fn args<const N: usize>(given: [usize; N]) -> [usize; 6] {
        std::array::from_fn(|index| given.get(index).copied().unwrap_or(0))
    }

    #[test]
    fn a_range_is_judged_by_address_and_length_together() {
        let unmap = Span::Range { address: 0, length: 1, bounded: true };
        let advise = Span::Range { address: 0, length: 1, bounded: false };
        for (reach, start, length, verdict) in [
            (unmap, 1 << 40, (1 << 40) + 1, Verdict::Refused),
            (unmap, PAGE, 0x3ff000, Verdict::Refused),
            (unmap, MAP, 1 << 52, Verdict::Harmless),
            (advise, MAP, 1 << 52, Verdict::Refused),
            (advise, MAP, PAGE.wrapping_neg(), Verdict::Harmless),
            (advise, 1 << 63, PAGE, Verdict::Beyond),
            (unmap, 0x400001, PAGE, Verdict::Harmless),
        ] {
            let judged = GUARD.call(reach, &args([start, length]));
            assert_eq!(judged, verdict, "{start:#x}, {length:#x}");
        }
    }

    #[test]
    fn what_mremap_moves_shrinks_and_replaces_is_judged() {
        const FIXED: usize = (libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE) as usize;
        for (old, new, flags, to, verdict) in [
            (PAGE, PAGE, 0, 0, Verdict::Kept),
            (1 << 42, PAGE, 0, 0, Verdict::Refused),
            (1 << 52, PAGE, 0, 0, Verdict::Harmless),
            (PAGE.wrapping_neg(), PAGE, 0, 0, Verdict::Harmless),
            // Shrunk by a range that begins below: Linux before 6.17 unmaps it.
            (PAGE.wrapping_neg(), (1usize << 40).wrapping_neg(), 0, 0, Verdict::Refused),
            (PAGE, PAGE, FIXED, 0x400000, Verdict::Refused),
            (PAGE, 0x400000, FIXED, PAGE, Verdict::Refused),
            (PAGE, PAGE, FIXED, MAP + PAGE, Verdict::Kept),
            (PAGE, PAGE, 0, 0x400000, Verdict::Kept),
            ((1 << 47) - MAP, PAGE, 0, 0, Verdict::Refused),
            (PAGE.wrapping_neg(), PAGE.wrapping_neg(), 0, 0, Verdict::Harmless),
            ((2 * PAGE).wrapping_neg(), PAGE.wrapping_neg(), 0, 0, Verdict::Harmless),
        ] {
            let judged = GUARD.call(Span::Remap { unit: PAGE }, &args([MAP, old, new, flags, to]));
            assert_eq!(judged, verdict, "{old:#x}, {new:#x}, {flags}, {to:#x}");
        }
        let remap =
            |unit| GUARD.call(Span::Remap { unit }, &args([MAP, PAGE, PAGE, FIXED, 0x1000]));
        assert_eq!((remap(PAGE), remap(HUGE)), (Verdict::Kept, Verdict::Refused));
        let remap = Span::Remap { unit: PAGE };
        for (start, old, new, verdict) in [
            (0x400000, 0, PAGE, Verdict::Refused),
            // The page behind the low addresses.
            (0x3ff000, 0, PAGE, Verdict::Refused),
            (0x400000, PAGE, 0, Verdict::Harmless),
            (0x400001, PAGE, PAGE, Verdict::Harmless),
        ] {
            assert_eq!(GUARD.call(remap, &args([start, old, new])), verdict, "{start:#x}, {old}");
        }
    }

    #[test]
    fn a_map_of_huge_pages_is_as_long_as_the_kernel_makes_it() {
        let place = |unit| {
            let length = Length::Argument(1);
            GUARD.call(Span::Place { address: 0, down: false, length, unit }, &args([0, PAGE]))
        };
        assert_eq!(place(PAGE), Verdict::Low);
        assert_eq!(place(HUGE), Verdict::Refused);
    }

    #[test]
    fn an_address_in_a_page_is_for_the_kernel_to_refuse_where_it_must_be_aligned() {
        let judged = |aligned, at| GUARD.call(Span::ToTheGap { address: 0, aligned }, &args([at]));
        assert_eq!(judged(true, 0x57b001), Verdict::Harmless);
        assert_eq!(judged(true, 0x57b000), Verdict::Refused);
        assert_eq!(judged(false, 0x57b001), Verdict::Refused);
    }

    #[test]
    fn an_address_that_is_rounded_down_is_judged_as_rounded() {
        let judged = |down, at| {
            let length = Length::Bytes(PAGE);
            GUARD.call(Span::Place { address: 0, down, length, unit: PAGE }, &args([at]))
        };
        assert_eq!(judged(true, 0x57b123), Verdict::Refused);
        assert_eq!(judged(true, MAP + 0x123), Verdict::Kept);
        assert_eq!(judged(true, 0x3fe123), Verdict::Low);
        assert_eq!(judged(false, 0x57b123), Verdict::Harmless);
    }

    /// Returns where all of these bytes lie, in numbers that do not wrap around.
    fn place_of(start: usize, length: usize) -> Verdict {
        let (first, end) = (start as u128, start as u128 + length as u128);
        match () {
            () if first >= GUARD.kept.0 as u128 && end <= GUARD.kept.1 as u128 => Verdict::Kept,
            () if end <= GUARD.low as u128 => Verdict::Low,
            () if first >= GUARD.beyond as u128 => Verdict::Beyond,
            () => Verdict::Refused,
        }
    }

    #[test]
    fn bytes_and_ranges_are_judged_at_every_edge_as_in_numbers_without_end() {
        let edges = [0, GUARD.low, GUARD.kept.0, GUARD.kept.1, GUARD.beyond, 1 << 63];
        let by = [0, 1, PAGE, PAGE.wrapping_neg(), FAILED];
        let starts = edges.iter().flat_map(|edge| by.map(|by| edge.wrapping_add(by)));
        let starts: Vec<usize> = starts.collect();
        let lengths = starts.iter().flat_map(|end| starts.iter().map(|at| end.wrapping_sub(*at)));
        let lengths: std::collections::BTreeSet<usize> = lengths.collect();
        for (start, length) in starts.iter().flat_map(|at| lengths.iter().map(|n| (*at, *n))) {
            let judged = |span| GUARD.call(span, &args([start, length]));
            let same = |own, right| assert_eq!(own, right, "{start:#x}, {length:#x}");
            let place = place_of(start, length);
            same(GUARD.bytes(start, length), place);
            let stays = matches!(place_of(start, length.max(1)), Verdict::Kept | Verdict::Low);
            assert_eq!(GUARD.holds(start, length), stays, "{start:#x}, {length:#x}");
            let buffer = if length == 0 { Verdict::Harmless } else { place };
            same(judged(Span::Buffer { address: 0, length: 1 }), buffer);
            let whole = (length as u128).next_multiple_of(PAGE as u128);
            for (bounded, most) in [(true, GUARD.beyond), (false, FAILED)] {
                let is_refused = start as u128 + whole > most as u128;
                let range = match length == 0 || start % PAGE != 0 || is_refused {
                    true => Verdict::Harmless,
                    false => place_of(start, whole as usize),
                };
                same(judged(Span::Range { address: 0, length: 1, bounded }), range);
            }
        }
    }
}
